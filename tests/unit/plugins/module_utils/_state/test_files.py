# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Backups of a file."""

from __future__ import annotations

import errno
import os
import pwd
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._state import lock
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.files import (
    Backups,
    exists,
    read_whole,
    write_whole,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.yaml_file import YamlFile
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import (
    DatabaseError,
    DatabaseRefused,
    Refusal,
    Refused,
)


def change(store: YamlFile, count: int = 1) -> None:
    for _each in range(count):
        with store.transaction(write=True) as cluster:
            cluster.next_vm_id += 1
            cluster.users["admin"].quota_vms += 1


def change_quota(store: YamlFile) -> None:
    """Make a change without any allocation."""
    with store.transaction(write=True) as cluster:
        cluster.users["admin"].quota_vms += 1


def versions(store: YamlFile) -> list[int]:
    return [store.read_backup(name).next_vm_id for name in store.backups.names()]


def test_the_last_versions_are_kept(tmp_path: Path) -> None:
    store = YamlFile(str(tmp_path / "d.yaml"), lock_timeout_s=1, backups=3)
    change(store)
    assert store.backups.names() == []
    change(store, 5)
    assert versions(store) == [1003, 1004, 1005]
    assert [name.split("-")[0] for name in store.backups.names()] == ["00000003", "00000004", "00000005"]
    change(YamlFile(store.path, lock_timeout_s=1, backups=1))
    assert versions(store) == [1006]
    change(YamlFile(store.path, lock_timeout_s=1, backups=0))
    assert versions(store) == []


def test_a_backup_now_and_a_restore(tmp_path: Path) -> None:
    store = YamlFile(str(tmp_path / "d.yaml"), lock_timeout_s=1, backups=3)
    assert store.backup() is None
    change(store, 2)
    name = store.backup()
    assert name is not None
    assert store.backup() == name
    assert versions(store) == [1001, 1002]
    change(store)
    Path(store.path).write_text("users: [")
    store.restore(name)
    with store.transaction(write=False) as cluster:
        # The counters are restored although the current file could not be read.
        assert (cluster.users["admin"].quota_vms, cluster.next_vm_id) == (12, 1003)
    kept = store.backups.text(store.backups.names()[-1])
    assert kept == "users: ["
    with pytest.raises(DatabaseError, match=r"backup .*, line 2: .*; it was not changed"):
        store.restore(store.backups.names()[-1])
    with pytest.raises(Refused) as caught:
        store.restore("../d.yaml")
    known = {"known": store.backups.names()[::-1]}
    assert caught.value.refusals == [Refusal("not_found", f"backup {store.backups.path('../d.yaml')}", known)]


class WithoutReflinks:
    """The system calls on a file system without reflinks."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def copy_file_range(self, *_args: Any) -> int:
        raise OSError(errno.EXDEV, "cross-device link")


class NoSpace(WithoutReflinks):
    """The system calls on a full disk."""

    def write(self, *_args: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def pwrite(self, *_args: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("system", [os, WithoutReflinks()])
def test_a_backup_is_a_copy_and_not_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: Any) -> None:
    monkeypatch.setattr(lock, "system", system)
    store = YamlFile(str(tmp_path / "d.yaml"), lock_timeout_s=1, backups=3)
    change(store, 3)
    name = store.backup()
    with open(store.path, "r+", encoding="utf-8") as file:  # like an editor that writes in place
        file.write("users: [")
    assert versions(store) == [1001, 1002, 1003]
    assert Path(store.backups.path(str(name))).stat().st_mode & 0o777 == 0o600
    store.restore(str(name))
    with store.transaction(write=False) as cluster:
        assert cluster.next_vm_id == 1003


def test_a_damaged_backup_is_refused_and_does_not_count_as_the_newest(tmp_path: Path) -> None:
    store = YamlFile(str(tmp_path / "d.yaml"), lock_timeout_s=1, backups=5)
    change(store, 2)
    name = str(store.backup())
    path = Path(store.backups.path(name))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(
        DatabaseRefused,
        match=r"backup .*\.yaml is damaged: its SHA-256 begins with [0-9a-f]{16}, but its name contains",
    ) as caught:
        store.restore(name)
    (refusal,) = caught.value.refusals
    assert (refusal.code, refusal.figures["expected"]) == ("backup_damaged", name.split("-")[2].removesuffix(".yaml"))
    again = str(store.backup())
    assert again != name
    assert store.read_backup(again).next_vm_id == 1002


def test_a_full_disk_is_reported_with_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = YamlFile(str(tmp_path / "d.yaml"), lock_timeout_s=1, backups=3)
    change(store)
    before = Path(store.path).read_bytes()
    monkeypatch.setattr(lock, "system", NoSpace())
    with pytest.raises(DatabaseError, match=r"No space left on device: '.*d\.yaml\.backups/backup\.new'"):
        change(store)
    with pytest.raises(DatabaseError, match=r"cannot be written: .*No space left .*: '.*/d\.yaml\.high-water\.new'"):
        change(YamlFile(store.path, lock_timeout_s=1, backups=0))
    with pytest.raises(DatabaseError, match=r"cannot be backed up: .*No space left on device: '.*\.backups/"):
        store.backup()
    with pytest.raises(DatabaseError, match=r"cannot be written: .*No space left on device: '.*/d\.yaml\.new'"):
        change_quota(YamlFile(store.path, lock_timeout_s=1, backups=0))
    assert Path(store.path).read_bytes() == before


def test_a_folder_that_a_user_may_not_write_to_is_told_with_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Denied(WithoutReflinks):
        def mkdir(self, path: str, _mode: int) -> None:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    store = YamlFile(str(tmp_path / "d.yaml"), lock_timeout_s=1, backups=3)
    change(store)
    monkeypatch.setattr(lock, "system", Denied())
    user, folder = pwd.getpwuid(os.geteuid()).pw_name, tmp_path / "d.yaml.backups"
    for act, doing in ((lambda: change(store), "written"), (store.backup, "backed up")):
        with pytest.raises(DatabaseError) as caught:
            act()
        told = f"cannot be {doing} by user {user}: {folder}: Permission denied; run as root, set ansible_become"
        assert told in caught.value.message


def test_a_file_that_cannot_be_read_back_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Forgetful(WithoutReflinks):
        def write(self, descriptor: int, data: memoryview) -> int:
            os.write(descriptor, bytes(len(data)))
            return len(data)

    store = YamlFile(str(tmp_path / "d.yaml"), lock_timeout_s=1, backups=3)
    change(store)
    monkeypatch.setattr(lock, "system", Forgetful())
    with pytest.raises(DatabaseError, match=r"content differs from what was written: '.*\.backups/00000001-"):
        store.backup()
    assert store.backups.names() == []


def test_a_folder_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    store = YamlFile(str(tmp_path / "d.yaml"), lock_timeout_s=1, backups=3)
    change(store)
    (tmp_path / "d.yaml.backups").write_text("in the way")
    with pytest.raises(DatabaseError, match=r"database .*d\.yaml cannot be written: .*Not a directory"):
        change(store)
    with store.transaction(write=False) as cluster:
        assert cluster.next_vm_id == 1001


class Sparing(WithoutReflinks):
    """The system calls, which are recorded, and of which each write() writes at most one byte."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.calls.append(name)
        return getattr(os, name)

    def write(self, descriptor: int, data: memoryview) -> int:
        return os.write(descriptor, data[:1])


@pytest.mark.parametrize("data", [b"", b"x", b"some text\n"])
def test_a_partial_write_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    system = Sparing()
    monkeypatch.setattr(lock, "system", system)
    path = tmp_path / "file"
    path.write_text("older and longer than what comes")
    write_whole(str(path), data)
    assert path.read_bytes() == data
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    # The content is flushed before the rename, and the folder after it.
    assert system.calls == ["open", "fchmod", "fsync", "close", "rename", "open", "fsync", "close"]


def test_a_written_file_is_accessible_only_to_its_owner(tmp_path: Path) -> None:
    draft = tmp_path / "file.new"
    draft.write_text("what a writer left that was killed, and longer")
    draft.chmod(0o666)
    write_whole(str(tmp_path / "file"), b"text")
    assert (tmp_path / "file").read_text() == "text"
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    assert not draft.exists()


@pytest.mark.parametrize("content", [b"text", b"te", b""])
def test_a_source_that_was_truncated_during_the_copy_is_handled(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "source").write_bytes(content)
    write_whole(str(tmp_path / "file"), b"text", source=str(tmp_path / "source"))
    assert (tmp_path / "file").read_bytes() == b"text"


def test_a_source_that_has_grown_is_copied_up_to_its_initial_size(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"text and more")
    write_whole(str(tmp_path / "file"), b"text", source=str(tmp_path / "source"))
    assert (tmp_path / "file").read_bytes() == b"text"


def test_backups_are_sorted_by_number_and_other_files_are_ignored(tmp_path: Path) -> None:
    digest = "0123456789abcdef"
    ours = [f"{number}-20261126T070000Z-{digest}.yaml" for number in ("00000009", "00000010", "100000000")]
    strangers = ["backup.new", f"1-20261126T070000Z-{digest}.yaml", f"00000011-20261126T070000Z-{digest}.yml", "notes"]
    for name in (*ours, *strangers):
        (tmp_path / name).touch()
    assert Backups(str(tmp_path), keep=3).names() == ours
    assert Backups(str(tmp_path / "none"), keep=3).names() == []
    assert Backups(str(tmp_path), keep=3).add(b"x").startswith("100000001-")


@pytest.mark.parametrize(("keep", "left"), [(0, 0), (1, 1), (2, 2), (3, 3), (4, 3)])
def test_surplus_files_are_removed_oldest_first(tmp_path: Path, keep: int, left: int) -> None:
    backups = Backups(str(tmp_path), keep=keep)
    names = [backups.add(data) for data in (b"1", b"2", b"3")]
    backups.prune()
    assert backups.names() == names[3 - left :]


def test_copying_a_missing_file_returns_none(tmp_path: Path) -> None:
    assert Backups(str(tmp_path / "b"), keep=1).copy(str(tmp_path / "file")) is None
    assert not (tmp_path / "b").exists()


def test_a_backup_that_is_no_text_is_refused(tmp_path: Path) -> None:
    store = YamlFile(str(tmp_path / "d.yaml"), lock_timeout_s=1, backups=3)
    Path(store.path).write_bytes(b"\xff\xfe")
    name = store.backup()
    with pytest.raises(DatabaseError, match=f"backup .*{name} cannot be read: .*utf-8"):
        store.backups.text(str(name))


def test_what_is_no_file_is_neither_waited_for_nor_kept_open(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    before = {*os.listdir("/proc/self/fd")}
    for name, words in (("pipe", "Not a regular file"), ("folder", "Is a directory")):
        with pytest.raises(OSError, match=f"{words}: '{tmp_path}/{name}'"):
            read_whole(str(tmp_path / name))
    assert {*os.listdir("/proc/self/fd")} <= before


def test_only_a_database_without_a_file_is_missing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("none")
    found = {each: exists(str(tmp_path / each), name="database d") for each in ("file", "folder", "pipe", "link")}
    assert found == dict.fromkeys(found, True)
    missing = {each: exists(str(tmp_path / each), name="database d") for each in ("none/d", "file/d", "dangling")}
    assert missing == dict.fromkeys(missing, False)
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(DatabaseError, match=r"^database d cannot be read: Too many levels of symbolic links; run as"):
        exists(str(tmp_path / "loop"), name="database d")


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_a_database_of_which_nothing_is_known_is_not_missing(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def stat(path: str) -> os.stat_result:
        raise OSError(code, os.strerror(code), path)

    monkeypatch.setattr(os, "stat", stat)
    with pytest.raises(DatabaseError, match=f"^database d cannot be read: {os.strerror(code)}; run as a user who may "):
        exists("/srv/d.yaml", name="database d")
