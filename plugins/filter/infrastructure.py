# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for the network of the hosts, which VMs must not reach, and for VLAN 400, which joins the two."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import networks
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
    """Return the networks that no VM may reach: the addresses of hosts, each a subnet of one.

    Args:
        hostvars: the variables of all hosts, of which the addresses are taken.
        groups: the hosts of each group.
        interfaces: those of the network node, as M(cloudrepo.slices.host_info) returns them. A subnet of these stands
            for the addresses of the inventory's hosts in it.
        own: the same of orchestrator and workers, whose own addresses are among what is returned.
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
    """Return the hosts for which C(infrastructure_networks) has no address."""
    seen = groups.get("orchestrator", ()) if any(_is_address(each.ip) for each in _interfaces(orchestrator)) else ()
    names = dict.fromkeys(name for group in _HOST_GROUPS for name in groups.get(group, ()) if name not in seen)
    return [name for name in names if not _inventory_addresses(name, hostvars[name])]


def management_network(given: Mapping[str, Any]) -> dict[str, str]:
    """Return VLAN 400 with defaults for what is not given."""
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
) -> list[str]:
    """Return what is wrong with VLAN 400 and with what the network node joins it to, a sentence each.

    Args:
        network: what is set of VLAN 400.
        given: the infrastructure networks that are set.
        own: those that C(infrastructure_networks) returns.
        dns_servers: whom the name servers of slices ask.
        nat_links: the range from which slices have the addresses of their way out.
    """
    return [each.message for each in _refusals(_management(network), given, own, dns_servers, nat_links)]


def _refusals(
    management: ManagementNetwork, given: Sequence[str], own: Sequence[str], dns_servers: Sequence[str], nat_links: str
) -> Iterator[Refusal]:
    yield from management.problems()
    yield from networks.infrastructure_problems(given)
    # What is given may well be all that is private; that VMs do not reach VLAN 400 by the gateway is right.
    for other in networks.overlapping(management.cidr, own):
        subnets = {"subnet": management.cidr, "of": "VLAN 400", "other": other, "other_of": "the infrastructure"}
        yield Refusal("subnets_overlap", "management network", subnets)
    for server in dns_servers:
        if not _is_ipv4(server):
            yield Refusal("invalid_address", "settings", {"option": "network_node_dns_servers", "got": server})
    yield from _nat_link_problems(nat_links)


def _nat_link_problems(cidr: str) -> Iterator[Refusal]:
    """Networks of slices are never link-local, so what is cannot overlap one that comes later."""
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
    """The addresses of interfaces, except those that come and go with VLAN 400 and slices."""
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
    """The filters by their names."""

    def filters(self) -> dict[str, Any]:
        return {
            "infrastructure_mac": mac_of,
            "infrastructure_networks": infrastructure_networks,
            "management_network": management_network,
            "management_problems": management_problems,
            "netmask": netmask,
            "unknown_hosts": unknown_hosts,
        }
