# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cluster as one value: a stored cluster is loaded unchanged, including files of Cloud Repositorio."""

from __future__ import annotations

import copy
import json
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils import identity
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import invariants, lost_workers, machines
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.work_orders import hand_out
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import SliceRef
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster, read_flavor, slice_ref
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.history import Caller, Entry, Kept
from ansible_collections.cloudrepo.slices.plugins.module_utils.stored_fields import FieldError
from ansible_collections.cloudrepo.slices.plugins.module_utils.workers import Load, Worker

from ._domain import builders

FIXTURE = Path(__file__).parents[3] / "fixtures" / "slice_1000.json"
SLICE = json.loads(FIXTURE.read_text(encoding="utf-8"))
ADMIN = {"username": "admin", "password_hash": "!", "quota_vms": 10, "used_vms": 2, "slices": [1000]}


def old_file() -> dict[str, Any]:
    """Return a database of Cloud Repositorio, without flavors, and with numbers of VMs and unknown fields."""
    return copy.deepcopy(
        {
            "workers_list": ["10.0.10.1", "10.0.10.2", "10.0.10.3"],
            "users": {"admin": ADMIN},
            "workers": {"10.0.10.1": {"max_vms": 10, "used_vms": 1}, "10.0.10.2": {"max_vms": 10, "used_vms": 1}},
            "slices": {"1000": SLICE},
            "next_vm_id": 1003,
            "next_vlan_id": 101,
        }
    )


def test_a_file_of_cloud_repositorio_is_stored_unchanged() -> None:
    held = Cluster.from_dict(old_file())
    assert held.to_dict() == old_file()
    assert list(held.workers) == ["10.0.10.1", "10.0.10.2", "10.0.10.3"]
    assert held.workers["10.0.10.1"].max_vms == 10
    assert sorted(held.flavors) == ["cirros", "ubuntu"]


def test_workers_as_a_plain_list() -> None:
    data = old_file()
    del data["workers"]
    held = Cluster.from_dict(data)
    assert len(held.workers) == 3
    assert held.to_dict() == data
    held.workers["10.0.10.3"].schedulable = False
    assert held.to_dict()["workers"] == {"10.0.10.3": {"schedulable": False}}
    del held.workers["10.0.10.3"]
    assert held.to_dict()["workers_list"] == ["10.0.10.1", "10.0.10.2"]


def test_changes_of_workers_in_a_plain_list_are_stored() -> None:
    held = Cluster.from_dict(old_file())
    held.flavors["cirros"]["checksum"] = "ab" * 32
    held.workers["10.0.10.1"].cores = 4
    held.workers["10.0.10.4"] = Worker("10.0.10.4")
    data = held.to_dict()
    assert sorted(data["flavors"]) == ["cirros", "ubuntu"]
    assert data["workers"]["10.0.10.1"] == {"cores": 4, "max_vms": 10, "used_vms": 1}
    assert data["workers"]["10.0.10.4"]["ip"] == "10.0.10.4"
    assert (data["next_vlan_id"], data["workers_list"]) == (101, ["10.0.10.1", "10.0.10.2", "10.0.10.3"])


def test_an_invalid_entry_of_a_worker_is_reported() -> None:
    with pytest.raises(FieldError, match=r"workers\.10\.0\.10\.1\.max_vms: must be int or null, got str 'ten'"):
        Cluster.from_dict({"workers": {"10.0.10.1": {"max_vms": "ten"}}})


def test_a_revision_is_the_time_and_never_decreases() -> None:
    held = Cluster()
    assert held.revision is None
    held.revise(now_ms=lambda: 5000)
    assert (held.revision, held.to_dict()["revision"]) == (5000, 5000)
    held.revise(now_ms=lambda: 4000)
    assert held.revision == 5001
    held.revise(7000, None, now_ms=lambda: 4000)
    assert held.revision == 7001
    assert "revision" not in held.content()
    with pytest.raises(FieldError, match=r"revision: must be int, got str 'new'"):
        Cluster.from_dict({"revision": "new"})


def test_the_identity_of_a_cloud_is_created_once_and_is_not_content() -> None:
    held = Cluster()
    assert held.cloud is None
    made = held.identify("lab")
    assert (made.title, made.uuid == made.incarnation) == ("lab", False)
    assert held.identify("other") == made
    again = Cluster.from_dict(held.to_dict())
    assert again.cloud == made
    assert again.content() == Cluster().content()


def test_an_invalid_identity_of_a_cloud_is_reported_with_its_place() -> None:
    with pytest.raises(FieldError, match=r"cloud\.uuid: must be a UUID, got str '1'"):
        Cluster.from_dict({"cloud": {"uuid": "1", "title": "lab", "incarnation": "2"}})
    with pytest.raises(FieldError, match=r"left_behind\.vlan_pool: must be list, got int '5'"):
        Cluster.from_dict({"left_behind": {"vlan_pool": 5}})
    with pytest.raises(FieldError, match=r"lost_machines"):
        Cluster.from_dict({"lost_machines": [5]})


def test_counters_continue_from_allocated_ids() -> None:
    held = Cluster(next_vm_id=1010, extra={"revision": 5})
    held.lift(next_vm_id=1005, revision=None)
    assert (held.next_vm_id, held.revision) == (1010, 5)
    held.lift(next_vm_id=1036, revision=7)
    assert (held.next_vm_id, held.revision) == (1036, 7)
    held.lift(next_vm_id=1036, revision=6)
    assert held.revision == 7
    fresh = Cluster()
    fresh.lift(next_vm_id=1000, revision=1)
    assert fresh.revision == 1


def test_a_replacement_database_does_not_allocate_ids_again() -> None:
    new, old = Cluster.from_dict({**old_file(), "next_vm_id": 1036}), Cluster.initial()
    cloud = new.identify("lab")
    old.set_cloud(cloud)
    held = Cluster.from_dict(new.to_dict())
    held.replace(old)
    assert (held.next_vm_id, held.slices, held.cloud) == (1036, {}, cloud)
    assert held.left_behind("vlan_pool") == {0}
    assert held.left_behind("vnc_port") == {5901, 5902}
    assert held.left_behind("address") == {int("0a3c0765", 16)}
    again = Cluster.from_dict(held.to_dict())
    assert again.left_behind("vlan_pool") == {0}
    again.replace(Cluster.from_dict(new.to_dict()))
    assert "left_behind" not in again.to_dict(), "what comes back is known again"
    assert again.content() == new.content()


def test_a_replacement_database_is_a_new_incarnation_of_the_cloud() -> None:
    one, other, nobody = Cluster(), Cluster(), Cluster()
    mine, theirs = one.identify("one"), other.identify("other")
    one.replace(nobody)
    assert one.cloud == mine
    one.replace(other)
    assert one.cloud is not None
    assert (one.cloud.uuid, one.cloud.title) == (theirs.uuid, "other")
    assert one.cloud.incarnation not in (mine.incarnation, theirs.incarnation)
    nobody.replace(other)
    assert nobody.cloud is not None
    assert (nobody.cloud.uuid, nobody.cloud.incarnation == theirs.incarnation) == (theirs.uuid, False)


def test_a_replacement_database_has_a_higher_revision_than_both() -> None:
    old, new = Cluster(extra={"revision": 10**14}), Cluster(extra={"revision": 10**14 + 5})
    old.replace(new)
    assert (old.revision, new.revision) == (10**14 + 6, 10**14 + 5)
    new.replace(old)
    assert new.revision == 10**14 + 7


@pytest.mark.parametrize("how", ["disk", "vm"])
def test_a_replacement_database_deletes_no_disk_that_a_vm_has_now(how: str) -> None:
    present = builders.cluster()
    disks = [{"name": "db", "size_gb": 1}, {"name": "log", "size_gb": 1}]
    vms = [builders.vm("vm1", data_disks=disks), builders.vm("vm2")]
    slice_ = builders.deployed(builders.put(present, builders.topology(vms=vms)))
    hand_out([slice_])
    first, other = copied(present), copied(present)
    vm = first.slices[1000].vms[0]
    if how == "vm":
        vm.deleting = True
        given_up = vm.disks
    else:
        vm.disks[2].extra["given_up"] = True
        given_up = vm.disks[2:]
    before = present.to_dict()
    with pytest.raises(Refused) as caught:
        present.replace(copied(first))
    assert caught.value.refusals == [
        Refusal("disk_taken_back", "VM web/vm1", {"disks": [disk.path for disk in given_up]})
    ]
    assert present.to_dict() == before
    # Nothing is lost if the present version deletes them as well, or if the disks are others with the same paths.
    copied(first).replace(copied(first))
    for disk in other.slices[1000].vms[0].disks:
        disk.extra["uuid"] = identity.new_uuid()
    other.replace(first)


MACHINES = {"10.0.10.1": "a" * 32, "10.0.10.2": "b" * 32}
OTHER_MACHINE = "c" * 32


def with_machines() -> Cluster:
    """A cluster with a running VM on each of two workers."""
    held = builders.cluster()
    held.identify("lab")
    for ip, machine_id in MACHINES.items():
        held.workers[ip].extra["machine_id"] = machine_id
    hand_out([builders.deployed(builders.put(held, builders.topology()))])
    return held


def lost_of(held: Cluster) -> tuple[list[str], list[str], dict[str, str]]:
    """The lost workers, the lost machines, and the states of VMs by worker."""
    workers = [ip for ip, worker in held.workers.items() if worker.lost]
    return workers, sorted(held.lost_machines), {vm.worker_ip: vm.status for vm in held.vms()}


def copied(held: Cluster) -> Cluster:
    return Cluster.from_dict(json.loads(json.dumps(held.to_dict())))


def restored(present: Cluster, backup: Cluster) -> Cluster:
    """The present cluster after the restoration of a backup, which breaks no rule."""
    present.restore(copied(backup))
    assert invariants.breaches(present) == []
    return present


@pytest.mark.parametrize("machine", [None, "a" * 32])
def test_the_network_node_is_not_restored(machine: str | None) -> None:
    backup = builders.cluster()
    backup.extra["network_node_machine_id"] = "b" * 32
    present = copied(backup)
    present.extra.pop("network_node_machine_id")
    if machine is not None:
        present.extra["network_node_machine_id"] = machine
    assert restored(present, backup).extra["network_node_machine_id"] == (machine or "b" * 32)


def declared_lost(held: Cluster) -> Cluster:
    found = copied(held)
    lost_workers.declare(found, "10.0.10.2")
    return found


def test_a_restored_backup_does_not_forget_that_a_worker_is_lost() -> None:
    backup = with_machines()
    present = declared_lost(backup)
    moved = present.slices[1000].vms[1]
    lost_workers.replace(present, [present.slices[1000]], [moved.vm_id])
    assert moved.worker_ip == "10.0.10.1"
    lost = (["10.0.10.2"], ["b" * 32], {"10.0.10.1": "running", "10.0.10.2": "error"})
    assert lost_of(restored(present, backup)) == lost
    assert lost_of(backup) == ([], [], {"10.0.10.1": "running", "10.0.10.2": "running"})
    # A VM that no host has is no error.
    fresh = with_machines()
    fresh.slices[1000].vms[1].handed_out = False
    fresh.slices[1000].vms[1].observed = None
    assert lost_of(restored(declared_lost(fresh), fresh))[2]["10.0.10.2"] == "pending"


def test_a_restored_backup_does_not_lose_a_worker_that_came_back() -> None:
    backup = declared_lost(with_machines())
    present = copied(backup)
    lost_workers.mark_returned(present, {"ip": "10.0.10.2", "machine_id": "b" * 32})
    found = restored(present, backup)
    assert lost_of(found)[:2] == ([], [])
    assert "lost_machines" not in found.to_dict()


def test_a_restored_worker_is_recognized_by_its_machine() -> None:
    """Its address in the backup may be that of another machine by now."""
    backup = with_machines()
    present = copied(backup)
    swapped = zip(MACHINES, reversed(MACHINES.values()))
    machines.follow(present, [{"ip": ip, "machine_id": each, "state": "present"} for ip, each in swapped])
    lost_workers.declare(present, "10.0.10.1")
    assert lost_of(restored(present, backup))[:2] == (["10.0.10.2"], ["b" * 32])


@pytest.mark.parametrize(("successor", "lost"), [(None, ["10.0.10.2"]), (OTHER_MACHINE, [])])
def test_a_lost_machine_that_is_in_the_backup_only_stays_lost(successor: str | None, lost: list[str]) -> None:
    """If another machine has its address, site has to be told which one the worker is."""
    backup = with_machines()
    present = declared_lost(backup)
    del present.slices[1000]
    present.users["admin"].slices, present.users["admin"].used_vms = [], 0
    del present.workers["10.0.10.2"]
    if successor is not None:
        present.workers["10.0.10.2"] = Worker("10.0.10.2", extra={"machine_id": successor})
    assert lost_of(restored(present, backup))[:2] == (lost, ["b" * 32])


def test_a_worker_without_a_machine_id_is_recognized_by_its_address() -> None:
    backup = with_machines()
    del backup.workers["10.0.10.2"].extra["machine_id"]
    lost = lost_of(restored(declared_lost(backup), backup))
    assert lost[:2] == (["10.0.10.2"], [])
    removed = copied(backup)
    removed.slices.clear()
    removed.users["admin"].slices, removed.users["admin"].used_vms = [], 0
    del removed.workers["10.0.10.2"]
    assert lost_of(restored(removed, declared_lost(backup)))[:2] == (["10.0.10.2"], [])


def test_a_cluster_that_knows_no_machines_takes_those_of_the_backup() -> None:
    backup = declared_lost(with_machines())
    other = with_machines()
    other.set_cloud(Cluster().identify("other"))
    for present in (Cluster(), Cluster.initial(), other):
        assert lost_of(restored(present, backup)) == lost_of(backup)


def test_a_copied_database_takes_its_lost_workers_along() -> None:
    """Unlike a backup, it is the present one."""
    present = with_machines()
    destination = declared_lost(present)
    destination.replace(copied(present))
    assert destination.content() == present.content()


def test_a_slice_is_found_by_name_unless_an_id_is_given() -> None:
    held = builders.cluster()
    web = builders.put(held, builders.topology("web"))
    assert held.find_slice("admin", "web") is web
    assert [held.find_slice("admin", name) for name in ("1000", "admin/web", "wbe")] == [None] * 3
    assert held.find_slice("alice", "web") is None
    assert [held.called(name) for name in ("web", "1000", "admin/web")] == [[web]] * 3


def test_vms_are_listed_by_worker() -> None:
    held = builders.cluster()
    builders.put(held, builders.topology())
    assert [[vm.name for vm in held.vms_on(f"10.0.10.{number}")] for number in (1, 2, 3)] == [["vm1"], ["vm2"], []]


@pytest.mark.parametrize(
    ("key", "bad"),
    [
        ("vnc_key", 7),
        ("revision", "7"),
        ("cloud", "lab"),
        ("left_behind", {"address": ["x"]}),
        ("network_node_trunk_mtu", "9000"),
        ("network_node_machine_id", 7),
        ("lost_machines", [7]),
        ("lost_machines", "a"),
        ("lost_marks", [7]),
        ("hosts", [7]),
        ("history", {"entries": "x"}),
        ("history", {"days": "x"}),
        ("noted", "x"),
    ],
)
def test_an_invalid_value_is_reported_with_its_place(key: str, bad: Any) -> None:
    with pytest.raises(FieldError, match=key):
        Cluster.from_dict({**old_file(), key: bad})


def test_allocations_are_found_at_both_ends_of_a_range() -> None:
    held = builders.cluster()
    first, second = (vm.vnc_port for vm in builders.put(held, builders.topology()).vms)
    assert (first, second) == (5901, 5902)
    assert held.held("vnc_port", first, second) == {first, second}
    assert held.held("vnc_port", second, second) == {second}
    assert held.held("vnc_port", second + 1, second + 9) == set()
    assert list(held.free("vnc_port", first, second + 1)) == [second + 1]


def test_the_newest_vm_is_the_one_with_the_highest_id() -> None:
    held = builders.cluster()
    assert held.newest_vm_worker() is None
    slice_ = builders.put(held, builders.topology())
    slice_.vms.reverse()
    assert held.newest_vm_worker() == slice_.vms[0].worker_ip != slice_.vms[1].worker_ip


def test_vms_without_a_flavor_do_not_count_as_load() -> None:
    held = builders.cluster()
    slice_ = builders.put(held, builders.topology())
    assert held.loads() == {vm.worker_ip: Load(cores=1, ram_gb=0.5, disk_gb=1, vms=1) for vm in slice_.vms}
    assert Load() == Load(cores=0, ram_gb=0, disk_gb=0, vms=0)
    slice_.vms[0].flavor = None
    assert set(held.loads()) == {slice_.vms[1].worker_ip}


def test_vms_from_an_image_are_those_with_its_checksum() -> None:
    held = builders.cluster()
    slice_ = builders.put(held, builders.topology())
    image, checksum = (str(held.flavors["cirros"][key]) for key in ("image", "checksum"))
    assert held.vms_from(image, checksum) == [("web", vm) for vm in slice_.vms]
    assert held.vms_from(image, "cd" * 32) == held.vms_from("/other.img", checksum) == []
    slice_.vms[0].flavor = None
    assert held.vms_from(image, checksum) == [("web", slice_.vms[1])]


def test_the_role_determines_who_is_an_admin() -> None:
    held = builders.cluster()
    assert [held.is_admin(name) for name in ("admin", "alice", "nobody")] == [True, False, False]
    held.users["alice"].extra["role"], held.users["admin"].extra["role"] = "admin", "tenant"
    assert [held.is_admin(name) for name in ("admin", "alice")] == [False, True]


def test_a_slice_is_named_in_changes_by_id_name_and_owner() -> None:
    held = builders.cluster()
    slice_ = builders.put(held, builders.topology())
    uuid = held.users["admin"].uuid
    assert uuid is not None
    assert slice_ref(slice_) == SliceRef(1000, "web", "admin", uuid)
    del slice_.extra["name"]
    assert slice_ref(slice_) == SliceRef(1000, "1000", "admin", uuid)


def test_the_history_is_no_part_of_the_content() -> None:
    first, second = Cluster(), Cluster()
    first.history, first.noted = Cluster.initial().history, [Entry("", "a", Caller(), None, ())]
    assert first.history is not second.history
    assert first == second
    assert {"history", "noted"}.isdisjoint(re.findall(r"(\w+)=", repr(first)))


def test_ids_of_slices_that_do_not_exist_are_skipped() -> None:
    held = builders.cluster()
    slice_ = builders.put(held, builders.topology())
    held.users["admin"].slices.append(1999)
    assert held.slices_of("admin") == [slice_]
    assert held.slices_of("alice") == []


def test_a_revision_is_in_milliseconds_since_1970() -> None:
    held = Cluster()
    before = time.time() * 1000
    held.revise()
    assert held.revision is not None
    assert before - 1 <= held.revision <= time.time() * 1000


def test_how_much_of_the_history_is_kept_is_stored_only_if_it_changes() -> None:
    held = Cluster()
    held.keep(Kept())
    assert (held.extra, held.kept) == ({}, Kept(1000, 365))
    held.keep(Kept(7, 8))
    assert (held.extra, held.kept) == ({"history": {"entries": 7, "days": 8}}, Kept(7, 8))


@pytest.mark.parametrize(("lifted", "revision"), [(None, 5000), (4999, 5000), (5000, 5000), (5001, 5001)])
def test_counters_are_only_raised(lifted: int | None, revision: int) -> None:
    held = Cluster(next_vm_id=1005, extra={"revision": 5000})
    extra = held.extra
    held.lift(next_vm_id=1004, revision=lifted)
    assert (held.next_vm_id, held.revision) == (1005, revision)
    assert (held.extra is extra) is (revision == 5000)
    empty = Cluster()
    empty.lift(next_vm_id=1006, revision=1)
    assert (empty.next_vm_id, empty.revision) == (1006, 1)


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ({"workers": {"10.0.10.1": {"machine_id": 7}}}, "workers.10.0.10.1.machine_id"),
        ({"kinds": {"router": 7}}, "kinds.router"),
        ({"kinds": []}, "kinds"),
        ({"flavors": {"a": {"cores": "x", "ram_gb": 1, "disk_gb": 1, "image": "/x"}}}, "flavors.a.cores"),
        ({"flavors": {"a": {"cores": 1, "ram_gb": "x", "disk_gb": 1, "image": "/x"}}}, "flavors.a.ram_gb"),
        ({"flavors": {"a": {"cores": 1, "ram_gb": 1, "disk_gb": "x", "image": "/x"}}}, "flavors.a.disk_gb"),
        ({"flavors": {"a": {"cores": 1, "ram_gb": 1, "disk_gb": 1, "image": 7}}}, "flavors.a.image"),
    ],
)
def test_a_value_of_the_wrong_type_is_reported_with_its_whole_place(data: dict[str, Any], place: str) -> None:
    with pytest.raises(FieldError) as caught:
        Cluster.from_dict({**old_file(), **data})
    assert str(caught.value).startswith(place)


def test_a_flavor_is_read_with_all_its_fields() -> None:
    flavor = {"cores": 1, "ram_gb": 0.5, "disk_gb": 1.5, "image": "/x", "checksum": "ab" * 32, "more": [1]}
    assert read_flavor(flavor) == flavor
    assert Cluster.from_dict({"flavors": {"a": flavor}}).flavors == {"a": flavor}


def test_kinds_are_stored_only_if_there_are_some() -> None:
    held = Cluster(extra={"other": 1})
    held.kinds = {"router": {"driver": "x"}}
    assert (held.extra, held.kinds) == ({"other": 1, "kinds": {"router": {"driver": "x"}}}, {"router": {"driver": "x"}})
    held.kinds = {"pc": {}}
    assert held.extra == {"other": 1, "kinds": {"pc": {}}}
    held.kinds = {}
    assert (held.extra, held.kinds) == ({"other": 1}, {})


def test_the_content_of_a_database_has_no_counters_and_no_identity() -> None:
    held = builders.cluster()
    builders.put(held, builders.topology())
    before = held.content()
    assert before["slices"]["1000"]["owner"] == "admin"
    held.slices[1000].extra["revision"] = 7
    held.next_vm_id += 1
    held.extra = {**held.extra, "revision": 8, "left_behind": {"id": [1]}, "noted": 9}
    held.identify("lab")
    assert held.content() == before
    held.extra = {**held.extra, "vnc_key": "k"}
    assert held.content() == {**before, "vnc_key": "k"}


def test_what_is_replaced_goes_and_what_is_new_comes() -> None:
    one, other = builders.cluster(), builders.cluster()
    builders.put(one, builders.topology("mine"))
    one.users["bob"], one.workers["10.0.10.9"], one.flavors["x"] = one.users["alice"], Worker("10.0.10.9"), {}
    one.extra = {**one.extra, "noted": 3, "vnc_key": "mine"}
    other.extra = {**other.extra, "noted": 7, "vnc_key": "theirs", "left_behind": {"id": [5]}}
    builders.put(other, builders.topology("theirs"))
    one.replace(other)
    assert [slice_.name for slice_ in one.slices.values()] == ["theirs"]
    assert ("bob" in one.users, "10.0.10.9" in one.workers, "x" in one.flavors) == (False, False, False)
    assert (one.extra["noted"], one.extra["vnc_key"]) == (3, "theirs")
    assert one.extra.get("left_behind", {}).get("id") != [5]


@pytest.mark.parametrize(
    "bad", ["x", {"key": 7, "texts": {}, "slices": {}}, {"key": "a", "texts": [], "slices": {}}, {"texts": {}}]
)
def test_stored_user_data_has_its_types(bad: Any) -> None:
    with pytest.raises(FieldError, match="user_data"):
        Cluster.from_dict({**old_file(), "user_data": bad})


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (["0-9"], "vlans: must be a mapping, got list \"['0-9']\""),
        ({"vlan_pools": 7}, "vlans.vlan_pools: must be str, got int '7'"),
        ({"management_vlan": "7"}, "vlans.management_vlan: must be int, got str '7'"),
        ({"vlan_pools": "0-100"}, "vlans: must be ranges of pools such as 0-49,60-79"),
    ],
)
def test_invalid_vlans_of_a_cloud_are_reported_with_their_place(stored: Any, message: str) -> None:
    with pytest.raises(FieldError) as caught:
        Cluster.from_dict({"vlans": stored})
    assert str(caught.value) == message


def test_numbers_are_left_behind_unless_a_slice_has_them() -> None:
    held = builders.cluster()
    builders.put(held, builders.topology())
    mine = held.in_use()
    assert (mine["vlan_pool"], mine["vnc_port"], len(mine["address"])) == ([0], [5901, 5902], 1)
    extra = held.extra
    held.leave_behind({**mine, "address": []})
    assert held.extra is extra
    held.leave_behind({"vlan_pool": [0, 7, 3], "vnc_port": [5902, 5903]})
    held.leave_behind({"vlan_pool": [3, 5]})
    assert held.extra["left_behind"] == {"vlan_pool": [3, 5, 7], "vnc_port": [5903]}
    assert held.in_use() == {**mine, "vlan_pool": [0, 3, 5, 7], "vnc_port": [5901, 5902, 5903]}


def test_the_last_revisions_are_listed_as_issued() -> None:
    held = Cluster()
    assert held.knows(7), "it does not know of any order"
    for _each in range(50):
        held.revise(now_ms=lambda: 100)
    assert held.issued == [*range(100, 150)]
    held.revise(now_ms=lambda: 200)
    assert (held.issued[0], held.issued[-2:], len(held.issued)) == (101, [149, 200], 50)
    assert [held.knows(each) for each in (100, 101, 149, 150, 199, 200)] == [True, True, True, False, False, True]
    held.take_in([160, 150])
    assert (held.issued[-4:-1], held.issued[-1]) == ([150, 160, 200], held.revision)
    held.forget_issued()
    assert held.issued == [held.revision]
    assert "issued_revisions" not in held.content()


def test_another_incarnation_has_issued_nothing() -> None:
    held = Cluster()
    cloud = held.identify("lab")
    held.revise()
    held.set_cloud(replace(cloud, title="other"))
    assert held.issued == [held.revision]
    held.set_cloud(cloud.with_new_incarnation())
    assert held.issued == []


@pytest.mark.parametrize("same", [True, False])
def test_a_replacement_continues_what_its_incarnation_has_issued(same: bool) -> None:
    present = Cluster()
    cloud = present.identify("lab")
    present.revise()
    backup = copied(present)
    if not same:
        backup.set_cloud(cloud.with_new_incarnation())
    present.revise()
    before = present.issued
    present.replace(backup)
    assert present.issued == [*(before if same else []), present.revision]


def test_a_raised_revision_brings_those_that_were_issued_before_it() -> None:
    held = Cluster(extra={"revision": 5, "issued_revisions": [3, 5]})
    held.lift(next_vm_id=1, revision=5, issued=[3, 4, 5])
    assert held.issued == [3, 5]
    held.lift(next_vm_id=1, revision=9, issued=[5, 7, 9])
    assert held.issued == [3, 5, 7, 9]
    fresh = Cluster()
    fresh.lift(next_vm_id=1, revision=9)
    assert fresh.issued == []
