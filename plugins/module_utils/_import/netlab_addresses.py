# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pools, prefixes and addresses in netlab topologies, as far as slices have the same."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any, Union

from .. import bounds
from .yaml_lines import Value, text_of

POOLS = {"p2p": "links", "lan": "networks", "loopback": "loopbacks"}
"""The pools of slices by the name of the pool in netlab."""
FAMILIES = {"ipv4": 4, "ipv6": 6}
_CIDRS = {"ipv4": "cidr", "ipv6": "cidr6"}
_PREFIXES = {"ipv4": "prefix", "ipv6": "prefix6"}
_Subnet = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
_Interface = Union[ipaddress.IPv4Interface, ipaddress.IPv6Interface]


def pools(document: Value) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the option C(addressing) of a slice, and the paths in the document that it is made from."""
    found: dict[str, Any] = {}
    paths = set()
    for name, kind in POOLS.items():
        for family, prefix in _PREFIXES.items():
            subnet = _subnet(family, text_of(document.get("addressing", name, family)))
            if subnet is None:
                continue
            pool = found.setdefault(kind, {})
            pool[family] = str(subnet)
            paths.add(f"addressing.{name}.{family}")
            length = text_of(document.get("addressing", name, prefix))
            most = 30 if kind == "networks" and family == "ipv4" else subnet.max_prefixlen - 1
            if kind != "loopbacks" and length.isdecimal() and subnet.prefixlen <= int(length) <= most:
                pool[prefix] = int(length)
                paths.add(f"addressing.{name}.{prefix}")
    return found, frozenset(paths)


def prefixes(link: Value, *, ends: int, is_network: bool) -> dict[str, str]:
    """Return the options C(cidr) and C(cidr6) for the prefix of a link.

    Neither a prefix by name nor one that is too small for the ends has a counterpart.
    """
    whole = text_of(link.get("prefix"))
    found = {family: _subnet(family, text_of(link.get("prefix", family)) or whole) for family in FAMILIES}
    return {
        _CIDRS[family]: str(each) for family, each in found.items() if each and _fits(each, ends, is_network=is_network)
    }


def addresses(
    end: Value, subnets: Mapping[str, str], *, ends: int, is_network: bool
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the addresses of an end of a link, and the subnets of the link with those of the addresses.

    An address that is not a host's in the subnet is left out.
    """
    own: dict[str, str] = {}
    known = dict(subnets)
    for family, address in _interfaces(end):
        if known.setdefault(_CIDRS[family], str(address.network)) != str(address.network):
            continue
        if _fits(address.network, ends, is_network=is_network) and _is_host(address):
            own[family] = str(address.ip)
        elif _CIDRS[family] not in subnets:
            del known[_CIDRS[family]]
    return own, known


def loopback(node: Value, pool: Mapping[str, str]) -> dict[str, str]:
    """Return the loopback addresses of a node, without those that are not in the pool of a slice."""
    found = {}
    for family, address in _interfaces(node, "loopback"):
        whole = _subnet(family, pool.get(family, ""))
        if address.network.prefixlen == address.max_prefixlen and (whole is None or address.ip in whole):
            found[family] = str(address.ip)
    return found


def _interfaces(value: Value, *path: str) -> Iterator[tuple[str, _Interface]]:
    for family, version in FAMILIES.items():
        text = text_of(value.get(*path, family))
        try:
            found = ipaddress.ip_interface(text) if "/" in text else None
        except ValueError:
            continue
        if found is not None and found.version == version and not (found.is_link_local or found.is_loopback):
            yield family, found


def _subnet(family: str, text: str) -> _Subnet | None:
    try:
        found = ipaddress.ip_network(text) if "/" in text else None
    except ValueError:
        return None
    return found if found is not None and found.version == FAMILIES[family] else None


def _fits(subnet: _Subnet, ends: int, *, is_network: bool) -> bool:
    if subnet.version == 6:
        limit = bounds.PREFIX6_LENGTH
    else:
        limit = bounds.PREFIX_LENGTH if is_network else bounds.LINK_PREFIX_LENGTH
    unusable = 0 if subnet.prefixlen >= subnet.max_prefixlen - 1 else 2
    return limit.allows(subnet.prefixlen) and ends <= subnet.num_addresses - unusable


def _is_host(address: _Interface) -> bool:
    network = address.network
    if network.prefixlen >= network.max_prefixlen - 1:
        return True
    return address.ip != network[0] and (address.version == 6 or address.ip != network[-1])
