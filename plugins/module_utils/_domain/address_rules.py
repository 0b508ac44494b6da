# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for the pools, subnets and addresses in a topology, before anything is taken from the pools."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from .. import bounds, contract
from ..errors import Refusal
from ..models import Link, Network, Slice
from . import networks
from .addressing import (
    CIDRS,
    FAMILIES,
    LINKS,
    LOOPBACK,
    LOOPBACKS,
    NETWORKS,
    PREFIXES,
    Addresses,
    Addressing,
    Pool,
    Subnet,
    address,
    cidr,
    is_special,
    read_subnet,
    subnet,
)
from .topology_spec import WantedLink, WantedNetwork, WantedSlice

_LENGTHS = {
    LINKS: {4: bounds.LINK_PREFIX_LENGTH, 6: bounds.PREFIX6_LENGTH},
    NETWORKS: {4: bounds.PREFIX_LENGTH, 6: bounds.PREFIX6_LENGTH},
}


def problems(want: WantedSlice, management: str) -> Iterator[Refusal]:
    """Yield refusals for pools, subnets and addresses; C(management) is the CIDR of VLAN 400."""
    pools = want.addressing or Addressing()
    where = f"slice {want.name}"
    for pool in pools.pools.values():
        for version in pool.subnets:
            yield from _pool_problems(where, pool, version)
    labelled = [(_label(kind, found), str(found)) for kind, found in pools.subnets()]
    yield from networks.overlaps(where, labelled, management)
    for number, link in enumerate(want.links, start=1):
        label = f"link {want.name}/{link.name or link.link_id or number} ({link})"
        for version in CIDRS:
            yield from _subnet_problems(label, LINKS, version, getattr(link, CIDRS[version]))
        yield from _end_problems(label, link, [end.vm for end in link.endpoints])
        yield from _outside_pool(label, link, pools.pools.get(LINKS))
    for network in want.networks:
        label = f"network {want.name}/{network.name}"
        yield from _subnet_problems(label, NETWORKS, 6, network.cidr6)
        yield from _end_problems(label, network, [end.vm for end in network.members])
        yield from _outside_pool(label, network, pools.pools.get(NETWORKS))
    for vm in want.vms:
        yield from _address_problems(f"VM {want.name}/{vm.name}", "loopback", vm.loopback)


def _label(kind: str, found: Subnet) -> str:
    return f"pool {kind}.{FAMILIES[found.version]}"


def _pool_problems(where: str, pool: Pool, version: int) -> Iterator[Refusal]:
    option = f"addressing.{pool.kind}.{FAMILIES[version]}"
    yield from _invalid(where, option, version, pool.subnets[version])
    whole = pool.subnet(version)
    if whole is None or pool.kind == LOOPBACKS:
        return
    limit = _LENGTHS[pool.kind][version]
    least = max(int(limit.least), whole.prefixlen)
    if not least <= pool.lengths[version] <= limit.most:
        name = f"addressing.{pool.kind}.{PREFIXES[version]}"
        figures = {"option": name, "got": pool.lengths[version], "least": least, "most": limit.most}
        yield Refusal("out_of_range", where, figures)


def _subnet_problems(where: str, kind: str, version: int, text: str | None) -> Iterator[Refusal]:
    if text is None:
        return
    yield from _invalid(where, CIDRS[version], version, text)
    found = subnet(version, text)
    if found is not None:
        yield from _LENGTHS[kind][version].problems(where, f"prefix of {CIDRS[version]}", found.prefixlen)


def _invalid(where: str, option: str, version: int, text: str) -> Iterator[Refusal]:
    try:
        found = read_subnet(version, text)
    except ValueError as error:
        figures = {"option": option, "got": text, "why": str(error)}
        if version == 4:
            yield Refusal("invalid_subnet", where, figures)
        else:
            yield Refusal("invalid_ipv6_subnet", where, figures)
        return
    if is_special(found):
        yield Refusal("special_subnet", where, {"option": option, "got": text})


def _end_problems(where: str, segment: WantedLink | WantedNetwork, ends: Sequence[str]) -> Iterator[Refusal]:
    yield from contract.repeated(where, "address of", [each.vm for each in segment.addresses])
    for each in segment.addresses:
        if each.vm not in ends:
            yield Refusal("unknown_reference", where, {"kind": "end", "name": each.vm, "known": list(ends)})
        yield from _address_problems(where, f"address of {each.vm}", each)


def _outside_pool(where: str, segment: WantedLink | WantedNetwork, pool: Pool | None) -> Iterator[Refusal]:
    """Yield refusals for addresses that no part of the pool can have, if the subnet is to be taken from it."""
    for version, name in CIDRS.items():
        whole = None if pool is None else pool.subnet(version)
        if pool is None or whole is None or getattr(segment, name) is not None:
            continue
        for each in segment.addresses:
            ip = address(version, each.of(version))
            if ip is not None and ip not in whole:
                label = f"{pool.kind}.{FAMILIES[version]}"
                figures = {"got": f"{ip} of {each.vm}", "pool": label, "subnet": str(whole)}
                yield Refusal("address_outside_pool", where, figures)


def _address_problems(where: str, option: str, given: Addresses | None) -> Iterator[Refusal]:
    for version in FAMILIES:
        text = None if given is None else given.of(version)
        if text is None:
            continue
        found = address(version, text)
        figures = {"option": option, "got": text}
        if found is None and version == 4:
            yield Refusal("invalid_address", where, figures)
        elif found is None:
            yield Refusal("invalid_ipv6_address", where, figures)
        elif is_special(found):
            yield Refusal("special_address", where, figures)


def too_small_for_ipv6(where: str, segment: WantedLink | WantedNetwork) -> Iterator[Refusal]:
    """Yield a refusal for an MTU with which guests cannot have the IPv6 addresses of a link or network."""
    if segment.cidr6 is not None:
        yield from bounds.IPV6_MTU.problems(where, "mtu with an IPv6 subnet", segment.mtu)


def without_subnet(where: str, segment: WantedLink | WantedNetwork) -> Iterator[Refusal]:
    """Yield refusals for given addresses of a link or network that has no subnet for them."""
    kind = LINKS if isinstance(segment, WantedLink) else NETWORKS
    for version, name in CIDRS.items():
        given = [f"{each.vm} {each.of(version)}" for each in segment.addresses if each.of(version) is not None]
        if given and getattr(segment, name) is None:
            pool = f"addressing.{kind}.{FAMILIES[version]}"
            yield Refusal("address_without_subnet", where, {"option": name, "pool": pool, "got": given})


def overlaps(slice_: Slice, pools: Addressing, where: str, management: str) -> Iterator[Refusal]:
    """Yield refusals for subnets and loopback addresses of a slice that overlap others, pools or VLAN 400.

    A subnet may be within the pool of its kind.
    """
    found = list(_held(slice_))
    loopbacks = [(_label(LOOPBACKS, each), str(each)) for kind, each in pools.subnets() if kind == LOOPBACKS]
    known = {FAMILIES[each.version] for kind, each in pools.subnets() if kind == LOOPBACKS}
    own = [
        (f"the loopback of VM {vm.name}", text)
        for vm in slice_.live_vms
        for name, text in vm.extra.get(LOOPBACK, {}).items()
        if name not in known
    ]
    yield from networks.overlaps(where, [*((name, text) for name, _kind, text in found), *loopbacks, *own], management)
    for kind, whole in pools.subnets():
        if kind != LOOPBACKS:
            yield from _outside_its_pool(where, kind, whole, found)


def _outside_its_pool(where: str, kind: str, whole: Subnet, found: Iterable[tuple[str, str, str]]) -> Iterator[Refusal]:
    """Yield refusals for subnets that overlap a pool, except for those within the pool of their own kind."""
    for owner, of_kind, text in found:
        held = subnet(whole.version, text)
        if held is None or not (held[0] in whole or whole[0] in held):
            continue
        if of_kind != kind or held.prefixlen < whole.prefixlen:
            figures = {"subnet": text, "of": owner, "other": str(whole), "other_of": _label(kind, whole)}
            yield Refusal("subnets_overlap", where, figures)


def _held(slice_: Slice) -> Iterator[tuple[str, str, str]]:
    """Yield what each subnet belongs to, the kind of its pool, and the subnet."""
    segments: list[tuple[str, str, Link | Network]] = [
        *((f"link {each.label}", LINKS, each) for each in slice_.links),
        *((f"network {each.label}", NETWORKS, each) for each in slice_.networks),
    ]
    for owner, kind, segment in segments:
        for version in CIDRS:
            text = cidr(segment, version)
            if text:
                yield owner, kind, text
