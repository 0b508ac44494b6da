# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Parses and validates the slices of a work order on a worker."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..errors import Refusal
from ..vm_order import VM, Disk
from ..work_order import GivenUp, SliceOrder
from . import ownership
from .ownership import Conflict, Refusals


def read_slices(slices: Iterable[Mapping[str, Any]], *, state_dir: str) -> tuple[SliceOrder, ...]:
    """Return the slices of a work order; see C(read_each).

    Raises:
        Refused: a slice is invalid. The error lists all invalid values.
    """
    return ownership.whole(*read_each(slices, state_dir=state_dir))


def read_each(slices: Iterable[Mapping[str, Any]], *, state_dir: str) -> tuple[tuple[SliceOrder, ...], Refusals]:
    """Return the slices of a work order that are valid, and by slice why the others are refused.

    Args:
        slices: the order's C(slices).
        state_dir: the folder of all disks.

    Raises:
        Refused: a slice has no valid id.
    """
    return ownership.read(slices, SliceOrder.from_dict, lambda orders: _faults(orders, state_dir))


def _faults(orders: tuple[SliceOrder, ...], state_dir: str) -> Iterator[Conflict]:
    wanted = {disk.path: vm for vm, disk in all_disks(orders)}
    for order in orders:
        yield from ((order.slice_id, refusal) for refusal in _disk_faults(order, wanted, state_dir))
    yield from ownership.repeated("slice", ((order.slice_id, order.slice_id) for order in orders))
    yield from ownership.repeated("VM", ((vm.slice_id, vm.vm_id) for vm in all_vms(orders)))
    nics = [(vm.slice_id, nic) for vm in all_vms(orders) for nic in vm.interfaces]
    yield from ownership.repeated("tap", ((slice_id, nic.tap) for slice_id, nic in nics))


def _disk_faults(order: SliceOrder, wanted: Mapping[str, VM], state_dir: str) -> Iterator[Refusal]:
    for vm, disk in all_disks([order]):
        folder = folder_of(state_dir, vm.vm_id)
        if disk.path.rpartition("/")[0] != folder:
            yield Refusal("disk_elsewhere", str(vm), {"folder": folder, "got": disk.path})
    for each in order.given_up:
        folder = folder_of(state_dir, each.vm_id)
        if each.path.rpartition("/")[0] != folder:
            yield Refusal("disk_elsewhere", f"given-up disk of VM {each.vm_id}", {"folder": folder, "got": each.path})
        if each.path in wanted:
            yield Refusal("wanted_and_given_up", str(wanted[each.path]), {"disk": each.path})


def folder_of(state_dir: str, vm_id: int) -> str:
    """Return the folder of a VM."""
    return f"{state_dir}/vms/{vm_id}"


def all_vms(orders: Iterable[SliceOrder]) -> tuple[VM, ...]:
    """Return the VMs of all slices, in their order."""
    return tuple(vm for order in orders for vm in order.vms)


def all_disks(orders: Iterable[SliceOrder]) -> tuple[tuple[VM, Disk], ...]:
    """Return the disks of all VMs, each with its VM."""
    return tuple((vm, disk) for vm in all_vms(orders) for disk in vm.disks)


def all_given_up(orders: Iterable[SliceOrder]) -> tuple[GivenUp, ...]:
    """Return the disks that the order deletes."""
    return tuple(each for order in orders for each in order.given_up)


def slice_ids(orders: Iterable[SliceOrder]) -> frozenset[int]:
    """Return the ids of the slices."""
    return frozenset(order.slice_id for order in orders)
