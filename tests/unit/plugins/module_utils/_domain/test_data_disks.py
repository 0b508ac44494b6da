# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Data disks: a VM gets them, keeps them, and gives them up only if a topology does not list them."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import (
    data_disks,
    lost_workers,
    receipts,
    records,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.data_disks import TRASHED
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.invariants import breaches
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.render_text import slice_table
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.slice_changes import changes
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.status import record, recorded
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.work_orders import work_orders
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Disk, Slice

from .builders import cluster, put, refusals, topology, vm
from .test_status import BOTH, NODE, NOW, answering, order, report

DB, LOG = {"name": "db", "size_gb": 5.0}, {"name": "log", "size_gb": 2.5}
LATER = "2026-02-01T12:00:00Z"
STATE_DIR = "/var/lib/cloudrepo"


def wanted(*disks: dict[str, Any], **other: Any) -> dict[str, Any]:
    """A slice whose VM vm1 has these data disks; vm2 is on the other worker."""
    return topology(vms=[vm("vm1", data_disks=list(disks)), vm("vm2", **other)])


def unchanged() -> dict[str, Any]:
    """The same slice, which says nothing about data disks."""
    return topology(vms=[vm("vm1"), vm("vm2")])


def deploy(held: Cluster, *reports: dict[str, Any], retention_h: int = 24) -> list[str]:
    order(held)
    told = answering(held, *(reports or BOTH))
    return record(held, list(held.slices.values()), told, seen_at=NOW, retention_h=retention_h)


def started(*disks: dict[str, Any]) -> tuple[Cluster, Slice]:
    """A deployed slice."""
    held = cluster()
    slice_ = put(held, wanted(*disks))
    assert deploy(held) == []
    return held, slice_


def of(slice_: Slice, place: int = 0) -> list[str]:
    return [data_disks.label(disk) for disk in slice_.vms[place].data_disks]


def test_a_new_disk_has_a_uuid_that_is_part_of_its_path() -> None:
    _held, slice_ = started(DB)
    overlay, disk = slice_.vms[0].disks
    assert (overlay.name, disk.name, disk.size_gb, disk.first_seen) == (None, "db", 5, NOW)
    assert disk.path == f"{STATE_DIR}/vms/1001/db_{str(disk.uuid)[:8]}.qcow2"


def test_a_topology_that_says_nothing_keeps_all_disks() -> None:
    held, slice_ = started(DB, LOG)
    stored = slice_.vms[0].to_dict()
    assert put(held, unchanged()).vms[0].to_dict() == stored
    assert put(held, wanted(LOG, DB)).vms[0].to_dict() == stored, "the order of the list has no meaning"


def test_a_disk_that_is_no_longer_listed_is_given_up_and_stays_until_its_host_has_reported() -> None:
    held, _slice = started(DB, LOG)
    slice_ = put(held, wanted(LOG))
    (gone,) = slice_.vms[0].given_up_disks
    assert (of(slice_), gone.name) == (["log 2.5 GiB"], "db")
    share = work_orders(held, [slice_], STATE_DIR)["workers"]["10.0.10.1"]["slices"][0]
    assert share["given_up"] == [{"vm_id": 1001, "path": gone.path, "uuid": gone.uuid, "name": "db"}]
    assert [disk.get("name") for disk in share["vms"][0]["disks"]] == [None, "log"]
    assert recorded([slice_]) is None
    assert deploy(held, report("10.0.10.1", 1001, failure="down"), *BOTH[1:]) != []
    assert slice_.vms[0].given_up_disks == [gone]
    assert deploy(held) == []
    entry = {"name": "db", "size_gb": 5.0, "uuid": gone.uuid, "first_seen": NOW, "until": LATER}
    assert (slice_.vms[0].given_up_disks, slice_.vms[0].extra[TRASHED]) == ([], [entry])
    assert recorded([slice_]) is not None
    assert breaches(held) == []


def test_a_disk_that_a_running_vm_has_open_waits() -> None:
    held, _slice = started(DB)
    slice_ = put(held, wanted())
    holding = report("10.0.10.1", 1001)
    holding["vms"][0]["holds_given_up"] = True
    assert deploy(held, holding, *BOTH[1:]) == []
    assert [disk.name for disk in slice_.vms[0].given_up_disks] == ["db"]
    assert deploy(held) == []
    assert slice_.vms[0].given_up_disks == []


def test_nothing_is_remembered_of_a_disk_that_no_trash_has() -> None:
    held, _slice = started(DB)
    slice_ = put(held, wanted())
    deploy(held, retention_h=0)
    assert TRASHED not in slice_.vms[0].extra
    put(held, wanted(LOG))
    order(held)
    put(held, wanted())
    deploy(held)
    assert TRASHED not in held.slices[1000].vms[0].extra, "no host has ever reported it"


def test_the_trash_of_a_lost_worker_is_not_known() -> None:
    held, _slice = started(DB, LOG)
    slice_ = put(held, wanted(LOG))
    lost_workers.declare(held, "10.0.10.1")
    deploy(held, *BOTH[1:])
    assert (slice_.vms[0].given_up_disks, TRASHED in slice_.vms[0].extra) == ([], False)


def test_a_vm_that_is_created_again_elsewhere_has_no_disks_in_the_trash() -> None:
    held, _slice = started(DB, LOG)
    put(held, wanted(LOG))
    deploy(held)
    slice_ = put(held, wanted())
    lost_workers.declare(held, "10.0.10.1")
    lost_workers.replace(held, [slice_], [1001])
    assert (slice_.vms[0].worker_ip, TRASHED in slice_.vms[0].extra) == ("10.0.10.2", False)
    assert [disk.name for disk in slice_.vms[0].disks] == [None]


def test_entries_of_the_trash_end_with_their_retention_time() -> None:
    held, _slice = started(DB, LOG)
    put(held, wanted(LOG))
    deploy(held)
    slice_ = put(held, wanted())
    data_disks.drop_given_up(slice_.vms[0], now=LATER, until="2026-02-02T12:00:00Z")
    assert [each["name"] for each in slice_.vms[0].extra[TRASHED]] == ["log"]


def test_a_disk_that_is_listed_again_before_the_next_deploy_is_the_same() -> None:
    held, slice_ = started(DB)
    before = slice_.vms[0].to_dict()
    put(held, wanted())
    again = put(held, wanted(DB)).vms[0].to_dict()
    assert again == before


def test_a_disk_of_a_vm_that_no_host_has_is_removed_at_once() -> None:
    held = cluster()
    put(held, wanted(DB))
    assert [disk.name for disk in put(held, wanted()).vms[0].disks] == [None]


def trashed() -> tuple[Cluster, Slice, str]:
    """A slice whose VM vm1 has given up a disk, and the UUID of that disk."""
    held, slice_ = started(DB)
    uuid = str(slice_.vms[0].disks[1].uuid)
    put(held, wanted())
    deploy(held)
    return held, held.slices[1000], uuid


def without_vm1(*disks: dict[str, Any], worker: str = "10.0.10.1") -> dict[str, Any]:
    return topology(vms=[vm("vm2"), vm("vm3", worker=worker, data_disks=list(disks))], links=[])


def test_the_disks_of_a_deleted_vm_are_restored_for_another_one_on_its_worker() -> None:
    held, slice_ = started(DB, LOG)
    log, db = (str(disk.uuid) for disk in (slice_.vms[0].disks[2], slice_.vms[0].disks[1]))
    put(held, wanted(LOG))
    deploy(held)
    slice_ = put(held, without_vm1())
    assert TRASHED not in slice_.extra
    deploy(held, report("10.0.10.1", 1003), *BOTH[1:])
    assert [each.name for each in slice_.vms] == ["vm2", "vm3"]
    entries = slice_.extra[TRASHED]
    assert [(each["name"], each["uuid"], each["vm"], each["worker_ip"]) for each in entries] == [
        ("db", db, "vm1", "10.0.10.1"),
        ("log", log, "vm1", "10.0.10.1"),
    ]
    shown = slice_table(slice_)
    assert f"data disk log 2.5 GiB of web/vm1: in the trash of 10.0.10.1 until {LATER}, restore {log}" in shown
    assert Slice.from_dict(slice_.to_dict()).to_dict() == slice_.to_dict()
    assert breaches(held) == []
    (refusal,) = refusals(held, without_vm1({**LOG, "restore": "5f0c1c5e-8a59-4c36-9d1c-6c1f8a1f0b77"}))
    assert (refusal.code, refusal.figures["known"]) == ("disk_not_in_trash", [f"db {db}", f"log {log}"])
    (refusal,) = refusals(held, topology(vms=[vm("vm2", data_disks=[{**LOG, "restore": log}]), vm("vm3")], links=[]))
    assert refusal.code == "disk_on_another_worker"
    slice_ = put(held, without_vm1({**LOG, "restore": log}))
    (disk,) = slice_.vms[1].data_disks
    assert (disk.name, disk.uuid, disk.first_seen) == ("log", log, NOW)
    assert [each["uuid"] for each in slice_.extra[TRASHED]] == [db]
    kept = records.record(slice_, 1)
    assert kept is not None
    assert TRASHED not in kept.slice
    moved = deepcopy(slice_)
    data_disks.move_trash(moved, {"10.0.10.1": "10.0.10.9"})
    assert [each["worker_ip"] for each in moved.extra[TRASHED]] == ["10.0.10.9"]
    data_disks.keep_of_deleted(slice_, (), now=LATER, until="2026-02-02T12:00:00Z")
    assert TRASHED not in slice_.extra, "the time is over"


@pytest.mark.parametrize("is_lost", [True, False])
def test_nothing_is_listed_of_a_deleted_vm_whose_disks_no_trash_has(is_lost: bool) -> None:
    held, _slice = started(DB)
    slice_ = put(held, without_vm1(worker="10.0.10.2"))
    if is_lost:
        lost_workers.declare(held, "10.0.10.1")
    deploy(held, report("10.0.10.1"), report("10.0.10.2", 1002, 1003), NODE, retention_h=24 if is_lost else 0)
    assert ([each.name for each in slice_.vms], TRASHED in slice_.extra) == (["vm2", "vm3"], False)


def test_a_disk_is_restored_from_the_trash_with_its_uuid_and_a_new_name() -> None:
    held, _slice, uuid = trashed()
    want = wanted({"name": "old", "size_gb": 6.0, "restore": uuid})
    slice_ = put(held, want)
    (disk,) = slice_.vms[0].data_disks
    assert (disk.name, disk.uuid, disk.size_gb, TRASHED in slice_.vms[0].extra) == ("old", uuid, 6, False)
    assert disk.first_seen == NOW, "its host must not create it empty"
    before = slice_.vms[0].to_dict()
    assert put(held, want).vms[0].to_dict() == before
    assert breaches(held) == []


def test_a_disk_moves_to_another_vm_on_its_worker_through_the_trash() -> None:
    held = cluster()
    vms = [vm("vm1", worker="10.0.10.1", data_disks=[DB]), vm("vm2", worker="10.0.10.1")]
    slice_ = put(held, topology(vms=vms))
    here = (report("10.0.10.1", 1001, 1002), report("10.0.10.2"), NODE)
    deploy(held, *here)
    uuid = slice_.vms[0].disks[1].uuid
    moving = [{**vms[0], "data_disks": []}, {**vms[1], "data_disks": [{**DB, "restore": uuid}]}]
    for already_given_up in (False, True):
        (refusal,) = refusals(held, topology(vms=[vms[0] if not already_given_up else moving[0], moving[1]]))
        assert (refusal.code, refusal.figures["vm"]) == ("disk_not_in_trash_yet", "vm1")
        assert "deploy the slice without db in the data_disks of VM vm1" in refusal.message
        put(held, topology(vms=[moving[0], vms[1]]))
    deploy(held, *here)
    slice_ = put(held, topology(vms=moving))
    (disk,) = slice_.vms[1].data_disks
    assert (of(slice_), disk.uuid) == ([], uuid)
    assert disk.path.startswith(f"{STATE_DIR}/vms/1002/db_")
    assert breaches(held) == []


def test_what_cannot_be_restored_is_refused() -> None:
    held, slice_, uuid = trashed()
    other = "0b9d4f5c-52a1-4b0e-9b7e-2f6a3d1c8e02"
    assert refusals(held, wanted({**DB, "restore": other})) == [
        Refusal("disk_not_in_trash", "VM web/vm1", {"got": other, "known": [f"db {uuid}"]})
    ]
    assert refusals(held, wanted(data_disks=[{**DB, "restore": uuid}])) == [
        Refusal("disk_on_another_worker", "VM web/vm2", {"got": uuid, "worker": "10.0.10.1", "other": "10.0.10.2"})
    ]
    assert refusals(held, wanted({**DB, "size_gb": 4.0, "restore": uuid})) == [
        Refusal("disk_cannot_shrink", "VM web/vm1", {"disk": "data disk db", "size": 5.0, "got": 4.0})
    ]
    put(held, wanted(DB))
    assert refusals(held, wanted({**DB, "restore": uuid})) == [
        Refusal("disk_name_in_use", "VM web/vm1", {"name": "db", "got": uuid})
    ]
    assert [each["uuid"] for each in held.slices[1000].vms[0].extra[TRASHED]] == [uuid], "a refusal changes nothing"
    del slice_


def test_another_slice_does_not_restore_it() -> None:
    held, _slice, uuid = trashed()
    (refusal,) = refusals(held, topology("lab", vms=[vm("vm1", data_disks=[{**DB, "restore": uuid}])], links=[]))
    assert (refusal.code, refusal.figures["known"]) == ("disk_not_in_trash", [])


@pytest.mark.parametrize(
    ("disks", "code", "message"),
    [
        ([{**DB, "name": "a_b"}], "invalid_name", "1-20 letters, digits and hyphens"),
        ([{**DB, "name": "a" * 21}], "invalid_name", "1-20 letters, digits and hyphens"),
        ([{**DB, "size_gb": 0.0}], "out_of_range", "size_gb must be 0.001-2097152, got 0"),
        ([DB, {**DB, "name": "DB"}], "listed_twice", "db"),
        ([{"name": f"d{number}", "size_gb": 1.0} for number in range(17)], "out_of_range", "must be 0-16, got 17"),
    ],
)
def test_invalid_lists_are_refused(disks: list[dict[str, Any]], code: str, message: str) -> None:
    (refusal,) = refusals(cluster(), wanted(*disks))
    assert (refusal.code, message in refusal.message) == (code, True), refusal.message


def test_a_disk_grows_and_does_not_shrink() -> None:
    held, slice_ = started(DB)
    first = slice_.vms[0].disks[1].to_dict()
    grown = put(held, wanted({**DB, "size_gb": 8.0})).vms[0].disks[1]
    assert grown.to_dict() == {**first, "size_gb": 8.0}
    assert refusals(held, wanted(DB)) == [
        Refusal("disk_cannot_shrink", "VM web/vm1", {"disk": "data disk db", "size": 8.0, "got": 5.0})
    ]


def test_the_first_disk_follows_a_larger_flavor_and_no_smaller_one() -> None:
    held = cluster()
    held.flavors["large"] = {**held.flavors["cirros"], "disk_gb": 4}
    put(held, topology(vms=[vm("vm1"), vm("vm2", flavor="large")]))
    slice_ = put(held, topology(vms=[vm("vm1", flavor="large"), vm("vm2", flavor="large")]))
    order_ = work_orders(held, [slice_], STATE_DIR)["workers"]["10.0.10.1"]
    assert order_["slices"][0]["vms"][0]["disks"][0]["size_bytes"] == 4 << 30
    assert refusals(held, topology(vms=[vm("vm1", flavor="large"), vm("vm2")])) == [
        Refusal("disk_cannot_shrink", "VM web/vm2", {"disk": "the disk of flavor cirros", "size": 4, "got": 1})
    ]
    held.flavors["large"]["disk_gb"] = 2
    again = put(held, topology(vms=[vm("vm1", flavor="large"), vm("vm2", flavor="large")]))
    assert [each.flavor["disk_gb"] for each in again.vms if each.flavor] == [4, 4], "nobody asked for a smaller disk"


def test_data_disks_count_as_disk_of_their_worker() -> None:
    held = cluster(workers=1, disk_gb=10)
    slice_ = put(held, wanted(DB))
    assert held.loads()["10.0.10.1"].disk_gb == 7
    (refusal,) = refusals(held, wanted({**DB, "size_gb": 8.5}))
    assert refusal.code == "no_room_to_grow"
    assert "10 GiB of disk total, 7 allocated, 3.5 requested" in refusal.message
    (refusal,) = refusals(held, wanted(DB, data_disks=[{**LOG, "size_gb": 3.5}]))
    assert refusal.code == "no_room_to_grow"
    assert of(put(held, wanted({**DB, "size_gb": 8.0}))) == ["db 8 GiB"]
    (refusal,) = refusals(held, topology("lab", vms=[vm("a")], links=[]))
    assert (refusal.code, "10 GiB of disk total, 10 allocated" in refusal.message) == ("no_room", True)
    del slice_


def test_a_given_up_disk_counts_until_its_host_has_reported() -> None:
    held, _slice = started(DB)
    put(held, wanted())
    assert held.loads()["10.0.10.1"].disk_gb == 6
    deploy(held)
    assert held.loads()["10.0.10.1"].disk_gb == 1


def test_a_new_vm_is_placed_where_its_data_disks_fit() -> None:
    held = cluster()
    held.workers["10.0.10.1"].disk_gb = 5
    assert put(held, wanted(DB)).vms[0].worker_ip == "10.0.10.2"


def test_changes_and_tables_name_the_disks() -> None:
    held, slice_ = started(DB)
    before = Slice.from_dict(slice_.to_dict())
    after = put(held, wanted(LOG))
    (change,) = changes(before, after)
    assert change.before is not None
    assert change.after is not None
    assert (change.before["data_disks"], change.after["data_disks"]) == (["db 5 GiB"], ["log 2.5 GiB"])
    assert change.restart
    told = slice_table(after)
    assert "data disks of web: vm1 log 2.5 GiB" in told
    assert "data disks given up by web: vm1 db 5 GiB" in told
    deploy(held)
    (entry,) = after.vms[0].extra[TRASHED]
    assert f"data disk db 5 GiB of web/vm1: in the trash until {LATER}, restore {entry['uuid']}" in slice_table(after)


def test_growth_needs_no_restart() -> None:
    held, slice_ = started(DB)
    before = Slice.from_dict(slice_.to_dict())
    (change,) = changes(before, put(held, wanted({**DB, "size_gb": 8.0})))
    assert change.before is not None
    assert change.after is not None
    told = (change.before["data_disks"], change.after["data_disks"], change.restart)
    assert told == (["db 5 GiB"], ["db 8 GiB"], False)


def test_hosts_store_no_disks_that_are_given_up() -> None:
    held, _slice = started(DB, LOG)
    put(held, wanted(DB))
    deploy(held)
    kept = records.record(put(held, wanted()), held.next_vm_id)
    assert kept is not None
    assert TRASHED not in kept.slice["vms"][0]
    assert [disk.get("name") for disk in kept.slice["vms"][0]["disks"]] == [None]


def test_damaged_disks_are_breaches() -> None:
    held, slice_ = started(DB, LOG)
    first, second, third = slice_.vms[0].disks
    third.extra["name"] = "db"
    slice_.vms[0].disks.append(Disk(f"{STATE_DIR}/vms/1001/x.qcow2"))
    first.extra["given_up"] = True
    slice_.vms[0].extra[TRASHED] = [{"name": "db", "uuid": second.uuid}]
    found = breaches(held)
    where = "VM web/vm1 (1001)"
    assert f"{where}: its first disk {first.path} is a data disk" in found
    assert f"{where}: its data disk {STATE_DIR}/vms/1001/x.qcow2 has no name or no size" in found
    assert f"{where}: 2 data disks have the name db" in found
    assert any(f"UUID {second.uuid} is allocated 2 times" in each for each in found)


def test_a_vm_without_a_first_disk_gets_no_data_disk() -> None:
    held, slice_ = started()
    slice_.vms[0].disks.clear()
    assert refusals(held, wanted(DB)) == [Refusal("stored_without", "VM web/vm1", {"what": "a disk"})]


@pytest.mark.parametrize("damaged", [{"name": None, "size_gb": 5}, {"name": "x", "size_gb": 0}])
def test_a_data_disk_needs_a_name_and_a_size(damaged: dict[str, Any]) -> None:
    _held, slice_ = started(DB)
    disk = slice_.vms[0].disks[1]
    disk.extra.update({key: value for key, value in damaged.items() if value is not None})
    if damaged["name"] is None:
        del disk.extra["name"]
    assert list(data_disks.violations(slice_.vms[0], "VM vm1")) == [
        Refusal("data_disk_incomplete", "VM vm1", {"path": disk.path})
    ]


def test_a_first_disk_has_no_name_of_a_data_disk() -> None:
    _held, slice_ = started(DB)
    assert list(data_disks.violations(slice_.vms[0], "VM vm1")) == []
    first = slice_.vms[0].disks[0]
    first.extra["name"] = "root"
    assert list(data_disks.violations(slice_.vms[0], "VM vm1")) == [
        Refusal("first_disk_is_data_disk", "VM vm1", {"path": first.path})
    ]


def test_a_disk_in_the_trash_is_restored_once() -> None:
    held, _slice, uuid = trashed()
    (refusal,) = refusals(held, wanted({**DB, "restore": uuid}, {**LOG, "size_gb": 5.0, "restore": uuid}))
    assert (refusal.code, refusal.figures) == ("listed_twice", {"kind": "data disk", "name": uuid, "count": 2})


def test_a_vm_without_a_first_disk_may_have_an_empty_list() -> None:
    held, slice_ = started()
    slice_.vms[0].disks.clear()
    assert put(held, wanted()).vms[0].disks == []


def test_the_names_of_disks_are_those_of_their_labels() -> None:
    _held, slice_ = started(DB, LOG)
    labels = [data_disks.label(disk) for disk in slice_.vms[0].data_disks]
    assert (labels, data_disks.names(labels)) == (["db 5 GiB", "log 2.5 GiB"], ["db", "log"])


def test_what_is_given_up_is_marked_for_its_receipt() -> None:
    held, slice_ = started(DB, LOG)
    slice_.extra.pop(receipts.RELEASE_ID, None)
    slice_ = put(held, wanted(LOG))
    assert slice_.extra[receipts.RELEASE_ID]
    slice_ = put(held, wanted(LOG, DB))
    assert [disk.name for disk in slice_.vms[0].given_up_disks] == []


@pytest.mark.parametrize(("size_gb", "is_right"), [(-1, False), (0, False), (0.5, True), (1, True)])
def test_a_data_disk_has_a_size(size_gb: float, is_right: bool) -> None:
    _held, slice_ = started(DB)
    slice_.vms[0].disks[1].extra["size_gb"] = size_gb
    assert (list(data_disks.violations(slice_.vms[0], "VM vm1")) == []) is is_right
