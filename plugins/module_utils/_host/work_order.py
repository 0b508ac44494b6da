# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The slices of a work order as this worker takes them: each is right in itself, and they fit together here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..contract import repeated
from ..errors import Refusal, Refused, for_all
from ..vlans import MANAGEMENT_VLAN
from ..work_order import VM, Disk, GivenUp, SliceOrder


def read_slices(slices: Iterable[Mapping[str, Any]], *, state_dir: str) -> tuple[SliceOrder, ...]:
    """The slices of a work order.

    Args:
        slices: the order's C(slices).
        state_dir: the folder under which every disk must lie.

    Raises:
        Refused: a name, path or number that no host should be given; every one is named.
    """
    orders = tuple(for_all(slices, SliceOrder.from_dict))
    vms = all_vms(orders)
    nics = [nic for vm in vms for nic in vm.interfaces]
    on_400 = [nic for nic in nics if nic.vlan_id == MANAGEMENT_VLAN]
    refusals = [
        Refusal("disk_elsewhere", str(vm), {"folder": folder_of(state_dir, vm.vm_id), "got": disk.path})
        for vm, disk in all_disks(orders)
        if disk.path.rpartition("/")[0] != folder_of(state_dir, vm.vm_id)
    ]
    refusals += [
        Refusal("disk_elsewhere", f"given-up disk of VM {each.vm_id}", {"folder": folder, "got": each.path})
        for each in all_given_up(orders)
        if each.path.rpartition("/")[0] != (folder := folder_of(state_dir, each.vm_id))
    ]
    wanted = {disk.path: vm for vm, disk in all_disks(orders)}
    refusals += [
        Refusal("wanted_and_given_up", str(wanted[each.path]), {"disk": each.path})
        for each in all_given_up(orders)
        if each.path in wanted
    ]
    refusals += repeated("work order", "slice", (order.slice_id for order in orders))
    refusals += repeated("work order", "VM", (vm.vm_id for vm in vms))
    refusals += repeated("work order", "tap", (nic.tap for nic in nics))
    refusals += repeated("work order", "MAC", (nic.mac for nic in on_400))
    refusals += repeated("work order", "address", (nic.address for nic in on_400 if nic.address is not None))
    if refusals:
        raise Refused(refusals)
    return orders


def folder_of(state_dir: str, vm_id: int) -> str:
    """The folder that holds everything of one VM."""
    return f"{state_dir}/vms/{vm_id}"


def all_vms(orders: Iterable[SliceOrder]) -> tuple[VM, ...]:
    """Every VM of every slice, in the order's order."""
    return tuple(vm for order in orders for vm in order.vms)


def all_disks(orders: Iterable[SliceOrder]) -> tuple[tuple[VM, Disk], ...]:
    """Every disk of every VM, each with its VM."""
    return tuple((vm, disk) for vm in all_vms(orders) for disk in vm.disks)


def all_given_up(orders: Iterable[SliceOrder]) -> tuple[GivenUp, ...]:
    """Every disk that is given up."""
    return tuple(each for order in orders for each in order.given_up)


def slice_ids(orders: Iterable[SliceOrder]) -> frozenset[int]:
    """The slices that an order is about."""
    return frozenset(order.slice_id for order in orders)
