# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asks guests to shut down, and waits until their QEMUs have exited (docs/decisions/0043).

A guest gets the event of a power button, which it may ignore. So it has a time limit, and then the caller stops QEMU.
"""

from __future__ import annotations

import os
import selectors
import time
from collections.abc import Iterable
from dataclasses import dataclass

from ...bounds import ACPI
from ...errors import SlicesError
from ...vm_order import VM
from .qmp import Monitor
from .sockets import qmp_socket


@dataclass(frozen=True)
class Guest:
    """A guest to ask.

    Attributes:
        name: its VM, for messages.
        path: the socket of its QEMU's monitor.
        timeout_s: the seconds that it has.
    """

    name: str
    path: str
    timeout_s: int


@dataclass(frozen=True)
class _Asked:
    guest: Guest
    deadline: float


def is_asked(vm: VM) -> bool:
    """Return whether the guest of a VM is asked before it is stopped or restarted."""
    return vm.shutdown == ACPI


def guest(vm: VM) -> Guest:
    """Return the guest of a VM."""
    return Guest(str(vm), qmp_socket(vm.vm_id), vm.shutdown_timeout_s)


def text(vm: VM) -> str:
    """Return the content of the file for the subcommand C(power-down), empty for a guest that is not asked."""
    return f"{vm.shutdown_timeout_s}\n" if is_asked(vm) else ""


def ask(guests: Iterable[Guest], monitor: Monitor) -> list[str]:
    """Ask guests to shut down, all of them before waiting for any, and wait until each has exited or its time is up.

    A guest is skipped if its CPUs do not run, or if its QEMU does not answer.

    Returns:
        A warning for each guest that was asked and still runs.
    """
    guests = tuple(guests)
    if not guests:
        return []
    answers = monitor.ask(each.path for each in guests)
    with selectors.DefaultSelector() as waiting:
        try:
            for each in guests:
                if answers[each.path].status == "running":
                    _press(each, monitor, waiting)
            return [_warning(each) for each in _wait(waiting)]
        finally:
            for key in list(waiting.get_map().values()):
                _forget(key, waiting)


def _press(target: Guest, monitor: Monitor, waiting: selectors.BaseSelector) -> None:
    """Press the power button. QEMU that has exited, or no longer answers, is not waited for."""
    try:
        with monitor.connect(target.path) as session:
            # While it answers, no other process has its pid. Then its monitor, which has one client, is left to others.
            handle = os.pidfd_open(session.pid)
            try:
                session.execute("system_powerdown")
            except BaseException:
                os.close(handle)
                raise
    except (OSError, SlicesError):
        return
    waiting.register(handle, selectors.EVENT_READ, _Asked(target, time.monotonic() + target.timeout_s))


def _wait(waiting: selectors.BaseSelector) -> list[Guest]:
    """Wait for the exit of QEMUs, and return the guests of those that have not exited in time."""
    late = []
    while keys := list(waiting.get_map().values()):
        left_s = min(key.data.deadline for key in keys) - time.monotonic()
        exited = [key for key, _events in waiting.select(left_s)]
        for key in exited:
            _forget(key, waiting)
        for key in keys:
            if key not in exited and key.data.deadline <= time.monotonic():
                _forget(key, waiting)
                late.append(key.data.guest)
    return late


def _forget(key: selectors.SelectorKey, waiting: selectors.BaseSelector) -> None:
    waiting.unregister(key.fd)
    os.close(key.fd)


def _warning(late: Guest) -> str:
    return f"{late.name}: its guest did not shut down within {late.timeout_s} s, so QEMU was stopped"
