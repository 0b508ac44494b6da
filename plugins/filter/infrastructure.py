# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for the hosts' own networks, which VMs must not reach, and for the management VLAN."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import networks
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.addressing import is_special
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.allocation import ManagementNetwork
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.management import mac_of
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal

_HOST_GROUPS = ("orchestrator", "workers", "network_node")


_LINK_LOCAL = ipaddress.IPv4Network("169.254.0.0/16")


def infrastructure_networks(
    hostvars: Mapping[str, Any],
    groups: Mapping[str, Sequence[str]],
    interfaces: Sequence[Mapping[str, Any]] = (),
    own: Sequence[Mapping[str, Any]] = (),
) -> list[str]:
    """Return the networks that VMs must not reach: the addresses of hosts, each as a subnet of one address.

    Args:
        hostvars: the variables of all hosts, with their addresses.
        groups: the hosts of each group.
        interfaces: those of the network node, as M(cloudrepo.slices.host_info) returns them. The subnet of such an
            interface replaces the addresses of the inventory's hosts in it.
        own: the interfaces of orchestrator and workers, whose addresses are returned as well.
    """
    names = {name for group in _HOST_GROUPS for name in groups.get(group, ())}
    hosts = {address for name in names for address in _inventory_addresses(name, hostvars[name])}
    found = [each.network for each in _interfaces(interfaces) if any(host in each.network for host in hosts)]
    found += [ipaddress.IPv4Network(host) for host in hosts]
    found += [ipaddress.IPv4Network(each.ip) for each in _interfaces(own) if _is_address(each.ip)]
    return [str(network) for network in ipaddress.collapse_addresses(found)]


def unknown_hosts(
    hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]], orchestrator: Sequence[Mapping[str, Any]] = ()
) -> list[str]:
    """Return the hosts whose addresses C(infrastructure_networks) does not know."""
    seen = groups.get("orchestrator", ()) if any(_is_address(each.ip) for each in _interfaces(orchestrator)) else ()
    names = dict.fromkeys(name for group in _HOST_GROUPS for name in groups.get(group, ()) if name not in seen)
    return [name for name in names if not _inventory_addresses(name, hostvars[name])]


def network_node_address(hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]]) -> str:
    """Return the IPv4 address at which workers reach the network node, empty if the inventory does not contain it."""
    for name in groups.get("network_node", ()):
        host = hostvars[name]
        if "network_node_address" in host:
            return str(host["network_node_address"])
        named = (host.get("worker_ip"), host.get("ansible_host"), name)
        return next((str(each) for each in named if _is_address(each)), "")
    return ""


def management_network(given: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings of VLAN 400, with defaults."""
    return asdict(_management(given))


def _management(given: Mapping[str, Any]) -> ManagementNetwork:
    known = {field.name for field in fields(ManagementNetwork)}
    return ManagementNetwork(**{name: str(value) for name, value in given.items() if name in known})


def management_problems(
    network: Mapping[str, Any],
    given: Sequence[str],
    own: Sequence[str],
    dns_servers: Sequence[str],
    nat_links: str,
    interfaces: Sequence[Mapping[str, Any]] = (),
) -> list[str]:
    """Return a sentence for each invalid setting of VLAN 400 and of the networks that the network node connects it to.

    Args:
        network: the settings of VLAN 400.
        given: the configured infrastructure networks.
        own: those that C(infrastructure_networks) returns.
        dns_servers: the upstream servers of the slices' DNS servers.
        nat_links: the subnet for the veth pairs of slices with NAT.
        interfaces: those of the network node, as M(cloudrepo.slices.host_info) returns them.
    """
    there = dict.fromkeys([*own, *(str(each.network) for each in _interfaces(interfaces))])
    return [each.message for each in _refusals(_management(network), given, list(there), dns_servers, nat_links)]


def _refusals(
    management: ManagementNetwork, given: Sequence[str], own: Sequence[str], dns_servers: Sequence[str], nat_links: str
) -> Iterator[Refusal]:
    yield from management.problems()
    yield from networks.infrastructure_problems(given)
    # Configured networks may contain all private addresses. It is correct that the gateway does not route to VLAN 400.
    for other in networks.overlapping(management.cidr, own):
        subnets = {"subnet": management.cidr, "of": "the management VLAN"}
        others = {"other": other, "other_of": "the infrastructure"}
        yield Refusal("subnets_overlap", "management network", {**subnets, **others})
    for server in dns_servers:
        figures = {"option": "network_node_dns_servers", "got": server}
        if not _is_ipv4(server):
            yield Refusal("invalid_address", "settings", figures)
        elif is_special(ipaddress.IPv4Address(server)):
            # The servers of slices are in namespaces, where 127.0.0.53 of the host does not answer.
            yield Refusal("special_address", "settings", figures)
    yield from _nat_link_problems(nat_links)


def _nat_link_problems(cidr: str) -> Iterator[Refusal]:
    """Networks of slices are never link-local, so a link-local subnet cannot overlap a later one."""
    where, option = "settings", "network_node_nat_links"
    try:
        subnet = ipaddress.IPv4Network(cidr)
    except ValueError as error:
        yield Refusal("invalid_subnet", where, {"option": option, "got": cidr, "why": str(error)})
        return
    if not subnet.subnet_of(_LINK_LOCAL):
        yield Refusal("subnet_outside_subnet", where, {"option": option, "got": cidr, "subnet": str(_LINK_LOCAL)})


def _inventory_addresses(name: str, host: Mapping[str, Any]) -> list[ipaddress.IPv4Address]:
    named = (host.get("ansible_host") or name, host.get("worker_ip"))
    return [ipaddress.IPv4Address(each) for each in named if _is_address(each)]


def _interfaces(interfaces: Sequence[Mapping[str, Any]]) -> list[ipaddress.IPv4Interface]:
    """The addresses of interfaces, except those of VLAN 400 and of slices."""
    return [
        ipaddress.IPv4Interface(address)
        for interface in interfaces
        if not interface["name"].startswith(("gw400", "nat_"))
        for address in interface["addresses"]
    ]


def _is_address(text: Any) -> bool:
    return _is_ipv4(text) and not ipaddress.IPv4Address(str(text)).is_loopback


def _is_ipv4(text: Any) -> bool:
    try:
        ipaddress.IPv4Address(str(text))
    except ValueError:
        return False
    return True


def netmask(cidr: str) -> str:
    """Return the dotted netmask of a subnet."""
    return str(ipaddress.ip_network(cidr).netmask)


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Any]:
        return {
            "infrastructure_mac": mac_of,
            "infrastructure_networks": infrastructure_networks,
            "management_network": management_network,
            "management_problems": management_problems,
            "netmask": netmask,
            "network_node_address": network_node_address,
            "unknown_hosts": unknown_hosts,
        }
