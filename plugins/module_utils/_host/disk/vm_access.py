# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who may use the folder of a VM and the files in it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping

from ...errors import Refusal
from ...vm_order import VM
from .. import access
from ..access import FILE, FOLDER, Access
from ..accounts import Account, Accounts
from ..qemu.config import CONFIG, CONSOLE, LINKS_DOWN, POWER_DOWN, SEED, SEED_NOTE, STARTED, TAPS, VNC_SECRET
from ..qemu.devices import UEFI_VARIABLES
from ..qemu.vnc import NOTED
from ..vm_folders import MARK

# Files that QEMU may read but not write.
_READ = (MARK, CONFIG, TAPS, LINKS_DOWN, STARTED, NOTED, SEED, SEED_NOTE, POWER_DOWN)


def folder_path(vm: VM) -> str:
    """Return the folder of a VM."""
    return os.path.dirname(vm.disks[0].path)


def observe(vms: Iterable[VM]) -> dict[str, Access]:
    """Return owner, group and mode of the VMs' folders and of everything in them, by path."""
    found = ((path, access.observe(path)) for vm in vms for path, *_others in _places(vm))
    return {path: held for path, held in found if held is not None}


def changing(
    vms: Iterable[VM], owners: Mapping[str, Access], accounts: Accounts
) -> Iterator[tuple[str, tuple[int, Access, Access]]]:
    """Yield the paths that get another owner, group or mode, with the slice and the old and the new ones."""
    for vm in vms:
        account = accounts.find(vm.slice_id)
        for path, wanted in () if account is None else _wanted(vm, account):
            if path in owners and owners[path] != wanted:
                yield path, (vm.slice_id, owners[path], wanted)


def replaced(vm: VM, owners: Mapping[str, Access]) -> Iterator[Refusal]:
    """Yield a refusal for each path of the VM that is something else, such as a link that root would follow."""
    for path, kind, *_others in _places(vm):
        found = owners.get(path)
        if found is not None and found.kind != kind:
            yield Refusal("path_replaced", str(vm), {"path": path, "got": found.kind, "expected": kind})


def _wanted(vm: VM, account: Account) -> Iterator[tuple[str, Access]]:
    """Yield the owner, group and mode for the folder of a VM and everything in it; QEMU runs with C(account)."""
    for path, kind, is_roots, mode in _places(vm):
        yield path, Access(kind, os.geteuid() if is_roots else account.uid, account.gid, mode)


def _places(vm: VM) -> Iterator[tuple[str, str, bool, int]]:
    """Yield the folder of a VM and everything in it: path, kind, whether it belongs to root, and mode."""
    folder = folder_path(vm)
    yield folder, FOLDER, True, 0o750
    yield from ((f"{folder}/{name}", FILE, True, 0o640) for name in _READ)
    yield from ((disk.path, FILE, False, 0o600) for disk in vm.disks)
    yield f"{folder}/{CONSOLE}", FILE, False, 0o640
    yield f"{folder}/{VNC_SECRET}", FILE, False, 0o400
    yield f"{folder}/{UEFI_VARIABLES}", FILE, False, 0o600
