# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import base_images
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk.base_images import Examined
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import SubprocessRunner
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import SlicesError
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import Image

from .images import MIB, bzimage, converted, cut, raw

SOURCE = "https://images.example.org/x.qcow2"


def brought(folder: Path, content: bytes, name: str = "image.img.new") -> Image:
    """An image that the role fetched."""
    (folder / name).write_bytes(content)
    return Image(hashlib.sha256(content).hexdigest(), f"{folder}/image.img", SOURCE)


def examined(wanted: Image, *, verify: bool = False) -> Examined:
    found = base_images.examine(wanted, verify=verify, runner=SubprocessRunner())
    base_images.install([found], folder=str(Path(wanted.path).parent))
    return found


def refusal(found: Examined) -> str:
    """Why it was not installed; the file is then unchanged."""
    assert (found.change, base_images.Plan((found,)).changes) == (None, [])
    failure = base_images.Plan((found,)).failure
    assert failure is not None
    return failure.message


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    return converted(raw(tmp_path / "disk"), tmp_path / "made").read_bytes()


@pytest.fixture
def wanted(tmp_path: Path, content: bytes) -> Image:
    """An image to install."""
    image = brought(tmp_path, content)
    examined(image)
    return image


def test_a_copied_image_is_installed_once_it_is_verified(tmp_path, content):
    wanted = brought(tmp_path, content)
    assert base_images.known(wanted.path) is None
    first, again = examined(wanted), examined(wanted)
    note = base_images.known(wanted.path)

    assert first.change.action == "create"
    assert again.change is None
    assert (note.format, note.virtual_bytes, note.damage, note.is_replacement) == ("qcow2", 2 * MIB, None, False)
    assert (tmp_path / "image.img").stat().st_mode & 0o777 == 0o444
    assert not (tmp_path / "image.img.new").exists()


def test_an_existing_image_is_verified_in_place(tmp_path, content):
    wanted = brought(tmp_path, content, "image.img")
    assert base_images.known(wanted.path) is None

    assert examined(wanted).change.action == "create"
    assert base_images.known(wanted.path).damage is None


def test_an_absent_image_is_missing(tmp_path):
    found = examined(Image("ab" * 32, f"{tmp_path}/image.img", SOURCE))

    assert (found.note, found.change, found.fault) == (None, None, None)


def test_a_file_with_another_checksum_is_not_installed(tmp_path, content):
    wanted = Image("ab" * 32, brought(tmp_path, content).path, SOURCE)
    assert refusal(examined(wanted)) == (
        f"base image {SOURCE} was not installed as {wanted.path}: "
        f"{len(content)} bytes with the SHA-256 {hashlib.sha256(content).hexdigest()} in place of {'ab' * 32}"
    )
    assert not (tmp_path / "image.img.new").exists()


def test_the_image_of_a_url_is_inspected_on_the_worker(tmp_path):
    disk = converted(raw(tmp_path / "disk"), tmp_path / "made", to="vmdk")
    wanted = brought(tmp_path, disk.read_bytes())
    assert refusal(examined(wanted)) == (
        f"base image {SOURCE} was not installed as {wanted.path}: base image {SOURCE} is vmdk; a base image must be "
        "qcow2, or raw with a boot sector or a file system; "
        f"run qemu-img convert -f vmdk -O qcow2 {SOURCE} x.new.qcow2"
    )


def test_a_refused_file_is_kept_until_the_plan_is_applied(tmp_path):
    wanted = brought(tmp_path, b"")
    todo = base_images.plan([wanted], folder=str(tmp_path), verify=False, runner=SubprocessRunner())
    assert todo.failure is not None
    assert (tmp_path / "image.img.new").exists()

    base_images.install(todo.examined, folder=str(tmp_path))
    assert not (tmp_path / "image.img.new").exists()


def test_a_changed_image_is_unknown_until_it_is_verified(wanted):
    os.utime(wanted.path, ns=(1, 1))
    assert base_images.known(wanted.path) is None

    assert examined(wanted).fault is None
    assert base_images.known(wanted.path).damage is None


def test_a_truncated_image_is_damaged_until_it_is_copied_again(tmp_path, wanted, content):
    path = Path(wanted.path)
    path.chmod(0o644)
    cut(path, 1000)
    assert base_images.known(wanted.path) is None
    found = examined(wanted)

    short = hashlib.sha256(content[:-1000]).hexdigest()
    why = f"{len(content) - 1000} bytes with the SHA-256 {short} in place of {wanted.checksum}"
    assert base_images.known(wanted.path).damage == why
    assert found.change.after["damage"] == why
    assert found.fault == (
        f"base image {wanted.path} is damaged: {why}; run site, or as an admin the deploy of its VMs, "
        "with -e base_images_refetch=true to fetch it again"
    )
    brought(tmp_path, content)
    assert examined(wanted).fault is None
    assert base_images.known(wanted.path).is_replacement


def test_verification_finds_damage_that_size_and_time_do_not_show(wanted):
    path = Path(wanted.path)
    state = path.stat()
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\0")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))

    assert examined(wanted).fault is None
    assert examined(wanted, verify=True).fault is not None
    assert base_images.known(wanted.path).damage is not None


def test_verified_images_are_recorded_in_their_folder(tmp_path, wanted):
    (tmp_path / "other.json").write_text("{}")

    assert [(each.path, each.checksum) for each in base_images.noted_in(str(tmp_path))] == [
        (wanted.path, wanted.checksum)
    ]
    assert list(base_images.noted_in(f"{tmp_path}/missing")) == []


def test_an_image_is_synced_before_it_is_renamed(tmp_path, content, monkeypatch):
    wanted = brought(tmp_path, content)
    flushed = []

    def flush(path, **_options):
        flushed.append((path, os.path.exists(wanted.path)))

    monkeypatch.setattr(base_images.files, "flush", flush)
    examined(wanted)
    assert flushed[0] == (f"{wanted.path}.new", False)


def test_the_result_lists_missing_and_damaged_images(tmp_path, wanted):
    absent = Image("ab" * 32, f"{tmp_path}/absent.img", SOURCE)
    path = Path(wanted.path)
    path.chmod(0o644)
    cut(path, 1000)
    todo = base_images.plan([wanted, absent], folder=str(tmp_path), verify=False, runner=SubprocessRunner())
    (damaged,) = todo.result["damaged"]
    assert (todo.result["missing"], damaged["path"]) == ([absent.path], wanted.path)
    assert damaged["message"].startswith(f"base image {wanted.path} is damaged: ")
    brought(tmp_path, b"")
    refused = base_images.plan([wanted], folder=str(tmp_path), verify=False, runner=SubprocessRunner())
    assert (refused.failure is not None, refused.result) == (True, {"missing": [], "damaged": []})


def test_the_note_of_an_image_has_its_format_and_size(wanted):
    note = base_images.known(wanted.path)
    assert (note.image.format, note.image.virtual_bytes) == ("qcow2", 2 * MIB)


def test_an_image_that_cannot_be_inspected_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SlicesError, match="cannot be read: Not a directory"):
        base_images.known(f"{tmp_path}/file/image.img")


@pytest.mark.parametrize(("suffix", "mode"), [("", 0o444), (".json", 0o600)])
def test_an_image_that_somebody_made_writable_is_shown_and_closed(wanted, suffix, mode):
    """A QEMU that was taken over could write to it, and change the disks of all tenants."""
    path = Path(wanted.path + suffix)
    path.chmod(0o666)
    (change,) = base_images.Plan((examined(wanted),)).changes
    assert (change.id, change.why) == (str(path), f"mode 0666 → {mode:04o}")
    assert path.stat().st_mode & 0o777 == mode
    assert base_images.Plan((examined(wanted),)).changes == []


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_is_damaged(tmp_path, content, make):
    path = tmp_path / "image.img"
    make(path)
    found = examined(Image(hashlib.sha256(content).hexdigest(), str(path), SOURCE))
    # Its mode is nobody's concern: it is installed anew.
    assert list(found.openings) == []
    assert found.fault.startswith(f"base image {path} is damaged: it is not a file; run site")


def test_a_plan_without_refused_files_does_not_fail(tmp_path, wanted):
    runner = SubprocessRunner()
    plain = base_images.plan([wanted], folder=str(tmp_path), verify=False, runner=runner)
    assert (plain.failure, plain.changes, plain.result) == (None, [], {"missing": [], "damaged": []})
    assert len(base_images.plan([], folder=str(tmp_path), verify=False, runner=runner).examined) == 0
    assert len(base_images.plan([], folder=str(tmp_path), verify=True, runner=runner).examined) == 1


def test_the_attributes_of_an_image_are_those_of_its_note(tmp_path, content):
    wanted = brought(tmp_path, content)
    change = base_images.examine(wanted, verify=False, runner=SubprocessRunner()).change
    assert change is not None
    assert change.after is not None
    assert (change.before, change.after["format"], change.after["size_bytes"]) == (None, "qcow2", len(content))
    found = base_images.examine(wanted, verify=False, runner=SubprocessRunner())
    assert (found.has_arrived, found.note is not None and found.note.is_replacement) == (True, False)


def test_a_note_says_no_format_and_no_size_by_default() -> None:
    note = base_images.Note("ab" * 32, 1, 2)
    assert (note.format, note.virtual_bytes, note.damage, note.is_replacement) == ("", 0, None, False)
    assert (note.image.format, note.image.virtual_bytes) == ("", 0)


def test_an_image_that_cannot_be_flushed_is_named(tmp_path, content, monkeypatch):
    def flush(_path, **_options):
        raise OSError(5, "Input/output error")

    wanted = brought(tmp_path, content)
    monkeypatch.setattr(base_images.files, "flush", flush)
    with pytest.raises(OSError, match="Input/output error") as caught:
        examined(wanted)
    assert caught.value.filename == wanted.path


def arriving(folder: Path, data: bytes, content: str) -> Image:
    return replace(brought(folder, data), content=content)


def test_a_kernel_is_installed_and_noted_as_one(tmp_path: Path) -> None:
    wanted = arriving(tmp_path, bzimage(), "kernel")
    first = examined(wanted)
    assert first.change is not None
    assert first.change.after is not None
    assert (first.change.after["content"], first.change.after["format"]) == ("kernel", "kernel")
    note = base_images.known(wanted.path)
    assert note is not None
    assert (note.content, note.format, note.damage) == ("kernel", "kernel", None)
    assert Path(wanted.path).stat().st_mode & 0o777 == 0o444
    assert examined(wanted).change is None
    assert list(base_images.noted_in(str(tmp_path))) == [replace(wanted, source=wanted.path)]
    (again,) = base_images.plan([], folder=str(tmp_path), verify=True, runner=SubprocessRunner()).examined
    assert (again.change, again.fault) == (None, None)


@pytest.mark.parametrize(
    ("data", "content", "why"),
    [
        (b"<html>", "kernel", "is of no known format; a kernel must be one of Linux for x86 (bzImage)"),
        (bzimage()[:-1], "kernel", "has 4095 bytes, its content needs 4096"),
        (bzimage(), "initrd", "is a Linux kernel; an initrd must be a newc cpio archive"),
        (bzimage(), "disk", "is a Linux kernel; a base image must be qcow2"),
    ],
)
def test_something_else_at_the_url_is_not_installed(tmp_path: Path, data: bytes, content: str, why: str) -> None:
    wanted = arriving(tmp_path, data, content)
    assert why in refusal(examined(wanted))
    assert list(tmp_path.iterdir()) == []


def test_an_image_that_is_now_wanted_as_something_else_is_verified_again(tmp_path: Path) -> None:
    wanted = arriving(tmp_path, bzimage(), "kernel")
    examined(wanted)
    as_disk = examined(replace(wanted, content="disk"))
    assert as_disk.fault is not None
    assert "is a Linux kernel; a base image must be" in as_disk.fault


def test_a_note_from_before_there_were_kernels_is_that_of_a_disk(wanted: Image) -> None:
    path = Path(wanted.path + base_images.NOTE)
    told = json.loads(path.read_text())
    path.write_text(json.dumps({key: value for key, value in told.items() if key != "content"}))
    assert base_images.known(wanted.path) == base_images.Note(**told)
    assert examined(wanted).change is None


def test_a_new_file_for_an_image_that_another_run_has_installed_is_removed(tmp_path: Path, content: bytes) -> None:
    wanted = brought(tmp_path, content, "image.img.1.new")
    brought(tmp_path, content, "image.img.2.new")
    first = base_images.examine(wanted, verify=False, runner=SubprocessRunner(), run="1")
    base_images.install([first], folder=str(tmp_path))
    state = os.stat(wanted.path)
    for verify in (False, True):
        brought(tmp_path, content, "image.img.2.new")
        second = base_images.examine(wanted, verify=verify, runner=SubprocessRunner(), run="2")
        plan = base_images.Plan((second,))
        assert (plan.changes, plan.failure, plan.result) == ([], None, {"missing": [], "damaged": []})
        base_images.install([second], folder=str(tmp_path))
        assert sorted(path.name for path in tmp_path.glob("image*")) == ["image.img", "image.img.json"]
    # Running VMs use this file, and need no restart.
    assert os.stat(wanted.path).st_ino == state.st_ino
    note = base_images.known(wanted.path)
    assert note is not None
    assert not note.is_replacement


def test_the_new_file_of_another_run_is_left_to_it(tmp_path: Path, content: bytes) -> None:
    wanted = brought(tmp_path, content, "image.img.1.new")
    brought(tmp_path, content[:-1], "image.img.2.new")
    found = base_images.examine(wanted, verify=False, runner=SubprocessRunner(), run="1")
    assert found.refusal is None
    base_images.install([found], folder=str(tmp_path))
    names = sorted(path.name for path in tmp_path.glob("image*"))
    assert names == ["image.img", "image.img.2.new", "image.img.json"]


def test_what_killed_runs_have_left_is_removed(
    tmp_path: Path, wanted: Image, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = {"image.img.7.new", "other.img.new", ".ansible_tmp1a2b3cimage.img.8.new"}
    for name in (*new, ".image.img.json.x81a_k3j.draft", "notes"):
        (tmp_path / name).write_bytes(content)
        os.utime(tmp_path / name, (0, 0))
    before = {path.name for path in tmp_path.iterdir()}
    base_images.install([], folder=str(tmp_path))
    left = {path.name for path in tmp_path.iterdir()}
    assert before - left == {".image.img.json.x81a_k3j.draft"}
    now = base_images.time.time()
    monkeypatch.setattr(base_images.time, "time", lambda: now + 24 * 3600 + 60)
    base_images.install([], folder=str(tmp_path))
    assert left - {path.name for path in tmp_path.iterdir()} == new
    base_images.install([], folder=f"{tmp_path}/none")
    assert base_images.known(wanted.path) is not None


def test_a_new_file_that_its_run_has_renamed_meanwhile_is_no_leftover(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base_images.os, "listdir", lambda _folder: ["image.img.7.new"])
    base_images.install([], folder=str(tmp_path))
