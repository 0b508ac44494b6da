# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import hashlib
import os
import resource
import tempfile
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import files
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import SlicesError

from ....locks import is_held


def test_files_are_written_with_their_modes(tmp_path):
    paths = [tmp_path / f"file{number}" for number in range(100)]
    paths[7].write_text("what was there before is longer")

    files.write_all(files.text_file(str(path), path.name, mode=0o640) for path in paths)

    assert [path.read_text() for path in paths] == [path.name for path in paths]
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o640}
    assert set(tmp_path.iterdir()) == set(paths)


def test_no_file_is_renamed_before_all_are_synced(tmp_path, monkeypatch):
    done: list[str] = []

    def fsync(handle: int) -> None:
        done.append(f"fsync {Path(os.readlink(f'/proc/self/fd/{handle}')).read_text()}")

    replace = os.replace
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", lambda *paths: (done.append("replace"), replace(*paths)))

    files.write_all(files.text_file(f"{tmp_path}/{name}", name, mode=0o644) for name in "abc")

    assert (sorted(done[:3]), done[3:]) == (["fsync a", "fsync b", "fsync c"], ["replace"] * 3)


@pytest.mark.parametrize("failing", ["fchown", "fsync"])
def test_an_error_without_a_path_gets_it(tmp_path, monkeypatch, failing):
    def fail(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, failing, fail)

    with pytest.raises(OSError, match=r"^\[Errno 28\] No space left on device: '.*/\.?a") as caught:
        files.write_text(f"{tmp_path}/a", "new", mode=0o644)
    assert caught.value.filename.startswith(f"{tmp_path}/")


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_failed_write_leaves_no_temporary_file(tmp_path, monkeypatch, failing):
    def fail(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "a").write_text("old")
    monkeypatch.setattr(os, failing, fail)

    # An error without a path would be taken for a bug.
    path = rf": '{tmp_path}/[ab]'" if failing == "fsync" else ""
    with pytest.raises(OSError, match=f"No space left on device{path}$"):
        files.write_all(files.text_file(f"{tmp_path}/{name}", "new", mode=0o644) for name in "ab")

    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "old")]


def test_a_file_that_does_not_fit_is_told_with_its_path_and_left_as_it_was(tmp_path):
    """The kernel says EFBIG beyond the limit of a process as it says ENOSPC on a full disk."""
    (tmp_path / "a").write_text("old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match=f"File too large: '{tmp_path}/a'"):
            files.write_text(f"{tmp_path}/a", "new" * 1000, mode=0o644)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "old")]


def test_texts_are_saved_and_empty_texts_remove_their_files(tmp_path):
    for name in ("old", "gone"):
        (tmp_path / name).write_text(name)

    files.save(str(tmp_path), {"new": "new", "old": "newer", "gone": "", "never": ""}, mode=0o644)

    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"new": "new", "old": "newer"}


@pytest.mark.parametrize("size", [0, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_a_checksum_covers_the_whole_file(tmp_path, size):
    (tmp_path / "a").write_bytes(b"x" * size)

    assert files.sha256(str(tmp_path / "a")) == hashlib.sha256(b"x" * size).hexdigest()


def test_folders_are_open_to_all_users_whatever_the_umask_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    path = tmp_path / "a/b/c"
    before = os.umask(0o077)
    try:
        files.make_folders(str(path))
        files.make_folders(str(path))
    finally:
        os.umask(before)
    modes = [each.stat().st_mode & 0o777 for each in (path, *path.parents[:3])]
    assert modes == [0o755, 0o755, 0o755, 0o700], "what was there already is left alone"


def test_a_lock_is_held_during_the_block(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    with files.locked(str(folder)):
        assert is_held(folder)
    assert not is_held(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_single_text_is_written_like_several(tmp_path: Path) -> None:
    path = tmp_path / "a"
    files.write_text(str(path), "é\n", mode=0o640)
    assert (path.read_text(encoding="utf-8"), path.stat().st_mode & 0o777) == ("é\n", 0o640)
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_file_is_empty_and_an_unreadable_one_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a\xffb\n")
    assert files.read_text(str(tmp_path / "a")) == "a\ufffdb\n"
    assert files.read_text(str(tmp_path / "missing")) is None
    assert files.read_text(str(tmp_path / "a/b")) is None
    with pytest.raises(SlicesError, match="cannot be read: Is a directory") as caught:
        files.read_text(str(tmp_path))
    assert caught.value.fields["path"] == str(tmp_path)


def test_a_missing_file_is_removed_without_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    for _each in range(2):
        files.remove(str(tmp_path / "a"))
        assert not (tmp_path / "a").exists()


def test_the_checksum_of_a_content_is_that_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert files.checksum(b"abc") == files.sha256(str(tmp_path / "a"))


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    path = tmp_path / "file"
    before = os.listdir("/proc/self/fd")
    files.write_text(str(path), "text", mode=0o600)
    files.flush(str(path))
    with files.locked(str(tmp_path / "folder")):
        pass
    assert files.sha256(str(path))
    assert os.listdir("/proc/self/fd") == before


def test_a_new_file_belongs_to_the_process_unless_it_is_said() -> None:
    plain = files.text_file("/x", "ä", mode=0o600)
    assert plain == files.File("/x", "ä".encode(), 0o600, -1, -1)
    assert files.text_file("/x", "a", mode=0o600, uid=7, gid=8) == files.File("/x", b"a", 0o600, 7, 8)


def test_the_folder_of_a_lock_is_made_once(tmp_path: Path) -> None:
    for _each in range(2):
        with files.locked(f"{tmp_path}/a/b"):
            pass
    assert (tmp_path / "a/b").stat().st_mode & 0o777 == 0o700


def test_an_empty_text_is_no_file(tmp_path: Path) -> None:
    files.save(str(tmp_path), {"a": "", "b": "b"}, mode=0o600)
    assert [each.name for each in tmp_path.iterdir()] == ["b"]


def test_a_file_is_moved_by_renaming_it(tmp_path):
    path, target = tmp_path / "a", tmp_path / "b"
    path.write_text("content")
    inode = path.stat().st_ino
    files.move(str(path), str(target))
    assert (path.exists(), target.stat().st_ino) == (False, inode)
    with pytest.raises(FileNotFoundError):
        files.move(str(path), str(target))


@pytest.mark.parametrize("is_interrupted", [False, True])
def test_a_file_gets_another_name_in_place_of_what_had_it(tmp_path, is_interrupted):
    path, target, draft = tmp_path / "a", tmp_path / "b", tmp_path / f".b{files.DRAFT}"
    path.write_text("content")
    target.write_text("other content")
    if is_interrupted:
        draft.write_text("of a run that was killed")
    for _again in range(2):
        files.link(str(path), str(target))
        assert (path.stat().st_ino, sorted(os.listdir(tmp_path))) == (target.stat().st_ino, ["a", "b"])
    with pytest.raises(FileNotFoundError):
        files.link(str(tmp_path / "none"), str(target))


def test_a_file_is_copied_if_its_other_name_is_on_another_file_system(tmp_path):
    path = tmp_path / "a"
    path.write_text("content")
    path.chmod(0o640)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        target = Path(elsewhere, "b")
        files.link(str(path), str(target))
        assert (path.read_text(), os.listdir(elsewhere)) == ("content", ["b"])
        assert (target.read_text(), target.stat().st_mode & 0o777) == ("content", 0o640)


@pytest.mark.parametrize("fails", [False, True])
def test_a_file_is_copied_to_another_file_system_completely_or_not_at_all(tmp_path, monkeypatch, fails):
    path = tmp_path / "a"
    path.write_text("content")
    path.chmod(0o640)
    flush = files.flush

    def check(draft: str, *, name: str | None = None) -> None:
        assert Path(draft).name == f".b{files.DRAFT}"
        flush(draft, name=name)
        if fails:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "flush", check)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        target = Path(elsewhere, "b")
        if fails:
            with pytest.raises(OSError, match=f"{target}"):
                files.move(str(path), str(target))
            assert (path.read_text(), os.listdir(elsewhere)) == ("content", [])
        else:
            files.move(str(path), str(target))
            assert (path.exists(), os.listdir(elsewhere)) == (False, ["b"])
            assert (target.read_text(), target.stat().st_mode & 0o777) == ("content", 0o640)
