# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""UEFI for VMs: OVMF of the host, and the variables that each VM has in a file of its own."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from ...errors import Refusal
from ...vm_order import VM
from ...work_order import SliceOrder
from ..files import File
from ..ownership import Conflict
from . import devices
from .config import Settings


def conflicts(orders: Iterable[SliceOrder]) -> Iterator[Conflict]:
    """Yield why this host refuses slices: a VM needs OVMF, which is not installed."""
    missing = [path for path in (devices.OVMF_CODE, devices.OVMF_VARIABLES) if not os.path.isfile(path)]
    for order in orders if missing else ():
        for vm in order.vms:
            if devices.has_uefi(vm):
                yield order.slice_id, Refusal("firmware_missing", str(vm), {"path": missing[0]})


def variables(vm: VM, settings: Settings) -> Iterator[File]:
    """Yield the file with a VM's variables if it is missing. QEMU writes to it, but cannot create it."""
    path = f"{settings.folder(vm.vm_id)}/{devices.UEFI_VARIABLES}"
    if devices.has_uefi(vm) and not os.path.exists(path):
        account = settings.accounts.of(vm.slice_id)
        with open(devices.OVMF_VARIABLES, "rb") as template:
            yield File(path, template.read(), 0o600, account.uid, account.gid)
