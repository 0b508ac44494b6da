# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The owners of objects on the network node, where a file contains the UUID of each slice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...errors import Refusal
from ...network_order import Services
from ...vlans import pool_number
from .. import ownership
from ..datapath import port_owners, trunks
from ..ownership import Conflict, shown
from .files import Folders
from .state import State


def conflicts(orders: Iterable[Services], have: State, folders: Folders) -> Iterator[Conflict]:
    """Yield conflicts with other slices that have the id, pool, an address or a VLAN, and with too small trunks."""
    orders = tuple(orders)
    for order in orders:
        path = folders.uuid(order.slice_id)
        # A missing file is written again: the network node has no data of tenants.
        if path in have.texts:
            yield from ownership.of_slice(order, path, have.texts[path].strip())
        found = (*_of_management(order, have), *_of_pool(order, have, folders), *_of_address(order, have))
        yield from ((order.slice_id, refusal) for refusal in found)
    yield from port_owners.network_conflicts(orders, have.switch)
    yield from trunks.conflicts(orders, have.trunk_mtus)


def _of_management(order: Services, have: State) -> Iterator[Refusal]:
    for network in order.networks:
        if network.vlan_id == have.management_vlan:
            yield Refusal(
                "management_vlan", f"slice {order.slice_id}, network {network.name}", {"vlan": network.vlan_id}
            )


def _of_pool(order: Services, have: State, folders: Folders) -> Iterator[Refusal]:
    for other, held in have.others.items() if order.reservations or order.networks else ():
        if pool_number(other) == order.slot:
            figures = {"path": folders.uuid(other), "holder": other, "held": shown(held)}
            yield Refusal("pool_of_another_slice", f"slice {order.slice_id}", figures)


def _of_address(order: Services, have: State) -> Iterator[Refusal]:
    """Yield conflicts of addresses with slices outside the order."""
    for each in order.reservations:
        if each.address in have.reserved:
            figures = {"address": each.address, "vm_id": each.vm_id, "holder": have.reserved[each.address]}
            yield Refusal("address_reserved", f"slice {order.slice_id}", figures)
