# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The states of VMs whose units are active: only what QEMU reports counts (docs/decisions/0015)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from ...errors import Refusal
from ...vm_order import VM
from .. import processes, systemd
from ..runner import Runner
from ..systemd import Unit
from .qmp import Monitor
from .qmp_status import Answer
from .sockets import qmp_socket

# A guest in suspend-to-RAM (S3) is running as well.
_RUNNING = ("running", "suspended")
PAUSED, IO_ERROR = "paused", "io-error"


@dataclass(frozen=True)
class States:
    """The states of VMs, by id.

    Attributes:
        ended: the units of VMs that ended before they could answer.
        paused: VMs that QEMU has stopped and can continue.
        hung: what is wrong with VMs that need a restart.
        faults: what is wrong with VMs that do not.
    """

    ended: Mapping[int, Unit] = field(default_factory=dict)
    paused: Collection[int] = frozenset()
    hung: Mapping[int, str] = field(default_factory=dict)
    faults: Mapping[int, str] = field(default_factory=dict)


def observe(vms: Iterable[VM], units: Mapping[int, Unit], *, runner: Runner, monitor: Monitor) -> States:
    """Query the QEMU of each VM whose unit is active.

    Raises:
        CommandFailed: systemd does not respond.
    """
    live = {vm.vm_id: vm for vm in vms if vm.vm_id in units and units[vm.vm_id].live}
    if not live:
        return States()
    replies = monitor.ask(qmp_socket(vm_id) for vm_id in live)
    answers = {vm_id: replies[qmp_socket(vm_id)] for vm_id in live}
    silent = [units[vm_id] for vm_id, answer in answers.items() if answer.status is None]
    # A guest may have shut down in the meantime.
    ended = {vm_id: unit for vm_id, unit in systemd.look_again(silent, runner).items() if not unit.live}
    hung = {
        vm_id: refusal.message
        for vm_id, answer in answers.items()
        if vm_id not in ended and (refusal := _trouble(live[vm_id], units[vm_id].pid or 0, answer)) is not None
    }
    return States(
        ended=ended,
        paused={vm_id for vm_id, answer in answers.items() if answer.status in (PAUSED, IO_ERROR)},
        hung=hung,
        faults={
            vm_id: Refusal("vm_io_error", str(live[vm_id])).message
            for vm_id, answer in answers.items()
            if answer.status == IO_ERROR
        },
    )


def _trouble(vm: VM, pid: int, answer: Answer) -> Refusal | None:
    if answer.status is None and processes.is_stopped(pid):
        return Refusal("vm_suspended_by_signal", str(vm), {"pid": pid})
    if answer.status is None:
        return Refusal("vm_hung", str(vm), {"pid": pid, "why": answer.why})
    if answer.status not in (*_RUNNING, PAUSED, IO_ERROR):
        return Refusal("vm_failed", str(vm), {"pid": pid, "status": answer.status})
    return None
