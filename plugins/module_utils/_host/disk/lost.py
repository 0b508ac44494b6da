# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Disks and UEFI variables that existed earlier and are missing, or are damaged.

They are created again only if this is requested.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ...errors import Refusal
from ...vm_order import VM, Disk
from ...work_order import SliceOrder
from .. import processes, systemd
from ..work_order import all_disks, all_vms
from .qcow2 import Image
from .register import Known


@dataclass(frozen=True)
class Lost:
    """The lost and damaged disks of a work order.

    Attributes:
        refusals: why a VM is not started and no disk is created for it, by VM id.
        held: ids of VMs whose QEMU still has the deleted disk open. Its content is lost when QEMU ends.
        variables: ids of VMs whose UEFI variables are lost.
    """

    refusals: Mapping[int, Refusal] = field(default_factory=dict)
    held: frozenset[int] = frozenset()
    variables: frozenset[int] = frozenset()

    @property
    def barred(self) -> dict[int, str]:
        """The messages of the refusals."""
        return {vm_id: refusal.message for vm_id, refusal in self.refusals.items()}


def find(
    orders: Iterable[SliceOrder],
    overlays: Mapping[str, Image],
    known: Mapping[str, Known],
    pids: Mapping[int, int | None],
    variables: Mapping[int, str] = MappingProxyType({}),
) -> Lost:
    """Return the lost disks, except those that may be created again, and the damaged ones.

    Args:
        orders: the slices.
        overlays: the disks that exist, by path.
        known: the disks that were seen, by path.
        pids: the process ids of the VMs that run.
        variables: the missing UEFI variables of VMs that have started with them, by VM id.
    """
    orders = tuple(orders)
    refusals, held = _of_disks(orders, overlays, known, pids)
    of_variables, lost = _of_variables(orders, variables, pids)
    held |= {vm_id for vm_id, each in of_variables.items() if each.code == "disk_deleted"}
    return Lost({**of_variables, **refusals}, frozenset(held), frozenset(lost))


def _of_disks(
    orders: Iterable[SliceOrder],
    overlays: Mapping[str, Image],
    known: Mapping[str, Known],
    pids: Mapping[int, int | None],
) -> tuple[dict[int, Refusal], set[int]]:
    """Return why VMs have no usable disks, by VM id, and the VMs that still have a deleted one open."""
    refusals, held = dict[int, Refusal](), set[int]()
    for vm, disk in all_disks(orders):
        image = overlays.get(disk.path)
        if image is not None and image.damage is not None:
            refusals[vm.vm_id] = damage(str(vm), vm.vm_id, disk.path, image, image.damage)
            continue
        seen = None if image is not None else _last_seen(disk, known)
        if seen is None:
            continue
        deleted = _deleted(vm, disk.path, pids)
        if deleted is not None:
            refusals[vm.vm_id] = deleted
            held.add(vm.vm_id)
        elif not disk.recreate:
            figures = {"path": disk.path, "seen": seen, "vm_id": vm.vm_id}
            refusals[vm.vm_id] = Refusal("disk_missing", str(vm), figures)
    return refusals, held


def _of_variables(
    orders: Iterable[SliceOrder], variables: Mapping[int, str], pids: Mapping[int, int | None]
) -> tuple[dict[int, Refusal], set[int]]:
    """Return why VMs have no UEFI variables, and which of them do not get new ones."""
    refusals, lost = dict[int, Refusal](), set[int]()
    for vm in all_vms(orders):
        path = variables.get(vm.vm_id)
        if path is None:
            continue
        deleted = _deleted(vm, path, pids)
        if deleted is not None or not vm.disks[0].recreate:
            lost.add(vm.vm_id)
            missing = Refusal("uefi_variables_missing", str(vm), {"path": path, "vm_id": vm.vm_id})
            refusals[vm.vm_id] = deleted or missing
    return refusals, lost


def damage(vm: str, vm_id: int, path: str, image: Image, why: str) -> Refusal:
    """Return the refusal of a damaged disk; C(vm) is the name of its VM."""
    if image.needed_bytes is None:
        return Refusal("disk_damaged", vm, {"path": path, "why": why, "vm_id": vm_id})
    return Refusal("disk_cut_short", vm, {"path": path, "why": why, "needed": image.needed_bytes})


def _deleted(vm: VM, path: str, pids: Mapping[int, int | None]) -> Refusal | None:
    """Return the refusal of a file that was deleted while the VM's QEMU has it open."""
    pid = pids.get(vm.vm_id)
    file = None if pid is None else processes.deleted_file(pid, path)
    if file is None:
        return None
    unit = systemd.unit_name(vm.slice_id, vm.vm_id)
    return Refusal("disk_deleted", str(vm), {"path": path, "file": file, "unit": unit})


def _last_seen(disk: Disk, known: Mapping[str, Known]) -> str | None:
    """Return when a disk was last seen, if ever. The register may contain another disk with the same path."""
    there = known.get(disk.path)
    return disk.first_seen if there is None or there.uuid != disk.uuid else there.seen
