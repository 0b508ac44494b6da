# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils import bounds
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.network_order import (
    Network,
    NetworkOrder,
    Services,
)

from ...generated import is_current


def test_the_sample_is_a_valid_order():
    order = NetworkOrder.from_dict(NetworkOrder.sample())
    (services,) = order.slices
    (network,) = services.networks
    assert (services.slot, services.name_port, services.namespace) == (0, 5300, "slice-1000")
    assert (services.has_nat, services.nat_device) == (True, "nat_1000")
    assert (str(network.server), network.port, network.mac) == ("192.168.101.1/24", "net_101", "02:01:00:00:00:65")
    assert [str(end) for end in network.dhcp_ends or ()] == ["192.168.101.10", "192.168.101.250"]
    assert NetworkOrder.from_dict(order.to_dict()) == order


LAN = {"vlan_id": 101, "name": "lan", "cidr": "192.168.101.0/29", "server_ip": "192.168.101.1"}
MEMBER = {"name": "vm1", "mac": "52:54:00:03:e9:01"}


def network(**fields: Any) -> Network:
    return Network.from_dict({**LAN, **fields})


def codes(**fields: Any) -> list[str]:
    try:
        network(**fields)
    except Refused as refused:
        return [refusal.code for refusal in refused.refusals]
    return []


def test_a_network_has_no_services_by_default() -> None:
    plain = network()
    assert (plain.gateway, plain.nat, plain.dhcp_range, plain.dhcp_ends, plain.mtu) == (False, False, None, None, 1500)
    assert (plain.members, codes()) == ((), [])
    services = Services.from_dict({"slice_id": 1000, "networks": [LAN]})
    assert (services.has_nat, services.reservations, services.trunk, services.revision) == (False, (), (), None)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"nat": True}, "option_needs_option"),
        ({"server_ip": "192.168.101.8"}, "address_outside_subnet"),
        ({"dhcp_range": "192.168.101.2"}, "dhcp_range_format"),
        ({"dhcp_range": "192.168.101.3,192.168.101.2"}, "dhcp_range_format"),
        ({"dhcp_range": "192.168.101.2,192.168.101.8"}, "dhcp_range_format"),
        ({"dhcp_range": "192.168.100.255,192.168.101.2"}, "dhcp_range_format"),
        ({"dhcp_range": "192.168.101.1,192.168.101.2"}, "range_holds_server"),
        ({"dhcp_range": "192.168.101.2,192.168.101.3", "server_ip": "192.168.101.3"}, "range_holds_server"),
        ({"dhcp_range": "192.168.101.2,192.168.101.3", "members": [MEMBER] * 3}, "subnet_too_small"),
        ({"members": [{**MEMBER, "address": "192.168.101.9"}]}, "address_outside_subnet"),
        ({"members": [{**MEMBER, "address": "192.168.101.1"}]}, "address_is_reserved"),
        (
            {"dhcp_range": "192.168.101.2,192.168.101.3", "members": [{**MEMBER, "address": "192.168.101.3"}]},
            "address_is_reserved",
        ),
        ({"members": [{**MEMBER, "address6": "192.168.101.2"}]}, "field_not_allowed"),
        ({"dhcp_range": "192.168.101.2,192.168.101.3", "mtu": bounds.DHCP_MTU.least - 1}, "out_of_range"),
    ],
)
def test_impossible_networks_are_refused(fields: dict[str, Any], code: str) -> None:
    assert codes(**fields) == [code]


@pytest.mark.parametrize(
    "fields",
    [
        {"vlan_id": 399},
        {"members": [{**MEMBER, "address": "192.168.101.6", "address6": "2001:db8::1"}]},
        {"dhcp_range": "192.168.101.3,192.168.101.4", "members": [{**MEMBER, "address": "192.168.101.5"}]},
        {"nat": True, "gateway": True},
        {"dhcp_range": "192.168.101.2,192.168.101.2", "members": [MEMBER]},
        {"dhcp_range": "192.168.101.0,192.168.101.0"},
        {"dhcp_range": "192.168.101.2,192.168.101.7"},
        {"dhcp_range": "192.168.101.2,192.168.101.3", "members": [MEMBER] * 2},
        {"dhcp_range": "192.168.101.2,192.168.101.3", "mtu": bounds.DHCP_MTU.least},
        {"mtu": bounds.MTU.least},
    ],
)
def test_networks_at_the_limits_are_accepted(fields: dict[str, Any]) -> None:
    assert codes(**fields) == []


@pytest.mark.parametrize(
    ("vlan", "mac"), [(255, "02:01:00:00:00:ff"), (256, "02:01:00:00:01:00"), (4094, "02:01:00:00:0f:fe")]
)
def test_name_and_mac_of_a_port_are_derived_from_the_vlan(vlan: int, mac: str) -> None:
    assert (network(vlan_id=vlan).port, network(vlan_id=vlan).mac) == (f"net_{vlan}", mac)


@pytest.mark.parametrize(("slice_id", "ends"), [(1000, (0, 1)), (1001, (2, 3)), (1199, (198, 199))])
def test_nat_links_are_disjoint(slice_id: int, ends: tuple[int, int]) -> None:
    links = Services(slice_id).nat_link(ipaddress.IPv4Network("169.254.64.0/24"))
    assert links == (f"169.254.64.{ends[0]}/31", f"169.254.64.{ends[1]}/31")


def test_a_slice_has_nat_if_one_of_its_networks_has() -> None:
    way_out = {**LAN, "vlan_id": 102, "gateway": True, "nat": True}
    assert Services.from_dict({"slice_id": 1000, "networks": [LAN, way_out]}).has_nat


@pytest.mark.parametrize("name", ["docs/work-order.md", "plugins/modules/network_services.py"])
def test_documentation_follows_from_the_fields(name: str) -> None:
    assert is_current(name)


@pytest.mark.parametrize(
    ("address", "reserved"),
    [
        ("192.168.101.1", "192.168.101.1"),
        ("192.168.101.2", None),
        ("192.168.101.3", "192.168.101.3-192.168.101.5"),
        ("192.168.101.5", "192.168.101.3-192.168.101.5"),
        ("192.168.101.6", None),
    ],
)
def test_an_address_is_neither_the_servers_nor_in_the_range(address: str, reserved: str | None) -> None:
    fields = {"dhcp_range": "192.168.101.3,192.168.101.5", "members": [{**MEMBER, "address": address}]}
    if reserved is None:
        assert network(**fields).members[0].address == address
        return
    with pytest.raises(Refused) as caught:
        network(**fields)
    (refusal,) = caught.value.refusals
    assert (refusal.code, refusal.figures) == (
        "address_is_reserved",
        {"vm": "vm1", "got": address, "reserved": reserved},
    )
