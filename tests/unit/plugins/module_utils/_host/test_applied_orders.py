# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import applied_orders, revisions
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import vnc
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.config import VNC_SECRET
from ansible_collections.cloudrepo.slices.plugins.module_utils.applied import AppliedSlice, AppliedVm, KnownDisplay
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import SliceOrder

from .fakes import mark, uuid

RECORD = '{"slice":{}}'
SEEN = [
    {"slice_id": 1000, "vm_id": 1001, "state": "running", "pid": "7"},
    {"slice_id": 1035, "vm_id": 1036, "state": "stopped", "pid": None},
]


def note(tmp_path: Path, *orders: SliceOrder, **how: Any) -> None:
    applied_orders.note(orders, how.pop("vms", ()), state_dir=str(tmp_path), **{"kind": revisions.WORKER, **how})


def read(tmp_path: Path, kind: str = revisions.WORKER) -> tuple[AppliedSlice, ...]:
    return applied_orders.read(str(tmp_path), kind)


def order(slice_id: int, record: str | None = RECORD, revision: int | None = 5) -> SliceOrder:
    return SliceOrder(slice_id, (), revision=revision, record=record)


def test_applied_orders_are_stored_by_kind_and_readable_only_by_root(tmp_path: Path) -> None:
    note(tmp_path, order(1000), order(1035), vms=SEEN)
    assert read(tmp_path) == (
        AppliedSlice(1000, RECORD, revision=5, vms=(AppliedVm(1001, "running", "7"),)),
        AppliedSlice(1035, RECORD, revision=5, vms=(AppliedVm(1036, "stopped"),)),
    )
    assert read(tmp_path, revisions.NETWORK_NODE) == ()
    path = tmp_path / "applied/worker/1000.json"
    assert [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent)] == [0o600, 0o700]


def test_a_record_is_written_only_if_it_differs_and_removed_with_its_slice(tmp_path: Path) -> None:
    note(tmp_path, order(1000), order(1035))
    paths = [tmp_path / f"applied/worker/{slice_id}.json" for slice_id in (1000, 1035)]
    inodes = [path.stat().st_ino for path in paths]
    note(tmp_path, order(1000), order(1035, revision=6))
    assert [path.stat().st_ino == inode for path, inode in zip(paths, inodes)] == [True, False]
    note(tmp_path, order(1000, None))
    assert [each.slice_id for each in read(tmp_path)] == [1035]


def test_applied_orders_of_another_cloud_are_removed(tmp_path: Path) -> None:
    note(tmp_path, order(1000))
    note(tmp_path, order(1000), kind=revisions.NETWORK_NODE)
    applied_orders.forget(str(tmp_path))
    assert read(tmp_path) == read(tmp_path, revisions.NETWORK_NODE) == ()


@pytest.mark.parametrize("text", ["", "{}", '{"slice_id": 1000, "record": "no"}'])
def test_a_damaged_record_is_an_error_with_its_path(tmp_path: Path, text: str) -> None:
    note(tmp_path, order(1000))
    path = tmp_path / "applied/worker/1000.json"
    path.write_text(text)
    with pytest.raises(Refused) as refused:
        read(tmp_path)
    assert [(each.code, each.object) for each in refused.value.refusals] == [("applied_order_unreadable", str(path))]
    assert refused.value.message.startswith(f"{path} cannot be read as an applied work order (")
    assert refused.value.fields["path"] == str(path)


def test_a_damaged_record_does_not_hide_the_uuids_of_others(tmp_path: Path) -> None:
    named = replace(order(1000), slice_uuid=uuid(1))
    note(tmp_path, named, order(1035))
    folder = tmp_path / "applied/worker"
    (folder / "1035.json").write_text("{")
    for other in ("1042.txt", "x.json", "1043.json.new"):
        (folder / other).write_text("")
    assert applied_orders.uuids(str(tmp_path), revisions.WORKER) == {
        (f"{folder}/1000.json", 1000): uuid(1),
        (f"{folder}/1035.json", 1035): None,
    }
    assert applied_orders.uuids(str(tmp_path), revisions.NETWORK_NODE) == {}


def test_passwords_are_those_of_displays_that_have_both_files(tmp_path: Path) -> None:
    for vm_id, names in ((1001, ("vnc.id", "vnc.secret")), (1002, ("vnc.id",)), (1003, ("vnc.secret",))):
        folder = tmp_path / f"vms/{vm_id}"
        folder.mkdir(parents=True)
        mark(folder, vm_uuid=uuid(vm_id))
        texts = {"vnc.id": (vnc.NOTED, "8b1a9953c4611296\n"), "vnc.secret": (VNC_SECRET, "hMr3kWpa")}
        for name in names:
            (folder / texts[name][0]).write_text(texts[name][1])
    assert applied_orders.passwords(str(tmp_path)) == [KnownDisplay(1001, "8b1a9953c4611296", "hMr3kWpa", uuid(1001))]


@pytest.mark.parametrize("name", [vnc.NOTED, VNC_SECRET])
def test_a_password_that_cannot_be_read_does_not_hide_those_of_others(tmp_path: Path, name: str) -> None:
    for vm_id in (1001, 1002):
        folder = tmp_path / f"vms/{vm_id}"
        folder.mkdir(parents=True)
        mark(folder, vm_uuid=uuid(vm_id))
        for each in (vnc.NOTED, VNC_SECRET):
            (folder / each).write_text("8b1a9953c4611296")
    (tmp_path / "vms/1001" / name).unlink()
    (tmp_path / "vms/1001" / name).mkdir()
    assert [each.vm_id for each in applied_orders.passwords(str(tmp_path))] == [1002]


def test_changed_states_of_vms_are_written(tmp_path: Path) -> None:
    note(tmp_path, order(1000), vms=SEEN[:1])
    note(tmp_path, order(1000), vms=[{**SEEN[0], "state": "stopped", "pid": None}])
    assert read(tmp_path)[0].vms == (AppliedVm(1001, "stopped"),)
