# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Paused VMs: QEMU stays with the guest's memory, and its processors stand still.

Only QEMU knows whether it is paused, and to ask it takes a connection to each VM. So root marks the VMs that it pauses,
and asks those that are marked or have to be paused.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ...errors import SlicesError
from ...work_order import VM
from .. import files
from ..systemd import Unit
from .config import Settings
from .qmp import Monitor, MonitorUnavailable
from .sockets import qmp_socket

MARK = "paused"


@dataclass(frozen=True)
class Pause:
    """A VM that is paused, or with C(paused) false runs again."""

    vm: VM
    paused: bool


def observe(vms: Iterable[VM], units: Mapping[int, Unit], *, settings: Settings, monitor: Monitor) -> frozenset[int]:
    """The ids of the VMs that are paused, as far as they have to be or were paused by C(apply)."""
    return frozenset(
        vm.vm_id
        for vm in vms
        if vm.vm_id in units and units[vm.vm_id].live
        if vm.paused or os.path.exists(_mark(vm, settings))
        if _is_paused(vm, monitor)
    )


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


def apply(todo: Sequence[Pause], *, settings: Settings, monitor: Monitor) -> dict[int, str]:
    """Pause VMs or let them run, and return by VM what is wrong."""
    faults = {}
    # First the marks: one that was paused without would not be asked again.
    files.write_all(
        files.text_file(_mark(each.vm, settings), "", mode=0o640, gid=settings.accounts.of(each.vm.slice_id).gid)
        for each in todo
        if each.paused
    )
    for each in todo:
        try:
            with monitor.connect(qmp_socket(each.vm.vm_id)) as session:
                session.execute("stop" if each.paused else "cont")
        except SlicesError as error:
            faults[each.vm.vm_id] = f"{each.vm}: {error.message}"
    unmark((each.vm for each in todo if not each.paused and each.vm.vm_id not in faults), settings=settings)
    return faults


def unmark(vms: Iterable[VM], *, settings: Settings) -> None:
    """Forget that VMs were paused."""
    for vm in vms:
        files.remove(_mark(vm, settings))


def _is_paused(vm: VM, monitor: Monitor) -> bool:
    try:
        with monitor.connect(qmp_socket(vm.vm_id)) as session:
            return bool(session.execute("query-status").get("status") == "paused")
    except MonitorUnavailable:
        return False


def _mark(vm: VM, settings: Settings) -> str:
    return f"{settings.folder(vm.vm_id)}/{MARK}"
