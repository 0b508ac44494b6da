# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Records of one slice on several hosts: the newest is used, and objects that only older ones contain are kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import records, records_merge
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.records_merge import Merged
from ansible_collections.cloudrepo.slices.plugins.module_utils.applied import AppliedSlice, AppliedVm, HostOrders
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Slice
from ansible_collections.cloudrepo.slices.plugins.module_utils.report import NETWORK_NODE

from .builders import cluster, link, put, topology, vm

A, B, C = "10.0.10.1", "10.0.10.2", "10.0.10.3"
NOW = "2026-01-31T12:00:00Z"


def triangle(held: Cluster, *names: str) -> Slice:
    """Store a slice with a VM on each worker, with its name, a link between each pair, and a network of all."""
    on = {"a": A, "b": B, "c": C}
    links = [
        link(first, second) for first, second in (("a", "b"), ("b", "c"), ("c", "a")) if {first, second} <= {*names}
    ]
    lan = {"name": "lan", "members": list(names)}
    return put(held, topology(vms=[vm(name, worker=on[name]) for name in names], links=links, networks=[lan]))


def host(slice_: Slice, target: str, revision: int, *, at: str | None = None) -> HostOrders:
    """Return a host that has applied an order of the slice; C(at) is its present address if that has changed."""
    record = records.record(slice_, 1009)
    share = record if record is None or target == NETWORK_NODE else record.on(target)
    vms = tuple(AppliedVm(each.vm_id, "running", "7") for each in slice_.vms if each.worker_ip == target)
    applied = () if share is None else (AppliedSlice(slice_.slice_id, share.text(), slice_.uuid, revision, vms),)
    return HostOrders(f"host {target}", at or target, applied=applied)


def merge(hosts: Iterable[HostOrders]) -> Merged:
    found, refusals = records_merge.entries(hosts)
    assert refusals == []
    return records_merge.merge(found, now=NOW)


def one(merged: Merged) -> Slice:
    (slice_,) = merged.slices
    return slice_


def pairs(slice_: Slice) -> list[set[str]]:
    names = {each.vm_id: each.name for each in slice_.vms}
    return [{names[each.vm1_id], names[each.vm2_id]} for each in slice_.links]


def test_vms_are_rebuilt_from_the_records_of_their_workers() -> None:
    slice_ = triangle(cluster(workers=3), "a", "b", "c")
    with_node = one(merge([host(slice_, target, 5) for target in (A, B, C, NETWORK_NODE)]))
    without = one(merge([host(slice_, target, 5) for target in (C, A, B)]))
    assert without.to_dict() == with_node.to_dict()
    assert [each.name for each in without.vms] == ["a", "b", "c"]
    assert {each.status for each in without.vms} == {"running"}
    assert {disk.first_seen for each in without.vms for disk in each.disks} == {NOW}


def test_vms_of_workers_that_are_left_out_are_rebuilt_from_the_network_node() -> None:
    slice_ = triangle(cluster(workers=3), "a", "b", "c")
    merged = merge([host(slice_, target, 5) for target in (A, NETWORK_NODE)])
    assert [(each.name, each.status) for each in one(merged).vms] == [
        ("a", "running"),
        ("b", "design"),
        ("c", "design"),
    ]
    assert [each.worker_ip for each in one(merged).vms] == [A, B, C]
    assert (len(one(merged).links), merged.unknown) == (3, ())
    assert one(merged).vms[1].disks[0].first_seen is None


def test_unknown_vms_are_removed_from_links_and_networks() -> None:
    slice_ = triangle(cluster(workers=3), "a", "b", "c")
    merged = merge([host(slice_, target, 5) for target in (A, B)])
    found = one(merged)
    assert merged.unknown == ("VM 1003 of slice web (1000), which is on a host that was left out",)
    assert ([each.name for each in found.vms], pairs(found)) == (["a", "b"], [{"a", "b"}])
    assert found.networks[0].extra["members"] == slice_.networks[0].extra["members"][:2]
    loose = [each.vlan_id for each in slice_.links[1:]]
    assert found.extra["releasing"] == {"vlan_ids": loose}
    assert {*loose} <= {*found.vlan_pool_used}


def test_a_vm_that_its_worker_still_has_is_being_deleted() -> None:
    held = cluster(workers=3)
    old = [host(triangle(held, "a", "b", "c"), target, 5) for target in (A, B, C)]
    new = triangle(held, "a", "b")
    for newest in ([NETWORK_NODE], [A], [A, B, NETWORK_NODE]):
        hosts = [host(new, target, 6) for target in newest]
        hosts += [each for each in old if each.target not in newest]
        found = one(merge(hosts))
        assert [(each.name, each.deleting) for each in found.vms] == [("a", False), ("b", False), ("c", True)]
        assert pairs(found) == [{"a", "b"}]
        going = {nic.vlan_id for nic in found.vms[2].interfaces} - {None, found.networks[0].vlan_id}
        assert {*found.extra["releasing"]["vlan_ids"]} >= going != set()


def test_a_worker_with_another_address_keeps_its_vms() -> None:
    slice_ = triangle(cluster(workers=3), "a", "b")
    found = one(merge([host(slice_, A, 5, at=B), host(slice_, B, 5, at=A), host(slice_, NETWORK_NODE, 5)]))
    assert [(each.name, each.worker_ip, each.pinned_to) for each in found.vms] == [("a", B, B), ("b", A, A)]


def test_a_vm_of_which_another_host_has_a_newer_record_is_left_out() -> None:
    """It was moved while its former worker did not answer."""
    held = cluster(workers=3)
    slice_ = triangle(held, "a", "b")
    before = host(slice_, A, 5)
    slice_.vms[0].worker_ip = B
    hosts = [before, host(slice_, B, 6)]
    found, refusals = records_merge.entries(hosts)
    assert refusals == []
    assert records_merge.leave_out_older(found) == [
        f"what {before.host} has of VM a (1001), of which another host has a newer record; "
        "its objects there are orphans"
    ]
    assert {entry.target: [each.name for each in entry.slice.vms] for entry in found} == {A: [], B: ["a", "b"]}


def test_a_vm_is_pinned_to_its_own_host_although_another_one_had_its_address() -> None:
    """B has got the address that A had until it moved, and has had VMs there since."""
    held = cluster(workers=3)
    moved = triangle(held, "b")
    moved.vms[0].worker_ip = A
    moved.vms[0].extra["placement"] = {"worker": A}
    stays = put(held, topology("other", vms=[vm("a", worker=A)], links=[]))
    orders = [host(moved, A, 5, at=B), host(stays, A, 6)]
    for hosts in (orders, orders[::-1]):
        found = {each.slice_id: each.vms[0] for each in merge(hosts).slices}
        assert {slice_id: (each.worker_ip, each.pinned_to) for slice_id, each in found.items()} == {
            moved.slice_id: (B, B),
            stays.slice_id: (A, A),
        }


def test_a_pin_to_an_address_that_two_hosts_had_follows_the_one_that_moved() -> None:
    held = cluster(workers=3)
    pinned = put(held, topology("third", vms=[vm("a", worker=C)], links=[]))
    pinned.vms[0].extra["placement"] = {"worker": A}
    moved, stays = (put(held, topology(name, vms=[vm("a", worker=A)], links=[])) for name in ("moved", "stays"))
    orders = [host(pinned, C, 5), host(moved, A, 5, at=B), host(stays, A, 6)]
    for hosts in (orders, orders[::-1]):
        found = {each.slice_id: each.vms[0] for each in merge(hosts).slices}
        assert (found[pinned.slice_id].worker_ip, found[pinned.slice_id].pinned_to) == (C, B)


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ("{}", "field slice is missing"),
        ("[]", "must be a mapping, got list '[]'"),
        ("", "it is not JSON (Expecting value: line 1 column 1 (char 0))"),
        ('{"slice": {"vms"', "it is not JSON (Expecting ':' delimiter: line 1 column 17 (char 16))"),
    ],
)
def test_an_invalid_record_is_refused_and_the_others_are_read(record: str, why: str) -> None:
    slice_ = triangle(cluster(workers=3), "a", "b", "c")
    good, bad = host(slice_, A, 5), host(slice_, B, 5)
    bad = replace(bad, applied=(replace(bad.applied[0], record=record),))
    found, refusals = records_merge.entries([good, bad])
    assert [entry.host for entry in found] == [f"host {A}"]
    figures = {"host": f"host {B}", "why": f"the document: {why}"}
    assert refusals == [Refusal("invalid_record", "the record of slice 1000", figures)]


def test_only_records_of_workers_are_compared_by_age() -> None:
    slice_ = triangle(cluster(workers=3), "a", "b", "c")
    found, _refusals = records_merge.entries([host(slice_, A, 5), host(slice_, NETWORK_NODE, 9)])
    assert records_merge.leave_out_older(found) == []
    assert [vm_.name for vm_ in found[0].slice.vms] == ["a"]


def test_vlans_of_unknown_vms_are_kept_once_until_hosts_report() -> None:
    slice_ = triangle(cluster(workers=3), "a", "b", "c")
    rebuilt = one(merge([host(slice_, target, 5) for target in (A, B)]))
    assert pairs(rebuilt) == [{"a", "b"}]
    gone = [link_.vlan_id for link_ in slice_.links[1:]]
    assert sorted(rebuilt.extra["releasing"]["vlan_ids"]) == gone
    assert sorted(rebuilt.vlan_pool_used) == sorted({*slice_.vlan_pool_used})
    (lan,) = rebuilt.networks
    assert [member["vm_id"] for member in lan.extra["members"]] == [1001, 1002]
    assert [[nic.vlan_id for nic in vm_.interfaces if nic.link_id is not None] for vm_ in rebuilt.vms] == [
        [rebuilt.links[0].vlan_id],
        [rebuilt.links[0].vlan_id],
    ]


def test_vms_without_a_uuid_are_told_apart_by_their_ids() -> None:
    slice_ = triangle(cluster(workers=3), "a", "b", "c")
    for vm_ in slice_.vms:
        vm_.extra.pop("uuid", None)
    found, _refusals = records_merge.entries([host(slice_, A, 5), host(slice_, B, 9)])
    assert records_merge.leave_out_older(found) == []
    assert [[vm_.name for vm_ in entry.slice.vms] for entry in found] == [["a"], ["b"]]


def test_a_record_of_an_order_without_a_revision_is_the_oldest() -> None:
    slice_ = triangle(cluster(workers=3), "a", "b", "c")
    old, new = host(slice_, A, 5), host(slice_, A, 1, at=B)
    old = replace(old, applied=(replace(old.applied[0], revision=None),))
    found, _refusals = records_merge.entries([old, new])
    assert [entry.revision for entry in found] == [0, 1]
    (told,) = records_merge.leave_out_older(found)
    assert told.startswith(f"what host {A} has of VM a (1001)")


@pytest.mark.parametrize("field", ["name", "link_id", "vlan_id"])
def test_a_link_joins_interfaces_that_are_on_it(field: str) -> None:
    slice_ = triangle(cluster(workers=3), "a", "b")
    hosts = [host(slice_, target, 5) for target in (A, B)]
    assert len(one(merge(hosts)).links) == 1
    nic = slice_.vms[0].interfaces[1]
    setattr(nic, field, "eth9" if field == "name" else 9)
    assert one(merge([host(slice_, A, 6), hosts[1]])).links == []
