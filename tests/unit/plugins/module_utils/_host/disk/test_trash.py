# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import times, vm_folders
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import origins, startup_notes, trash

from ..fakes import mark, uuid
from .test_origins import need_attributes

DAY_S = 24 * 3600


@pytest.fixture(autouse=True)
def uptime(monkeypatch: pytest.MonkeyPatch) -> None:
    """Differences between whole seconds are exact."""
    monkeypatch.setattr(times, "uptime_s", lambda: 10.0 * DAY_S)


def put(state_dir: Path, number: int, *, ago_s: int = 0, retention_s: float = DAY_S) -> str:
    """Create a disk, delete it some time ago, and return its path in the trash."""
    folder = state_dir / f"vms/{number}"
    folder.mkdir(parents=True, exist_ok=True)
    mark(folder, disks={"a_img.qcow2": uuid(number)})
    (folder / "a_img.qcow2").write_text(f"what tenant {number} wrote")
    found = vm_folders.read_one(str(folder))
    assert found is not None
    with pytest.MonkeyPatch.context() as patched:
        now = times.uptime_s()
        patched.setattr(times, "uptime_s", lambda: now - ago_s)
        trash.put([f"{folder}/a_img.qcow2"], found, state_dir=str(state_dir), retention_s=retention_s)
    return trash.find(str(state_dir))[uuid(number)]


def test_a_disk_is_kept_in_the_trash_with_its_identity(tmp_path):
    path = put(tmp_path, 1001)
    assert Path(path).read_text() == "what tenant 1001 wrote"
    assert (tmp_path / "trash").stat().st_mode & 0o777 == 0o700
    assert sorted(os.listdir(os.path.dirname(path))) == ["a_img.qcow2", "identity.json", "retention_s"]
    identity = Path(path).with_name("identity.json")
    assert (identity.stat().st_mode & 0o777, identity.read_text()) == (
        0o600,
        (tmp_path / "vms/1001/identity.json").read_text(),
    )
    assert [path.name for path in (tmp_path / "vms/1001").iterdir()] == ["identity.json"]
    assert trash.empty(str(tmp_path), retention_s=60) == []


def test_disks_that_were_deleted_in_the_same_second_have_separate_folders(tmp_path):
    first, second = put(tmp_path, 1001), put(tmp_path, 1001)
    assert os.path.dirname(first) != os.path.dirname(second)
    assert len(trash.entries(str(tmp_path))) == 2


def test_expired_disks_are_deleted(tmp_path):
    old = put(tmp_path, 1001, ago_s=2 * DAY_S)
    new = put(tmp_path, 1002)
    assert [entry.path for entry in trash.empty(str(tmp_path), retention_s=DAY_S)] == [os.path.dirname(old)]
    assert list(trash.find(str(tmp_path)).values()) == [new]


@pytest.mark.parametrize("later_retention_s", [0, DAY_S, 30 * DAY_S])
def test_a_disk_is_kept_for_as_long_as_its_deletion_said(tmp_path, monkeypatch, later_retention_s):
    """Whatever the timer and later runs on other slices are told."""

    def emptied() -> list[str]:
        return [name for entry in trash.empty(str(tmp_path), retention_s=later_retention_s) for name in entry.disks]

    put(tmp_path, 1001, retention_s=2 * DAY_S)
    put(tmp_path, 1002, retention_s=3600)
    later(monkeypatch, 3599)
    assert emptied() == []
    later(monkeypatch, 1)
    assert emptied() == [uuid(1002)]
    [shown] = trash.listed(str(tmp_path), retention_s=later_retention_s)
    assert (shown["uuid"], shown["left_s"]) == (uuid(1001), 2 * DAY_S - 3600)
    later(monkeypatch, 2 * DAY_S - 3601)
    assert emptied() == []
    later(monkeypatch, 1)
    assert emptied() == [uuid(1001)]


def test_entries_of_the_trash_without_an_age_or_identity_are_kept_as_long_as_new_ones(tmp_path, monkeypatch):
    for name in ("old", "1-1001"):
        (tmp_path / "trash" / name).mkdir(parents=True)
        (tmp_path / "trash" / name / "a_img.qcow2").touch()
    assert trash.find(str(tmp_path)) == {}
    assert trash.empty(str(tmp_path), retention_s=DAY_S) == []
    later(monkeypatch, DAY_S - 1)
    assert trash.empty(str(tmp_path), retention_s=DAY_S) == []
    later(monkeypatch, 1)
    assert len(trash.empty(str(tmp_path), retention_s=DAY_S)) == 2
    assert list((tmp_path / "trash").iterdir()) == []


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let time pass on the host, whatever its clock says."""
    now = times.uptime_s() + seconds
    monkeypatch.setattr(times, "uptime_s", lambda: now)


def reboot(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Start the host, some seconds ago."""
    boot = times.boot_id()
    monkeypatch.setattr(times, "boot_id", lambda: f"{boot}'")
    monkeypatch.setattr(times, "uptime_s", lambda: seconds)


def kept(state_dir: Path) -> list[str]:
    """Empty the trash, and return what is left."""
    trash.empty(str(state_dir), retention_s=DAY_S)
    return sorted(os.path.basename(entry.path).partition("-")[2] for entry in trash.entries(str(state_dir)))


@pytest.mark.parametrize("shift_s", [-2 * DAY_S, 2 * DAY_S])
def test_the_clock_of_the_host_neither_empties_the_trash_nor_keeps_it(tmp_path, monkeypatch, shift_s):
    """Whether it is wrong when a disk is deleted, or later."""
    now = trash.time.time()
    put(tmp_path, 1001)
    monkeypatch.setattr(trash.time, "time", lambda: now + shift_s)
    put(tmp_path, 1002)
    assert kept(tmp_path) == ["1001", "1002"]
    monkeypatch.setattr(trash.time, "time", lambda: now)
    later(monkeypatch, DAY_S - 60)
    assert kept(tmp_path) == ["1001", "1002"]
    put(tmp_path, 1003)
    later(monkeypatch, 60)
    assert kept(tmp_path) == ["1003"]


def test_time_in_the_trash_is_counted_while_the_host_runs(tmp_path, monkeypatch):
    put(tmp_path, 1001)
    later(monkeypatch, 20 * 3600)
    assert kept(tmp_path) == ["1001"]
    later(monkeypatch, 3600)
    # The last hour before the end of this boot was not noted.
    reboot(monkeypatch, 4 * 3600 - 60)
    put(tmp_path, 1002)
    assert kept(tmp_path) == ["1001", "1002"]
    later(monkeypatch, 60)
    assert kept(tmp_path) == ["1002"]


def test_a_host_that_was_put_back_to_a_snapshot_counts_on(tmp_path, monkeypatch):
    later(monkeypatch, 2 * DAY_S)
    put(tmp_path, 1001)
    later(monkeypatch, -DAY_S)
    assert kept(tmp_path) == ["1001"]
    later(monkeypatch, DAY_S)
    assert kept(tmp_path) == []


@pytest.mark.parametrize("text", ["", "[]", "{}", "not JSON", '{"boot": "b", "at_s": "x", "ages_s": {}}'])
def test_disks_whose_age_is_damaged_count_as_new(tmp_path, monkeypatch, text):
    put(tmp_path, 1001)
    later(monkeypatch, DAY_S)
    (tmp_path / "trash.json").write_text(text)
    assert kept(tmp_path) == ["1001"]
    later(monkeypatch, DAY_S)
    assert kept(tmp_path) == []


def test_ages_are_noted_seldom_and_forgotten_with_their_disks(tmp_path, monkeypatch):
    trash.empty(str(tmp_path), retention_s=DAY_S)
    assert list(tmp_path.iterdir()) == []
    path = put(tmp_path, 1001)
    noted = tmp_path / "trash.json"
    first = noted.stat().st_ino
    assert noted.stat().st_mode & 0o777 == 0o600
    later(monkeypatch, 500)
    assert (kept(tmp_path), noted.stat().st_ino) == (["1001"], first)
    later(monkeypatch, 100)
    assert kept(tmp_path) == ["1001"]
    assert json.loads(noted.read_text())["ages_s"] == {os.path.basename(os.path.dirname(path)): pytest.approx(600, 0.1)}
    later(monkeypatch, DAY_S)
    assert (kept(tmp_path), json.loads(noted.read_text())["ages_s"]) == ([], {})


def test_a_new_disk_does_not_inherit_the_age_of_one_that_had_its_name(tmp_path, monkeypatch):
    monkeypatch.setattr(trash.time, "time", lambda: 1_795_371_735.5)
    path = put(tmp_path, 1001)
    later(monkeypatch, DAY_S)
    trash.take(path, str(tmp_path / "vms/1001/a_img.qcow2"))
    assert os.path.dirname(put(tmp_path, 1001)) == os.path.dirname(path)
    assert kept(tmp_path) == ["1001"]


def test_what_others_put_into_the_trash_is_left_alone_with_what_it_leads_to(tmp_path):
    kept = tmp_path / "elsewhere"
    kept.mkdir()
    (kept / "a_img.qcow2").touch()
    (tmp_path / "trash").mkdir()
    (tmp_path / "trash/1-1001").symlink_to(kept)
    (tmp_path / "trash/notes.txt").touch()
    assert trash.entries(str(tmp_path)) == trash.empty(str(tmp_path), retention_s=0) == []
    assert [path.name for path in kept.iterdir()] == ["a_img.qcow2"]


@pytest.mark.parametrize(("free", "removed"), [((4, 4, 6), 2), ((4, 6), 1), ((6,), 0), ((0, 0, 0, 0), 3)])
def test_a_full_file_system_empties_the_oldest_first(tmp_path, free, removed):
    paths = [put(tmp_path, number, ago_s=1010 - number) for number in (1001, 1002, 1003)]
    left = iter(free)

    def statvfs(_path: str) -> os.statvfs_result:
        # The number of free blocks, of 100 blocks of 1 MiB.
        return os.statvfs_result((1 << 20, 1 << 20, 100, 50, next(left), 0, 0, 0, 0, 255))

    gone = trash.empty(str(tmp_path), retention_s=DAY_S, statvfs=statvfs)
    assert [entry.path for entry in gone] == [os.path.dirname(path) for path in paths[:removed]]


def test_a_file_system_that_frees_space_a_moment_later_does_not_lose_all_of_the_trash(tmp_path):
    paths = [put(tmp_path, number, ago_s=1010 - number) for number in (1001, 1002, 1003)]
    for path in paths:
        Path(path).write_bytes(b"x" * (2 << 20))
    # 2 of 100 blocks of 1 MiB are free, which XFS goes on to tell for a while.
    slow = os.statvfs_result((1 << 20, 1 << 20, 100, 50, 2, 0, 0, 0, 0, 255))
    gone = trash.empty(str(tmp_path), retention_s=DAY_S, statvfs=lambda _path: slow)
    assert [entry.path for entry in gone] == [os.path.dirname(path) for path in paths[:2]]
    later_gone = trash.empty(str(tmp_path), retention_s=DAY_S, statvfs=lambda _path: slow)
    assert [entry.path for entry in later_gone] == [os.path.dirname(paths[2])]


def test_the_space_of_expired_disks_counts_as_freed(tmp_path):
    old = put(tmp_path, 1001, ago_s=DAY_S)
    Path(old).write_bytes(b"x" * (4 << 20))
    new = put(tmp_path, 1002)
    slow = os.statvfs_result((1 << 20, 1 << 20, 100, 50, 2, 0, 0, 0, 0, 255))
    trash.empty(str(tmp_path), retention_s=DAY_S, statvfs=lambda _path: slow)
    assert list(trash.find(str(tmp_path)).values()) == [new]


@pytest.fixture
def other_file_system() -> Iterator[Path]:
    """A folder that is not on the file system of temporary files."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def test_disks_are_moved_on_the_file_system_of_the_vm_folders(tmp_path, other_file_system):
    """A rename across file systems fails, and a copy would take the space and time of the disk."""
    assert os.stat(other_file_system).st_dev != os.stat(tmp_path).st_dev
    (tmp_path / "vms").symlink_to(other_file_system)
    path, target = put(tmp_path, 1001), tmp_path / "vms/1001/a_img.qcow2"
    assert Path(path).parent.parent == tmp_path / "vms/trash"
    assert (other_file_system / "trash").stat().st_mode & 0o777 == 0o700
    asked: list[str] = []

    def statvfs(path: str) -> os.statvfs_result:
        asked.append(path)
        return os.statvfs_result((1 << 20, 1 << 20, 100, 50, 50, 0, 0, 0, 0, 255))

    assert trash.empty(str(tmp_path), retention_s=DAY_S, statvfs=statvfs) == []
    assert asked == [f"{tmp_path}/vms"]
    assert vm_folders.read(f"{tmp_path}/vms").keys() == {1001}
    trash.take(path, str(target))
    assert target.read_text() == "what tenant 1001 wrote"


def test_disks_in_the_trash_are_found_after_the_vm_folders_were_moved(tmp_path, other_file_system):
    path = put(tmp_path, 1001)
    shutil.rmtree(tmp_path / "vms")
    (tmp_path / "vms").symlink_to(other_file_system)
    put(tmp_path, 1002)
    assert set(trash.find(str(tmp_path))) == {uuid(1001), uuid(1002)}
    full = os.statvfs_result((1 << 20, 1 << 20, 100, 50, 0, 0, 0, 0, 0, 255))
    # Only what is on the full file system is removed.
    trash.empty(str(tmp_path), retention_s=DAY_S, statvfs=lambda _path: full)
    assert trash.find(str(tmp_path)) == {uuid(1001): path}
    (tmp_path / "vms/1001").mkdir()
    trash.take(path, str(tmp_path / "vms/1001/a_img.qcow2"))
    assert (other_file_system / "1001/a_img.qcow2").read_text() == "what tenant 1001 wrote"
    assert list((tmp_path / "trash").iterdir()) == []


@pytest.mark.parametrize("text", [None, "", "[]", '{"boot": "b", "at_s": 0, "ages_s": {}}'])
def test_a_disk_is_kept_for_as_long_as_its_deletion_said_whatever_happens_to_the_ages(tmp_path, monkeypatch, text):
    put(tmp_path, 1001, retention_s=2 * DAY_S)
    ages = Path(trash.path_in(str(tmp_path)))
    ages.unlink() if text is None else ages.write_text(text)
    assert trash.empty(str(tmp_path), retention_s=0) == []
    (shown,) = trash.listed(str(tmp_path), retention_s=0)
    assert shown["left_s"] == 2 * DAY_S
    later(monkeypatch, 2 * DAY_S)
    assert len(trash.empty(str(tmp_path), retention_s=0)) == 1


def test_a_disk_that_is_deleted_while_the_ages_cannot_be_written_is_kept_as_long(tmp_path, monkeypatch):
    write = trash.files.write_text

    def write_text(path: str, text: str, *, mode: int) -> None:
        if path == trash.path_in(str(tmp_path)):
            raise OSError(errno.ENOSPC, "No space left on device", path)
        write(path, text, mode=mode)

    monkeypatch.setattr(trash.files, "write_text", write_text)
    put(tmp_path, 1001)
    assert trash.empty(str(tmp_path), retention_s=0) == []
    assert set(trash.find(str(tmp_path))) == {uuid(1001)}


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_text("long"), lambda path: path.write_text("")])
def test_a_disk_without_a_retention_time_is_kept_for_a_day_at_least(tmp_path, monkeypatch, spoil):
    spoil(Path(put(tmp_path, 1001, retention_s=1)).with_name("retention_s"))
    (shown,) = trash.listed(str(tmp_path), retention_s=2 * DAY_S)
    assert shown["left_s"] == 2 * DAY_S
    later(monkeypatch, DAY_S - 1)
    assert trash.empty(str(tmp_path), retention_s=0) == []
    later(monkeypatch, 1)
    assert len(trash.empty(str(tmp_path), retention_s=0)) == 1


def test_a_retention_time_that_cannot_be_read_does_not_keep_anybody_from_the_trash(tmp_path):
    path = Path(put(tmp_path, 1001)).with_name("retention_s")
    path.unlink()
    path.mkdir()
    (entry,) = trash.entries(str(tmp_path))
    assert entry.retention_s is None


@pytest.mark.parametrize("moment", range(3))
def test_what_a_killed_run_has_moved_with_a_disk_comes_back_with_it(tmp_path, monkeypatch, moment):
    """Whether it is killed before its disk, another one, or none of them was moved."""
    folder = tmp_path / "vms/1001"
    folder.mkdir(parents=True)
    mark(folder, disks={"a_img.qcow2": uuid(1), "b.qcow2": uuid(2)})
    names = ("a_img.qcow2", "b.qcow2")
    for name in names:
        (folder / name).write_text(name)
        startup_notes.write(f"{folder}/{name}", name[0] * 32)
    (folder / "uefi_variables.fd").write_text("boots from the second partition")
    companions = ("uefi_variables.fd",)
    found = vm_folders.read_one(str(folder))
    assert found is not None
    rename, moved = os.rename, list[str]()

    def kill(source: str, target: str) -> None:
        if source.endswith(".qcow2"):
            if len(moved) == moment:
                raise KeyboardInterrupt
            moved.append(source)
        rename(source, target)

    def put_both() -> None:
        left = [f"{folder}/{name}" for name in names if (folder / name).exists()]
        trash.put(left, found, state_dir=str(tmp_path), retention_s=DAY_S, companions=companions)

    monkeypatch.setattr(os, "rename", kill)
    if moment < len(names):
        with pytest.raises(KeyboardInterrupt):
            put_both()
    monkeypatch.setattr(os, "rename", rename)
    put_both()
    # The note of a disk that was moved before goes with the folder.
    assert sorted(os.listdir(folder)) == [*(["a_img.qcow2.startup"] if moment == 1 else []), vm_folders.MARK]
    vm_folders.remove(str(folder))
    folder.mkdir()
    disks = trash.find(str(tmp_path))
    for number, name in enumerate(names, start=1):
        trash.take(disks[uuid(number)], f"{folder}/{name}", companions=companions if number == 1 else ())
    assert [(folder / name).read_text() for name in names] == list(names)
    assert [startup_notes.read(f"{folder}/{name}") for name in names] == ["a" * 32, "b" * 32]
    assert (folder / "uefi_variables.fd").read_text() == "boots from the second partition"


@pytest.mark.parametrize("is_killed_after", [False, True])
def test_a_restore_that_is_killed_loses_nothing_if_the_vm_is_deleted_then(tmp_path, monkeypatch, is_killed_after):
    """The deletion removes the folder of a VM without disks, and moves the disk to the trash again otherwise."""
    folder = tmp_path / "vms/1001"
    folder.mkdir(parents=True)
    mark(folder, disks={"a_img.qcow2": uuid(1)})
    (folder / "a_img.qcow2").write_text("what the tenant wrote")
    (folder / "uefi_variables.fd").write_text("boots from the second partition")
    startup_notes.write(f"{folder}/a_img.qcow2", "a" * 32)
    found = vm_folders.read_one(str(folder))
    assert found is not None
    there = {path.name: path.read_text() for path in folder.iterdir()}
    kept = {"state_dir": str(tmp_path), "retention_s": DAY_S, "companions": ("uefi_variables.fd",)}
    trash.put([f"{folder}/a_img.qcow2"], found, **kept)
    move = os.rename

    def kill(source: str, target: str) -> None:
        if is_killed_after:
            move(source, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "rename", kill)
    with pytest.raises(KeyboardInterrupt):
        trash.take(trash.find(str(tmp_path))[uuid(1)], f"{folder}/a_img.qcow2", companions=("uefi_variables.fd",))
    monkeypatch.setattr(os, "rename", move)
    trash.put(vm_folders.overlays(str(folder)), found, **kept)
    vm_folders.remove(str(folder))
    folder.mkdir()
    trash.take(trash.find(str(tmp_path))[uuid(1)], f"{folder}/a_img.qcow2", companions=("uefi_variables.fd",))
    (folder / vm_folders.MARK).write_text(there[vm_folders.MARK])
    assert {path.name: path.read_text() for path in folder.iterdir()} == there


def test_what_belongs_to_one_disk_is_restored_while_another_stays_in_the_trash(tmp_path):
    folder = tmp_path / "vms/1001"
    folder.mkdir(parents=True)
    mark(folder, disks={"a_img.qcow2": uuid(1), "b.qcow2": uuid(2)})
    for name in ("a_img.qcow2", "b.qcow2"):
        (folder / name).write_text(name)
        startup_notes.write(f"{folder}/{name}", name[0] * 32)
    found = vm_folders.read_one(str(folder))
    assert found is not None
    trash.put(vm_folders.overlays(str(folder)), found, state_dir=str(tmp_path), retention_s=DAY_S)
    path = trash.find(str(tmp_path))[uuid(1)]
    trash.take(path, f"{folder}/a_img.qcow2")
    assert sorted(os.listdir(os.path.dirname(path))) == ["b.qcow2", "b.qcow2.startup", vm_folders.MARK, "retention_s"]
    assert startup_notes.read(f"{folder}/a_img.qcow2") == "a" * 32


@pytest.mark.parametrize("text", [None, "{", '{"slice_id": 1000}'])
def test_a_disk_in_the_trash_is_found_by_its_own_uuid_if_the_owner_file_is_damaged(tmp_path, text):
    need_attributes(tmp_path)
    path = Path(put(tmp_path, 1001))
    os.setxattr(path, origins.ATTRIBUTE, uuid(1001).encode())
    path.with_name(vm_folders.MARK).unlink()
    if text is not None:
        path.with_name(vm_folders.MARK).write_text(text)
    assert trash.find(str(tmp_path)) == {uuid(1001): str(path)}


def test_a_run_that_is_killed_while_it_moves_disks_has_said_how_long_they_stay(tmp_path, monkeypatch):
    """Otherwise the next run would apply its own retention time, which may be none."""
    rename = os.rename

    def kill(source: str, target: str) -> None:
        rename(source, target)
        if source.endswith(".qcow2"):
            raise KeyboardInterrupt

    monkeypatch.setattr(os, "rename", kill)
    with pytest.raises(KeyboardInterrupt):
        put(tmp_path, 1001)
    monkeypatch.setattr(os, "rename", rename)
    assert trash.empty(str(tmp_path), retention_s=0) == []
    assert set(trash.find(str(tmp_path))) == {uuid(1001)}


def test_the_limit_of_free_space_is_capped_for_large_file_systems(tmp_path):
    put(tmp_path, 1001)
    huge = os.statvfs_result((1 << 20, 1 << 20, 1 << 20, 0, 11 << 10, 0, 0, 0, 0, 255))
    assert trash.empty(str(tmp_path), retention_s=DAY_S, statvfs=lambda _path: huge) == []


def test_restoring_a_disk_leaves_nothing_in_the_trash(tmp_path):
    path, target = put(tmp_path, 1001), tmp_path / "vms/1001/a_img.qcow2"
    trash.take(path, str(target))
    assert target.read_text() == "what tenant 1001 wrote"
    assert list((tmp_path / "trash").iterdir()) == []


def test_what_is_moved_is_on_disk_before_anything_follows(tmp_path, monkeypatch):
    flushed: list[str] = []
    monkeypatch.setattr(trash.files, "flush", lambda path, **_named: flushed.append(path))
    path, target = put(tmp_path, 1001), tmp_path / "vms/1001/a_img.qcow2"
    assert [os.path.dirname(path), str(tmp_path / "vms/1001")] == flushed[-2:]
    flushed.clear()
    trash.take(path, str(target))
    assert flushed == [str(tmp_path / "vms/1001")]


def test_a_disk_that_is_gone_from_the_trash_is_not_found(tmp_path):
    Path(put(tmp_path, 1001)).unlink()
    assert trash.find(str(tmp_path)) == {}


def test_nothing_is_moved_without_overlays(tmp_path):
    trash.put([], vm_folders.Folder(str(tmp_path / "vms/1001")), state_dir=str(tmp_path), retention_s=DAY_S)
    assert list(tmp_path.iterdir()) == []


def test_names_are_counted_on(tmp_path, monkeypatch):
    monkeypatch.setattr(trash.time, "time", lambda: 1_795_371_735.5)
    for _each in range(3):
        put(tmp_path, 1001)
    assert sorted(os.path.basename(entry.path) for entry in trash.entries(str(tmp_path))) == [
        "1795371735-1001",
        "1795371735-1001-1",
        "1795371735-1001-2",
    ]
    assert {os.stat(entry.path).st_mode & 0o777 for entry in trash.entries(str(tmp_path))} == {0o700}


def full_until(freed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no file be written before C(freed) is gone, as on a full file system."""
    write = trash.files.write_text

    def write_text(path: str, text: str, *, mode: int) -> None:
        if freed.exists():
            raise OSError(errno.ENOSPC, "No space left on device", path)
        write(path, text, mode=mode)

    monkeypatch.setattr(trash.files, "write_text", write_text)


def deleted(state_dir: Path, number: int) -> tuple[Path, list[trash.Early]]:
    """Delete a disk, and return its former path and what was removed in place of being kept."""
    folder = state_dir / f"vms/{number}"
    disk = folder / "a_img.qcow2"
    found = vm_folders.read_one(str(folder))
    assert found is not None
    return disk, trash.put([str(disk)], found, state_dir=str(state_dir), retention_s=DAY_S)


def test_a_full_file_system_makes_space_for_a_disk_with_the_oldest_in_the_trash(tmp_path, monkeypatch):
    oldest, other = (Path(put(tmp_path, number, ago_s=ago_s)).parent for number, ago_s in ((1002, 9), (1003, 5)))
    path = Path(put(tmp_path, 1001))
    path.rename(tmp_path / "vms/1001/a_img.qcow2")
    vm_folders.remove(str(path.parent))
    full_until(oldest, monkeypatch)
    disk, removed = deleted(tmp_path, 1001)
    assert removed == [trash.Early((f"{oldest}/a_img.qcow2",), 1000, DAY_S - 9)]
    assert not disk.exists()
    assert set(trash.find(str(tmp_path))) == {uuid(1001), uuid(1003)}
    assert other.exists()


def test_a_disk_is_removed_if_there_is_no_space_for_keeping_it(tmp_path, monkeypatch):
    path = Path(put(tmp_path, 1001))
    path.rename(tmp_path / "vms/1001/a_img.qcow2")
    vm_folders.remove(str(path.parent))
    full_until(tmp_path, monkeypatch)
    disk, removed = deleted(tmp_path, 1001)
    assert removed == [trash.Early((str(disk),), 1000, DAY_S)]
    assert not disk.exists()
    assert list((tmp_path / "trash").iterdir()) == []
    assert trash.empty(str(tmp_path), retention_s=60) == []


def test_any_other_failure_leaves_the_disk_where_it_is(tmp_path, monkeypatch):
    path = Path(put(tmp_path, 1001))
    path.rename(tmp_path / "vms/1001/a_img.qcow2")

    def fail(path: str, _text: str, **_mode: int) -> None:
        raise OSError(errno.EIO, "Input/output error", path)

    monkeypatch.setattr(trash.files, "write_text", fail)
    with pytest.raises(OSError, match="Input/output error"):
        deleted(tmp_path, 1001)
    assert (tmp_path / "vms/1001/a_img.qcow2").exists()


@pytest.mark.parametrize(
    ("blocks", "free", "is_full"),
    [
        (2000, 99, True),
        (2000, 100, False),
        (1 << 20, 2559, True),
        (1 << 20, 2560, False),
        (19, 0, False),
        (20, 0, True),
    ],
)
def test_a_file_system_is_full_below_a_twentieth_and_below_10_gib(blocks: int, free: int, is_full: bool) -> None:
    unit = 1 if blocks < 1 << 20 else 4 << 20
    state = os.statvfs_result((unit, unit, blocks, 0, free, 0, 0, 0, 0, 255))
    assert trash._is_full(state) is is_full


def test_a_warning_names_slice_disks_and_until_when_they_would_have_been_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trash.time, "time", lambda: 1_795_371_735.5)
    removed = [trash.Early(("/a", "/b"), 1000, 3600), trash.Early(("/c",), None, 60)]
    assert trash.warnings([]) == []
    assert trash.warnings(removed) == [
        "the file system of the trash is nearly full, so these disks were removed before their time: "
        "/a, /b of slice 1000 (to be kept until 2026-11-22T19:22:15Z); "
        "/c of an unknown slice (to be kept until 2026-11-22T18:23:15Z)"
    ]


def test_a_folder_without_disks_that_was_removed_early_is_named_itself(tmp_path):
    entry = trash.Entry(str(tmp_path), 60, {}, 1000, 90)
    assert trash.Early.of(entry, DAY_S) == trash.Early((str(tmp_path),), 1000, 30)


def test_only_disks_with_a_uuid_are_found_in_the_trash(tmp_path):
    folder = tmp_path / "trash/1-1001"
    folder.mkdir(parents=True)
    mark(folder, disks={"a_img.qcow2": None, "b_img.qcow2": uuid(2), "c_img.qcow2": uuid(3)})
    for name in "ab":
        (folder / f"{name}_img.qcow2").write_text("")
    (entry,) = trash.entries(str(tmp_path))
    assert (dict(entry.disks), entry.slice_id) == ({uuid(2): f"{folder}/b_img.qcow2"}, 1000)
    # The list has all of them.
    told = [(each["path"], each["uuid"]) for each in trash.listed(str(tmp_path), retention_s=60)]
    assert told == [(f"{folder}/a_img.qcow2", None), (f"{folder}/b_img.qcow2", uuid(2))]
    (folder / "identity.json").unlink()
    (entry,) = trash.entries(str(tmp_path))
    assert (dict(entry.disks), entry.slice_id) == ({}, None)
    assert trash.Ages() == trash.Ages("", 0, {})


def test_disks_are_moved_to_the_trash_all_or_none(tmp_path, monkeypatch):
    folder = tmp_path / "vms/1001"
    folder.mkdir(parents=True)
    mark(folder, disks={"a_img.qcow2": uuid(1), "b.qcow2": uuid(2)})
    paths = [folder / name for name in ("a_img.qcow2", "b.qcow2")]
    for path in paths:
        path.write_text(path.name)
    rename, moved = os.rename, list[str]()

    def fail(source: str, target: str) -> None:
        if source == str(paths[1]):
            raise OSError(errno.ENOSPC, "No space left on device", target)
        moved.append(os.path.basename(source))
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail)
    found = vm_folders.read_one(str(folder))
    assert found is not None
    assert trash._is_moved([str(path) for path in paths], found, str(tmp_path), retention_s=60) is False
    assert [path.read_text() for path in paths] == ["a_img.qcow2", "b.qcow2"]
    assert "a_img.qcow2" in moved
    assert trash.entries(str(tmp_path)) == []
    monkeypatch.undo()
    monkeypatch.setattr(times, "uptime_s", lambda: 1.0)
    assert trash._is_moved([str(path) for path in paths], found, str(tmp_path), retention_s=60) is True


def test_disks_in_the_trash_are_listed_with_the_time_that_is_left(tmp_path):
    path = put(tmp_path, 1001, ago_s=3600)
    (entry,) = trash.listed(str(tmp_path), retention_s=60)
    assert entry == {"path": path, "uuid": uuid(1001), "slice_id": 1000, "left_s": DAY_S - 3600}


def test_ages_are_rounded_to_milliseconds_and_begin_at_0(tmp_path, monkeypatch):
    path = put(tmp_path, 1001)
    name = os.path.basename(os.path.dirname(path))
    assert json.loads(Path(trash.path_in(str(tmp_path))).read_text())["ages_s"] == {name: 0.0}
    monkeypatch.setattr(times, "uptime_s", lambda: 10.0 * DAY_S + 0.12345)
    put(tmp_path, 1002)
    ages = json.loads(Path(trash.path_in(str(tmp_path))).read_text())["ages_s"]
    assert sorted(ages.values()) == [0.0, 0.123]


def test_the_note_of_a_start_up_goes_with_its_disk_to_the_trash_and_back(tmp_path):
    disk = f"{tmp_path}/vms/1001/a_img.qcow2"
    (tmp_path / "vms/1001").mkdir(parents=True)
    startup_notes.write(disk, "0" * 32)
    path = put(tmp_path, 1001)
    assert startup_notes.read(disk) is None
    trash.take(path, disk)
    assert startup_notes.read(disk) == "0" * 32
