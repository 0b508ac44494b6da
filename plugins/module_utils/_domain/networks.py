# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Networks within a slice: their subnets, gateways and DHCP ranges."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import replace

from .allocation import host_in, link_prefix
from .topology_spec import WantedNetwork

SHORTEST_PREFIX, LONGEST_PREFIX = 8, 30


def complete(want: WantedNetwork, vlan_id: int) -> WantedNetwork:
    """Return the network with all that was left to the rules: subnet, gateway and DHCP range on its VLAN."""
    cidr = want.cidr or f"{link_prefix(vlan_id)}.0/24"
    try:
        subnet = ipaddress.IPv4Network(cidr)
    except ValueError:
        return want  # problems() has said so
    gateway_ip = want.gateway_ip or (str(subnet[1]) if want.gateway else None)
    dhcp_range = want.dhcp_range or (_dhcp_range(subnet) if want.dhcp_enabled else None)
    return replace(want, cidr=str(subnet), gateway_ip=gateway_ip, dhcp_range=dhcp_range)


def _dhcp_range(subnet: ipaddress.IPv4Network) -> str:
    """The data model's .10 to .250 where the subnet has them, else what comes after its first address."""
    first, last = (10, 250) if subnet.num_addresses >= 256 else (2, subnet.num_addresses - 2)
    return f"{subnet[first]},{subnet[last]}"


def problems(want: WantedNetwork) -> Iterator[str]:
    """Yield what is wrong with what a network asks for, a phrase each, as far as its subnet is known yet."""
    if want.gateway_ip is not None and not want.gateway:
        yield f"gateway_ip is {want.gateway_ip}, and gateway is false"
    if want.dhcp_range is not None and not want.dhcp_enabled:
        yield f"dhcp_range is {want.dhcp_range}, and dhcp_enabled is false"
    if want.nat and not want.gateway:
        yield "nat is true, and gateway is false; the way out leads by the gateway"
    if want.cidr is None:
        return
    try:
        subnet = ipaddress.IPv4Network(want.cidr)
    except ValueError as error:
        yield f"cidr {want.cidr!r} is not an IPv4 network: {error}"
        return
    if not SHORTEST_PREFIX <= subnet.prefixlen <= LONGEST_PREFIX:
        yield f"cidr {subnet} has a prefix of {subnet.prefixlen}; {SHORTEST_PREFIX} to {LONGEST_PREFIX} are possible"
        return
    if (
        subnet.is_loopback
        or subnet.is_multicast
        or subnet.is_link_local
        or subnet.is_reserved
        or int(subnet[0]) < 1 << 24
    ):
        yield f"cidr {subnet} is not a subnet for hosts: it is loopback, link-local, multicast or reserved"
    room, needed = subnet.num_addresses - 2, len(want.members) + (want.gateway or want.dhcp_enabled)
    if needed > room:
        server = " and a gateway" if want.gateway else " and a DHCP server" if want.dhcp_enabled else ""
        yield f"cidr {subnet} has {room} addresses, and is asked for {len(want.members)} members{server}"
    yield from _address_problems(want, subnet)


def _address_problems(want: WantedNetwork, subnet: ipaddress.IPv4Network) -> Iterator[str]:
    server: ipaddress.IPv4Address | None = subnet[1]
    if want.gateway_ip is not None:
        server, problem = host_in(subnet, "gateway_ip", want.gateway_ip)
        if problem:
            yield problem
    if want.dhcp_range is None:
        return
    ends = want.dhcp_range.split(",")
    if len(ends) != 2:
        yield f"dhcp_range {want.dhcp_range!r} is not FIRST,LAST"
        return
    (first, first_problem), (last, last_problem) = (host_in(subnet, "dhcp_range", end) for end in ends)
    yield from (problem for problem in (first_problem, last_problem) if problem)
    if first is None or last is None:
        return
    if first > last:
        yield f"dhcp_range: {first} comes after {last}"
    elif server is not None and first <= server <= last:
        what = f"the gateway {server}" if want.gateway else f"{server}, which the DHCP server has"
        yield f"dhcp_range {first} to {last} holds {what}; give another range"


def overlaps(subnets: Iterable[tuple[str, str]], management: str) -> Iterator[str]:
    """Yield a phrase for every subnet that overlaps another one or VLAN 400's.

    Args:
        subnets: the name of each network, and its CIDR; what is none is passed over.
        management: the CIDR of VLAN 400.
    """
    parsed = []
    for owner, cidr in (("the management network", management), *((f"network {name}", cidr) for name, cidr in subnets)):
        try:
            parsed.append((ipaddress.IPv4Network(cidr), owner))
        except ValueError:
            continue
    parsed.sort(key=lambda each: (int(each[0].network_address), each[0].prefixlen))
    widest: tuple[ipaddress.IPv4Network, str] | None = None
    for subnet, owner in parsed:
        if widest is not None and subnet.overlaps(widest[0]):
            yield f"{subnet} of {owner} overlaps {widest[0]} of {widest[1]}"
        else:
            # Subnets are nested or apart: one that overlaps none is where the next may begin to.
            widest = subnet, owner


def infrastructure_problems(cidrs: Iterable[str]) -> Iterator[str]:
    """Yield what is wrong with the list of infrastructure networks, a sentence each."""
    for cidr in cidrs:
        try:
            ipaddress.IPv4Network(cidr)
        except ValueError as error:
            yield f"infrastructure network {cidr!r} is not an IPv4 network: {error}"


def overlapping(cidr: str, others: Iterable[str]) -> list[str]:
    """Return those of C(others), subnets all of them, that C(cidr) overlaps; none where it is no subnet itself."""
    try:
        subnet = ipaddress.IPv4Network(cidr)
    except ValueError:
        return []
    return [other for other in others if subnet.overlaps(ipaddress.IPv4Network(other))]
