# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pauses and continues VMs. A paused VM keeps its memory, and its CPUs are stopped."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ...errors import SlicesError
from ...vm_order import VM
from .qmp import Monitor
from .sockets import qmp_socket


@dataclass(frozen=True)
class Pause:
    """A VM to pause, or to continue if C(paused) is false."""

    vm: VM
    paused: bool


def plan(live: Iterable[VM], fresh: Iterable[VM], have: Collection[int]) -> tuple[Pause, ...]:
    """Return which VMs to pause or to continue.

    Args:
        live: VMs that keep running, paused or not.
        fresh: VMs that are started.
        have: the ids of paused VMs.
    """
    return (
        *(Pause(vm, vm.paused) for vm in live if vm.paused != (vm.vm_id in have)),
        *(Pause(vm, paused=True) for vm in fresh if vm.paused),
    )


def apply(todo: Sequence[Pause], *, monitor: Monitor) -> dict[int, str]:
    """Pause and continue VMs, and return the errors by VM id."""
    faults = {}
    for each in todo:
        try:
            with monitor.connect(qmp_socket(each.vm.vm_id)) as session:
                session.execute("stop" if each.paused else "cont")
        except SlicesError as error:
            faults[each.vm.vm_id] = f"{each.vm}: {error.message}"
    return faults
