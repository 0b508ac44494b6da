# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Networks of a slice: defaults, and invalid networks."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils import bounds
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import networks
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.topology_spec import Endpoint, WantedNetwork

GATEWAY = {"gateway": True}
DHCP = {"dhcp_enabled": True}


def wanted(members: int = 0, **fields: Any) -> WantedNetwork:
    return WantedNetwork("lan", tuple(Endpoint(f"vm{number}", None) for number in range(members)), **fields)


@pytest.mark.parametrize(
    ("fields", "made"),
    [
        ({}, ("192.168.101.0/24", None, None)),
        (GATEWAY, ("192.168.101.0/24", "192.168.101.1", None)),
        (DHCP, ("192.168.101.0/24", None, "192.168.101.10,192.168.101.250")),
        ({**DHCP, "cidr": "10.0.0.0/16"}, ("10.0.0.0/16", None, "10.0.0.10,10.0.0.250")),
        ({**DHCP, "cidr": "10.0.0.0/25"}, ("10.0.0.0/25", None, "10.0.0.2,10.0.0.126")),
        ({**DHCP, **GATEWAY, "cidr": "10.0.0.4/30"}, ("10.0.0.4/30", "10.0.0.5", "10.0.0.6,10.0.0.6")),
        (
            {**DHCP, "dhcp_range": "10.0.0.9,10.0.0.9", **GATEWAY, "gateway_ip": "10.0.0.8", "cidr": "10.0.0.0/24"},
            ("10.0.0.0/24", "10.0.0.8", "10.0.0.9,10.0.0.9"),
        ),
    ],
)
def test_omitted_settings_of_a_network_get_defaults(fields: dict[str, Any], made: tuple[str | None, ...]) -> None:
    done = networks.complete(wanted(**fields), 101)
    assert (done.cidr, done.gateway_ip, done.dhcp_range) == made
    assert list(networks.problems("network web/n", done)) == []
    assert networks.complete(done, 999) == done


def test_vlans_above_255_have_another_subnet() -> None:
    assert networks.complete(wanted(), 256).cidr == "172.17.0.0/24"


def test_an_invalid_subnet_is_reported_with_the_problems() -> None:
    assert networks.complete(wanted(cidr="x", **GATEWAY), 101) == wanted(cidr="x", **GATEWAY)


def a_network(cidr: str = "10.0.0.0/24", **fields: Any) -> WantedNetwork:
    return wanted(cidr=cidr, **fields)


@pytest.mark.parametrize(
    ("network", "count"),
    [
        (wanted(), 0),
        (wanted(gateway_ip="10.0.0.1"), 1),
        (wanted(dhcp_range="a,b"), 1),
        (wanted(nat=True), 1),
        (wanted(nat=True, **GATEWAY), 0),
        (a_network("10.0.0.1/24"), 1),
        (a_network("10.0.0"), 1),
        (a_network("10.0.0.0/7"), 1),
        (a_network("10.0.0.0/8"), 0),
        (a_network("10.0.0.0/30"), 0),
        (a_network("10.0.0.0/31"), 1),
        (a_network("127.1.0.0/24"), 1),
        (a_network("169.254.1.0/24"), 1),
        (a_network("224.0.0.0/24"), 1),
        (a_network("240.0.0.0/24"), 1),
        (a_network("0.255.255.0/24"), 1),
        (a_network("1.0.0.0/24"), 0),
        # A /30 has two addresses, one of which is for the gateway, the DHCP server or both.
        (a_network("10.0.0.0/30", members=2), 0),
        (a_network("10.0.0.0/30", members=3), 1),
        (a_network("10.0.0.0/30", members=1, **GATEWAY), 0),
        (a_network("10.0.0.0/30", members=2, **GATEWAY), 1),
        (a_network("10.0.0.0/30", members=1, **DHCP), 0),
        (a_network("10.0.0.0/30", members=2, **DHCP), 1),
        (a_network("10.0.0.0/30", members=1, **DHCP, **GATEWAY), 0),
        (a_network(gateway_ip="10.0.0.254", **GATEWAY), 0),
        (a_network(gateway_ip="10.0.0.255", **GATEWAY), 1),
        (a_network(gateway_ip="10.0.1.1", **GATEWAY), 1),
        (a_network(dhcp_range="10.0.0.2,10.0.0.9", **DHCP), 0),
        (a_network(dhcp_range="10.0.0.1,10.0.0.9", **DHCP), 1),
        (a_network(dhcp_range="10.0.0.1,10.0.0.9", gateway_ip="10.0.0.10", **DHCP, **GATEWAY), 0),
        (a_network(dhcp_range="10.0.0.1,10.0.0.10", gateway_ip="10.0.0.10", **DHCP, **GATEWAY), 1),
        (a_network(dhcp_range="10.0.0.10,10.0.0.10", gateway_ip="10.0.0.10", **DHCP, **GATEWAY), 1),
        (a_network(dhcp_range="10.0.0.11,10.0.0.20", gateway_ip="10.0.0.10", **DHCP, **GATEWAY), 0),
        (a_network(dhcp_range="10.0.0.9,10.0.0.8", **DHCP), 1),
        (a_network(dhcp_range="10.0.0.9", **DHCP), 1),
        (a_network(dhcp_range="10.0.0.9,10.0.0.10,10.0.0.11", **DHCP), 1),
        (a_network(dhcp_range="10.0.0.9,10.0.1.10", **DHCP), 1),
        (a_network(dhcp_range="10.0.0.0,10.0.0.255", **DHCP), 2),
        (a_network(gateway_ip="10.0.1.1", dhcp_range="10.0.1.2,10.0.1.3", **DHCP, **GATEWAY), 3),
    ],
)
def test_every_invalid_value_is_reported(network: WantedNetwork, count: int) -> None:
    assert len(list(networks.problems("network web/n", network))) == count


MANAGEMENT = "10.60.7.0/24"


@pytest.mark.parametrize(
    ("cidrs", "count"),
    [
        ([], 0),
        (["10.60.6.0/24", "10.60.8.0/24"], 0),
        (["10.60.7.0/24"], 1),
        (["10.0.0.0/8"], 1),
        (["10.60.7.128/25", "10.60.7.0/25"], 2),
        (["10.0.0.0/24", "10.0.0.128/25", "10.0.1.0/24"], 1),
        (["10.0.0.0/16", "10.0.1.0/24", "10.0.2.0/24", "10.1.0.0/24"], 2),
        (["10.0.0.0/24", "10.0.0.0/24", "10.0.0.0/24"], 2),
        (["x", "10.0.0.1/24", "10.0.0.0/24"], 0),
    ],
)
def test_every_overlapping_subnet_is_reported_once(cidrs: list[str], count: int) -> None:
    named = [(f"n{number}", cidr) for number, cidr in enumerate(cidrs)]
    assert len(list(networks.overlaps("slice web", named, MANAGEMENT))) == count
    assert len(list(networks.overlaps("slice web", reversed(named), MANAGEMENT))) == count


def test_infrastructure_networks_must_be_valid() -> None:
    assert list(networks.infrastructure_problems(["10.0.10.0/24", "0.0.0.0/0"])) == []
    assert len(list(networks.infrastructure_problems(["10.0.10.1/24", "10.0.10.0/24", "x"]))) == 2


def test_overlapping_subnets_are_listed() -> None:
    others = ["10.0.0.0/24", "10.0.1.0/24", "10.0.0.0/16"]
    assert networks.overlapping("10.0.1.128/25", others) == ["10.0.1.0/24", "10.0.0.0/16"]
    assert networks.overlapping("192.168.0.0/16", others) == []
    assert networks.overlapping("x", others) == []


@pytest.mark.parametrize(
    ("fields", "ranges"),
    [
        ({"gateway": True, "gateway_ip": "10.0.0.9"}, [("10.0.0.9", "10.0.0.9")]),
        ({"gateway": True, "gateway_ip": None}, [("10.0.0.1", "10.0.0.1")]),
        ({"gateway": False, "gateway_ip": None}, []),
        ({"dhcp_enabled": True, "dhcp_range": None}, [("10.0.0.1", "10.0.0.1")]),
        (
            {"dhcp_enabled": True, "dhcp_range": "10.0.0.10,10.0.0.20"},
            [("10.0.0.1", "10.0.0.1"), ("10.0.0.10", "10.0.0.20")],
        ),
        ({"dhcp_enabled": True, "dhcp_range": "10.0.0.10"}, [("10.0.0.1", "10.0.0.1")]),
        ({"dhcp_enabled": True, "dhcp_range": "10.0.0.10,many"}, [("10.0.0.1", "10.0.0.1")]),
        ({"dhcp_enabled": True, "dhcp_range": "many,10.0.0.20"}, [("10.0.0.1", "10.0.0.1")]),
        ({"gateway": True, "cidr": None}, []),
        ({"gateway": True, "cidr": "nonsense"}, []),
    ],
)
def test_members_have_neither_the_servers_address_nor_one_of_the_range(
    fields: dict[str, Any], ranges: list[tuple[str, str]]
) -> None:
    found = networks.reserved(a_network(**fields))
    assert [tuple(str(ipaddress.ip_address(end)) for end in each) for each in found] == ranges


@pytest.mark.parametrize(("members", "is_refused"), [(3, False), (4, True)])
def test_a_range_has_an_address_for_each_member(members: int, is_refused: bool) -> None:
    network = a_network(
        members=members,
        dhcp_enabled=True,
        dhcp_range="10.0.0.10,10.0.0.12",
    )
    found = [(each.code, each.figures) for each in networks.problems("n", network)]
    figures = {"option": "dhcp_range", "got": "10.0.0.10,10.0.0.12", "room": 3, "needed": 4}
    assert found == ([("subnet_too_small", figures)] if is_refused else [])


@pytest.mark.parametrize("dhcp", [True, False])
def test_dhcp_needs_an_mtu_that_dnsmasq_can_tell(dhcp: bool) -> None:
    too_large = (bounds.DHCP_MTU.most or 0) + 1
    found = [each.code for each in networks.problems("n", a_network(dhcp_enabled=dhcp, mtu=too_large))]
    assert found == (["out_of_range"] if dhcp else [])
    assert list(networks.problems("n", a_network(dhcp_enabled=dhcp, mtu=too_large - 1))) == []


@pytest.mark.parametrize(("members", "gateway", "fits"), [(1, True, True), (2, True, False), (2, False, True)])
def test_the_server_takes_an_address_of_a_subnet(members: int, gateway: bool, fits: bool) -> None:
    found = list(networks.problems("n", a_network("10.0.0.0/30", members=members, gateway=gateway)))
    assert (found == []) is fits


def test_subnets_of_both_versions_overlap_only_those_of_their_own() -> None:
    told = [("a", "10.0.0.0/8"), ("b", "fd00::/8"), ("c", "10.1.0.0/16"), ("d", "fd00:1::/32"), ("e", "wrong")]
    found = [each.figures for each in networks.overlaps("x", told, "192.168.0.0/16")]
    assert found == [
        {"subnet": "10.1.0.0/16", "of": "c", "other": "10.0.0.0/8", "other_of": "a"},
        {"subnet": "fd00:1::/32", "of": "d", "other": "fd00::/8", "other_of": "b"},
    ]
