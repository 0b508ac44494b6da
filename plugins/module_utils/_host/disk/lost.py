# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Disks that existed earlier and are missing, or are damaged. They are created again only if this is requested."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ...errors import Refusal
from ...vm_order import Disk
from ...work_order import SliceOrder
from .. import processes, systemd
from ..work_order import all_disks
from .qcow2 import Image
from .register import Known


@dataclass(frozen=True)
class Lost:
    """The lost and damaged disks of a work order.

    Attributes:
        refusals: why a VM is not started and no disk is created for it, by VM id.
        held: ids of VMs whose QEMU still has the deleted disk open. Its content is lost when QEMU ends.
    """

    refusals: Mapping[int, Refusal] = field(default_factory=dict)
    held: frozenset[int] = frozenset()

    @property
    def barred(self) -> dict[int, str]:
        """The messages of the refusals."""
        return {vm_id: refusal.message for vm_id, refusal in self.refusals.items()}


def find(
    orders: Iterable[SliceOrder],
    overlays: Mapping[str, Image],
    known: Mapping[str, Known],
    pids: Mapping[int, int | None],
) -> Lost:
    """Return the lost disks, except those that may be created again, and those that are no longer qcow2 images.

    Args:
        orders: the slices.
        overlays: the disks that exist, by path.
        known: the disks that were seen, by path.
        pids: the process ids of the VMs that run.
    """
    refusals, held = {}, set()
    for vm, disk in all_disks(orders):
        damage = overlays[disk.path].damage if disk.path in overlays else None
        if damage is not None:
            figures = {"path": disk.path, "why": damage, "vm_id": vm.vm_id}
            refusals[vm.vm_id] = Refusal("disk_damaged", str(vm), figures)
            continue
        seen = None if disk.path in overlays else _last_seen(disk, known)
        if seen is None:
            continue
        pid = pids.get(vm.vm_id)
        file = None if pid is None else processes.deleted_file(pid, disk.path)
        if file is not None:
            unit = systemd.unit_name(vm.slice_id, vm.vm_id)
            refusals[vm.vm_id] = Refusal("disk_deleted", str(vm), {"path": disk.path, "file": file, "unit": unit})
            held.add(vm.vm_id)
        elif not disk.recreate:
            figures = {"path": disk.path, "seen": seen, "vm_id": vm.vm_id}
            refusals[vm.vm_id] = Refusal("disk_missing", str(vm), figures)
    return Lost(refusals, frozenset(held))


def _last_seen(disk: Disk, known: Mapping[str, Known]) -> str | None:
    """Return when a disk was last seen, if ever. The register may contain another disk with the same path."""
    there = known.get(disk.path)
    return disk.first_seen if there is None or there.uuid != disk.uuid else there.seen
