# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The images that VMs use, and the VMs that must not run because of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ...bounds import BOOT_IMAGES, IMAGE_CONTENTS
from ...errors import Refusal
from ...vm_order import VM, Disk
from ...work_order import SliceOrder
from .. import processes
from ..ownership import Conflict
from ..work_order import all_disks, all_vms
from .base_images import Note
from .qcow2 import Image

DISK = IMAGE_CONTENTS[0]


def base_of(disk: Disk, overlays: Mapping[str, Image]) -> str | None:
    """Return the base image of a disk: the backing file of an existing overlay, even if the order has another one.

    A data disk has none.
    """
    overlay = overlays.get(disk.path)
    return disk.backing_file if overlay is None or overlay.backing_file is None else overlay.backing_file


def damage_of(disk: Disk, overlays: Mapping[str, Image], bases: Mapping[str, Note]) -> str | None:
    """Return why the base image of a disk is damaged, C(None) if it is not known to be."""
    path = base_of(disk, overlays)
    note = None if path is None else bases.get(path)
    return None if note is None else note.damage


def barred(orders: Iterable[SliceOrder], overlays: Mapping[str, Image], bases: Mapping[str, Note]) -> dict[int, str]:
    """Return why VMs must not be started, by VM id: one of the images that they use is damaged."""
    return {
        vm.vm_id: Refusal("base_image_damaged", str(vm), {"path": path, "why": note.damage}).message
        for vm, path in _images(orders, overlays)
        if (note := bases.get(path)) is not None and note.damage is not None
    }


def _images(orders: Iterable[SliceOrder], overlays: Mapping[str, Image]) -> Iterator[tuple[VM, str]]:
    """Yield the images that VMs read: their CDs, kernels and initrds, and then the base images of their disks."""
    orders = tuple(orders)
    yield from ((vm, path) for vm in all_vms(orders) for path in vm.images.values())
    yield from ((vm, path) for vm, disk in all_disks(orders) if (path := base_of(disk, overlays)) is not None)


def conflicts(orders: Iterable[SliceOrder], bases: Mapping[str, Note]) -> Iterator[Conflict]:
    """Yield why this host refuses slices: a VM would use a disk as its kernel, or a kernel as its disk."""
    for order in orders:
        for vm in order.vms:
            used = [*vm.images.items(), *((DISK, disk.backing_file) for disk in vm.disks if disk.backing_file)]
            for use, path in used:
                wanted, note = use if use in BOOT_IMAGES else DISK, bases.get(path)
                if note is not None and note.content != wanted:
                    figures = {"path": path, "wanted": use, "content": note.content}
                    yield order.slice_id, Refusal("image_is_another", str(vm), figures)


def outdated(
    orders: Iterable[SliceOrder],
    overlays: Mapping[str, Image],
    bases: Mapping[str, Note],
    pids: Mapping[int, int | None],
) -> dict[int, str]:
    """Return the messages for VMs that use an image that was replaced, by VM id.

    Args:
        orders: the slices.
        overlays: the disks that exist, by path.
        bases: the notes of base images, by path.
        pids: the process ids of QEMU, by VM id.
    """
    found = {}
    for vm, path in _images(orders, overlays):
        pid, note = pids.get(vm.vm_id), bases.get(path)
        if pid is not None and note is not None and note.is_replacement and processes.deleted_file(pid, path):
            found[vm.vm_id] = Refusal("base_image_replaced", str(vm), {"path": path}).message
    return found
