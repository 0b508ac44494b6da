# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Subnets, gateways and DHCP ranges of networks in a slice."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import replace

from .. import bounds
from ..errors import Refusal
from .addressing import Subnet, address, is_special, subnet_of
from .allocation import host_in, link_prefix
from .topology_spec import WantedNetwork


def complete(want: WantedNetwork, vlan_id: int) -> WantedNetwork:
    """Return the network with defaults for its subnet, gateway and DHCP range, which depend on its VLAN."""
    cidr = want.cidr or f"{link_prefix(vlan_id)}.0/24"
    try:
        subnet = ipaddress.IPv4Network(cidr)
    except ValueError:
        return want  # problems() refuses it
    gateway_ip = want.gateway_ip or (str(subnet[1]) if want.gateway else None)
    dhcp_range = want.dhcp_range or (_dhcp_range(subnet) if want.dhcp_enabled else None)
    return replace(want, cidr=str(subnet), gateway_ip=gateway_ip, dhcp_range=dhcp_range)


def _dhcp_range(subnet: ipaddress.IPv4Network) -> str:
    """Return the range .10 to .250 of the data model; in a smaller subnet, all host addresses after the first."""
    first, last = (10, 250) if subnet.num_addresses >= 256 else (2, subnet.num_addresses - 2)
    return f"{subnet[first]},{subnet[last]}"


def problems(where: str, want: WantedNetwork) -> Iterator[Refusal]:
    """Yield refusals for the network C(where), without those for its subnet if this is not known yet."""
    if want.gateway_ip is not None and not want.gateway:
        yield Refusal("option_needs_option", where, {"option": "gateway_ip", "needs": "gateway"})
    if want.dhcp_range is not None and not want.dhcp_enabled:
        yield Refusal("option_needs_option", where, {"option": "dhcp_range", "needs": "dhcp_enabled"})
    if want.nat and not want.gateway:
        yield Refusal("option_needs_option", where, {"option": "nat", "needs": "gateway"})
    if want.dhcp_enabled:
        yield from bounds.DHCP_MTU.problems(where, "mtu of a network with DHCP", want.mtu)
    if want.cidr is None:
        return
    try:
        subnet = ipaddress.IPv4Network(want.cidr)
    except ValueError as error:
        yield Refusal("invalid_subnet", where, {"option": "cidr", "got": want.cidr, "why": str(error)})
        return
    if not bounds.PREFIX_LENGTH.allows(subnet.prefixlen):
        yield from bounds.PREFIX_LENGTH.problems(where, "prefix of cidr", subnet.prefixlen)
        return
    if is_special(subnet):
        yield Refusal("special_subnet", where, {"option": "cidr", "got": str(subnet)})
    room, needed = subnet.num_addresses - 2, len(want.members) + (want.gateway or want.dhcp_enabled)
    if needed > room:
        yield Refusal("subnet_too_small", where, {"option": "cidr", "got": str(subnet), "room": room, "needed": needed})
    yield from _address_problems(where, want, subnet)


def _address_problems(where: str, want: WantedNetwork, subnet: ipaddress.IPv4Network) -> Iterator[Refusal]:
    server: ipaddress.IPv4Address | None = subnet[1]
    if want.gateway_ip is not None:
        server, problem = host_in(where, subnet, "gateway_ip", want.gateway_ip)
        yield from problem
    if want.dhcp_range is None:
        return
    ends = want.dhcp_range.split(",")
    if len(ends) != 2:
        yield Refusal("dhcp_range_format", where, {"got": want.dhcp_range, "subnet": str(subnet)})
        return
    (first, first_problem), (last, last_problem) = (host_in(where, subnet, "dhcp_range", end) for end in ends)
    yield from (*first_problem, *last_problem)
    if first is None or last is None:
        return
    if first > last:
        yield Refusal("range_reversed", where, {"option": "dhcp_range", "first": str(first), "last": str(last)})
    elif server is not None and first <= server <= last:
        yield Refusal(
            "range_holds_server",
            where,
            {"option": "dhcp_range", "first": str(first), "last": str(last), "server": str(server)},
        )
    else:
        room = int(last) - int(first) + 1
        if len(want.members) > room:
            figures = {"option": "dhcp_range", "got": want.dhcp_range, "room": room, "needed": len(want.members)}
            yield Refusal("subnet_too_small", where, figures)


def reserved(want: WantedNetwork) -> list[tuple[int, int]]:
    """Return the IPv4 addresses of a complete network that members with static addresses must not have, as ranges."""
    found = subnet_of(want.cidr or "")
    if found is None or not (want.gateway or want.dhcp_enabled):
        return []
    server = address(4, want.gateway_ip) or found[1]
    held = [(int(server), int(server))]
    if want.dhcp_range is not None:
        first, _comma, last = want.dhcp_range.partition(",")
        ends = address(4, first), address(4, last)
        held += [(int(ends[0]), int(ends[1]))] if ends[0] is not None and ends[1] is not None else []
    return held


def overlaps(where: str, subnets: Iterable[tuple[str, str]], management: str) -> Iterator[Refusal]:
    """Yield a refusal for every subnet of C(where) that overlaps another one or VLAN 400's.

    Args:
        where: the slice of the subnets.
        subnets: what each subnet belongs to, and its CIDR; invalid ones are skipped.
        management: the CIDR of VLAN 400.
    """
    labelled = (("the management network", management), *subnets)
    parsed = [(found, owner) for owner, cidr in labelled if (found := subnet_of(cidr)) is not None]
    parsed.sort(key=lambda each: (each[0].version, int(each[0].network_address), each[0].prefixlen))
    widest: tuple[Subnet, str] | None = None
    for subnet, owner in parsed:
        if widest is not None and subnet.version == widest[0].version and subnet[0] in widest[0]:
            yield Refusal(
                "subnets_overlap",
                where,
                {"subnet": str(subnet), "of": owner, "other": str(widest[0]), "other_of": widest[1]},
            )
        else:
            # Subnets are nested or disjoint, so that only the last disjoint one can overlap the next ones.
            widest = subnet, owner


def infrastructure_problems(cidrs: Iterable[str]) -> Iterator[Refusal]:
    """Yield refusals for invalid infrastructure networks."""
    for cidr in cidrs:
        try:
            ipaddress.IPv4Network(cidr)
        except ValueError as error:
            figures = {"option": "infrastructure_networks", "got": cidr, "why": str(error)}
            yield Refusal("invalid_subnet", "settings", figures)


def overlapping(cidr: str, others: Iterable[str]) -> list[str]:
    """Return the subnets in C(others) that overlap C(cidr); none if C(cidr) is not a subnet."""
    try:
        subnet = ipaddress.IPv4Network(cidr)
    except ValueError:
        return []
    return [other for other in others if subnet.overlaps(ipaddress.IPv4Network(other))]
