# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A rebuilt database as a whole. C(test_database_rebuild) compares it with the lost one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import (
    cloud_vlans,
    displays,
    kinds,
    lost_workers,
    rebuild,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.rebuild import Rebuilt
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.work_orders import work_orders
from ansible_collections.cloudrepo.slices.plugins.module_utils.allocations import VLAN_POOL
from ansible_collections.cloudrepo.slices.plugins.module_utils.applied import AppliedSlice, HostOrders, KnownDisplay
from ansible_collections.cloudrepo.slices.plugins.module_utils.claim import HeldSlice
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.identity import machine_mark
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Slice
from ansible_collections.cloudrepo.slices.plugins.module_utils.network_order import LostMachine
from ansible_collections.cloudrepo.slices.plugins.module_utils.report import NETWORK_NODE

from .builders import cluster, put, topology, vm
from .test_records_merge import A, B, host

LAB = "4c1f6a7e-8c1d-4f39-9a53-0d6f2b7e9c10"
OTHER = "5d2f6a7e-8c1d-4f39-9a53-0d6f2b7e9c11"
ALICE = "9f1c2e64-6c0b-4c55-9d56-0a4f5d0a7b21"
NOW = "2026-01-31T12:00:00Z"


def lab() -> Cluster:
    """Return a cluster in which alice has always the same UUID."""
    held = cluster()
    held.users["alice"].extra["uuid"] = ALICE
    return held


def web(**fields: Any) -> Slice:
    """Return a slice of alice with a VM on each of two workers."""
    return put(lab(), topology(owner="alice", **fields))


def hosts_of(slice_: Slice, *, cloud: str | None = LAB, **fields: Any) -> list[HostOrders]:
    """Return the hosts of a cloud with one slice."""
    claimed = {"cloud_uuid": cloud, "cloud_title": "lab", **fields}
    return [replace(host(slice_, target, 5), **claimed) for target in (A, B, NETWORK_NODE)]


def rebuilt(hosts: list[HostOrders], **how: Any) -> Rebuilt:
    return rebuild.rebuild(hosts, now=NOW, **how)


def refusals(hosts: list[HostOrders], **how: Any) -> list[Refusal]:
    with pytest.raises(Refused) as caught:
        rebuilt(hosts, **how)
    return caught.value.refusals


def test_user_data_and_start_ups_are_not_known_to_hosts() -> None:
    slice_ = web(vms=[vm("vm1", cloud_init={"user_data": "#!/bin/sh\ntrue\n"}), vm("vm2")])
    said = (
        "user data and start-ups of VMs {}; the first ones that their topologies set again are taken for those that "
        "the guests had"
    )
    assert said.format(1001) in rebuilt(hosts_of(slice_)).unknown
    startup = json.dumps({"commands": ["true"]})
    both = web(vms=[vm("vm1", startup=startup), vm("vm2", startup=startup)])
    assert said.format("1001, 1002") in rebuilt(hosts_of(both)).unknown
    assert not any("start-ups" in sentence for sentence in rebuilt(hosts_of(web())).unknown)


def test_users_flavors_workers_and_counters_are_rebuilt_from_the_orders() -> None:
    hosts = hosts_of(web(), highest_id=1036, highest_revision=1795371735123)
    hosts[0] = replace(hosts[0], machine_id="0" * 32, cores=8, ram_gb=31.2, trunk_mtu=9000, netem=True)
    hosts[2] = replace(hosts[2], trunk_mtu=1500, machine_id="1" * 32)
    held = rebuilt(hosts).cluster
    alice = held.users["alice"]
    assert (alice.password_hash, alice.quota_vms, alice.used_vms, alice.slices) == ("!", 10, 2, [1000])
    assert (held.flavors["cirros"]["cores"], "name" in held.flavors["cirros"]) == (1, False)
    assert held.workers[A].extra == {"machine_id": "0" * 32, "trunk_mtu": 9000, "netem": True}
    assert (held.next_vm_id, held.revision) == (1037, 1795371735123)
    assert held.cloud is not None
    assert held.extra["network_node_machine_id"] == "1" * 32
    assert (held.cloud.uuid, held.cloud.title, held.extra["network_node_trunk_mtu"]) == (LAB, "lab", 1500)


def test_a_lost_machine_of_a_worker_that_is_left_out_starts_no_vms() -> None:
    """Nobody but the network node knows its machine."""
    hosts = hosts_of(web())
    mark = machine_mark(LAB, "f" * 32)
    hosts[0] = replace(hosts[0], lost_machines=(LostMachine("0" * 64),))
    hosts[1] = HostOrders("worker2", B, failure="unreachable")
    hosts[2] = replace(hosts[2], lost_machines=(LostMachine(mark),))
    held = rebuilt(hosts, without=["worker2"]).cluster
    lost_workers.declare(held, B)
    order = work_orders(held, list(held.slices.values()), "/s")["network_node"]
    assert order["lost_machines"] == [{"mark": mark}], "that of a former network node is outdated"
    lost_workers.mark_returned(held, {"ip": B, "machine_id": "f" * 32})
    assert lost_workers.machines(held) == ()


def test_a_vm_boots_the_kernel_again_that_it_had() -> None:
    held = cluster()
    kinds.put_kind(held, {"name": "direct", "kernel": "/k", "kernel_checksum": "ef" * 32, "kernel_arguments": "quiet"})
    slice_ = put(held, topology(owner="alice", vms=[vm("vm1", kind="direct"), vm("vm2")]))
    again = rebuilt(hosts_of(slice_)).cluster.slices[1000]
    assert again.vms[0].extra["kind"] == slice_.vms[0].extra["kind"]
    assert kinds.booted(again.vms[0]) == {"kernel": "ef" * 32, "kernel_arguments": "quiet"}


def test_values_in_use_without_a_record_are_not_allocated() -> None:
    hosts = hosts_of(web())
    hosts[0] = replace(hosts[0], slices=(HeldSlice(1035), HeldSlice(1000, web().uuid)))
    done = rebuilt(hosts)
    assert done.cluster.left_behind(VLAN_POOL) >= {35}
    assert f"slice 1035 on host {A}, of which no host has a record; its objects are orphans" in done.unknown


def test_displays_keep_their_passwords() -> None:
    slice_ = web()
    known = KnownDisplay(1001, "8b1a9953c4611296", "hMr3kWpa", slice_.vms[0].uuid, A)
    done = rebuilt(hosts_of(slice_), passwords=[known])
    first, second = done.cluster.slices[1000].vms
    assert displays.password(done.cluster, first) == "hMr3kWpa"
    assert displays.password_id(done.cluster, first) == "8b1a9953c4611296"
    assert displays.password_id(done.cluster, second) is not None
    asking = [sentence for sentence in done.unknown if "displays" in sentence]
    assert asking == [
        "the passwords of the displays of VMs 1002, which get new ones in the next deploy if they need any"
    ]
    first.extra[displays.VERSION] = 2
    assert displays.password_id(done.cluster, first) not in (None, "8b1a9953c4611296")


@pytest.mark.parametrize("mine_first", [True, False])
def test_a_display_does_not_get_the_password_of_an_orphan_with_the_id_of_its_vm(mine_first: bool) -> None:
    slice_ = web()
    mine = KnownDisplay(1001, "8b1a9953c4611296", "hMr3kWpa", slice_.vms[0].uuid, A)
    orphans = [
        replace(mine, password="of-alice", vm_uuid=LAB, worker_ip=B),
        replace(mine, password="none", vm_uuid=None),
    ]
    done = rebuilt(hosts_of(slice_), passwords=[mine, *orphans] if mine_first else [*orphans, mine])
    assert displays.password(done.cluster, done.cluster.slices[1000].vms[0]) == "hMr3kWpa"


@pytest.mark.parametrize("fields", [{"vm_uuid": LAB}, {"vm_uuid": None}, {"worker_ip": B}, {"vm_id": 1002}])
def test_a_password_of_another_vm_or_worker_is_not_kept(fields: dict[str, Any]) -> None:
    slice_ = web()
    another = replace(KnownDisplay(1001, "8b1a9953c4611296", "hMr3kWpa", slice_.vms[0].uuid, A), **fields)
    done = rebuilt(hosts_of(slice_), passwords=[another])
    assert all(displays.password(done.cluster, vm) != "hMr3kWpa" for vm in done.cluster.vms())
    assert (
        "the passwords of the displays of VMs 1001, 1002, which get new ones in the next deploy if they need any"
        in done.unknown
    )


def test_an_unreadable_host_is_refused_or_left_out() -> None:
    hosts = hosts_of(web())
    hosts[1] = HostOrders("worker2", B, failure="timed out")
    assert refusals(hosts) == [Refusal("host_not_read", "host worker2", {"failure": "timed out"})]
    done = rebuilt(hosts, without=["worker2"])
    assert "what only host worker2 knows, which was left out" in done.unknown
    assert done.cluster.workers[B].cores is None
    assert [each.code for each in refusals(hosts, without=["worker2", "x"])] == ["not_found"]


def test_hosts_of_another_cloud_or_of_none_are_refused() -> None:
    hosts = hosts_of(web())
    hosts[1] = replace(hosts[1], cloud_uuid=OTHER, cloud_title="other")
    assert {(each.code, each.object) for each in refusals(hosts)} == {
        ("clouds_differ", f"host host {A}"),
        ("clouds_differ", f"host host {B}"),
        ("clouds_differ", f"host host {NETWORK_NODE}"),
    }
    assert rebuilt(hosts, without=[hosts[1].host]).cluster.slices.keys() == {1000}
    assert [each.code for each in refusals([HostOrders("worker1", A)])] == ["nothing_to_rebuild"]


def test_contradictions_are_refused() -> None:
    slice_ = web()
    hosts = hosts_of(slice_)
    twin = replace(hosts[1], applied=hosts[0].applied)
    (refusal,) = refusals([hosts[0], twin])
    assert (refusal.code, refusal.figures["hosts"]) == ("vm_on_several_hosts", [hosts[0].host, hosts[1].host])
    another = hosts_of(web())
    assert {each.code for each in refusals([hosts[0], another[1]])} == {"slices_differ"}
    damaged = replace(hosts[0], applied=(AppliedSlice(1000, '{"slice": {}}'),))
    assert [each.code for each in refusals([damaged, *hosts[1:]])] == ["invalid_record"]


def test_the_newer_record_of_a_recreated_vm_is_used() -> None:
    held = cluster()
    slice_ = put(held, topology(owner="alice", vms=[vm("a", worker=A)], links=[]))
    lost = hosts_of(slice_)[0]
    slice_.vms[0].worker_ip = B
    slice_.vms[0].disks[0].extra["uuid"] = OTHER
    newer = [
        replace(each, applied=tuple(replace(one, revision=9) for one in each.applied)) for each in hosts_of(slice_)
    ]
    for others in (newer[1:], newer[1:2]):
        done = rebuilt([lost, *others])
        (found,) = done.cluster.slices[1000].vms
        assert (found.worker_ip, found.deleting, found.disks[0].uuid) == (B, False, OTHER)
        left = (
            f"what host {A} has of VM a (1001), of which another host has a newer record; its objects there are orphans"
        )
        assert left in done.unknown


def test_users_keep_the_uuids_in_their_slices() -> None:
    done = rebuilt(hosts_of(web()))
    assert done.cluster.users["alice"].uuid == ALICE
    assert "the UUIDs of the users admin, whose tokens are refused" in done.unknown
    older = web()
    del older.extra["owner_uuid"]
    done = rebuilt(hosts_of(older))
    assert done.cluster.users["alice"].uuid is None
    assert "the UUIDs of the users admin, alice, whose tokens are refused" in done.unknown
    held = lab()
    held.users["admin"].extra["uuid"] = OTHER
    both = [put(held, topology("web", owner="alice")), put(held, topology("lab"))]
    hosts = [
        replace(one, applied=(*one.applied, *other.applied)) for one, other in zip(hosts_of(both[0]), hosts_of(both[1]))
    ]
    done = rebuilt(hosts)
    assert {name: user.uuid for name, user in done.cluster.users.items()} == {"admin": OTHER, "alice": ALICE}
    assert not any("UUIDs of the users" in sentence for sentence in done.unknown)


def test_slices_of_two_users_who_had_the_same_name_are_refused() -> None:
    first = web()
    held = lab()
    held.users["alice"].extra["uuid"], held.next_vm_id = OTHER, 1003
    second = put(held, topology("lab", owner="alice"))
    hosts = [
        replace(one, applied=(*one.applied, *other.applied)) for one, other in zip(hosts_of(first), hosts_of(second))
    ]
    assert [refusal.message for refusal in refusals(hosts)] == [
        f"user alice has UUID {ALICE} as the owner of slice web ({first.uuid}), and {OTHER} as the owner of slice lab "
        f"({second.uuid}); list the UUID of one of the slices in -e rebuild_without to leave it out; its objects are "
        "orphans then"
    ]
    for left_out, kept in ((second, ALICE), (first, OTHER)):
        done = rebuilt(hosts, without=[str(left_out.uuid)])
        assert done.cluster.users["alice"].uuid == kept


def test_violations_of_rules_are_refused() -> None:
    first = web()
    held = lab()
    held.next_vm_id = 1050
    second = put(held, topology("lab", owner="alice"))
    hosts = [
        replace(one, applied=(*one.applied, *other.applied)) for one, other in zip(hosts_of(first), hosts_of(second))
    ]
    found = refusals(hosts)
    assert {each.code for each in found} == {"rebuild_violates_rule"}
    assert any("VNC port 5901 is allocated 2 times" in each.message for each in found)
    assert {f"{first.uuid} (web)", f"{second.uuid} (lab)"} == {one for each in found for one in each.figures["slices"]}
    assert f"leave it out: {first.uuid} (web), {second.uuid} (lab)" in found[0].message
    done = rebuilt(hosts, without=[str(second.uuid)])
    assert done.cluster.slices.keys() == {1000}
    assert f"slice {second.uuid}, which was left out; its objects are orphans" in done.unknown
    assert [each.code for each in refusals(hosts, without=[OTHER])] == ["not_found"]


def test_flavors_of_vms_are_rebuilt() -> None:
    slice_ = web()
    for each in slice_.vms:
        each.flavor = {**(each.flavor or {}), "name": "lab-router", "cores": 3}
    held = rebuilt(hosts_of(slice_)).cluster
    assert (held.flavors["lab-router"]["cores"], "name" in held.flavors["lab-router"]) == (3, False)


def test_other_clouds_are_named_without_the_hosts_own() -> None:
    hosts = hosts_of(web())
    hosts[1] = replace(hosts[1], cloud_uuid=OTHER, cloud_title="other")
    told = {each.object: each.figures["others"] for each in refusals(hosts)}
    assert told[f"host host {A}"] == [f"other ({OTHER})"]
    assert told[f"host host {B}"] == [f"lab ({LAB})"]


def test_only_the_trunk_of_the_network_node_is_that_of_the_network_node() -> None:
    hosts = [replace(each, trunk_mtu=None) for each in hosts_of(web())]
    assert "network_node_trunk_mtu" not in rebuilt(hosts).cluster.extra
    hosts[0] = replace(hosts[0], trunk_mtu=9000)
    assert "network_node_trunk_mtu" not in rebuilt(hosts).cluster.extra
    hosts[2] = replace(hosts[2], trunk_mtu=1500)
    assert rebuilt(hosts).cluster.extra["network_node_trunk_mtu"] == 1500


def test_the_network_node_is_no_worker_and_a_rebuilt_cloud_is_another_incarnation() -> None:
    hosts = hosts_of(web())
    done = rebuilt([HostOrders("unclaimed", "10.0.10.9"), *hosts]).cluster
    assert set(done.workers) == {A, B, "10.0.10.9"}
    assert done.cloud is not None
    assert (done.cloud.uuid, bool(done.cloud.incarnation)) == (LAB, True)


def test_a_breach_is_told_with_the_uuids_of_its_slices() -> None:
    held = cluster()
    first = put(held, topology("web"))
    second = put(held, topology("lab"))
    named = rebuild._named(f"VM web/vm1 ({first.vms[0].vm_id}): unknown status", held)
    assert named == [f"{first.uuid} (web)"]
    assert rebuild._named(f"slice lab ({second.slice_id}) of admin: x", held) == [f"{second.uuid} (lab)"]
    assert rebuild._named("nothing (7)", held) == []


def test_the_vlans_of_the_cloud_are_those_of_the_claims() -> None:
    held = cluster()
    cloud_vlans.change(held, vlan_pools="0,60", management_vlan=3000)
    slice_ = put(held, topology(owner="alice"))
    done = rebuilt(hosts_of(slice_, vlan_pools="0,60", management_vlan=3000)).cluster
    assert done.vlans == held.vlans
    assert any("is on VLAN 3000, not on 400" in refusal.message for refusal in refusals(hosts_of(slice_)))
