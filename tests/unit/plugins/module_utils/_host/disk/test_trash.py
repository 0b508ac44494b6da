# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import vm_folders
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import trash

from ..fakes import mark, uuid

DAY_S = 24 * 3600


def put(state_dir: Path, number: int, *, ago_s: int = 0, monkeypatch: pytest.MonkeyPatch | None = None) -> str:
    """Create a disk, delete it some time ago, and return its path before and in the trash."""
    folder = state_dir / f"vms/{number}"
    folder.mkdir(parents=True, exist_ok=True)
    mark(folder, disks={"a_img.qcow2": uuid(number)})
    (folder / "a_img.qcow2").write_text(f"what tenant {number} wrote")
    found = vm_folders.read_one(str(folder))
    assert found is not None
    if monkeypatch is not None:
        now = time.time()
        monkeypatch.setattr(trash.time, "time", lambda: now - ago_s)
    trash.put([f"{folder}/a_img.qcow2"], found, state_dir=str(state_dir))
    if monkeypatch is not None:
        monkeypatch.undo()
    return trash.find(str(state_dir))[uuid(number)]


def test_a_disk_is_kept_in_the_trash_with_its_identity(tmp_path):
    path = put(tmp_path, 1001)
    assert Path(path).read_text() == "what tenant 1001 wrote"
    assert (tmp_path / "trash").stat().st_mode & 0o777 == 0o700
    assert sorted(os.listdir(os.path.dirname(path))) == ["a_img.qcow2", "identity.json"]
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


def test_expired_disks_are_deleted(tmp_path, monkeypatch):
    old = put(tmp_path, 1001, ago_s=2 * DAY_S, monkeypatch=monkeypatch)
    new = put(tmp_path, 1002)
    assert [entry.path for entry in trash.empty(str(tmp_path), retention_s=DAY_S)] == [os.path.dirname(old)]
    assert list(trash.find(str(tmp_path)).values()) == [new]
    trash.empty(str(tmp_path), retention_s=0)
    assert trash.entries(str(tmp_path)) == []


def test_entries_of_the_trash_without_a_time_or_identity_are_deleted_as_well(tmp_path):
    for name in ("old", "1-1001"):
        (tmp_path / "trash" / name).mkdir(parents=True)
        (tmp_path / "trash" / name / "a_img.qcow2").touch()
    assert trash.find(str(tmp_path)) == {}
    assert [Path(each.path).name for each in trash.empty(str(tmp_path), retention_s=DAY_S)] == ["1-1001"]
    # Somebody may have renamed one to keep it in mind.
    before = time.time() - 2 * DAY_S
    os.utime(tmp_path / "trash/old", (before, before))
    assert len(trash.empty(str(tmp_path), retention_s=DAY_S)) == 1
    assert list((tmp_path / "trash").iterdir()) == []


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
def test_a_full_file_system_empties_the_oldest_first(tmp_path, monkeypatch, free, removed):
    paths = [put(tmp_path, number, ago_s=1010 - number, monkeypatch=monkeypatch) for number in (1001, 1002, 1003)]
    left = iter(free)

    def statvfs(_path: str) -> os.statvfs_result:
        # The number of free blocks, of 100 blocks of 1 MiB.
        return os.statvfs_result((1 << 20, 1 << 20, 100, 50, next(left), 0, 0, 0, 0, 255))

    gone = trash.empty(str(tmp_path), retention_s=DAY_S, statvfs=statvfs)
    assert [entry.path for entry in gone] == [os.path.dirname(path) for path in paths[:removed]]


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
    assert flushed[-2:] == [os.path.dirname(path), str(tmp_path / "vms/1001")]
    flushed.clear()
    trash.take(path, str(target))
    assert flushed == [str(tmp_path / "vms/1001")]


def test_a_disk_that_is_gone_from_the_trash_is_not_found(tmp_path):
    Path(put(tmp_path, 1001)).unlink()
    assert trash.find(str(tmp_path)) == {}


def test_nothing_is_moved_without_overlays(tmp_path):
    trash.put([], vm_folders.Folder(str(tmp_path / "vms/1001")), state_dir=str(tmp_path))
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
    assert {entry.deleted for entry in trash.entries(str(tmp_path))} == {1_795_371_735}
