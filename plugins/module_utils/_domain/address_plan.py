# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Takes subnets and addresses from the pools of a slice.

What is given comes first, then what is stored, which an object keeps as long as it fits, then the lowest free one. The
subnet around a given address counts as given.
"""

from __future__ import annotations

import ipaddress
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from ..errors import Refusal
from ..models import Link, Network
from .addressing import (
    CIDRS,
    FAMILIES,
    LINKS,
    LOOPBACKS,
    NETWORKS,
    Address,
    Addresses,
    Addressing,
    Pool,
    Subnet,
    address,
    cidr,
    subnet,
)
from .topology_spec import WantedLink, WantedNetwork, WantedVM

Segment = TypeVar("Segment", WantedLink, WantedNetwork)
Range = tuple[int, int]
"""The first and the last address of a range, as numbers."""


@dataclass(frozen=True)
class Claim:
    """Who needs an address: a VM by name, with the address that is given and the one that is stored."""

    vm: str
    given: str | None
    stored: str | None


@dataclass(frozen=True)
class AddressPlan:
    """Takes addresses for a slice.

    Attributes:
        slice: the name of the slice for messages.
        pools: its pools.
        refusals: the violations that were found.
    """

    slice: str
    pools: Addressing
    refusals: list[Refusal] = field(default_factory=list)

    def links(self, matches: Sequence[tuple[WantedLink, Link | None]]) -> list[WantedLink]:
        """Return the links with their subnets."""
        return self._with_subnets(LINKS, matches)

    def networks(self, matches: Sequence[tuple[WantedNetwork, Network | None]]) -> list[WantedNetwork]:
        """Return the networks with their subnets. Without a pool, IPv4 subnets remain to be derived from the VLAN."""
        return self._with_subnets(NETWORKS, matches)

    def _with_subnets(self, kind: str, matches: Sequence[tuple[Segment, Any]]) -> list[Segment]:
        wants = [want for want, _old in matches]
        for version, name in CIDRS.items():
            pool, whole = self.pools.pools.get(kind), self.pools.subnet(kind, version)
            if pool is None or whole is None:
                continue
            stored = [None if old is None else subnet(version, cidr(old, version)) for _want, old in matches]
            given = [subnet(version, getattr(want, name)) or _around(pool, version, want) for want in wants]
            taken = self._subnets(pool, whole, given, stored)
            changes: list[dict[str, Any]] = [{} if found is None else {name: str(found)} for found in taken]
            wants = [replace(want, **change) for want, change in zip(wants, changes)]
        return wants

    def _subnets(
        self, pool: Pool, whole: Subnet, given: Sequence[Subnet | None], stored: Sequence[Subnet | None]
    ) -> list[Subnet | None]:
        found, length = list(given), pool.lengths[whole.version]
        used = _Ranges(_range(each) for each in given if each is not None)
        for number, old in enumerate(stored):
            fits = old is not None and old.prefixlen == length and _is_within(old, whole)
            if found[number] is None and old is not None and fits and used.add(_range(old)):
                found[number] = old
        size = 1 << (whole.max_prefixlen - length)
        free = used.free(_range(whole), size)
        for number, taken in enumerate(found):
            first = next(free, None) if taken is None else None
            if first is not None:
                found[number] = _subnet(whole.version, first, length)
        if None in found:
            room = 1 << (length - whole.prefixlen)
            self._refuse_exhausted(f"{pool.kind}.{FAMILIES[whole.version]}", whole, length, room, len(found))
        return found

    def ends(
        self,
        where: str,
        want: WantedLink | WantedNetwork,
        stored: Mapping[str, Addresses],
        *,
        reserved: Collection[Range] = (),
        has_dhcp: bool = False,
    ) -> dict[str, Addresses]:
        """Return the addresses of the ends of a link or network by VM.

        Args:
            where: the link or network for messages.
            want: the link or network with its subnets.
            stored: the stored addresses of its ends by VM.
            reserved: addresses of the IPv4 subnet that no end may have.
            has_dhcp: whether the ends get IPv4 addresses by DHCP, except for those that are given.
        """
        ends = want.endpoints if isinstance(want, WantedLink) else want.members
        takes_addresses = isinstance(want, WantedLink) or (self.pools.subnet(NETWORKS, 4) is not None and not has_dhcp)
        given = {each.vm: each for each in want.addresses}
        made: dict[str, dict[str, str]] = {end.vm: {} for end in ends}
        for version, name in FAMILIES.items():
            found = subnet(version, getattr(want, CIDRS[version]))
            if found is not None:
                claims = [Claim(end.vm, _of(given, end.vm, version), _of(stored, end.vm, version)) for end in ends]
                if version == 4 and not takes_addresses:
                    claims = [each for each in claims if each.given is not None]
                for vm, ip in self._hosts(where, found, claims, reserved if version == 4 else ()).items():
                    made[vm][name] = str(ip)
        return {vm: Addresses(**each) for vm, each in made.items()}

    def _hosts(
        self, where: str, found: Subnet, claims: Sequence[Claim], reserved: Collection[Range]
    ) -> dict[str, Address]:
        """Return an address of a subnet for each claim, and add refusals for those that cannot have one."""
        first, last = _hosts(found)
        taken = self._take(where, found.version, (first, last), claims, reserved)
        for claim in claims:
            ip = address(found.version, claim.given)
            if ip is None:
                continue
            figures: dict[str, Any]
            if not first <= int(ip) <= last:
                figures = {"option": f"the address of {claim.vm}", "got": str(ip), "subnet": str(found)}
                self.refusals.append(Refusal("address_outside_subnet", where, figures))
            for start, end in reserved:
                if start <= int(ip) <= end:
                    held = "-".join(dict.fromkeys(str(_address(found.version, each)) for each in (start, end)))
                    self.refusals.append(
                        Refusal("address_is_reserved", where, {"vm": claim.vm, "got": str(ip), "reserved": held})
                    )
        if len(taken) < len(claims):
            room = last - first + 1 - sum(end - start + 1 for start, end in reserved)
            figures = {"option": CIDRS[found.version], "got": str(found), "room": room, "needed": len(claims)}
            self.refusals.append(Refusal("subnet_too_small", where, figures))
        return taken

    def loopbacks(self, wants: Sequence[WantedVM], stored: Mapping[str, Addresses]) -> dict[str, Addresses]:
        """Return the loopback addresses of VMs by name; C(stored) are the stored ones."""
        made: dict[str, dict[str, str]] = {want.name: {} for want in wants}
        given = {want.name: want.loopback for want in wants}
        for version, name in FAMILIES.items():
            pool = self.pools.subnet(LOOPBACKS, version)
            claims = [
                Claim(want.name, fixed, _of(stored, want.name, version))
                for want in wants
                if (fixed := _of(given, want.name, version)) is not None or pool is not None
            ]
            for vm, ip in self._loopbacks(pool, version, claims).items():
                made[vm][name] = str(ip)
        return {vm: Addresses(**each) for vm, each in made.items()}

    def _loopbacks(self, pool: Subnet | None, version: int, claims: Sequence[Claim]) -> dict[str, Address]:
        where = f"slice {self.slice}"
        within = (0, -1) if pool is None else _hosts(pool)
        taken = self._take(where, version, within, claims)
        if pool is None:
            return taken
        label = f"{LOOPBACKS}.{FAMILIES[version]}"
        for claim in claims:
            ip = address(version, claim.given)
            if ip is not None and ip not in pool:
                figures = {"got": str(ip), "pool": label, "subnet": str(pool)}
                self.refusals.append(Refusal("address_outside_pool", f"VM {self.slice}/{claim.vm}", figures))
        if len(taken) < len(claims):
            self._refuse_exhausted(label, pool, pool.max_prefixlen, within[1] - within[0] + 1, len(claims))
        return taken

    def _take(
        self, where: str, version: int, within: Range, claims: Sequence[Claim], reserved: Iterable[Range] = ()
    ) -> dict[str, Address]:
        """Return the address of each claim that can be met; given ones may be outside the range C(within)."""
        taken: dict[str, Address] = {}
        used, holders = _Ranges(reserved), defaultdict(list)
        for claim in claims:
            ip = address(version, claim.given)
            if ip is not None:
                taken[claim.vm] = ip
                holders[str(ip)].append(claim.vm)
                used.add((int(ip), int(ip)))
        self.refusals.extend(
            Refusal("guest_address_twice", where, {"address": ip, "ends": names})
            for ip, names in holders.items()
            if len(names) > 1
        )
        for claim in claims:
            old = address(version, claim.stored)
            fits = claim.vm not in taken and old is not None and within[0] <= int(old) <= within[1]
            if fits and old is not None and used.add((int(old), int(old))):
                taken[claim.vm] = old
        free = used.free(within, 1)
        for claim in claims:
            if claim.vm not in taken and (number := next(free, None)) is not None:
                taken[claim.vm] = _address(version, number)
        return taken

    def _refuse_exhausted(self, label: str, pool: Subnet, length: int, room: int, needed: int) -> None:
        figures = {"pool": label, "subnet": str(pool), "room": room, "length": length, "needed": needed}
        self.refusals.append(Refusal("address_pool_exhausted", f"slice {self.slice}", figures))


class _Ranges:
    """Disjoint ranges of numbers, sorted."""

    def __init__(self, ranges: Iterable[Range]) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for each in sorted(ranges):
            self.add(each)

    def add(self, new: Range) -> bool:
        """Add a range, unless it overlaps another one. Return whether it was added."""
        place = bisect_right(self._starts, new[0])
        if place and self._ends[place - 1] >= new[0]:
            return False
        if place < len(self._starts) and self._starts[place] <= new[1]:
            return False
        self._starts.insert(place, new[0])
        self._ends.insert(place, new[1])
        return True

    def free(self, within: Range, size: int) -> Iterator[int]:
        """Yield the first numbers of free blocks within a range, aligned to their size, lowest first.

        The ranges must not change meanwhile.
        """
        number = within[0]
        while number + size - 1 <= within[1]:
            place = bisect_right(self._starts, number + size - 1)
            if place and self._ends[place - 1] >= number:
                number = (self._ends[place - 1] // size + 1) * size
                continue
            yield number
            number += size


def _around(pool: Pool, version: int, want: WantedLink | WantedNetwork) -> Subnet | None:
    """Return the part of a pool with the first address that is given for an end, C(None) if none is given."""
    whole, length = pool.subnet(version), pool.lengths[version]
    ip = next(filter(None, (address(version, each.of(version)) for each in want.addresses)), None)
    if ip is None or whole is None or ip not in whole or length < whole.prefixlen:
        return None
    size = 1 << (whole.max_prefixlen - length)
    return _subnet(version, int(ip) // size * size, length)


def _of(known: Mapping[str, Addresses | None], name: str, version: int) -> str | None:
    found = known.get(name)
    return None if found is None else found.of(version)


def _range(found: Subnet) -> Range:
    return int(found.network_address), int(found.broadcast_address)


def _hosts(found: Subnet) -> Range:
    """Return the first and the last address that a host may have."""
    first, last = _range(found)
    if found.prefixlen >= found.max_prefixlen - 1:
        return first, last
    return first + 1, last - 1 if found.version == 4 else last


def _is_within(inner: Subnet, outer: Subnet) -> bool:
    (first, last), (least, most) = _range(inner), _range(outer)
    return inner.version == outer.version and least <= first and last <= most


def _subnet(version: int, first: int, length: int) -> Subnet:
    return ipaddress.IPv4Network((first, length)) if version == 4 else ipaddress.IPv6Network((first, length))


def _address(version: int, number: int) -> Address:
    return ipaddress.IPv4Address(number) if version == 4 else ipaddress.IPv6Address(number)
