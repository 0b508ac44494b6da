# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plans and sets the VNC passwords of VMs.

Orders and plans do not contain passwords, only their ids. The id of the current password is saved in the VM folder.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import Refusal, Refused
from ...vm_order import VM
from .. import files
from ..files import File
from . import confidential, qmp
from .config import VNC_SECRET, Settings
from .qmp import Monitor
from .sockets import qmp_socket

NOTED = "vnc.id"
_PASSWORD = re.compile(r"[!-~]{1,8}")


@dataclass(frozen=True)
class NewPassword:
    """A display that gets another password; C(live) is set if QEMU is running."""

    vm: VM
    live: bool


def observe(vms: Iterable[VM], settings: Settings) -> dict[int, str]:
    """Return the ids of current passwords by VM id, without those whose file was changed after its id was saved."""
    noted = {vm.vm_id: files.read_text(f"{settings.folder(vm.vm_id)}/{NOTED}") for vm in vms}
    return {
        vm_id: text.strip()
        for vm_id, text in noted.items()
        if text is not None and _is_as_written(settings.folder(vm_id))
    }


def plan(vms: Iterable[VM], have: Mapping[int, str], *, live: Iterable[VM]) -> tuple[NewPassword, ...]:
    """Return the displays that get another password. All of C(vms) require one.

    Raises:
        Refused: the order has no password id for a VM.
    """
    vms, live = tuple(vms), set(live)
    refusals = [Refusal("password_id_missing", str(vm)) for vm in vms if vm.vnc_password_id is None]
    if refusals:
        raise Refused(refusals)
    return tuple(NewPassword(vm, vm in live) for vm in vms if have.get(vm.vm_id) != vm.vnc_password_id)


def read_passwords(given: Mapping[Any, Any]) -> dict[int, str]:
    """Return the passwords from a module's argument, by VM id.

    Raises:
        Refused: a password is invalid for VNC; the message does not contain it.
    """
    return confidential.read(
        given,
        option="vnc_passwords",
        allows=lambda password: _PASSWORD.fullmatch(password) is not None,
        invalid=lambda vm: Refusal("invalid_password", vm),
    )


def need(todo: Iterable[NewPassword], passwords: Mapping[int, str]) -> None:
    """Check that all passwords to set are known, before anything is changed.

    Raises:
        Refused: a password is missing.
    """
    confidential.need(missing(todo, passwords), refusal)


def missing(todo: Iterable[NewPassword], passwords: Mapping[int, str]) -> list[VM]:
    """Return the VMs whose display gets a password that is not known."""
    return [new.vm for new in todo if new.vm.vm_id not in passwords]


def refusal(vm: VM) -> Refusal:
    """Return the refusal of a VM whose password is not known."""
    return Refusal("password_missing", str(vm))


def secret(new: NewPassword, passwords: Mapping[int, str], *, settings: Settings) -> File:
    """Return the file with the password, which QEMU reads when it starts."""
    path, account = f"{settings.folder(new.vm.vm_id)}/{VNC_SECRET}", settings.accounts.of(new.vm.slice_id)
    return files.text_file(path, passwords[new.vm.vm_id], mode=0o400, uid=account.uid, gid=account.gid)


def set_password(new: NewPassword, passwords: Mapping[int, str], monitor: Monitor) -> None:
    """Set the password of a running VM's display.

    Raises:
        SlicesError: QEMU does not respond or refused the command.
    """
    qmp.set_vnc_password(monitor, qmp_socket(new.vm.vm_id), passwords[new.vm.vm_id])


def note(new: NewPassword, *, settings: Settings) -> File:
    """Return the file with the id of the current password, which is written last, after the password is set."""
    path, account = f"{settings.folder(new.vm.vm_id)}/{NOTED}", settings.accounts.of(new.vm.slice_id)
    return files.text_file(path, f"{new.vm.vnc_password_id}\n", mode=0o640, gid=account.gid)


def _is_as_written(folder: str) -> bool:
    """Return whether the file with the password has its type and mode, and is not newer than that with its id."""
    try:
        state, noted = (os.lstat(f"{folder}/{name}") for name in (VNC_SECRET, NOTED))
    except OSError:
        return False
    is_private = stat.S_ISREG(state.st_mode) and stat.S_IMODE(state.st_mode) == 0o400
    return is_private and state.st_mtime_ns <= noted.st_mtime_ns
