# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The slices of the network node's work order as this host takes them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...contract import repeated
from ...errors import Refused, for_all
from ...network_order import Services
from ...vlans import POOL_COUNT


def read_links(text: str) -> ipaddress.IPv4Network:
    """The range from which ways out have their addresses, two for each slice.

    Raises:
        Refused: it is no network, or too small.
    """
    try:
        links = ipaddress.IPv4Network(text)
    except ValueError as error:
        raise Refused([f"nat_links {text!r} is no IPv4 network: {error}"]) from None
    if links.num_addresses < 2 * POOL_COUNT:
        raise Refused([f"nat_links {links} has {links.num_addresses} addresses; {POOL_COUNT} slices take two each"])
    return links


def read_services(slices: Iterable[Mapping[str, Any]], *, links: ipaddress.IPv4Network) -> tuple[Services, ...]:
    """The slices of a work order.

    Args:
        slices: the order's C(slices).
        links: what no network with a way out may overlap.

    Raises:
        Refused: with all that no host should be given.
    """
    found = tuple(for_all(slices, Services.from_dict))
    reasons = repeated("slice", (one.slice_id for one in found))
    if not reasons:
        reasons += repeated("VLAN pool", (one.slot for one in found))
        reasons += repeated("address", (each.address for one in found for each in one.reservations))
        reasons += repeated("VLAN", (network.vlan_id for one in found for network in one.networks))
        reasons += [reason for one in found for reason in _overlaps(one, links)]
    if reasons:
        raise Refused(reasons)
    return found


def _overlaps(one: Services, links: ipaddress.IPv4Network) -> Iterator[str]:
    for index, network in enumerate(one.networks):
        where = f"slice {one.slice_id}, network {network.name}: {network.subnet} overlaps"
        if network.nat and network.subnet.overlaps(links):
            yield f"{where} nat_links {links}"
        for other in one.networks[:index]:
            if network.subnet.overlaps(other.subnet):
                yield f"{where} {other.subnet} of network {other.name}"
