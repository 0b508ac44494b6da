# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The address plan of a slice: the pools that it takes addresses from, and the addresses that guests have.

A slice without C(addressing) has no addresses in its links and networks, unless they are given.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

from ..models import Link, Network, Slice

FIELD = "addressing"
"""The extra field of a slice with its pools."""
LOOPBACK = "loopback"
"""The extra field of a VM with its addresses on the loopback interface."""
ADDRESSES = "addresses"
"""The extra field of a link with the addresses of its ends. A network has them in its members."""

Subnet = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
GuestAddresses = Mapping[tuple[int, str], Sequence[str]]
"""The addresses of interfaces with prefix lengths, by VM id and name."""

FAMILIES = {4: "ipv4", 6: "ipv6"}
"""The field of an address or a pool by IP version."""
CIDRS = {4: "cidr", 6: "cidr6"}
"""The field of a subnet by IP version."""
PREFIXES = {4: "prefix", 6: "prefix6"}
"""The field of a pool with the prefix length of the subnets in it, by IP version."""

LINKS, NETWORKS, LOOPBACKS = "links", "networks", "loopbacks"
POOLS = (LINKS, NETWORKS, LOOPBACKS)
LENGTHS = {LINKS: {4: 30, 6: 64}, NETWORKS: {4: 24, 6: 64}, LOOPBACKS: {4: 32, 6: 128}}
"""The default prefix lengths of what is taken from a pool, by IP version."""


@dataclass(frozen=True)
class Addresses:
    """An IPv4 and an IPv6 address, without prefix lengths, each of which may be missing."""

    ipv4: str | None = None
    ipv6: str | None = None

    @classmethod
    def read(cls, data: Mapping[str, Any] | None) -> Addresses:
        """Return the addresses in module arguments or in a stored field."""
        said = data or {}
        return cls(said.get("ipv4"), said.get("ipv6"))

    def of(self, version: int) -> str | None:
        """Return the address of an IP version."""
        return self.ipv4 if version == 4 else self.ipv6

    def to_dict(self) -> dict[str, str]:
        """Return the addresses as stored fields."""
        return {name: value for version, name in FAMILIES.items() if (value := self.of(version)) is not None}


@dataclass(frozen=True)
class End(Addresses):
    """The addresses that a VM should have on a link or network."""

    vm: str = ""


@dataclass(frozen=True)
class Pool:
    """A pool for links, networks or loopbacks: its subnets by IP version, and the prefix lengths of its parts."""

    kind: str
    subnets: Mapping[int, str]
    lengths: Mapping[int, int]

    @classmethod
    def read(cls, kind: str, data: Mapping[str, Any]) -> Pool:
        """Return the pool in module arguments or in a stored field."""
        given = {version: data.get(name) for version, name in PREFIXES.items()}
        return cls(
            kind,
            {version: data[name] for version, name in FAMILIES.items() if data.get(name) is not None},
            {version: LENGTHS[kind][version] if length is None else length for version, length in given.items()},
        )

    def subnet(self, version: int) -> Subnet | None:
        """Return its subnet of an IP version, C(None) if it has none or an invalid one."""
        return subnet(version, self.subnets.get(version))

    def to_dict(self) -> dict[str, Any]:
        """Return the stored field, with prefix lengths, so that other defaults change nothing."""
        said: dict[str, Any] = {}
        for version, text in self.subnets.items():
            said[FAMILIES[version]] = str(subnet(version, text) or text)
            if self.kind != LOOPBACKS:
                said[PREFIXES[version]] = self.lengths[version]
        return said


@dataclass(frozen=True)
class Addressing:
    """The pools of a slice by kind."""

    pools: Mapping[str, Pool] = field(default_factory=dict)

    @classmethod
    def read(cls, data: Mapping[str, Any] | None) -> Addressing:
        """Return the pools in module arguments or in a stored field."""
        found = {kind: Pool.read(kind, each) for kind in POOLS if (each := (data or {}).get(kind)) is not None}
        return cls({kind: pool for kind, pool in found.items() if pool.subnets})

    def subnet(self, kind: str, version: int) -> Subnet | None:
        """Return the subnet of a pool, C(None) if there is none."""
        pool = self.pools.get(kind)
        return None if pool is None else pool.subnet(version)

    def subnets(self) -> Iterator[tuple[str, Subnet]]:
        """Yield the kind of each pool with each of its valid subnets."""
        for kind, pool in self.pools.items():
            for version in FAMILIES:
                found = pool.subnet(version)
                if found is not None:
                    yield kind, found

    def to_dict(self) -> dict[str, Any] | None:
        """Return the field to store, C(None) without pools."""
        return {kind: pool.to_dict() for kind, pool in self.pools.items()} or None


def subnet(version: int, text: str | None) -> Subnet | None:
    """Return a subnet, C(None) if the text is none of this IP version."""
    try:
        return None if text is None else read_subnet(version, text)
    except ValueError:
        return None


def read_subnet(version: int, text: str) -> Subnet:
    """Return a subnet.

    Raises:
        ValueError: the text is no subnet of this IP version, or has a zone.
    """
    if "%" in text:
        raise ValueError("it has a zone, which is part of an address on one host")
    return ipaddress.IPv4Network(text) if version == 4 else ipaddress.IPv6Network(text)


def spelled(version: int, text: str | None) -> str | None:
    """Return a subnet in the usual spelling, so that another one is no change. Other texts are unchanged."""
    found = subnet(version, text)
    return text if found is None else str(found)


def subnet_of(text: str) -> Subnet | None:
    """Return a subnet of any IP version, C(None) if the text is none."""
    return subnet(4, text) or subnet(6, text)


def address(version: int, text: str | None) -> Address | None:
    """Return an address, C(None) if the text is none of this IP version."""
    if text is None or "%" in text:
        return None
    try:
        return ipaddress.IPv4Address(text) if version == 4 else ipaddress.IPv6Address(text)
    except ValueError:
        return None


def is_special(found: Subnet | Address) -> bool:
    """Return whether a subnet or an address is loopback, multicast, link-local, reserved or unspecified."""
    first = found[0] if isinstance(found, (ipaddress.IPv4Network, ipaddress.IPv6Network)) else found
    return (
        found.is_loopback
        or found.is_multicast
        or found.is_link_local
        or found.is_reserved
        or (first.version == 4 and int(first) < 1 << 24)
        or (first.version == 6 and int(first) == 0)
    )


def ends(segment: Link | Network) -> Iterator[tuple[int, str, Mapping[str, Any]]]:
    """Yield the VM id and the interface of each end of a link or network, and the stored addresses of the end."""
    if isinstance(segment, Network):
        for member in segment.extra.get("members", ()):
            yield member["vm_id"], member["interface"], member
        return
    known = {each["vm_id"]: each for each in segment.extra.get(ADDRESSES, ())}
    for vm_id, interface in ((segment.vm1_id, segment.vm1_interface), (segment.vm2_id, segment.vm2_interface)):
        yield vm_id, interface, known.get(vm_id, {})


def cidr(segment: Link | Network, version: int) -> str | None:
    """Return the stored subnet of a link or network."""
    if version == 4 and isinstance(segment, Network):
        return segment.cidr
    found: str | None = segment.extra.get(CIDRS[version])
    return found


def segments(slice_: Slice) -> list[Link | Network]:
    """Return the links and networks of a slice."""
    return [*slice_.links, *slice_.networks]


def guest_addresses(slice_: Slice) -> GuestAddresses:
    """Return the addresses of interfaces on links and networks."""
    found: dict[tuple[int, str], list[str]] = {}
    for segment in segments(slice_):
        lengths = {version: (cidr(segment, version) or "").partition("/")[2] for version in FAMILIES}
        for vm_id, interface, stored in ends(segment):
            addresses = [
                f"{stored[name]}/{lengths[version]}"
                for version, name in FAMILIES.items()
                if name in stored and lengths[version]
            ]
            if addresses:
                found[vm_id, interface] = addresses
    return found
