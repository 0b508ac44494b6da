# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pools, subnets and addresses that are refused, with their messages."""

from __future__ import annotations

from typing import Any

import pytest

from .builders import cluster, put, refusals, vm
from .test_address_plan import POOLS, TRIANGLE, triangle


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"addressing": {"links": {"ipv4": "10.1.0.0/29"}}},
            "slice web: links.ipv4 10.1.0.0/29 has room for 2 with prefix length 30, 3 needed",
        ),
        (
            {"addressing": {"loopbacks": {"ipv4": "10.1.0.0/30"}}},
            "slice web: loopbacks.ipv4 10.1.0.0/30 has room for 2 with prefix length 32, 3 needed",
        ),
        (
            {"addressing": {**POOLS, "loopbacks": {"ipv4": "10.1.2.0/24"}}},
            "slice web: 10.1.2.0/24 of pool loopbacks.ipv4 overlaps 10.1.0.0/16 of pool links.ipv4",
        ),
        (
            {"addressing": {"links": {"ipv4": "10.60.0.0/16"}}},
            "slice web: 10.60.7.0/24 of the management network overlaps 10.60.0.0/16 of pool links.ipv4",
        ),
        (
            {"networks": [{"name": "lan", "cidr": "10.1.3.0/24"}]},
            "slice web: 10.1.3.0/24 of network lan overlaps 10.1.0.0/16 of pool links.ipv4",
        ),
        (
            {"links": [{**TRIANGLE[0], "cidr": "10.2.0.0/30"}]},
            "slice web: 10.2.0.0/30 of link 1 overlaps 10.2.0.0/16 of pool networks.ipv4",
        ),
        (
            {"links": [{**each, "cidr": "10.1.0.0/30"} for each in TRIANGLE[:2]]},
            "slice web: 10.1.0.0/30 of link 2 overlaps 10.1.0.0/30 of link 1",
        ),
        (
            {"links": [{**TRIANGLE[0], "addresses": [{"vm": "a", "ipv4": "10.3.0.1"}]}]},
            "link web/1 (a–b): address 10.3.0.1 of a is not in links.ipv4 10.1.0.0/16; give one in the pool; on a link "
            "or network, it may be in another subnet with cidr or cidr6",
        ),
        (
            {
                "links": [
                    {**TRIANGLE[0], "addresses": [{"vm": "a", "ipv4": "10.1.5.1"}, {"vm": "b", "ipv4": "10.1.6.1"}]}
                ]
            },
            "link web/1: the address of b must be the address of a host in 10.1.5.0/30, got 10.1.6.1",
        ),
        (
            {"links": [{**TRIANGLE[0], "addresses": [{"vm": "a", "ipv4": "10.1.5.4"}]}]},
            "link web/1: the address of a must be the address of a host in 10.1.5.4/30, got 10.1.5.4",
        ),
        (
            {"links": [{**TRIANGLE[0], "cidr": "10.9.0.0/30", "addresses": [{"vm": "a", "ipv4": "10.1.0.1"}]}]},
            "link web/1: the address of a must be the address of a host in 10.9.0.0/30, got 10.1.0.1",
        ),
        (
            {"links": [{**each, "addresses": [{"vm": "b", "ipv4": "10.1.5.1"}]} for each in TRIANGLE[:2]]},
            "slice web: 10.1.5.0/30 of link 2 overlaps 10.1.5.0/30 of link 1",
        ),
        (
            {"networks": [{"name": "lan", "members": ["a"], "addresses": [{"vm": "a", "ipv4": "10.7.0.5"}]}]},
            "network web/lan: address 10.7.0.5 of a is not in networks.ipv4 10.2.0.0/16; give one in the pool; on a "
            "link or network, it may be in another subnet with cidr or cidr6",
        ),
        (
            {"links": [{**TRIANGLE[0], "addresses": [{"vm": name, "ipv6": "2001:db8:1::5"} for name in "ab"]}]},
            "link web/1: 2001:db8:1::5 belongs to a, b; addresses on a link or network are unique, and so are those of "
            "loopbacks",
        ),
        (
            {"links": [{**TRIANGLE[0], "addresses": [{"vm": "c", "ipv4": "10.1.0.1"}]}]},
            "link web/1 (a–b): end c does not exist; existing: a, b",
        ),
        (
            {"links": [{**TRIANGLE[0], "addresses": [{"vm": "a", "ipv4": "10.1.0.1/30"}]}]},
            "link web/1 (a–b): address of a must be an IPv4 address, got '10.1.0.1/30'",
        ),
        (
            {"links": [{**TRIANGLE[0], "addresses": [{"vm": "a", "ipv6": "fe80::1%eth0"}]}]},
            "link web/1 (a–b): address of a must be an IPv6 address, got 'fe80::1%eth0'",
        ),
        (
            {"links": [{**TRIANGLE[0], "addresses": [{"vm": "a", "ipv6": "fe80::1"}]}]},
            "link web/1 (a–b): address of a must not be loopback, link-local, multicast or reserved, got fe80::1",
        ),
        (
            {"links": [{**TRIANGLE[0], "addresses": [{"vm": "a", "ipv4": "10.1.0.1"}] * 2}]},
            "link web/1 (a–b): address of a is listed 2 times",
        ),
        (
            {"links": [{**TRIANGLE[0], "cidr": "10.1.0.1/30"}]},
            "link web/1 (a–b): cidr must be an IPv4 network, got '10.1.0.1/30' (10.1.0.1/30 has host bits set)",
        ),
        (
            {"links": [{**TRIANGLE[0], "cidr6": "10.1.0.0/30"}]},
            "link web/1 (a–b): cidr6 must be an IPv6 network, got '10.1.0.0/30'",
        ),
        ({"links": [{**TRIANGLE[0], "cidr": "10.1.0.0/32"}]}, "link web/1 (a–b): prefix of cidr must be 8-31, got 32"),
        (
            {"addressing": {"links": {"ipv4": "10.1.0.0/16", "prefix": 15}}},
            "slice web: addressing.links.prefix must be 16-31, got 15",
        ),
        (
            {"addressing": {"networks": {"ipv6": "2001:db8::/64", "prefix6": 128}}},
            "slice web: addressing.networks.prefix6 must be 64-127, got 128",
        ),
        (
            {"addressing": {"links": {"ipv4": "224.0.0.0/8"}}},
            "slice web: addressing.links.ipv4 must not be loopback, link-local, multicast or reserved, got 224.0.0.0/8",
        ),
        (
            {"addressing": {"links": {"ipv6": "2001:db8::1/64"}}},
            "slice web: addressing.links.ipv6 must be an IPv6 network, got '2001:db8::1/64'",
        ),
        (
            {"vms": [vm("a", loopback={"ipv4": "10.9.0.1"})], "links": []},
            "VM web/a: address 10.9.0.1 is not in loopbacks.ipv4 10.0.0.0/24",
        ),
        (
            {"vms": [vm(name, loopback={"ipv6": "2001:db8::7"}) for name in "ab"], "links": []},
            "slice web: 2001:db8::7 belongs to a, b; addresses on a link or network are unique, and so are those of "
            "loopbacks",
        ),
        (
            {
                "vms": [vm("a", loopback={"ipv4": "10.1.0.1"}), vm("b")],
                "links": TRIANGLE[:1],
                "addressing": {"links": {"ipv4": "10.1.0.0/16"}},
            },
            "slice web: 10.1.0.1/32 of the loopback of VM a overlaps 10.1.0.0/30 of link 1",
        ),
        (
            {"networks": [{"name": "lan", "cidr": "10.2.0.0/30", "members": ["a", "b", "c"]}]},
            "network web/lan: cidr 10.2.0.0/30 has 2 addresses, 3 needed",
        ),
        (
            {
                "networks": [
                    {"name": "lan", "gateway": True, "members": ["a"], "addresses": [{"vm": "a", "ipv4": "10.2.0.1"}]}
                ]
            },
            "network web/lan: address 10.2.0.1 of a is within 10.2.0.1; a static address must not be",
        ),
        (
            {
                "networks": [
                    {
                        "name": "lan",
                        "dhcp_enabled": True,
                        "members": ["a"],
                        "addresses": [{"vm": "a", "ipv4": "10.2.0.20"}],
                    }
                ]
            },
            "network web/lan: address 10.2.0.20 of a is within 10.2.0.10-10.2.0.250; a static address must not be",
        ),
        (
            {"addressing": None, "links": [{**TRIANGLE[0], "addresses": [{"vm": "a", "ipv4": "10.1.0.1"}]}]},
            "link web/1: an address needs a subnet, got a 10.1.0.1; set cidr or addressing.links.ipv4",
        ),
    ],
)
def test_addresses_that_do_not_fit_are_refused(fields: dict[str, Any], message: str) -> None:
    found = [refusal.message for refusal in refusals(cluster(), triangle(**fields))]
    assert any(message in each for each in found), found


@pytest.mark.parametrize("fields", [{"cidr": "10.5.0.0/30"}, {"cidr": "10.5.0.0/30", "cidr6": "fd00::/64"}])
def test_addresses_with_a_subnet_of_their_version_are_accepted(fields: dict[str, str]) -> None:
    told = [{"vm": "a", "ipv4": "10.5.0.1", **({"ipv6": "fd00::1"} if "cidr6" in fields else {})}, {"vm": "b"}]
    want = triangle(links=[{**TRIANGLE[0], **fields, "addresses": told}], addressing=None)
    assert put(cluster(), want).links[0].extra["cidr"] == "10.5.0.0/30"


def test_a_subnet_that_contains_a_pool_overlaps_it() -> None:
    pools = {"links": {"ipv4": "10.1.4.0/24"}}
    for cidr, is_refused in (("10.1.0.0/16", True), ("10.1.4.0/24", False), ("10.1.5.0/24", False)):
        links = [{**TRIANGLE[0], "cidr": cidr}]
        if is_refused:
            (found,) = refusals(cluster(), triangle(links=links, addressing=pools))
            figures = {"subnet": cidr, "of": "link 1", "other": "10.1.4.0/24", "other_of": "pool links.ipv4"}
            assert (found.code, found.figures) == ("subnets_overlap", figures)
        else:
            assert put(cluster(), triangle(links=links, addressing=pools)).links[0].extra["cidr"] == cidr


def test_loopbacks_from_a_pool_do_not_overlap_it_and_others_do_not_overlap_links() -> None:
    pools = {"loopbacks": {"ipv4": "10.0.0.0/24"}}
    vms = [vm("a", loopback={"ipv4": "10.0.0.7"}), vm("b"), vm("c")]
    assert put(cluster(), triangle(vms=vms, links=[], addressing=pools)).vms[0].extra["loopback"] == {
        "ipv4": "10.0.0.7"
    }
    links = [{**TRIANGLE[0], "cidr": "10.9.0.0/30"}]
    vms = [vm("a", loopback={"ipv4": "10.9.0.1"}), vm("b"), vm("c")]
    (found,) = refusals(cluster(), triangle(vms=vms, links=links, addressing=None))
    assert (found.code, found.figures["of"]) == ("subnets_overlap", "the loopback of VM a")


def test_the_ipv6_subnet_of_a_network_is_checked() -> None:
    (found,) = refusals(
        cluster(), triangle(networks=[{"name": "lan", "cidr6": "fe80::/64"}], links=[], addressing=None)
    )
    assert (found.object, found.figures["option"]) == ("network web/lan", "cidr6")


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"links": [{**TRIANGLE[0], "cidr6": "2001:db8:7::/64"}]}, "link web/1"),
        ({"addressing": {"links": {"ipv6": "2001:db8::/48"}}, "links": [TRIANGLE[0]]}, "link web/1"),
        ({"networks": [{"name": "lan", "members": ["a"], "cidr6": "2001:db8:7::/64"}]}, "network web/lan"),
    ],
)
def test_ipv6_needs_an_mtu_that_it_can_have(fields: dict[str, Any], where: str) -> None:
    """Linux has no IPv6 on an interface with less, so the guest could not have its address."""
    part = next(name for name in ("networks", "links") if name in fields)
    small, enough = (
        {"addressing": {}, "links": [], **fields, part: [{**fields[part][0], "mtu": mtu}]} for mtu in (1279, 1280)
    )
    [refusal] = refusals(cluster(), triangle(**small))
    assert refusal.message == f"{where}: mtu with an IPv6 subnet must be 1280-65521, got 1279"
    put(cluster(), triangle(**enough))


def test_ipv4_alone_needs_no_larger_mtu() -> None:
    slice_ = put(cluster(), triangle(links=[{**TRIANGLE[0], "cidr": "10.7.0.0/30", "mtu": 68}], addressing={}))
    assert slice_.links[0].extra["mtu"] == 68


@pytest.mark.parametrize(
    ("cidr", "cidr6"), [("10.7.0.0/255.255.255.0", "2001:DB8:7:0::/64"), ("10.7.0.0/24", "2001:db8:7::/64")]
)
def test_another_spelling_of_a_subnet_is_no_change(cidr: str, cidr6: str) -> None:
    held = cluster()
    usual, other = (
        triangle(
            addressing={},
            links=[{**TRIANGLE[0], **subnets}],
            networks=[
                {"name": "lan", "members": ["a"], "cidr": "10.8.0.0/24", "cidr6": subnets["cidr6"].replace("7", "8")}
            ],
        )
        for subnets in ({"cidr": "10.7.0.0/24", "cidr6": "2001:db8:7::/64"}, {"cidr": cidr, "cidr6": cidr6})
    )
    before = put(held, usual).to_dict()
    assert put(held, other).to_dict() == before
    assert before["links"][0]["cidr"] == "10.7.0.0/24"


@pytest.mark.parametrize("part", ["links", "networks"])
def test_a_subnet_has_no_zone(part: str) -> None:
    fields = {"links": [{**TRIANGLE[0], "cidr6": "2001:db8::%eth0/64"}], "networks": []}
    if part == "networks":
        fields = {"links": [], "networks": [{"name": "lan", "cidr6": "2001:db8::%eth0/64"}]}
    [refusal] = refusals(cluster(), triangle(addressing={}, **fields))
    assert refusal.message.endswith(
        "cidr6 must be an IPv6 network, got '2001:db8::%eth0/64' (it has a zone, which is part of an address on one "
        "host)"
    )
