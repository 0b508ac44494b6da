# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Paused VMs: QEMU keeps the guest's memory, and its processors stand still."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ...errors import SlicesError
from ...work_order import VM
from .qmp import Monitor
from .sockets import qmp_socket


@dataclass(frozen=True)
class Pause:
    """A VM that is paused, or with C(paused) false runs again."""

    vm: VM
    paused: bool


def plan(live: Iterable[VM], fresh: Iterable[VM], have: Collection[int]) -> tuple[Pause, ...]:
    """What makes VMs paused or not as the order has them.

    Args:
        live: VMs that run on, paused or not.
        fresh: VMs that are started, which run.
        have: the ids of those that are paused.
    """
    return (
        *(Pause(vm, vm.paused) for vm in live if vm.paused != (vm.vm_id in have)),
        *(Pause(vm, paused=True) for vm in fresh if vm.paused),
    )


def apply(todo: Sequence[Pause], *, monitor: Monitor) -> dict[int, str]:
    """Pause VMs or let them run, and return by VM what is wrong."""
    faults = {}
    for each in todo:
        try:
            with monitor.connect(qmp_socket(each.vm.vm_id)) as session:
                session.execute("stop" if each.paused else "cont")
        except SlicesError as error:
            faults[each.vm.vm_id] = f"{each.vm}: {error.message}"
    return faults
