# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Parsing and validation of the network node's work order, and the resulting files."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils import bounds
from ansible_collections.cloudrepo.slices.plugins.module_utils._host import ownership
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.work_order import (
    read_links,
    read_services,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.network_order import Services

LINKS = read_links("169.254.64.0/24")
VM1 = {"vm_id": 1001, "name": "vm1", "mac": "52:54:00:03:E9:00", "address": "10.60.7.101"}
VM2 = {"vm_id": 1002, "name": "vm2", "mac": "52:54:00:03:ea:00", "address": "10.60.7.102"}
LAN: dict[str, Any] = {
    "vlan_id": 101,
    "name": "lan",
    "cidr": "192.168.101.0/24",
    "server_ip": "192.168.101.1",
    "gateway": True,
    "dhcp_range": "192.168.101.10,192.168.101.250",
    "nat": True,
    "members": [{"name": "vm1", "mac": "52:54:00:03:e9:01"}],
}
QUIET: dict[str, Any] = {
    "vlan_id": 102,
    "name": "quiet",
    "cidr": "10.0.0.0/30",
    "server_ip": "10.0.0.1",
    "gateway": False,
    "dhcp_range": "10.0.0.2,10.0.0.2",
    "nat": False,
    "members": [],
    "mtu": 9000,
}


def order(
    slice_id: int = 1000, *, reservations: tuple[Any, ...] = (), networks: tuple[Any, ...] = ()
) -> tuple[Services, ...]:
    entry = {"slice_id": slice_id, "reservations": list(reservations), "networks": list(networks)}
    return ownership.whole(*read_services([entry], links=LINKS))


NETWORK = ", network {}"


def not_allowed(field: str, allowed: str, got: Any) -> tuple[str, str, dict[str, Any]]:
    """Return object, code and figures of the refusal for an invalid field of a network."""
    return NETWORK, "field_not_allowed", {"field": field, "allowed": allowed, "got": got}


@pytest.mark.parametrize(
    ("field", "got", "allowed"),
    [
        ("mac", "x", "a MAC address"),
        ("address", "10.60.7", "an IPv4 address"),
        ("name", "a,b", bounds.VM_NAME.rule),
        ("name", "a\nb", bounds.VM_NAME.rule),
        ("name", "ignore", bounds.VM_NAME.rule),
    ],
)
def test_reservations_with_separators_are_refused(field, got, allowed):
    with pytest.raises(Refused) as caught:
        order(reservations=({**VM1, field: got},))
    figures = {"field": field, "allowed": allowed, "got": got}
    assert caught.value.refusals == [Refusal("field_not_allowed", "slice 1000, VM 1001", figures)]


@pytest.mark.parametrize(
    ("changes", "where", "code", "figures"),
    [
        ({"name": "a b"}, *not_allowed("name", bounds.LABEL.rule, "a b")),
        ({"vlan_id": 4095}, *not_allowed("vlan_id", "1-4094", 4095)),
        ({"gateway": False}, NETWORK, "option_needs_option", {"option": "nat", "needs": "gateway"}),
        ({"mtu": 67}, *not_allowed("mtu", "68-65521", 67)),
        ({"cidr": "192.168.101.1/24"}, *not_allowed("cidr", "an IPv4 network", "192.168.101.1/24")),
        (
            {"server_ip": "192.168.102.1"},
            NETWORK,
            "address_outside_subnet",
            {"option": "server_ip", "got": "192.168.102.1", "subnet": "192.168.101.0/24"},
        ),
        ({"server_ip": "x"}, *not_allowed("server_ip", "an IPv4 address", "x")),
        (
            {"dhcp_range": "192.168.101.10"},
            NETWORK,
            "dhcp_range_format",
            {"got": "192.168.101.10", "subnet": "192.168.101.0/24"},
        ),
        (
            {"dhcp_range": "192.168.101.9,192.168.101.2"},
            NETWORK,
            "dhcp_range_format",
            {"got": "192.168.101.9,192.168.101.2", "subnet": "192.168.101.0/24"},
        ),
        (
            {"dhcp_range": "192.168.101.1,192.168.101.9"},
            NETWORK,
            "range_holds_server",
            {"option": "dhcp_range", "first": "192.168.101.1", "last": "192.168.101.9", "server": "192.168.101.1"},
        ),
        (
            {"members": [{"name": "vm1", "mac": "x,y"}]},
            ", network lan, member vm1",
            *not_allowed("mac", "a MAC address", "x,y")[1:],
        ),
        (
            {"cidr": "169.254.0.0/16", "server_ip": "169.254.0.1", "dhcp_range": None},
            "",
            "subnets_overlap",
            {"subnet": "169.254.0.0/16", "of": "network lan", "other": "169.254.64.0/24", "other_of": "nat_links"},
        ),
    ],
)
def test_invalid_networks_are_refused(changes, where, code, figures):
    name = changes.get("name", "lan")
    with pytest.raises(Refused) as caught:
        order(networks=({**LAN, **changes},))
    assert [(each.code, each.object, each.figures) for each in caught.value.refusals] == [
        (code, f"slice 1000{where.format(name)}", figures)
    ]


def test_overlaps_and_duplicates_are_refused():
    wide = {**QUIET, "cidr": "192.168.0.0/16", "server_ip": "192.168.0.1", "dhcp_range": None}
    with pytest.raises(Refused) as caught:
        order(networks=(LAN, wide))
    figures = {
        "subnet": "192.168.0.0/16",
        "of": "network quiet",
        "other": "192.168.101.0/24",
        "other_of": "network lan",
    }
    assert caught.value.refusals == [Refusal("subnets_overlap", "slice 1000", figures)]
    entries = [{"slice_id": number, "reservations": [VM1], "networks": [QUIET]} for number in (1000, 1100)]
    found, refused = read_services([*entries, {"slice_id": 1001}], links=LINKS)
    twice = (("VLAN pool", 0), ("address", "10.60.7.101"), ("VLAN", 102))
    assert [one.slice_id for one in found] == [1001]
    assert refused == {
        slice_id: [
            Refusal("listed_twice", f"slice {slice_id}", {"kind": kind, "name": name, "count": 2})
            for kind, name in twice
        ]
        for slice_id in (1000, 1100)
    }
    found, refused = read_services([{"slice_id": 1000}, {"slice_id": 1000}, {"slice_id": 1001}], links=LINKS)
    figures = {"kind": "slice", "name": 1000, "count": 2}
    assert ([one.slice_id for one in found], refused) == (
        [1001],
        {1000: [Refusal("listed_twice", "slice 1000", figures)]},
    )


def test_an_invalid_slice_does_not_affect_the_others():
    wrong = {"slice_id": 1000, "networks": [{**LAN, "name": "no name"}]}
    found, refused = read_services([wrong, {"slice_id": 1001}], links=LINKS)
    assert [one.slice_id for one in found] == [1001]
    assert [(slice_id, [each.code for each in why]) for slice_id, why in refused.items()] == [
        (1000, ["field_not_allowed"])
    ]
    for slice_id in (None, 0, "1000"):
        with pytest.raises(Refused):
            read_services([{"slice_id": slice_id}, {"slice_id": 1001}], links=LINKS)


@pytest.mark.parametrize(
    ("text", "code", "figures"),
    [
        ("nonsense", "invalid_subnet", {"why": "Expected 4 octets in 'nonsense'"}),
        ("10.0.0.0/25", "subnet_too_small", {"room": 128, "needed": 200}),
    ],
)
def test_an_invalid_or_small_range_of_nat_links(text, code, figures):
    with pytest.raises(Refused) as caught:
        read_links(text)
    assert caught.value.refusals == [Refusal(code, "settings", {"option": "nat_links", "got": text, **figures})]
