# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""UEFI for VMs: OVMF of the host, and the variables that each VM has in a file of its own."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping

from ...errors import Refusal
from ...vm_order import VM
from ...work_order import SliceOrder
from ..files import File
from ..ownership import Conflict
from . import devices
from .config import STARTED, Settings, read_started


def conflicts(orders: Iterable[SliceOrder]) -> Iterator[Conflict]:
    """Yield why this host refuses slices: a VM needs OVMF, which is not installed."""
    missing = [path for path in (devices.OVMF_CODE, devices.OVMF_VARIABLES) if not os.path.isfile(path)]
    for order in orders if missing else ():
        for vm in order.vms:
            if devices.has_uefi(vm):
                yield order.slice_id, Refusal("firmware_missing", str(vm), {"path": missing[0]})


def missing(vms: Iterable[VM], settings: Settings) -> dict[int, str]:
    """Return the paths of missing files with variables, by VM id."""
    paths = {vm.vm_id: _path(vm, settings) for vm in vms if devices.has_uefi(vm)}
    return {vm_id: path for vm_id, path in paths.items() if not os.path.exists(path)}


def lost(
    vms: Iterable[VM], absent: Mapping[int, str], texts: Mapping[str, str | None], settings: Settings
) -> dict[int, str]:
    """Return those of the missing files that existed: their VMs have been prepared for a start with UEFI.

    Args:
        vms: the VMs whose first disk is in its place, and not in the trash with the variables.
        absent: the missing files, by VM id.
        texts: the files of VMs, by path.
        settings: the settings of all VMs.
    """
    started = {vm: read_started(texts.get(f"{settings.folder(vm.vm_id)}/{STARTED}")) or {} for vm in vms}
    return {
        vm.vm_id: absent[vm.vm_id]
        for vm, said in started.items()
        if vm.vm_id in absent and said.get("firmware") == vm.firmware
    }


def _path(vm: VM, settings: Settings) -> str:
    return f"{settings.folder(vm.vm_id)}/{devices.UEFI_VARIABLES}"


def variables(vm: VM, settings: Settings) -> Iterator[File]:
    """Yield the file with a VM's variables if it is missing. QEMU writes to it, but cannot create it.

    It may have come back from the trash in the meantime.
    """
    path = _path(vm, settings)
    if not os.path.exists(path):
        account = settings.accounts.of(vm.slice_id)
        with open(devices.OVMF_VARIABLES, "rb") as template:
            yield File(path, template.read(), 0o600, account.uid, account.gid)
