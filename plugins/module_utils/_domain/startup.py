# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Start-ups of guests, which are stored like user data (C(user_data)): a VM only has the id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .. import startup
from ..bounds import CONSOLE_START, CONSOLES, SSH_START
from ..cluster import slice_label
from ..errors import Refusal
from ..kinds import NO_CONSOLE, Kind
from ..lifecycle import RUNNING
from ..models import VM, Slice
from ..startup import Startup
from . import cloud_init, readiness

FIELD = "startup"
"""The extra field of a VM with the id of its start-up, its numbers of files and commands, and its time limit."""
ID = "startup_id"


@dataclass(frozen=True)
class WantedStartup:
    """The start-up of a guest.

    Attributes:
        given: the JSON text in module arguments, which is never stored here, because it may contain secrets.
        startup_id: what identifies it.
        files: the number of its files.
        commands: the number of its commands.
        timeout_s: the time limit for all of it, in seconds.
        via: how it gets into the guest, C(None) for the way of the VM's kind.
    """

    given: str | None = field(default=None, repr=False)
    startup_id: str | None = None
    files: int = 0
    commands: int = 0
    timeout_s: int = startup.DEFAULT_TIMEOUT_S
    via: str | None = None

    @classmethod
    def read(cls, data: str | Mapping[str, Any] | None) -> WantedStartup | None:
        """Return the start-up in module arguments, which is a text, or in a stored field."""
        if data is None:
            return None
        return cls(data) if isinstance(data, str) else cls(**data)

    def to_dict(self) -> dict[str, Any]:
        """Return the field to store."""
        return {
            ID: self.startup_id,
            "files": self.files,
            "commands": self.commands,
            "timeout_s": self.timeout_s,
            **({} if self.via is None else {"via": self.via}),
        }

    def opened(self) -> WantedStartup | None:
        """Return the given start-up with its figures, C(None) if there is nothing to do. It has no C(problems)."""
        if self.given is None:
            return self
        found = Startup.from_text(self.given)
        if found == Startup():
            return None
        return replace(
            self,
            given=found.text(),
            files=len(found.files),
            commands=len(found.commands),
            timeout_s=startup.timeout_s(self.given),
            via=startup.via(self.given),
        )


def problems(where: str, want: WantedStartup | None, kind: Kind | None, *, internet: bool) -> Iterator[Refusal]:
    """Yield refusals for the start-up of a VM, which do not contain any of it.

    Args:
        where: the VM for messages.
        want: the start-up.
        kind: the VM's kind.
        internet: whether the VM has an address on VLAN 400.
    """
    if want is None:
        return
    wrong = [*startup.problems(where, want.given)] if want.given is not None else []
    yield from wrong
    opened = None if wrong else want.opened()
    if opened is None:
        return
    if _via(opened.via, kind) == SSH_START:
        if not internet:
            yield Refusal("startup_needs_address", where)
    elif kind is not None and kind.console == NO_CONSOLE:
        yield Refusal("startup_needs_console", where, {"name": kind.name})


def _via(said: str | None, kind: Kind | None) -> str:
    """Return how a start-up gets into a guest."""
    return said or (CONSOLE_START if kind is None else kind.startup_via)


def id_of(vm: VM) -> str | None:
    """Return the id of a VM's start-up."""
    found: str | None = vm.extra.get(FIELD, {}).get(ID)
    return found


def guests(slices: Iterable[Slice]) -> list[dict[str, Any]]:
    """Return the VMs that should run and have a start-up: what M(cloudrepo.slices.guest_startup) takes and
    C(worker_ip).
    """
    return [
        {"slice_id": slice_.slice_id, "worker_ip": vm.worker_ip, **_guest(f"{slice_label(slice_)}/{vm.name}", vm)}
        for slice_ in slices
        for vm in slice_.live_vms
        if vm.power == RUNNING and id_of(vm) is not None
    ]


def _guest(name: str, vm: VM) -> dict[str, Any]:
    kind = Kind.of(vm.extra)
    field_ = {name: value for name, value in vm.extra[FIELD].items() if name != "via"}
    way = _by_ssh(vm, kind) if _via(vm.extra[FIELD].get("via"), kind) == SSH_START else _on_console(kind)
    check = vm.extra.get(readiness.FIELD, {}).get("check", "" if kind is None else kind.ready_when)
    has_set_up = check == readiness.CLOUD_INIT and cloud_init.FIELD in vm.extra
    return {
        "vm_id": vm.vm_id,
        "vm_uuid": vm.uuid or "",
        "name": name,
        "disk": vm.qcow_image,
        **field_,
        "ready_when": readiness.CLOUD_INIT if has_set_up else readiness.CONSOLE,
        **way,
    }


def _on_console(kind: Kind | None) -> dict[str, Any]:
    if kind is None or kind.console == CONSOLES[0]:
        return {}
    given = {"user": kind.console_user, "password": kind.console_password, "shell": kind.console_shell}
    return {name: value for name, value in given.items() if value is not None}


def _by_ssh(vm: VM, kind: Kind | None) -> dict[str, Any]:
    address = next((each.ip_config["ip"] for each in vm.interfaces if each.ip_config), None)
    user, shell = ("root", None) if kind is None else (kind.console_user, kind.console_shell)
    return {"via": SSH_START, "address": address, "user": user, **({} if shell is None else {"shell": shell})}
