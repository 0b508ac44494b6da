# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The passwords of displays on a host: which VMs have another than they shall have, and what it takes to change that.

No order holds a password, and no plan does. An order has an id, and a host that notes the same id has the password.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import Refusal, Refused
from ...work_order import VM
from .. import files
from ..files import File
from . import qmp
from .config import VNC_SECRET, Settings
from .qmp import Monitor
from .sockets import qmp_socket

NOTED = "vnc.id"
_PASSWORD = re.compile(r"[!-~]{1,8}")


@dataclass(frozen=True)
class NewPassword:
    """A display that gets another password; C(live) where QEMU runs and has to be told."""

    vm: VM
    live: bool


def observe(vms: Iterable[VM], settings: Settings) -> dict[int, str]:
    """The id of the password that each VM's display has, by VM; those apart whose file is not as we leave it."""
    noted = {vm.vm_id: files.read_text(f"{settings.folder(vm.vm_id)}/{NOTED}") for vm in vms}
    return {
        vm_id: text.strip()
        for vm_id, text in noted.items()
        if text is not None and _is_private(f"{settings.folder(vm_id)}/{VNC_SECRET}")
    }


def plan(vms: Iterable[VM], have: Mapping[int, str], *, live: Iterable[VM]) -> tuple[NewPassword, ...]:
    """The displays among those of C(vms), which all ask for a password, that get another.

    Raises:
        Refused: the order names no password for one.
    """
    vms, live = tuple(vms), set(live)
    refusals = [Refusal("password_id_missing", str(vm)) for vm in vms if vm.vnc_password_id is None]
    if refusals:
        raise Refused(refusals)
    return tuple(NewPassword(vm, vm in live) for vm in vms if have.get(vm.vm_id) != vm.vnc_password_id)


def read_passwords(given: Mapping[Any, Any]) -> dict[int, str]:
    """Passwords by VM, from a module's argument.

    Raises:
        Refused: one is not what VNC takes; the message does not hold it.
    """
    refusals = [
        Refusal("invalid_password", f"VM {vm_id}")
        for vm_id, password in given.items()
        if not (isinstance(password, str) and _PASSWORD.fullmatch(password))
    ]
    refusals += [
        Refusal("invalid_vm_id", "vnc_passwords", {"got": vm_id}) for vm_id in given if not str(vm_id).isdecimal()
    ]
    if refusals:
        raise Refused(refusals)
    return {int(vm_id): password for vm_id, password in given.items()}


def need(todo: Iterable[NewPassword], passwords: Mapping[int, str]) -> None:
    """Make sure that every password which is to be set is known, before anything is changed.

    Raises:
        Refused: one is not.
    """
    refusals = [refusal(vm) for vm in lacking(todo, passwords)]
    if refusals:
        raise Refused(refusals)


def lacking(todo: Iterable[NewPassword], passwords: Mapping[int, str]) -> list[VM]:
    """The VMs whose display gets a password that is not known."""
    return [new.vm for new in todo if new.vm.vm_id not in passwords]


def refusal(vm: VM) -> Refusal:
    """Why a VM whose password is not known cannot have it."""
    return Refusal("password_missing", str(vm))


def secret(new: NewPassword, passwords: Mapping[int, str], *, settings: Settings) -> File:
    """The file that QEMU reads when it starts."""
    path, account = f"{settings.folder(new.vm.vm_id)}/{VNC_SECRET}", settings.accounts.of(new.vm.slice_id)
    return files.text_file(path, passwords[new.vm.vm_id], mode=0o400, uid=account.uid, gid=account.gid)


def tell(new: NewPassword, passwords: Mapping[int, str], monitor: Monitor) -> None:
    """Let a display that is on ask for its new password.

    Raises:
        SlicesError: QEMU does not answer or refuses.
    """
    qmp.set_vnc_password(monitor, qmp_socket(new.vm.vm_id), passwords[new.vm.vm_id])


def note(new: NewPassword, *, settings: Settings) -> File:
    """The file that says which password the display has: the last step, so that one that was cut short is retaken."""
    path, account = f"{settings.folder(new.vm.vm_id)}/{NOTED}", settings.accounts.of(new.vm.slice_id)
    return files.text_file(path, f"{new.vm.vnc_password_id}\n", mode=0o640, gid=account.gid)


def _is_private(path: str) -> bool:
    try:
        state = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISREG(state.st_mode) and stat.S_IMODE(state.st_mode) == 0o400
