# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Networks of hosts, VLAN 400, and settings of the network node."""

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.filter import infrastructure


def test_the_infrastructure_networks_are_the_addresses_of_hosts_and_shared_subnets() -> None:
    hostvars = {
        "localhost": {"ansible_host": "127.0.0.1"},
        "w1": {"ansible_host": "worker1.example", "worker_ip": "10.0.10.1"},
        "w2": {"ansible_host": "10.0.10.2"},
        "n": {"ansible_host": "192.0.2.9"},
        "other": {"ansible_host": "192.0.2.1"},
    }
    groups = {"orchestrator": ["localhost"], "workers": ["w1", "w2"], "network_node": ["n"], "all": list(hostvars)}
    assert infrastructure.infrastructure_networks(hostvars, groups) == ["10.0.10.1/32", "10.0.10.2/32", "192.0.2.9/32"]
    interfaces = [
        {"name": "eth0", "addresses": ["10.0.10.3/24"]},
        {"name": "eth1", "addresses": ["203.0.113.2/24"]},
        {"name": "eth2", "addresses": []},
    ]
    assert infrastructure.infrastructure_networks(hostvars, groups, interfaces) == ["10.0.10.0/24", "192.0.2.9/32"]
    own = [
        {"name": "lo", "addresses": ["127.0.0.1/8"]},
        {"name": "eth0", "addresses": ["203.0.113.7/24"]},
        {"name": "gw400", "addresses": ["10.60.7.1/24"]},
        {"name": "nat_1000", "addresses": ["10.9.9.9/24"]},
    ]
    found = infrastructure.infrastructure_networks(hostvars, groups, interfaces, own)
    assert found == ["10.0.10.0/24", "192.0.2.9/32", "203.0.113.7/32"]


def test_the_address_of_the_network_node_is_an_ipv4_address_or_empty() -> None:
    groups = {"network_node": ["n"]}
    cases = [
        ({"ansible_host": "192.0.2.9"}, "192.0.2.9"),
        ({"ansible_host": "node.example", "worker_ip": "10.0.10.1"}, "10.0.10.1"),
        ({"ansible_host": "192.0.2.9", "network_node_address": "10.0.10.3"}, "10.0.10.3"),
        ({"ansible_host": "192.0.2.9", "network_node_address": ""}, ""),
        ({"ansible_host": "node.example"}, ""),
        ({"ansible_host": "127.0.0.1"}, ""),
        ({}, ""),
    ]
    for host, address in cases:
        assert infrastructure.network_node_address({"n": host}, groups) == address
    assert infrastructure.network_node_address({}, {}) == ""


OWN = ["10.0.10.1/32", "192.0.2.9/32"]


def test_valid_settings_of_the_network_node() -> None:
    given = {"cidr": "10.70.0.0/16", "gateway": "10.70.0.1", "dhcp_server": "10.70.0.2"}
    given |= {"first_address": "10.70.1.0", "last_address": "10.70.1.255", "of_the_argument_spec": "not_of_this"}
    for network in ({}, given):
        assert (
            infrastructure.management_problems(network, ["10.0.0.0/24"], OWN, ["192.0.2.53"], "169.254.64.0/24") == []
        )


def test_all_invalid_settings_of_the_network_node_are_reported() -> None:
    network = {"cidr": "10.0.10.0/24"}
    found = infrastructure.management_problems(
        network, ["10.0.0.0/16"], OWN, ["192.0.2.53", "dns", "::1"], "10.0.0.0/24"
    )
    assert found == [
        *(
            f"management network: {name} must be the address of a host in 10.0.10.0/24, got {got}"
            for name, got in INSIDE.items()
        ),
        "management network: 10.0.10.0/24 of the management VLAN overlaps 10.0.10.1/32 of the infrastructure",
        "settings: network_node_dns_servers must be an IPv4 address, got 'dns'",
        "settings: network_node_dns_servers must be an IPv4 address, got '::1'",
        "settings: network_node_nat_links must be within 169.254.0.0/16, got 10.0.0.0/24",
    ]


INSIDE = {
    "gateway": "10.60.7.1",
    "dhcp_server": "10.60.7.2",
    "first_address": "10.60.7.101",
    "last_address": "10.60.7.250",
}


@pytest.mark.parametrize("first", ["127.0.0", "169.254.64", "224.0.1", "0.1.1"])
def test_vlan_400_has_a_subnet_that_hosts_route(first: str) -> None:
    network = {"cidr": f"{first}.0/24", **{name: f"{first}.{each.split('.')[3]}" for name, each in INSIDE.items()}}
    assert infrastructure.management_problems(network, [], [], [], "169.254.64.0/24") == [
        f"management network: cidr must not be loopback, link-local, multicast or reserved, got {first}.0/24"
    ]


def test_upstream_servers_are_reached_from_namespaces() -> None:
    assert infrastructure.management_problems({}, [], [], ["127.0.0.53", "10.0.0.53"], "169.254.64.0/24") == [
        "settings: network_node_dns_servers must not be loopback, link-local, multicast or reserved, got 127.0.0.53"
    ]


def test_vlan_400_overlaps_no_network_of_the_network_node() -> None:
    """Its external network may have no host of the inventory."""
    interfaces = [
        {"name": "gw400", "addresses": ["10.60.7.1/24"]},
        {"name": "wan0", "addresses": ["10.60.0.5/16"]},
        {"name": "lan0", "addresses": ["192.0.2.5/24"]},
    ]
    assert infrastructure.management_problems({}, [], [], [], "169.254.64.0/24", interfaces=interfaces) == [
        "management network: 10.60.7.0/24 of VLAN 400 overlaps 10.60.0.0/16 of the infrastructure"
    ]


def test_settings_of_the_network_node_that_are_not_networks() -> None:
    assert infrastructure.management_problems({"cidr": "10.60.7.0/33"}, ["10.0.10.3/24"], OWN, [], "169.254.0.0") == [
        "management network: cidr must be an IPv4 network, got '10.60.7.0/33' ('33' is not a valid netmask)",
        "settings: infrastructure_networks must be an IPv4 network, got '10.0.10.3/24' "
        "(10.0.10.3/24 has host bits set)",
    ]
    assert infrastructure.management_problems({}, [], [], [], "link") == [
        "settings: network_node_nat_links must be an IPv4 network, got 'link' (Expected 4 octets in 'link')"
    ]


def test_a_host_without_a_known_address_is_reported() -> None:
    own = [{"name": "eth0", "addresses": ["203.0.113.7/24"]}]
    hostvars = {
        "localhost": {},
        "w1": {"ansible_host": "worker1.example"},
        "w2": {"ansible_host": "worker2.example", "worker_ip": "10.0.10.2"},
        "10.0.10.3": {},
    }
    groups = {"orchestrator": ["localhost"], "workers": ["w1", "w2", "10.0.10.3"], "network_node": ["w1"]}
    assert infrastructure.unknown_hosts(hostvars, groups) == ["localhost", "w1"]
    assert infrastructure.unknown_hosts(hostvars, groups, own) == ["w1"]
    assert infrastructure.unknown_hosts({**hostvars, "w1": hostvars["w2"]}, groups, own) == []


def test_netmask() -> None:
    assert infrastructure.netmask("10.60.7.0/24") == "255.255.255.0"


def test_vlan_400_has_defaults() -> None:
    found = infrastructure.management_network({"cidr": "10.70.0.0/16", "gateway": "10.70.0.1"})
    assert (found["cidr"], found["gateway"], found["dhcp_server"]) == ("10.70.0.0/16", "10.70.0.1", "10.60.7.2")
