# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The network node's order, read and refused, and the files that it becomes."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.files import Folders, texts
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.plan import (
    read_links,
    read_services,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
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
    return read_services([entry], links=LINKS)


def test_the_files_of_a_slice():
    one = order(1017, reservations=(VM2, VM1), networks=(LAN, QUIET))[0]
    assert texts(one, Folders("/s", LINKS)) == {
        "/s/dhcp/hosts.d/1017": "52:54:00:03:e9:00,10.60.7.101,vm1\n52:54:00:03:ea:00,10.60.7.102,vm2\n",
        "/s/names/1017.conf": "conf-file=/etc/cloudrepo/names.conf\nport=5317\naddn-hosts=/s/names/1017.hosts\n",
        "/s/names/1017.hosts": "10.60.7.101 vm1\n10.60.7.102 vm2\n",
        "/s/names/1017.nft": "add element ip cloudrepo slices { 10.60.7.101 : 5317, 10.60.7.102 : 5317 }\n",
        "/s/networks/1017/devices": (
            "port net_101 192.168.101.1/24 02:01:00:00:00:65\n"
            "port net_102 10.0.0.1/30 02:01:00:00:00:66 9000\n"
            "nat 169.254.64.34/31 169.254.64.35/31\n"
        ),
        "/s/networks/1017/dnsmasq.conf": (
            "conf-file=/etc/cloudrepo/networks.conf\n"
            "dhcp-leasefile=/s/networks/1017/leases\n"
            "interface=net_101\n"
            "domain=lan.internal,192.168.101.0/24\n"
            "dhcp-range=set:net_101,192.168.101.10,192.168.101.250,255.255.255.0,1h\n"
            "dhcp-option=tag:net_101,option:router,192.168.101.1\n"
            "dhcp-host=52:54:00:03:e9:01,vm1\n"
            "interface=net_102\n"
            "domain=quiet.internal,10.0.0.0/30\n"
            "dhcp-range=set:net_102,10.0.0.2,10.0.0.2,255.255.255.252,1h\n"
            "dhcp-option=tag:net_102,option:router\n"
        ),
        "/s/networks/1017/rules.nft": (
            'include "/etc/cloudrepo/network.nft"\nadd element ip cloudrepo nat { "net_101" }\n'
        ),
    }


def test_without_a_way_out_no_rule_and_no_link():
    found = texts(order(networks=(QUIET,))[0], Folders("/s", LINKS))
    assert found["/s/networks/1000/rules.nft"] == 'include "/etc/cloudrepo/network.nft"\n'
    assert found["/s/networks/1000/devices"] == "port net_102 10.0.0.1/30 02:01:00:00:00:66 9000\n"
    assert texts(order()[0], Folders("/s", LINKS)) == {}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"mac": "x"}, "mac must be a MAC address, got 'x'"),
        ({"address": "10.60.7"}, "address must be an IPv4 address, got '10.60.7'"),
        ({"name": "a,b"}, "name must be a host name, got 'a,b'"),
        ({"name": "a\nb"}, "name must be a host name, got 'a\\nb'"),
    ],
)
def test_reservations_that_would_not_stay_one_field_are_refused(changes, reason):
    with pytest.raises(Refused) as caught:
        order(reservations=({**VM1, **changes},))
    assert caught.value.reasons == [f"slice 1000, VM 1001: {reason}"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": "a b"}, "name must be a host name, got 'a b'"),
        ({"vlan_id": 400}, "vlan_id must not be 400, the management VLAN"),
        ({"vlan_id": 4095}, "vlan_id must be 1-4094, got 4095"),
        ({"gateway": False}, "nat needs a gateway"),
        ({"mtu": 67}, "mtu must be 68-65521, got 67"),
        ({"cidr": "192.168.101.1/24"}, "cidr must be an IPv4 network, got '192.168.101.1/24'"),
        ({"server_ip": "192.168.102.1"}, "server_ip 192.168.102.1 is not in 192.168.101.0/24"),
        ({"server_ip": "x"}, "server_ip must be an IPv4 address, got 'x'"),
        ({"dhcp_range": "192.168.101.10"}, "dhcp_range must be FIRST,LAST in 192.168.101.0/24, got '192.168.101.10'"),
        (
            {"dhcp_range": "192.168.101.9,192.168.101.2"},
            "dhcp_range must be FIRST,LAST in 192.168.101.0/24, got '192.168.101.9,192.168.101.2'",
        ),
        (
            {"dhcp_range": "192.168.101.1,192.168.101.9"},
            "dhcp_range 192.168.101.1,192.168.101.9 includes server_ip 192.168.101.1",
        ),
        ({"members": [{"name": "vm1", "mac": "x,y"}]}, ", member vm1: mac must be a MAC address, got 'x,y'"),
        (
            {"cidr": "169.254.0.0/16", "server_ip": "169.254.0.1", "dhcp_range": None},
            "169.254.0.0/16 overlaps nat_links 169.254.64.0/24",
        ),
    ],
)
def test_networks_that_no_host_should_be_given_are_refused(changes, reason):
    name = changes.get("name", "lan")
    with pytest.raises(Refused) as caught:
        order(networks=({**LAN, **changes},))
    where = f"slice 1000, network {name}"
    assert caught.value.reasons == [f"{where}{reason}" if reason.startswith(",") else f"{where}: {reason}"]


def test_overlaps_and_what_is_given_twice_are_refused():
    wide = {**QUIET, "cidr": "192.168.0.0/16", "server_ip": "192.168.0.1", "dhcp_range": None}
    with pytest.raises(Refused, match=r"slice 1000, network quiet: 192.168.0.0/16 overlaps 192.168.101.0/24 of "):
        order(networks=(LAN, wide))
    entries = [{"slice_id": number, "reservations": [VM1], "networks": [QUIET]} for number in (1000, 1100)]
    with pytest.raises(Refused) as caught:
        read_services(entries, links=LINKS)
    assert caught.value.reasons == [
        "VLAN pool 0 is listed 2 times",
        "address 10.60.7.101 is listed 2 times",
        "VLAN 102 is listed 2 times",
    ]
    with pytest.raises(Refused, match="slice 1000 is listed 2 times"):
        read_services([{"slice_id": 1000}, {"slice_id": 1000}], links=LINKS)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nonsense", "nat_links 'nonsense' is no IPv4 network: Expected 4 octets in 'nonsense'"),
        ("10.0.0.0/25", "nat_links 10.0.0.0/25 has 128 addresses; 100 slices take two each"),
    ],
)
def test_a_range_of_links_that_is_none_or_too_small(text, reason):
    with pytest.raises(Refused) as caught:
        read_links(text)
    assert caught.value.reasons == [reason]
