# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Matching of desired objects with stored ones, and selection of interfaces."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.match import Matches, match_topology
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.topology_spec import read_slice
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Slice

from .builders import cluster, link, put, topology, vm

MACHINES = [vm(name, data_interfaces=5) for name in ("a", "b", "c")]


def stored(*links: Any, **fields: Any) -> Slice:
    """Return a slice with VMs a (1001), b (1002) and c (1003), and links from 1 on."""
    return put(cluster(), topology(**{"vms": MACHINES, "links": list(links), **fields}))


def wired(old: Slice, *links: Any, **fields: Any) -> Matches:
    want = read_slice(topology(**{"vms": MACHINES, "links": list(links), **fields}), default_owner="admin")
    return match_topology(want, old)


def links(made: Matches) -> list[tuple[str, int | None]]:
    return [(str(want), old.link_id if old else None) for want, old in made.links]


def networks(made: Matches) -> list[tuple[str, int | None]]:
    return [(" ".join(map(str, want.members)), old.vlan_id if old else None) for want, old in made.networks]


def ids(made: Matches) -> dict[str, int]:
    return {name: each.vm_id for name, each in made.vms.items()}


@pytest.mark.parametrize(
    ("machines", "found"),
    [
        ([vm("a"), vm("new")], {"a": 1001}),
        ([vm("renamed", vm_id=1002)], {"renamed": 1002}),
        ([vm("a", vm_id=1001)], {"a": 1001}),
        # A VM that is matched by id is not matched by name, and two VMs may exchange their names.
        ([vm("x", vm_id=1001), vm("a")], {"x": 1001}),
        ([vm("a", vm_id=1002), vm("b", vm_id=1001)], {"a": 1002, "b": 1001}),
    ],
)
def test_a_vm_is_matched_by_id_or_by_name(machines: list[Any], found: dict[str, int]) -> None:
    made = wired(stored(), vms=machines)
    assert (ids(made), made.refusals) == (found, [])


def test_removed_vms_are_not_matched() -> None:
    old = stored()
    old.vms[0].deleting = True
    assert ids(wired(old)) == {"b": 1002, "c": 1003}
    assert len(wired(old, vms=[vm("a", vm_id=1001)]).refusals) == 1


def test_unknown_ids_are_reported() -> None:
    known = {"kind": "VM", "known": ["a (1001)", "b (1002)", "c (1003)"]}
    made = wired(stored(), vms=[vm("a", vm_id=1004), vm("b", vm_id=1002)])
    assert made.refusals == [Refusal("unknown_reference", "slice web", {**known, "name": 1004})]


def test_links_are_matched_by_their_endpoints_in_either_order() -> None:
    old = stored(link("a", "b"), link("b", "c"))
    assert links(wired(old, link("c", "b"), link("b", "a"))) == [("c:eth1–b:eth2", 2), ("b:eth1–a:eth1", 1)]
    assert links(wired(old, link("a", "c"))) == [("a:eth1–c:eth1", None)]


def test_a_link_is_matched_by_id_before_name() -> None:
    named = {**link("a", "b"), "name": "x"}
    old = stored(named, link("b", "c"))
    assert links(wired(old, {**link("a", "c"), "link_id": 2})) == [("a:eth1–c:eth1", 2)]
    assert links(wired(old, {**link("a", "c"), "name": "x"})) == [("a:eth1–c:eth1", 1)]
    assert links(wired(old, {**link("a", "c"), "name": "x", "link_id": 2})) == [("a:eth1–c:eth1", 2)]
    # Each stored link matches one desired link.
    twice = [{**link("a", "c"), "link_id": 1}, {**link("a", "b"), "name": "x"}]
    assert [link_id for _ends, link_id in links(wired(old, *twice))] == [1, None]


def test_a_link_of_another_name_is_another_link() -> None:
    old = stored({**link("a", "b"), "name": "x"})
    assert links(wired(old, {**link("a", "b"), "name": "y"})) == [("a:eth1–b:eth1", None)]
    assert links(wired(old, link("a", "b"))) == [("a:eth1–b:eth1", 1)], "a name that is left out stays"
    old = stored(link("a", "b"))
    assert links(wired(old, {**link("a", "b"), "name": "y"})) == [("a:eth1–b:eth1", 1)], "a name may be given later"


def test_an_unknown_link_id_is_reported() -> None:
    made = wired(stored(link("a", "b")), {**link("a", "b"), "link_id": 9})
    assert (links(made), len(made.refusals)) == ([("a:eth1–b:eth1", None)], 1)


def test_parallel_links_are_matched_by_their_interfaces() -> None:
    old = stored(link("a:eth1", "b:eth1"), link("a:eth2", "b:eth2"), link("a:eth3", "b:eth3"))
    assert links(wired(old, link("a", "b"), link("b:eth2", "a:eth2"))) == [("a:eth1–b:eth1", 1), ("b:eth2–a:eth2", 2)]
    # Endpoints with interfaces are assigned before those without.
    assert links(wired(old, link("a", "b"), link("a:eth1", "b:eth1"))) == [("a:eth2–b:eth2", 2), ("a:eth1–b:eth1", 1)]
    assert links(wired(old, link("a", "b:eth3"))) == [("a:eth3–b:eth3", 3)]
    assert links(wired(old, link("a:eth1", "b:eth3"))) == [("a:eth1–b:eth3", None)]


def test_an_interface_that_another_link_names_is_not_free() -> None:
    old = stored(link("a:eth1", "b:eth1"))
    assert links(wired(old, link("a", "b"), link("a:eth1", "c"))) == [
        ("a:eth2–b:eth1", None),
        ("a:eth1–c:eth1", None),
    ]


def test_a_link_loses_its_interface_if_the_number_of_data_interfaces_is_reduced() -> None:
    old = stored(link("a:eth3", "b"))
    for count, made in ((3, ("a:eth3–b:eth1", 1)), (2, ("a:eth1–b:eth1", None)), (None, ("a:eth3–b:eth1", 1))):
        machines = [vm("a", data_interfaces=count), *MACHINES[1:]]
        assert links(wired(old, link("a", "b"), vms=machines)) == [made]


def test_a_link_of_a_removed_vm_is_not_matched() -> None:
    old = stored(link("a", "b"))
    old.vms[0].deleting = True
    assert links(wired(old, link("a", "b"))) == [("a:eth1–b:eth1", None)]


def test_kept_interfaces_are_assigned_before_new_ones() -> None:
    old = stored(link("a:eth1", "b:eth1"))
    made = wired(old, link("a", "c"), link("a", "c"), link("a", "b"))
    assert links(made) == [("a:eth2–c:eth1", None), ("a:eth3–c:eth2", None), ("a:eth1–b:eth1", 1)]
    lan = {"name": "lan", "members": ["a", "b"]}
    made = wired(stored(networks=[lan]), link("a", "c"), networks=[lan])
    assert (links(made), networks(made)) == ([("a:eth2–c:eth1", None)], [("a:eth1 b:eth1", 100)])


def test_networks_are_matched_by_vlan_or_by_name() -> None:
    old = stored(networks=[{"name": "x", "members": ["a"]}, {"name": "y", "members": ["b"]}])
    assert networks(wired(old, networks=[{"name": "y"}, {"name": "z"}])) == [("", 101), ("", None)]
    assert networks(wired(old, networks=[{"name": "new", "vlan_id": 100}])) == [("", 100)]
    swapped = [{"name": "y", "vlan_id": 100}, {"name": "x", "vlan_id": 101}]
    assert networks(wired(old, networks=swapped)) == [("", 100), ("", 101)]
    # A network that is matched by VLAN is not matched by name.
    assert networks(wired(old, networks=[{"name": "z", "vlan_id": 100}, {"name": "x"}])) == [("", 100), ("", None)]
    made = wired(old, networks=[{"name": "x", "vlan_id": 102}])
    assert (networks(made), len(made.refusals)) == ([("", None)], 1)


def test_members_keep_their_interfaces_and_new_ones_get_the_lowest() -> None:
    old = stored(networks=[{"name": "x", "members": ["a:eth3", "b"]}])
    made = wired(old, networks=[{"name": "x", "members": ["c", "b", "a"]}])
    assert networks(made) == [("c:eth1 b:eth1 a:eth3", 100)]
    made = wired(old, networks=[{"name": "x", "members": ["a:eth1", "b:eth2"]}])
    assert networks(made) == [("a:eth1 b:eth2", 100)]


def test_the_unnamed_network_of_a_link_is_not_matched() -> None:
    old = stored(networks=[{"name": "x", "members": ["a"]}])
    del old.networks[0].extra["name"]
    made = wired(old, networks=[{"name": "x", "vlan_id": 100}])
    assert (networks(made), len(made.refusals)) == ([("", None)], 1)


def test_endpoints_are_counted_with_the_highest_interface() -> None:
    made = wired(stored(), link("a", "b"), link("a:eth4", "c"), networks=[{"name": "x", "members": ["a", "c:eth2"]}])
    assert made.count_ends() == {"a": 3, "b": 1, "c": 2}
    assert made.data_interfaces() == {"a": 4, "b": 1, "c": 2}


def test_a_link_that_names_its_interfaces_is_matched_before_one_that_does_not() -> None:
    """Otherwise the first one in the list would take the id of the other."""
    held = cluster()
    ends = (["vm1:eth1", "vm2:eth1"], ["vm1:eth2", "vm2:eth2"])
    before = put(held, topology(links=[link(*each) for each in ends]))
    ids = {each.vm1_interface: each.link_id for each in before.links}
    after = put(held, topology(links=[link("vm1", "vm2"), link(*ends[0])]))
    assert {each.vm1_interface: each.link_id for each in after.links} == ids


@pytest.mark.parametrize("interfaces", [("", ""), (":eth1", ":eth2")])
def test_links_between_the_same_vms_are_told_apart_by_what_they_carry(interfaces: tuple[str, str]) -> None:
    """Otherwise another order in the list would be a change of both."""
    first, second = ({**link(f"a{each}", f"b{each}"), "mtu": mtu} for each, mtu in zip(interfaces, (1400, 9000)))
    old = stored(first, second)
    assert [number for _ends, number in links(wired(old, second, first))] == [2, 1]
    titled = stored({**link("a", "b"), "title": "One"}, {**link("a", "b"), "title": "Two"})
    again = wired(titled, {**link("a", "b"), "title": "Two"}, {**link("a", "b"), "title": "One"})
    assert [number for _ends, number in links(again)] == [2, 1]


def test_a_link_that_carries_something_else_than_stored_is_the_same_link() -> None:
    old = stored(link("a", "b"), link("b", "c"))
    changed = {**link("b", "a"), "mtu": 1400, "title": "New"}
    assert [number for _ends, number in links(wired(old, changed, link("b", "c")))] == [1, 2]


def test_of_alike_links_each_is_one() -> None:
    small, large = ({**link("a", "b"), "mtu": mtu} for mtu in (1400, 9000))
    old = stored(small, large)
    assert [number for _ends, number in links(wired(old, large))] == [2]
    assert [number for _ends, number in links(wired(old, {**small, "mtu": 1300}, large))] == [1, 2]
    assert [number for _ends, number in links(wired(old, large, {**small, "mtu": 1300}))] == [2, 1]


def test_a_named_link_stays_when_the_vm_of_an_end_is_another_one() -> None:
    old = stored({**link("a:eth3", "b"), "name": "core"})
    made = wired(old, {**link("a", "c"), "name": "core"}, vms=[MACHINES[0], MACHINES[2]])
    assert links(made) == [("a:eth3–c:eth1", 1)]
    old.vms[1].deleting = True
    made = wired(old, {**link("a", "c"), "name": "core"}, vms=[MACHINES[0], MACHINES[2]])
    assert links(made) == [("a:eth3–c:eth1", 1)]


def test_several_free_interfaces_of_a_vm_are_taken_one_after_another() -> None:
    made = wired(
        stored(), link("a", "b"), link("a:eth2", "c"), link("a", "c"), networks=[{"name": "n", "members": ["a"]}]
    )
    assert links(made) == [("a:eth1–b:eth1", None), ("a:eth2–c:eth1", None), ("a:eth3–c:eth2", None)]
    assert networks(made) == [("a:eth4", None)]


AB, CIDR, OTHER = ["a", "b"], "10.1.0.0/30", "10.1.0.4/30"


@pytest.mark.parametrize(
    ("wanted", "ids_"),
    [
        # Links between the same VMs are told apart by the subnets and addresses that they give.
        ([{"cidr": OTHER}, {"cidr": CIDR}], [2, 1]),
        ([{}, {"cidr": CIDR}], [2, 1]),
        ([{"cidr": OTHER}, {}], [2, 1]),
        ([{"cidr": CIDR}, {"cidr": OTHER}], [1, 2]),
        ([{"addresses": [{"vm": "b", "ipv4": "10.1.0.6"}]}, {}], [2, 1]),
        ([{}, {"addresses": [{"vm": "a", "ipv4": "10.1.0.1"}]}], [2, 1]),
        ([{"cidr6": "2001:DB8:0::/64"}, {}], [2, 1]),
        # An address that neither has says nothing.
        ([{"addresses": [{"vm": "b", "ipv4": "10.1.0.5"}]}, {}], [1, 2]),
        # Settings that change as well are changes of these links.
        ([{"cidr": OTHER, "mtu": 9000}, {"cidr": CIDR}], [2, 1]),
        ([{"mtu": 9000}, {"cidr": CIDR}], [2, 1]),
        ([{"cidr": "10.9.0.0/30"}, {"cidr": CIDR}], [2, 1]),
    ],
)
def test_of_links_between_the_same_vms_those_with_the_same_addresses_belong_together(
    wanted: list[dict[str, Any]], ids_: list[int]
) -> None:
    first = {"endpoints": AB, "cidr": CIDR, "addresses": [{"vm": "a", "ipv4": "10.1.0.1"}]}
    second = {"endpoints": AB, "cidr": OTHER, "addresses": [{"vm": "a", "ipv4": "10.1.0.5"}], "cidr6": "2001:db8::/64"}
    made = wired(stored(first, second), *({"endpoints": ends, **each} for ends, each in zip((AB, AB[::-1]), wanted)))
    assert [number for _ends, number in links(made)] == ids_
