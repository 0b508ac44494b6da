# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pools, prefixes and addresses of netlab, and what of them is reported because slices have no counterpart."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._import import netlab, netlab_addresses

NODES = "nodes: [a, b, c]\n"


def reported(text: str) -> list[str]:
    return [remark.what for remark in netlab.read(text).remarks]


def test_pools_become_the_addressing_of_the_slice() -> None:
    graph = netlab.read(
        """addressing:
  p2p: {ipv4: 10.1.0.0/16, prefix: 31, ipv6: "2001:DB8:1::/48"}
  lan: {ipv4: 10.2.0.0/16, prefix: 31, start: 5}
  loopback: {ipv4: 10.0.0.0/24, prefix: 32}
  mgmt: {ipv4: 192.168.121.0/24}
"""
    )
    assert graph.addressing == {
        "links": {"ipv4": "10.1.0.0/16", "prefix": 31, "ipv6": "2001:db8:1::/48"},
        "networks": {"ipv4": "10.2.0.0/16"},
        "loopbacks": {"ipv4": "10.0.0.0/24"},
    }
    assert [remark.what for remark in graph.remarks] == [
        "addressing.lan.prefix: 31",
        "addressing.lan.start: 5",
        "addressing.loopback.prefix: 32",
        "addressing.mgmt.ipv4: 192.168.121.0/24",
    ]


def test_keys_with_dots_are_paths_as_well() -> None:
    graph = netlab.read("addressing.p2p.ipv4: 10.1.0.0/16\naddressing.p2p.prefix: 30\naddressing.p2p.prefix6: 64\n")
    assert graph.addressing == {"links": {"ipv4": "10.1.0.0/16", "prefix": 30}}
    assert [remark.what for remark in graph.remarks] == ["addressing.p2p.prefix6: 64"]


@pytest.mark.parametrize("value", ["true", "10.1.0.0", "10.1.0.1/16", "2001:db8::/48", "no prefix"])
def test_other_pools_are_reported(value: str) -> None:
    text = f"addressing: {{p2p: {{ipv4: '{value}'}}}}\n"
    assert netlab.read(text).addressing == {}
    assert reported(text) == [f"addressing.p2p.ipv4: {value}"]


def of_link(link: str) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    text = f"{NODES}links: [{{{link}}}]\n"
    graph = netlab.read(text)
    (segment,) = graph.segments
    return dict(segment.subnets), {key: dict(own) for key, own in segment.addresses.items()}, reported(text)


@pytest.mark.parametrize(
    ("link", "subnets", "addresses", "remarks"),
    [
        ("a: , b: , prefix: 10.9.0.0/31", {"cidr": "10.9.0.0/31"}, {}, []),
        ("a: , b: , prefix: '2001:db8::/64'", {"cidr6": "2001:db8::/64"}, {}, []),
        ("a: , b: , prefix.ipv4: 10.9.0.0/30", {"cidr": "10.9.0.0/30"}, {}, []),
        (
            "a: , b: , prefix: {ipv4: 10.9.0.0/30, ipv6: true}",
            {"cidr": "10.9.0.0/30"},
            {},
            ["prefix.ipv6 of a link: true"],
        ),
        ("a: , b: , prefix: core", {}, {}, ["prefix of a link: core"]),
        ("a: , b: , prefix: 10.9.0.0/32", {}, {}, ["prefix of a link: 10.9.0.0/32"]),
        ("a: , b: , c: , prefix: 10.9.0.0/30", {}, {}, ["prefix of a link: 10.9.0.0/30"]),
        ("a: , b: , type: lan, prefix: 10.9.0.0/31", {}, {}, ["prefix of a link: 10.9.0.0/31"]),
        (
            "a: {ipv4: 10.9.0.1/30, ipv6: '2001:db8::5/64'}, b: {ipv4: 10.9.0.2/30}",
            {"cidr": "10.9.0.0/30", "cidr6": "2001:db8::/64"},
            {"a": {"ipv4": "10.9.0.1", "ipv6": "2001:db8::5"}, "b": {"ipv4": "10.9.0.2"}},
            [],
        ),
        (
            "interfaces: [{node: a, ipv4: 10.9.0.1/30}, {node: b}]",
            {"cidr": "10.9.0.0/30"},
            {"a": {"ipv4": "10.9.0.1"}},
            [],
        ),
        ("a: {ipv4: 1}, b: ", {}, {}, ["ipv4 of a on a link: 1"]),
        ("a: {ipv4: 10.9.0.1/32}, b: ", {}, {}, ["ipv4 of a on a link: 10.9.0.1/32"]),
        ("a: {ipv4: 10.9.0.0/30}, b: ", {}, {}, ["ipv4 of a on a link: 10.9.0.0/30"]),
        ("a: {ipv6: 'fe80::1/64'}, b: ", {}, {}, ["ipv6 of a on a link: fe80::1/64"]),
        (
            "a: {ipv4: 10.8.0.1/30}, b: , prefix: 10.9.0.0/30",
            {"cidr": "10.9.0.0/30"},
            {},
            ["ipv4 of a on a link: 10.8.0.1/30"],
        ),
    ],
)
def test_prefixes_and_addresses_of_links(
    link: str, subnets: dict[str, str], addresses: dict[str, Any], remarks: list[str]
) -> None:
    assert of_link(link) == (subnets, addresses, remarks)


@pytest.mark.parametrize(
    ("node", "loopback", "remarks"),
    [
        ("loopback: {ipv4: 10.0.0.7/32}", {"ipv4": "10.0.0.7"}, []),
        ("loopback: {ipv4: 10.0.0.7/32, pool: x}", {"ipv4": "10.0.0.7"}, ["loopback.pool of node a: x"]),
        ("loopback: {ipv4: 10.9.0.7/32}", {}, ["loopback.ipv4 of node a: 10.9.0.7/32"]),
        ("loopback: {ipv6: '2001:db8::7/64'}", {}, ["loopback.ipv6 of node a: 2001:db8::7/64"]),
        ("loopback: false", {}, ["loopback of node a: false"]),
        ("loopback.ipv6: '2001:db8::7/128'", {"ipv6": "2001:db8::7"}, []),
    ],
)
def test_loopbacks_of_nodes(node: str, loopback: dict[str, str], remarks: list[str]) -> None:
    text = f"addressing: {{loopback: {{ipv4: 10.0.0.0/24}}}}\nnodes: {{a: {{{node}}}}}\n"
    assert dict(netlab.read(text).nodes["a"].loopback) == loopback
    assert reported(text) == remarks


@pytest.mark.parametrize(
    ("address", "is_host"),
    [
        ("10.0.0.0/24", False),
        ("10.0.0.1/24", True),
        ("10.0.0.255/24", False),
        ("10.0.0.0/31", True),
        ("10.0.0.1/31", True),
        ("10.0.0.1/32", True),
        ("fd00::/64", False),
        ("fd00::1/64", True),
        ("fd00::ffff:ffff:ffff:ffff/64", True),
        ("fd00::/127", True),
    ],
)
def test_an_end_has_the_address_of_a_host(address: str, is_host: bool) -> None:
    assert netlab_addresses._is_host(ipaddress.ip_interface(address)) is is_host
