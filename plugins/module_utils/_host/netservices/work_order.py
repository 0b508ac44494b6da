# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Validation of the network node's work order."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...errors import Refusal, Refused
from ...network_order import Services
from ...vlans import POOL_COUNT
from .. import ownership
from ..ownership import Conflict, Refusals


def read_links(text: str) -> ipaddress.IPv4Network:
    """Return the subnet for the addresses of NAT links, two for each slice.

    Raises:
        Refused: the text is not a subnet, or the subnet is too small.
    """
    try:
        links = ipaddress.IPv4Network(text)
    except ValueError as error:
        wrong = {"option": "nat_links", "got": text, "why": str(error)}
        raise Refused([Refusal("invalid_subnet", "settings", wrong)]) from None
    if links.num_addresses < 2 * POOL_COUNT:
        figures = {"option": "nat_links", "got": text, "room": links.num_addresses, "needed": 2 * POOL_COUNT}
        raise Refused([Refusal("subnet_too_small", "settings", figures)])
    return links


def read_services(
    slices: Iterable[Mapping[str, Any]], *, links: ipaddress.IPv4Network
) -> tuple[tuple[Services, ...], Refusals]:
    """Return the slices of a work order that are valid, and by slice why the others are refused.

    Args:
        slices: the order's C(slices).
        links: the subnet of NAT links, which no network with NAT may overlap.

    Raises:
        Refused: a slice has no valid id.
    """
    return ownership.read(slices, Services.from_dict, lambda orders: _faults(orders, links))


def _faults(orders: tuple[Services, ...], links: ipaddress.IPv4Network) -> Iterator[Conflict]:
    for order in orders:
        yield from ((order.slice_id, refusal) for refusal in _overlaps(order, links))
    yield from ownership.repeated("slice", ((order.slice_id, order.slice_id) for order in orders))
    if len({order.slice_id for order in orders}) == len(orders):
        yield from ownership.repeated("VLAN pool", ((order.slice_id, order.slot) for order in orders))
    addresses = ((order.slice_id, each.address) for order in orders for each in order.reservations)
    yield from ownership.repeated("address", addresses)
    yield from ownership.repeated(
        "VLAN", ((order.slice_id, each.vlan_id) for order in orders for each in order.networks)
    )


def _overlaps(order: Services, links: ipaddress.IPv4Network) -> Iterator[Refusal]:
    where = f"slice {order.slice_id}"
    for index, network in enumerate(order.networks):
        of, subnet = f"network {network.name}", str(network.subnet)
        if network.nat and network.subnet.overlaps(links):
            figures = {"subnet": subnet, "of": of, "other": str(links), "other_of": "nat_links"}
            yield Refusal("subnets_overlap", where, figures)
        for other in order.networks[:index]:
            if network.subnet.overlaps(other.subnet):
                other_of = f"network {other.name}"
                figures = {"subnet": subnet, "of": of, "other": str(other.subnet), "other_of": other_of}
                yield Refusal("subnets_overlap", where, figures)
