# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The owners of ports: ports of VMs and networks have the id and UUID of their slice in C(external_ids)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from ...errors import Refusal
from ...network_order import Services
from ...vm_order import VM
from ...work_order import SliceOrder
from .. import ownership
from ..ownership import Conflict, Named, shown
from ..work_order import slice_ids
from .ovs import SERVICES, SLICE, SLICE_UUID, VM_UUID
from .ovsdb import Port, Switch


def conflicts(orders: Iterable[SliceOrder], have: Switch, *, management_vlan: int) -> Iterator[Conflict]:
    """Yield conflicts with ports of other slices that have the id, a tap or a VLAN of an ordered slice.

    A host with another management VLAN than the order would filter links, and let VMs send anything where it filters
    nothing, so this is a conflict as well.
    """
    orders = tuple(orders)
    nics = [(order.slice_id, nic) for order in orders for vm in order.vms for nic in vm.interfaces]
    shared = [(slice_id, nic) for slice_id, nic in nics if nic.vlan_id == management_vlan]
    yield from ownership.repeated("MAC", ((slice_id, nic.mac) for slice_id, nic in shared))
    addresses = ((slice_id, nic.address) for slice_id, nic in shared if nic.address is not None)
    yield from ownership.repeated("address", addresses)
    ordered = {str(slice_id) for slice_id in slice_ids(orders)}
    for order in orders:
        yield from ((order.slice_id, refusal) for refusal in _of_management(order, management_vlan))
        taps = {nic.tap: vm for vm in order.vms for nic in vm.interfaces}
        used = (nic.vlan_id for vm in order.vms for nic in vm.interfaces)
        vlans = {vlan for vlan in used if vlan is not None and vlan != management_vlan}
        for port in have.ports.values():
            yield from _of_number(order, port, SLICE)
            yield from ((order.slice_id, refusal) for refusal in _of_tap(order, port, taps))
            yield from _of_vlan(order, port, vlans, ordered, taps)


def network_conflicts(orders: Iterable[Services], have: Switch) -> Iterator[Conflict]:
    """Yield the same for networks with ports on the network node."""
    orders = tuple(orders)
    ordered = {str(order.slice_id) for order in orders}
    for order in orders:
        vlans = {network.vlan_id for network in order.networks}
        for port in have.ports.values():
            yield from _of_number(order, port, SERVICES)
            yield from _of_vlan(order, port, vlans, ordered, ())


def _of_number(order: Named, port: Port, mark: str) -> Iterator[Conflict]:
    # A port that has lost its UUID is repaired.
    if port.external_ids.get(mark) == str(order.slice_id) and SLICE_UUID in port.external_ids:
        yield from ownership.of_slice(order, f"port {port.name}", port.external_ids[SLICE_UUID])


def _of_tap(order: SliceOrder, port: Port, taps: Mapping[str, VM]) -> Iterator[Refusal]:
    vm, holder = taps.get(port.name), port.external_ids.get(SLICE)
    if vm is None or holder is None:
        return
    held = port.external_ids.get(VM_UUID, vm.vm_uuid)
    if holder != str(order.slice_id):
        figures = {"port": port.name, "holder": holder, "held": shown(port.external_ids.get(SLICE_UUID))}
        yield Refusal("port_of_another_slice", str(vm), figures)
    elif port.external_ids.get(SLICE_UUID) == order.slice_uuid and held != vm.vm_uuid:
        figures = {"where": f"port {port.name}", "held": shown(held), "got": shown(vm.vm_uuid)}
        yield Refusal("another_vm", str(vm), figures)


def _of_management(order: SliceOrder, management_vlan: int) -> Iterator[Refusal]:
    for vm in order.vms:
        for nic in vm.interfaces:
            figures = {"interface": nic.name, "got": nic.vlan_id, "held": management_vlan}
            if nic.vlan_id not in (None, management_vlan) and nic.address is not None:
                # Only on the management VLAN do interfaces have addresses that the database reserves.
                yield Refusal("not_on_management_vlan", str(vm), figures)
            elif nic.vlan_id == management_vlan and (nic.link_id is not None or nic.segment is not None):
                yield Refusal("on_management_vlan", str(vm), figures)


def _of_vlan(
    order: Named, port: Port, vlans: Collection[int], ordered: Collection[str], own: Collection[str]
) -> Iterator[Conflict]:
    """Yield conflicts of VLANs with slices outside the order; slices in the order may exchange VLANs."""
    holder = port.external_ids.get(SLICE) or port.external_ids.get(SERVICES)
    if holder is None or holder in ordered or port.name in own or port.tag not in vlans:
        return
    held = shown(port.external_ids.get(SLICE_UUID))
    figures = {"vlan_id": port.tag, "port": port.name, "holder": holder, "held": held}
    yield order.slice_id, Refusal("vlan_of_another_slice", f"slice {order.slice_id}", figures)
