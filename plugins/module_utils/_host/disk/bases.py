# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What disks stand on, and which VMs must not run because of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ...errors import Refusal
from ...work_order import Disk, SliceOrder
from .. import processes
from ..work_order import all_disks
from .base_images import Note
from .qcow2 import Image


def base_of(disk: Disk, overlays: Mapping[str, Image]) -> str:
    """The base image that a disk stands on, or will: what it was made from, whatever the order says."""
    overlay = overlays.get(disk.path)
    return disk.backing_file if overlay is None or overlay.backing_file is None else overlay.backing_file


def damage_of(disk: Disk, overlays: Mapping[str, Image], bases: Mapping[str, Note]) -> str | None:
    """What is wrong with the base image of a disk, as far as that is noted."""
    note = bases.get(base_of(disk, overlays))
    return None if note is None else note.damage


def barred(orders: Iterable[SliceOrder], overlays: Mapping[str, Image], bases: Mapping[str, Note]) -> dict[int, str]:
    """By VM why it must not be started: a base image that it stands on is damaged."""
    return {
        vm.vm_id: Refusal("base_image_damaged", str(vm), {"path": base_of(disk, overlays), "why": why}).message
        for vm, disk in all_disks(orders)
        if (why := damage_of(disk, overlays, bases)) is not None
    }


def outdated(
    orders: Iterable[SliceOrder],
    overlays: Mapping[str, Image],
    bases: Mapping[str, Note],
    pids: Mapping[int, int | None],
) -> dict[int, str]:
    """By VM what is wrong with one that runs from a file which its base image took the place of.

    Args:
        orders: the slices.
        overlays: the disks that exist, by path.
        bases: what is noted of base images, by path.
        pids: by VM that of its QEMU.
    """
    found = {}
    for vm, disk in all_disks(orders):
        path, pid = base_of(disk, overlays), pids.get(vm.vm_id)
        note = bases.get(path)
        if pid is not None and note is not None and note.is_replacement and processes.deleted_file(pid, path):
            found[vm.vm_id] = Refusal("base_image_replaced", str(vm), {"path": path}).message
    return found
