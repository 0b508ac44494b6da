# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Deleted slices are restored unchanged, unless one of their ids, VLANs or addresses is in use."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import registration, undelete
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.allocation import ManagementNetwork
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.invariants import breaches
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.teardown import forget, remove
from ansible_collections.cloudrepo.slices.plugins.module_utils.allocations import VNC_PORT
from ansible_collections.cloudrepo.slices.plugins.module_utils.bounds import FIRST_VNC_PORT, LAST_VNC_PORT
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Slice

from .builders import cluster, deployed, put, topology, vm

NOW, NEXT_DAY = "2026-01-31T12:00:00Z", "2026-02-01T12:00:00Z"


def delete(held: Cluster, slice_: Slice, retention_h: int = 24, now: str = NOW) -> dict[str, Any]:
    """Delete a slice from hosts and database, and return how it was stored."""
    before = slice_.to_dict()
    undelete.keep(held, slice_, now=now, retention_h=retention_h)
    remove(held, slice_)
    held.users[slice_.owner].used_vms -= len(slice_.vms)
    slice_.vms = []
    forget(held, slice_)
    return before


def restore(held: Cluster, name: str = "web", owner: str | None = None, **changes: Any) -> Slice:
    values = {"acting_user": "admin", "now": NOW, "network": ManagementNetwork(), **changes}
    return undelete.restore(held, name, owner=owner, **values)


def refusals(held: Cluster, name: str = "web", **changes: Any) -> list[str]:
    before = held.to_dict()
    with pytest.raises(Refused) as refused:
        restore(held, name, **changes)
    assert held.to_dict() == before
    return [refusal.message for refusal in refused.value.refusals]


def identity(slice_: Slice) -> Any:
    """The fields of a slice that must not change."""
    disks = [(disk.path, disk.uuid) for vm in slice_.vms for disk in vm.disks]
    macs = [nic.mac for vm in slice_.vms for nic in vm.interfaces]
    return slice_.slice_id, slice_.uuid, slice_.vlan_pool_used, [(vm.vm_id, vm.uuid) for vm in slice_.vms], disks, macs


@pytest.mark.parametrize("name", ["web", "admin/web", "1000"])
def test_a_deleted_slice_is_restored_unchanged(name):
    held = cluster()
    before = deployed(put(held, topology()))
    was = identity(before), before.vms[0].vnc_port, before.vms[0].interfaces[0].ip_config
    delete(held, before)
    assert (held.slices, held.users["admin"].used_vms) == ({}, 0)
    back = restore(held, name)

    assert (identity(back), back.vms[0].vnc_port, back.vms[0].interfaces[0].ip_config) == was
    assert [(each.status, each.deleting, each.pid) for each in back.vms] == [("design", False, None)] * 2
    assert held.slices == {1000: back}
    assert held.users["admin"].used_vms == 2
    assert list(breaches(held)) == []
    assert undelete.FIELD not in held.extra


@pytest.mark.parametrize(("expires", "kept"), [(NOW, None), (NEXT_DAY, NEXT_DAY)])
def test_a_restored_slice_is_not_deleted_again_because_it_had_expired(expires, kept):
    held = cluster()
    delete(held, deployed(put(held, topology(expires=expires))))
    assert restore(held).extra.get("expires") == kept


def test_allocations_that_other_slices_got_meanwhile_are_replaced():
    held = cluster()
    first = deployed(put(held, topology()))
    was = first.vms[0].interfaces[0].ip_config
    delete(held, first)
    other = put(held, topology("other", vms=[vm("vm1", internet=True)], links=[]))
    assert other.vms[0].interfaces[0].ip_config["ip"] == "10.60.7.101"
    back = restore(held)

    assert [each.vnc_port for each in back.vms] == [5903, 5902]
    assert back.vms[0].interfaces[0].ip_config == {**was, "ip": "10.60.7.102"}
    assert list(breaches(held)) == []


def test_a_name_or_a_pool_that_another_slice_has_is_refused():
    held = cluster()
    delete(held, deployed(put(held, topology())))
    held.next_vm_id = 1100
    put(held, topology())
    assert refusals(held) == [
        "slice web: name web is in use by slice 1100 of admin; names are unique among the slices of an owner",
        "slice web: VLAN pool 0 has been allocated to another slice in the meantime; a deleted slice is restored with "
        "its ids and VLANs",
    ]


def test_a_pool_that_hosts_still_have_is_not_said_to_be_another_slices():
    held = cluster()
    delete(held, deployed(put(held, topology())))
    held.leave_behind({"vlan_pool": [0]})
    assert refusals(held) == [
        "slice web: hosts still have VLAN pool 0 of a slice that the database does not have; a deleted slice is "
        "restored with its ids and VLANs; remove what is left with cloudrepo.slices.orphans, then run "
        "cloudrepo.slices.site",
    ]


def test_quota_and_capacity_are_checked_as_for_new_vms():
    held = cluster()
    delete(held, deployed(put(held, topology(owner="alice"))))
    held.users["alice"].quota_vms = 1
    del held.workers["10.0.10.2"]
    assert refusals(held) == [
        "user alice: 1 VMs allowed, 0 owned, 2 more requested",
        "VM web/vm2: worker 10.0.10.2 does not exist; existing: 10.0.10.1",
    ]
    held.extra[undelete.FIELD][0]["slice"].pop("owner_uuid")
    del held.users["alice"]
    assert refusals(held)[0] == "slice web: user alice does not exist; existing: admin"


def test_a_vm_of_a_lost_worker_does_not_keep_the_other_disks_in_the_trash():
    held = cluster()
    before = deployed(put(held, topology()))
    delete(held, before)
    held.mark_lost("10.0.10.2")
    found = restore(held)
    assert [(each.worker_ip, each.status) for each in found.vms] == [("10.0.10.1", "design"), ("10.0.10.2", "error")]
    assert breaches(held) == []


def test_without_a_free_address_a_slice_is_refused():
    held = cluster()
    delete(held, deployed(put(held, topology())))
    put(held, topology("other", vms=[vm("vm1", internet=True)], links=[]))
    network = ManagementNetwork(last_address="10.60.7.101")
    assert refusals(held, network=network) == [
        "VM web/vm1: all addresses 10.60.7.101-10.60.7.101 on VLAN 400 are in use"
    ]
    assert refusals(held, network=ManagementNetwork(cidr="10.0.0.0/33"))[0].startswith("management network: ")


def test_a_slice_that_its_hosts_have_not_deleted_yet_is_refused():
    held = cluster()
    slice_ = deployed(put(held, topology()))
    undelete.keep(held, slice_, now=NOW, retention_h=24)
    remove(held, slice_)
    assert refusals(held) == ["slice web: slice 1000 still exists; delete it first"]


def test_only_the_owner_and_admins_see_a_deleted_slice():
    held = cluster()
    delete(held, deployed(put(held, topology())))
    assert refusals(held, acting_user="alice") == ["deleted slice web does not exist; existing: none"]
    assert refusals(held, "lab") == [f"deleted slice lab does not exist; existing: web (1000) until {NEXT_DAY}"]
    assert refusals(held, owner="alice") == [f"deleted slice web does not exist; existing: web (1000) until {NEXT_DAY}"]


def test_the_next_user_of_a_name_does_not_restore_what_the_last_one_has_deleted() -> None:
    held = cluster()
    was = identity(deployed(put(held, topology(owner="alice"))))
    uuid = held.users["alice"].uuid
    delete(held, held.slices[1000])
    registration.remove_user(held, "alice")
    belongs = (
        f"slice web: it belongs to user alice with UUID {uuid}, who was removed; a deleted slice is restored for its "
        f"owner, not for a later user of the same name; add this user again with the module user and uuid {uuid}, "
        "under an unused name"
    )
    assert refusals(held) == [belongs]
    registration.put_user(held, {"name": "alice", "quota_vms": 4})
    assert refusals(held, acting_user="alice") == ["deleted slice web does not exist; existing: none"]
    assert refusals(held) == [belongs]
    registration.put_user(held, {"name": "alice2", "uuid": uuid})
    back = restore(held, acting_user="alice2")
    assert (identity(back), back.owner, {vm.owner for vm in back.vms}) == (was, "alice2", {"alice2"})
    assert (held.users["alice2"].slices, held.users["alice"].slices) == ([1000], [])
    assert (undelete.FIELD in held.extra, breaches(held)) == (False, [])


def test_a_user_who_was_added_again_restores_deleted_slices() -> None:
    held = cluster()
    was = identity(deployed(put(held, topology(owner="alice"))))
    uuid = held.users["alice"].uuid
    delete(held, held.slices[1000])
    registration.remove_user(held, "alice")
    registration.put_user(held, {"name": "alice", "uuid": uuid})
    back = restore(held, acting_user="alice")
    assert (identity(back), back.owner, breaches(held)) == (was, "alice", [])


def test_a_deleted_slice_of_a_user_without_a_uuid_is_not_that_of_the_next_one() -> None:
    """As from a file of Cloud Repositorio: the user and the slice get the UUID at the deletion."""
    held = cluster()
    first, second = (deployed(put(held, topology(name, owner="alice"))) for name in ("web", "lab"))
    delete(held, first)
    held.extra[undelete.FIELD][0]["slice"].pop("owner_uuid")
    del second.extra["owner_uuid"], held.users["alice"].extra["uuid"]
    delete(held, second)
    uuid = held.users["alice"].uuid
    assert uuid is not None
    assert [each["slice"]["owner_uuid"] for each in held.extra[undelete.FIELD]] == [uuid, uuid]
    registration.remove_user(held, "alice")
    registration.put_user(held, {"name": "alice"})
    assert refusals(held, acting_user="alice") == ["deleted slice web does not exist; existing: none"]


def test_slices_with_the_same_name_are_selected_by_id():
    held = cluster()
    for _number in range(2):
        delete(held, deployed(put(held, topology())))
    assert len(refusals(held)) == 1
    assert restore(held, "1003").slice_id == 1003


def test_a_slice_whose_time_is_over_is_refused_and_forgotten_a_week_later():
    """Until then, a clock that stood ahead can be set, and the slice be restored."""
    held = cluster()
    delete(held, deployed(put(held, topology())))
    assert refusals(held, now=NEXT_DAY) == [
        f"deleted slice web: it was deleted at {NOW} and could be restored until {NEXT_DAY}; the clock of this "
        f"controller says {NEXT_DAY}; set the clock if it is wrong, and try again; the playbook orphans "
        "lists the disks that are still in the trash"
    ]
    assert refusals(held, "lab", now=NEXT_DAY) == ["deleted slice lab does not exist; existing: none"]
    delete(held, deployed(put(held, topology("lab"))), now="2026-02-08T11:59:59Z")
    assert [entry["slice"]["name"] for entry in held.extra[undelete.FIELD]] == ["web", "lab"]
    delete(held, deployed(put(held, topology("new"))), now="2026-02-08T12:00:00Z")
    assert [entry["slice"]["name"] for entry in held.extra[undelete.FIELD]] == ["lab", "new"]


def test_a_clock_that_was_put_back_does_not_shorten_the_time():
    """The revision of the database says that it was later already."""
    held = cluster()
    slice_ = deployed(put(held, topology()))
    held.revise(4_102_488_000_000)
    delete(held, slice_, now="2026-01-30T12:00:00Z")
    (entry,) = held.extra[undelete.FIELD]
    assert (entry["deleted"], entry["until"]) == ("2026-01-30T12:00:00Z", "2100-01-02T12:00:00Z")
    restore(held, now="2026-02-01T11:59:59Z")


def test_a_deleted_slice_without_disks_is_not_kept():
    held = cluster()
    undelete.keep(held, put(held, topology()), now=NOW, retention_h=24)
    delete(held, deployed(put(held, topology("lab"))), retention_h=0)
    assert undelete.FIELD not in held.extra


def test_vms_and_vlans_that_were_given_up_earlier_are_not_restored():
    held = cluster()
    slice_ = deployed(put(held, topology()))
    put(held, topology(vms=[vm("vm1", internet=True)], links=[]))
    slice_ = held.slices[slice_.slice_id]
    assert (len(slice_.vms), slice_.vlan_pool_used) == (2, [100])
    delete(held, slice_)
    back = restore(held)
    assert ([each.name for each in back.vms], back.vlan_pool_used) == (["vm1"], [])
    assert list(breaches(held)) == []


def test_a_replacement_is_not_what_another_vm_of_the_slice_has():
    held = cluster()
    both = [vm(name, internet=True) for name in ("vm1", "vm2")]
    delete(held, deployed(put(held, topology(vms=both, links=[]))))
    put(held, topology("other", vms=[vm("vm1", internet=True)], links=[]))
    back = restore(held)
    assert [each.vnc_port for each in back.vms] == [5903, 5902]
    assert [each.interfaces[0].ip_config["ip"] for each in back.vms] == ["10.60.7.103", "10.60.7.102"]
    assert list(breaches(held)) == []


def test_without_a_free_vnc_port_a_slice_is_refused() -> None:
    held = cluster()
    delete(held, deployed(put(held, topology())))
    held.extra["left_behind"] = {VNC_PORT: list(range(FIRST_VNC_PORT, LAST_VNC_PORT + 1))}
    found = refusals(held)
    assert [each.partition(":")[0] for each in found] == ["VM web/vm1", "VM web/vm2"]
    assert all("VNC port" in each for each in found)


def test_disks_that_were_given_up_earlier_are_not_restored() -> None:
    held = cluster()
    slice_ = deployed(put(held, topology(vms=[vm("vm1", data_disks=[{"name": "db", "size_gb": 1}])], links=[])))
    slice_.vms[0].disks[1].extra["given_up"] = True
    assert [disk.name for disk in slice_.vms[0].given_up_disks] == ["db"]
    delete(held, slice_)
    back = restore(held)
    assert (back.vms[0].given_up_disks, len(back.vms[0].disks)) == ([], 1)


def test_a_slice_whose_pool_the_cloud_may_no_longer_use_is_not_restored() -> None:
    held = cluster()
    delete(held, deployed(put(held, topology())))
    held.extra["vlans"] = {"vlan_pools": "1-99"}
    assert refusals(held) == [
        "slice web: VLAN pool 0 (VLANs 100 to 119) is not one of 1-99; a slice only has VLANs of its cloud; deploy the "
        "topology as a new slice"
    ]


def test_a_slice_that_its_hosts_have_not_deleted_is_kept_however_long_that_takes() -> None:
    held = cluster()
    slices = [deployed(put(held, topology(name))) for name in ("web", "old", "other")]
    undelete.keep(held, slices[0], now=NOW, retention_h=24)
    remove(held, slices[0])
    delete(held, slices[1])
    later = "2026-02-14T12:00:00Z"
    undelete.keep(held, slices[2], now=later, retention_h=24)
    assert [entry["slice"]["name"] for entry in held.extra[undelete.FIELD]] == ["web", "other"]
    undelete.renew(held, slices[0], until="2026-02-15T13:00:00Z")
    kept_until = [entry["until"] for entry in held.extra[undelete.FIELD]]
    assert kept_until == ["2026-02-15T13:00:00Z", "2026-02-15T12:00:00Z"]
    undelete.renew(held, slices[0], until=later)
    assert [entry["until"] for entry in held.extra[undelete.FIELD]] == kept_until, "a shorter time is no news"
