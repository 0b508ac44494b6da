# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The VLANs of a cloud: slices get no others, and they change only as far as no slice has them."""

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import cloud_vlans
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.invariant_repair import repair
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.invariants import breaches
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.vlans import Vlans

from .builders import cluster, link, put, refusals, topology, vm


def limited(pools: str, management_vlan: int | None = None) -> Cluster:
    held = cluster()
    cloud_vlans.change(held, vlan_pools=pools, management_vlan=management_vlan)
    return held


def empty(name: str, **fields: object) -> dict[str, object]:
    return topology(name, vms=[], links=[], **fields)


def test_slices_get_the_next_ids_whose_pools_the_cloud_may_use() -> None:
    held = limited("3,60-61")
    assert [put(held, empty(f"s{number}")).slice_id for number in range(3)] == [1003, 1060, 1061]
    assert refusals(held, empty("more")) == [
        Refusal("no_free_pool", "slice more", {"pools": "3,60-61", "used": 3, "free": 0})
    ]
    assert breaches(held) == []


def test_further_pools_are_those_of_the_cloud() -> None:
    held = limited("5,7-8")
    mesh = {"topology_type": "mesh", "size": 8, "flavor": "cirros"}
    held.users["admin"].quota_vms = 100
    slice_ = put(held, topology(**mesh, vms=[], links=[], vlan_pools=2))
    assert (slice_.slice_id, slice_.pools) == (1005, [5, 7])
    found = refusals(held, topology("two", **mesh, vms=[], links=[], vlan_pools=2))
    assert found[0] == Refusal("no_free_pool", "slice two", {"pools": "5,7-8", "used": 2, "free": 1})


def test_pools_that_a_lost_slice_has_left_behind_are_not_free() -> None:
    held = limited("1-2")
    held.extra["left_behind"] = {"vlan_pool": [1]}
    assert put(held, empty("web")).slice_id == 1002
    assert refusals(held, empty("more"))[0].figures == {"pools": "1-2", "used": 2, "free": 0}


def test_a_change_that_would_strand_slices_is_refused() -> None:
    held = cluster()
    for name in ("web", "lab"):
        put(held, empty(name))
    before = held.to_dict()
    with pytest.raises(Refused) as caught:
        cloud_vlans.change(held, vlan_pools="0,2-49")
    assert str(caught.value) == (
        "cloud keeps its VLANs, because 1 of its slices would lose VLANs that they use: slice lab (1001): VLAN pool 1 "
        "(VLANs 120 to 139) is not one of 0,2-49; delete these slices first, or keep the setting"
    )
    assert held.to_dict() == before
    cloud_vlans.change(held, vlan_pools="0-1,7")
    assert held.extra["vlans"] == {"vlan_pools": "0-1,7"}
    cloud_vlans.change(held, vlan_pools=None)
    assert held.vlans.pools == (0, 1, 7)
    cloud_vlans.change(held, vlan_pools="0-99")
    assert held.to_dict() == before


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("", "vlan_pools_invalid", "vlan_pools must be ranges of pools, 0-99, such as 0-49,60-79, got ''"),
        ("0-100", "vlan_pools_invalid", "vlan_pools must be ranges of pools, 0-99, such as 0-49,60-79, got '0-100'"),
        (
            "1,9-3",
            "vlan_pools_reversed",
            "vlan_pools is '1,9-3', which contains 9-3; a range of pools must not end before it starts",
        ),
    ],
)
def test_invalid_pools_are_refused(text: str, code: str, message: str) -> None:
    held = cluster()
    with pytest.raises(Refused) as caught:
        cloud_vlans.change(held, vlan_pools=text)
    assert [refusal.code for refusal in caught.value.refusals] == [code]
    assert str(caught.value) == f"cloud: {message}"
    assert "vlans" not in held.extra


def test_the_check_reports_slices_outside_the_pools() -> None:
    held = cluster()
    put(held, empty("web"))
    held.extra["vlans"] = {"vlan_pools": "1-99"}
    assert breaches(held) == ["slice web (1000) of admin: VLAN pool 0 (VLANs 100 to 119) is not one of 1-99"]


def test_vms_with_internet_are_on_the_management_vlan_and_links_never_are() -> None:
    held = limited("5,15", 201)
    held.users["admin"].quota_vms = 100
    first = put(held, topology())
    assert [nic.vlan_id for nic in first.vms[0].interfaces] == [201, 200]
    second = put(held, topology("two", vms=[vm(f"vm{n}") for n in range(21)], links=chain(20)))
    assert (second.slice_id, [link.vlan_id for link in second.links]) == (1015, list(range(400, 420)))
    refusal = refusals(held, topology(vms=[vm(f"vm{n}") for n in range(21)], links=chain(20)))[0]
    assert refusal.figures["pools"] == ["200–219 without 201"]
    assert breaches(held) == []


def chain(count: int) -> list[dict[str, object]]:
    return [link(f"vm{number}", f"vm{number + 1}") for number in range(count)]


def test_the_management_vlan_changes_only_while_no_vm_is_on_it() -> None:
    held = cluster()
    put(held, topology())
    before = held.to_dict()
    with pytest.raises(Refused) as caught:
        cloud_vlans.change(held, vlan_pools=None, management_vlan=3000)
    assert str(caught.value) == (
        "cloud keeps its VLANs, because 1 of its slices would lose VLANs that they use: slice web (1000): eth0 of VM "
        "vm1 (1001) with address 10.60.7.101 is on VLAN 400, not on 3000; delete these slices first, or keep the "
        "setting"
    )
    assert held.to_dict() == before
    put(held, topology(vms=[vm("vm1"), vm("vm2")]))
    with pytest.raises(Refused, match=r"slice web \(1000\): VLAN 100 is the management VLAN"):
        cloud_vlans.change(held, vlan_pools=None, management_vlan=100)
    cloud_vlans.change(held, vlan_pools=None, management_vlan=101)
    assert held.vlans.management == 101


@pytest.mark.parametrize("number", [0, 4095, -1])
def test_the_management_vlan_is_a_vlan(number: int) -> None:
    held = cluster()
    with pytest.raises(Refused, match="cloud: management_vlan must be 1-4094"):
        cloud_vlans.change(held, vlan_pools=None, management_vlan=number)
    assert "vlans" not in held.extra


def test_the_check_reports_what_is_on_another_management_vlan() -> None:
    held = cluster()
    put(held, topology())
    held.extra["vlans"] = {"management_vlan": 100}
    assert breaches(held) == [
        "slice web (1000) of admin: vlan_pool_used contains VLAN 100, the management VLAN",
        "link web/1 is on VLAN 100, the management VLAN",
        "VM web/vm1 (1001): eth0 is on VLAN 400, which is not allocated to the slice",
        "slice web (1000) of admin: eth0 of VM vm1 (1001) with address 10.60.7.101 is on VLAN 400, not on 100",
    ]


def test_clouds_on_a_trunk_have_no_vlan_in_common() -> None:
    given = [
        {"title": "east", "vlan_pools": "0-9,30", "management_vlan": 401},
        {"title": "west", "vlan_pools": "10-19", "management_vlan": 400},
        {"title": "north", "vlan_pools": "40", "management_vlan": 402},
    ]
    with pytest.raises(Refused) as caught:
        cloud_vlans.compare("lab", Vlans((9, 20), 400), cloud_vlans.read_neighbours(given))
    advice = "set cloudrepo_vlan_pools and cloudrepo_management_vlan of each of them"
    assert [refusal.message for refusal in caught.value.refusals] == [
        "cloud lab (pools 9,20 and management VLAN 400) and its neighbour east (pools 0-9,30 and management VLAN 401) "
        f"have VLANs 280-299 in common; clouds on the same trunk have no VLAN in common; {advice}",
        "cloud lab (pools 9,20 and management VLAN 400) and its neighbour west (pools 10-19 and management VLAN 400) "
        f"have VLANs 400 in common; clouds on the same trunk have no VLAN in common; {advice}",
    ]
    cloud_vlans.compare("lab", Vlans((20,), 3000), cloud_vlans.read_neighbours(given))


def test_invalid_neighbours_are_refused() -> None:
    given = [
        {"title": "east", "vlan_pools": "0-100", "management_vlan": 401},
        {"title": "west", "vlan_pools": "1", "management_vlan": 4095},
    ]
    with pytest.raises(Refused) as caught:
        cloud_vlans.read_neighbours(given)
    assert [(each.object, each.code) for each in caught.value.refusals] == [
        ("neighbour east", "vlan_pools_invalid"),
        ("neighbour west", "out_of_range"),
    ]


def test_what_is_on_another_management_vlan_is_repaired() -> None:
    held = cluster()
    put(held, topology())
    held.extra["vlans"] = {"management_vlan": 100}
    repair(held)
    assert breaches(held) == []
    assert [nic.vlan_id for nic in held.slices[1000].vms[0].interfaces] == [100, 101]
