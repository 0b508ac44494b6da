# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The disks from which cloud-init in guests reads its set-up (NoCloud)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from ...work_order import VM
from .. import files
from ..disk import iso9660
from ..files import File
from .config import SEED, Settings

LABEL = "cidata"


def observe(vms: Iterable[VM], settings: Settings) -> dict[int, str]:
    """Return the checksums of the existing disks by VM id."""
    paths = {vm.vm_id: f"{settings.folder(vm.vm_id)}/{SEED}" for vm in vms}
    return {vm_id: files.sha256(path) for vm_id, path in paths.items() if os.path.isfile(path)}


def plan(vms: Iterable[VM], have: Mapping[int, str]) -> tuple[VM, ...]:
    """Return the VMs whose disk has to be written."""
    return tuple(vm for vm in vms if vm.seed and have.get(vm.vm_id) != files.checksum(_image(vm)))


def file(vm: VM, settings: Settings) -> File:
    """Return the disk, which QEMU can only read."""
    path = f"{settings.folder(vm.vm_id)}/{SEED}"
    return File(path, _image(vm), 0o640, gid=settings.accounts.of(vm.slice_id).gid)


def _image(vm: VM) -> bytes:
    return iso9660.image(LABEL, {each.name: each.content.encode() for each in vm.seed})
