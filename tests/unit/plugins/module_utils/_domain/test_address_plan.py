# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import addressing
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.address_plan import _hosts, _is_within, _Ranges
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Slice

from .builders import cluster, link, put, refusals, topology, vm

POOLS = {
    "links": {"ipv4": "10.1.0.0/16", "ipv6": "2001:db8:1::/48"},
    "networks": {"ipv4": "10.2.0.0/16", "ipv6": "2001:db8:2::/48"},
    "loopbacks": {"ipv4": "10.0.0.0/24", "ipv6": "2001:db8::/64"},
}
TRIANGLE = [link("a", "b"), link("b", "c"), link("c", "a")]


def triangle(**fields: Any) -> dict[str, Any]:
    """Return a topology of three VMs, with a link between each two of them."""
    return topology(**{"vms": [vm(name) for name in "abc"], "links": TRIANGLE, "addressing": POOLS, **fields})


def plan(slice_: Slice) -> dict[str, Any]:
    """Return the addresses of each interface as C(VM:INTERFACE), and those of loopbacks as C(VM)."""
    names = {each.vm_id: each.name for each in slice_.live_vms}
    found: dict[str, Any] = {
        f"{names[vm_id]}:{interface}": list(told)
        for (vm_id, interface), told in addressing.guest_addresses(slice_).items()
    }
    loopbacks = ((each.name, each.extra.get("loopback")) for each in slice_.live_vms)
    return {**found, **{name: list(told.values()) for name, told in loopbacks if told}}


def test_a_link_or_network_takes_the_part_of_its_pool_around_a_given_address() -> None:
    held = cluster()
    fixed = {**TRIANGLE[1], "addresses": [{"vm": "c", "ipv4": "10.1.9.6"}]}
    lan = {"name": "lan", "members": ["a", "b"], "addresses": [{"vm": "b", "ipv4": "10.2.7.9"}]}
    want = triangle(links=[TRIANGLE[0], fixed, TRIANGLE[2]], networks=[lan])
    slice_ = put(held, want)
    assert [each.extra["cidr"] for each in slice_.links] == ["10.1.0.0/30", "10.1.9.4/30", "10.1.0.4/30"]
    found = plan(slice_)
    assert [found[end][0] for end in ("b:eth2", "c:eth1", "b:eth3")] == ["10.1.9.5/30", "10.1.9.6/30", "10.2.7.9/24"]
    before = slice_.to_dict()
    assert put(held, want).to_dict() == before
    assert put(held, triangle(networks=[{"name": "lan", "members": ["a", "b"]}])).to_dict() == before, "it is kept"


def test_links_and_loopbacks_take_the_lowest_free_addresses() -> None:
    slice_ = put(cluster(), triangle())
    assert plan(slice_) == {
        "a:eth1": ["10.1.0.1/30", "2001:db8:1::1/64"],
        "b:eth1": ["10.1.0.2/30", "2001:db8:1::2/64"],
        "b:eth2": ["10.1.0.5/30", "2001:db8:1:1::1/64"],
        "c:eth1": ["10.1.0.6/30", "2001:db8:1:1::2/64"],
        "c:eth2": ["10.1.0.9/30", "2001:db8:1:2::1/64"],
        "a:eth2": ["10.1.0.10/30", "2001:db8:1:2::2/64"],
        "a": ["10.0.0.1", "2001:db8::1"],
        "b": ["10.0.0.2", "2001:db8::2"],
        "c": ["10.0.0.3", "2001:db8::3"],
    }


def test_applying_a_plan_again_changes_nothing() -> None:
    held = cluster()
    first = put(held, triangle()).to_dict()
    assert put(held, triangle()).to_dict() == first
    assert Slice.from_dict(first).to_dict() == first


def test_a_link_that_is_taken_out_renumbers_nothing_and_its_subnet_is_taken_again() -> None:
    held = cluster()
    whole = plan(put(held, triangle()))
    rest = plan(put(held, triangle(links=TRIANGLE[1:])))
    assert rest == {end: told for end, told in whole.items() if end not in ("a:eth1", "b:eth1")}
    again = plan(put(held, triangle(links=[*TRIANGLE[1:], link("a", "b")])))
    assert (again["a:eth1"], again["b:eth1"]) == (whole["a:eth1"], whole["b:eth1"])


def test_a_vm_that_is_taken_out_renumbers_no_loopback() -> None:
    held = cluster()
    put(held, triangle(links=[]))
    found = plan(put(held, triangle(vms=[vm(name) for name in ("d", "b", "c")], links=[])))
    assert {name: told[0] for name, told in found.items()} == {"d": "10.0.0.1", "b": "10.0.0.2", "c": "10.0.0.3"}


def test_a_link_whose_end_moves_keeps_its_subnet_and_the_address_of_the_other_end() -> None:
    held = cluster()
    put(held, triangle(links=[{**link("a", "b"), "name": "core"}]))
    found = plan(put(held, triangle(links=[{**link("a", "c"), "name": "core"}])))
    assert (found["a:eth1"][0], found["c:eth1"][0]) == ("10.1.0.1/30", "10.1.0.2/30")


def test_given_subnets_and_addresses_are_used_and_the_others_go_around_them() -> None:
    first = {**link("a", "b"), "cidr": "10.1.0.0/29", "addresses": [{"vm": "b", "ipv4": "10.1.0.1"}]}
    found = plan(put(cluster(), triangle(links=[TRIANGLE[1], first, {**TRIANGLE[2], "cidr": "192.0.3.0/31"}])))
    assert {end: told[0] for end, told in found.items() if ":" in end} == {
        "b:eth1": "10.1.0.9/30",
        "c:eth1": "10.1.0.10/30",
        "b:eth2": "10.1.0.1/29",
        "a:eth1": "10.1.0.2/29",
        "c:eth2": "192.0.3.0/31",
        "a:eth2": "192.0.3.1/31",
    }


def test_a_given_address_moves_the_end_that_has_taken_it() -> None:
    held = cluster()
    put(held, triangle())
    first = {**TRIANGLE[0], "addresses": [{"vm": "b", "ipv4": "10.1.0.1"}]}
    found = plan(put(held, triangle(links=[first, *TRIANGLE[1:]])))
    assert (found["a:eth1"][0], found["b:eth1"][0]) == ("10.1.0.2/30", "10.1.0.1/30")
    assert plan(put(held, triangle()))["b:eth1"][0] == "10.1.0.1/30"


def test_addresses_need_no_pools_if_they_are_given() -> None:
    first = {**link("a", "b"), "cidr": "10.9.0.0/31", "addresses": [{"vm": "b", "ipv4": "10.9.0.0"}]}
    vms = [vm("a", loopback={"ipv4": "10.8.0.1"}), vm("b")]
    found = plan(put(cluster(), topology(vms=vms, links=[first])))
    assert found == {"a:eth1": ["10.9.0.1/31"], "b:eth1": ["10.9.0.0/31"], "a": ["10.8.0.1"]}


def test_a_slice_without_addressing_has_no_new_fields() -> None:
    stored = put(cluster(), topology(networks=[{"name": "lan", "members": ["vm1", "vm2"]}])).to_dict()
    assert "addressing" not in stored
    assert stored["networks"][0]["members"] == [
        {"vm_id": 1001, "interface": "eth2"},
        {"vm_id": 1002, "interface": "eth2"},
    ]
    assert not {"cidr", "cidr6", "addresses"} & set(stored["links"][0])


def test_pools_go_with_the_option_and_so_do_the_addresses() -> None:
    held = cluster()
    put(held, triangle())
    assert plan(put(held, triangle(addressing=None, append=True))) == plan(put(cluster(), triangle()))
    stored = put(held, triangle(addressing=None))
    assert plan(stored) == {}
    assert "addressing" not in stored.to_dict()


def test_another_pool_replaces_the_subnets_that_are_not_in_it() -> None:
    held = cluster()
    put(held, triangle())
    found = plan(
        put(held, triangle(addressing={**POOLS, "links": {"ipv4": "10.1.0.4/30", "prefix": 31}}, links=TRIANGLE[:2]))
    )
    assert {end: told for end, told in found.items() if ":" in end} == {
        "a:eth1": ["10.1.0.4/31"],
        "b:eth1": ["10.1.0.5/31"],
        # An address that fits is kept.
        "b:eth2": ["10.1.0.7/31"],
        "c:eth1": ["10.1.0.6/31"],
    }


def lan(**fields: Any) -> dict[str, Any]:
    return topology(
        vms=[vm(name) for name in "abc"],
        links=[],
        addressing={"networks": {"ipv4": "10.2.0.0/16", "ipv6": "2001:db8:2::/48"}},
        networks=[{"name": "lan", "members": ["a", "b", "c"], **fields}],
    )


def test_members_of_networks_go_around_the_gateway() -> None:
    held = cluster()
    slice_ = put(held, lan(gateway=True))
    (network,) = slice_.networks
    assert (network.cidr, network.gateway_ip, network.extra["cidr6"]) == ("10.2.0.0/24", "10.2.0.1", "2001:db8:2::/64")
    assert plan(slice_) == {
        "a:eth1": ["10.2.0.2/24", "2001:db8:2::1/64"],
        "b:eth1": ["10.2.0.3/24", "2001:db8:2::2/64"],
        "c:eth1": ["10.2.0.4/24", "2001:db8:2::3/64"],
    }


def test_members_of_a_network_with_dhcp_only_have_the_ipv4_addresses_that_are_given() -> None:
    found = plan(put(cluster(), lan(dhcp_enabled=True, addresses=[{"vm": "b", "ipv4": "10.2.0.2"}])))
    assert found["a:eth1"] == ["2001:db8:2::1/64"]
    assert found["b:eth1"] == ["10.2.0.2/24", "2001:db8:2::2/64"]


def test_a_network_keeps_the_subnet_that_is_given() -> None:
    slice_ = put(cluster(), lan(cidr="10.7.0.0/24"))
    assert slice_.networks[0].cidr == "10.7.0.0/24"
    assert plan(slice_)["a:eth1"][0] == "10.7.0.1/24"


def test_a_network_without_a_pool_keeps_the_subnet_of_its_vlan() -> None:
    want = {**lan(addresses=[{"vm": "a", "ipv4": "192.168.100.7"}]), "addressing": {"links": {"ipv4": "10.1.0.0/16"}}}
    slice_ = put(cluster(), want)
    assert slice_.networks[0].cidr == "192.168.100.0/24"
    assert plan(slice_) == {"a:eth1": ["192.168.100.7/24"]}


def test_ends_are_named_by_title() -> None:
    vms = [{**vm("a"), "title": "São Paulo"}, vm("b")]
    links = [{**link("São Paulo", "b"), "cidr": "10.9.0.0/30", "addresses": [{"vm": "São Paulo", "ipv4": "10.9.0.2"}]}]
    assert plan(put(cluster(), topology(vms=vms, links=links)))["a:eth1"] == ["10.9.0.2/30"]


def test_a_pool_is_taken_to_its_last_address() -> None:
    pools = {"links": {"ipv4": "10.1.0.0/28"}, "loopbacks": {"ipv4": "10.0.0.0/29"}}
    links = [link("a", "b")] * 4
    found = plan(put(cluster(), triangle(links=links, addressing=pools)))
    used = {ipaddress.ip_interface(told[0]).network for end, told in found.items() if ":" in end}
    assert sorted(map(str, used)) == ["10.1.0.0/30", "10.1.0.12/30", "10.1.0.4/30", "10.1.0.8/30"]
    (full,) = refusals(cluster(), triangle(links=[*links, link("a", "b")], addressing=pools))
    assert (full.code, full.figures["room"], full.figures["needed"]) == ("address_pool_exhausted", 4, 5)


@pytest.mark.parametrize(
    ("pool", "kept"),
    [
        ("10.1.0.0/16", True),
        ("10.1.0.0/29", True),
        ("10.1.0.4/30", False),
        ("10.0.0.0/16", False),
        ("10.9.0.0/16", False),
    ],
)
def test_a_subnet_is_kept_as_long_as_it_is_within_the_pool(pool: str, kept: bool) -> None:
    held = cluster()
    pair: dict[str, Any] = {"vms": [vm("a"), vm("b")], "links": TRIANGLE[:1]}
    before = plan(put(held, triangle(**pair, addressing={"links": {"ipv4": "10.1.0.0/16"}})))
    after = plan(put(held, triangle(**pair, addressing={"links": {"ipv4": pool}})))
    assert (after == before) is kept
    (address, *_others), network = after["a:eth1"], ipaddress.ip_network(pool)
    assert ipaddress.ip_interface(address).ip in network


BLOCKS = st.tuples(st.integers(0, 40), st.integers(0, 9)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(st.lists(BLOCKS, max_size=8), st.tuples(st.integers(0, 20), st.integers(20, 50)), st.sampled_from([1, 4, 8]))
def test_free_blocks_are_those_that_overlap_nothing(wanted: list[tuple[int, int]], within: Any, size: int) -> None:
    ranges, taken = _Ranges([]), set[int]()
    for first, last in wanted:
        is_free = taken.isdisjoint(range(first, last + 1))
        assert ranges.add((first, last)) is is_free
        if is_free:
            taken |= {*range(first, last + 1)}
    start, end = within[0] - within[0] % size, within[1]
    blocks = [range(first, first + size) for first in range(start, end + 1, size) if first + size - 1 <= end]
    assert [*ranges.free((start, end), size)] == [block[0] for block in blocks if taken.isdisjoint(block)]


def test_of_ranges_that_overlap_the_lowest_counts() -> None:
    assert [*_Ranges([(5, 9), (1, 5)]).free((0, 10), 1)] == [0, 6, 7, 8, 9, 10]


@pytest.mark.parametrize(
    ("cidr", "first", "last"),
    [
        ("10.0.0.0/24", "10.0.0.1", "10.0.0.254"),
        ("10.0.0.4/30", "10.0.0.5", "10.0.0.6"),
        ("10.0.0.4/31", "10.0.0.4", "10.0.0.5"),
        ("10.0.0.4/32", "10.0.0.4", "10.0.0.4"),
        ("2001:db8::/64", "2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff"),
        ("2001:db8::4/126", "2001:db8::5", "2001:db8::7"),
        ("2001:db8::4/127", "2001:db8::4", "2001:db8::5"),
        ("2001:db8::4/128", "2001:db8::4", "2001:db8::4"),
    ],
)
def test_hosts_have_neither_the_first_address_nor_the_broadcast_address(cidr: str, first: str, last: str) -> None:
    found = addressing.subnet_of(cidr)
    assert found is not None
    assert _hosts(found) == tuple(int(ipaddress.ip_address(each)) for each in (first, last))


def exhausted(pool: str, subnet: str, room: int, length: int, needed: int) -> Refusal:
    figures = {"pool": pool, "subnet": subnet, "room": room, "length": length, "needed": needed}
    return Refusal("address_pool_exhausted", "slice web", figures)


def test_a_pool_that_is_too_small_is_refused_with_its_room() -> None:
    pools = {"links": {"ipv4": "10.1.0.0/29", "ipv6": "2001:db8::/63"}, "loopbacks": {"ipv4": "10.0.0.0/31"}}
    assert refusals(cluster(), triangle(addressing=pools)) == [
        exhausted("loopbacks.ipv4", "10.0.0.0/31", 2, 32, 3),
        exhausted("links.ipv4", "10.1.0.0/29", 2, 30, 3),
        exhausted("links.ipv6", "2001:db8::/63", 2, 64, 3),
    ]
    pools["loopbacks"] = {"ipv4": "10.0.0.0/30"}
    assert exhausted("loopbacks.ipv4", "10.0.0.0/30", 2, 32, 3) in refusals(cluster(), triangle(addressing=pools))
    pools = {"links": {"ipv4": "10.1.0.0/28"}, "loopbacks": {"ipv6": "2001:db8::/126"}}
    assert len(plan(put(cluster(), triangle(addressing=pools)))) == 9


def test_addresses_are_given_once_and_within_their_pool() -> None:
    twice = [vm("a", loopback={"ipv4": "10.0.0.7"}), vm("b", loopback={"ipv4": "10.0.0.7"}), vm("c")]
    assert refusals(cluster(), triangle(vms=twice)) == [
        Refusal("guest_address_twice", "slice web", {"address": "10.0.0.7", "ends": ["a", "b"]})
    ]
    outside = [vm("a", loopback={"ipv4": "10.9.0.7"}), vm("b"), vm("c", loopback={"ipv6": "2001:db8:9::1"})]
    figures = {"pool": "loopbacks.ipv4", "subnet": "10.0.0.0/24", "got": "10.9.0.7"}
    other = {"pool": "loopbacks.ipv6", "subnet": "2001:db8::/64", "got": "2001:db8:9::1"}
    assert refusals(cluster(), triangle(vms=outside)) == [
        Refusal("address_outside_pool", "VM web/a", figures),
        Refusal("address_outside_pool", "VM web/c", other),
    ]
    same = {**TRIANGLE[0], "addresses": [{"vm": "a", "ipv4": "10.1.0.1"}, {"vm": "b", "ipv4": "10.1.0.1"}]}
    (refusal,) = refusals(cluster(), triangle(links=[{**same, "cidr": "10.1.0.0/30"}]))
    assert (refusal.code, refusal.figures) == ("guest_address_twice", {"address": "10.1.0.1", "ends": ["a", "b"]})


def test_ends_are_within_their_subnet_and_not_where_the_gateway_is() -> None:
    far = {**TRIANGLE[0], "cidr": "10.1.0.0/30", "addresses": [{"vm": "a", "ipv4": "10.1.0.3"}]}
    (refusal,) = refusals(cluster(), triangle(links=[far]))
    figures = {"option": "the address of a", "got": "10.1.0.3", "subnet": "10.1.0.0/30"}
    assert (refusal.code, refusal.figures) == ("address_outside_subnet", figures)
    net = {"name": "lan", "members": ["a", "b", "c"], "cidr": "10.2.0.0/30", "gateway": True}
    assert Refusal(
        "subnet_too_small", "network web/lan", {"option": "cidr", "got": "10.2.0.0/30", "room": 2, "needed": 4}
    ) in refusals(cluster(), triangle(links=[], networks=[net]))


def test_a_member_does_not_have_the_address_of_the_gateway_or_one_of_the_range() -> None:
    fields = {"gateway": True, "dhcp_enabled": True, "dhcp_range": "10.2.0.10,10.2.0.19"}
    told = [{"vm": "a", "ipv4": "10.2.0.1"}, {"vm": "b", "ipv4": "10.2.0.10"}, {"vm": "c", "ipv4": "10.2.0.19"}]
    found = refusals(cluster(), lan(**fields, addresses=told))
    assert [(each.code, each.figures["vm"], each.figures["reserved"]) for each in found] == [
        ("address_is_reserved", "a", "10.2.0.1"),
        ("address_is_reserved", "b", "10.2.0.10-10.2.0.19"),
        ("address_is_reserved", "c", "10.2.0.10-10.2.0.19"),
    ]
    told = [{"vm": "a", "ipv4": "10.2.0.2"}, {"vm": "b", "ipv4": "10.2.0.9"}, {"vm": "c", "ipv4": "10.2.0.20"}]
    assert [each[0] for each in plan(put(cluster(), lan(**fields, addresses=told))).values()] == [
        "10.2.0.2/24",
        "10.2.0.9/24",
        "10.2.0.20/24",
    ]


def test_a_network_has_an_address_for_each_of_its_members() -> None:
    for cidr, room in (("2001:db8:2::/127", 2), ("2001:db8:2::/126", 3)):
        if room == 3:
            assert len(plan(put(cluster(), lan(cidr6=cidr)))) == 3
            continue
        (found,) = refusals(cluster(), lan(cidr6=cidr))
        figures = {"option": "cidr6", "got": cidr, "room": room, "needed": 3}
        assert (found.code, found.figures) == ("subnet_too_small", figures)


def test_a_pool_shorter_than_its_parts_leaves_the_given_subnets() -> None:
    pools = {"links": {"ipv4": "10.1.0.0/30", "prefix": 30}}
    links = [{**TRIANGLE[0], "cidr": "10.9.0.0/30"}]
    first = plan(put(cluster(), triangle(links=links, addressing=pools)))
    assert first["a:eth1"] == ["10.9.0.1/30"]
    found = refusals(cluster(), triangle(links=links, addressing={"links": {"ipv4": "10.1.0.0/30", "prefix": 29}}))
    assert [each.code for each in found] == ["out_of_range"]


def test_only_vms_that_say_so_have_loopbacks_of_their_own() -> None:
    vms = [vm("a", loopback={"ipv4": "10.9.0.7"}), vm("b"), vm("c")]
    found = plan(put(cluster(), triangle(vms=vms, links=[], addressing=None)))
    assert found == {"a": ["10.9.0.7"]}


@pytest.mark.parametrize(
    ("inner", "outer", "is_within"),
    [
        ("10.1.0.0/30", "10.1.0.0/29", True),
        ("10.1.0.4/30", "10.1.0.0/29", True),
        ("10.1.0.0/29", "10.1.0.0/29", True),
        ("10.1.0.8/30", "10.1.0.0/29", False),
        ("10.1.0.0/28", "10.1.0.0/29", False),
        ("10.0.255.252/30", "10.1.0.0/29", False),
        ("::a01:0/126", "10.1.0.0/29", False),
    ],
)
def test_a_subnet_is_within_another_one(inner: str, outer: str, is_within: bool) -> None:
    first, second = addressing.subnet_of(inner), addressing.subnet_of(outer)
    assert first is not None
    assert second is not None
    assert _is_within(first, second) is is_within
