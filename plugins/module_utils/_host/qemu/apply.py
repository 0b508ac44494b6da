# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Applies a plan for VMs: one call of systemctl for each kind of change, then waits until QEMU responds."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Callable

from ...changes import is_changed
from ...errors import Refusal, Refused, SlicesError
from ...report import VmReport
from ...vm_order import VM
from ...work_order import SliceOrder
from .. import files, systemd
from ..files import File
from ..runner import Runner
from ..systemd import Unit
from ..work_order import all_vms
from . import firmware, pause, power_down, qmp, seed, vnc
from .config import CONSOLE, LINKS_DOWN, Settings, nic_id
from .qmp import Monitor
from .sockets import qmp_socket
from .vm_plan import Prune, VmPlan, Write

_LOOK_EVERY_S = 0.5
_PAUSE_S = 0.02
# journalctl --since is rounded to whole seconds.
_JOURNAL_LAG_S = 1
NONE: Mapping[int, str] = MappingProxyType({})


@dataclass(frozen=True)
class Clock:
    """The clock, which tests replace."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Tools:
    """Access to the host."""

    runner: Runner
    monitor: Monitor
    clock: Clock = field(default_factory=Clock)
    unit_dir: str = systemd.UNIT_DIR


def prune(todo: Prune, tools: Tools) -> None:
    """Stop and disable units that are not in the order, and remove their templates.

    Guests are not shut down cleanly, because their disks are removed as well.
    """
    runner = tools.runner
    stop = [unit.name for unit in todo.stop] + [systemd.slice_name(slice_id) for slice_id in todo.slices]
    if stop:
        runner.run(["systemctl", "stop", "--", *stop])
    systemd.disable(todo.disable, unit_dir=tools.unit_dir)
    failed = [unit.name for unit in todo.stop if unit.active == "failed"]
    if failed:
        # This fails for a unit that has not failed, which is harmless.
        runner.run(["systemctl", "reset-failed", "--", *failed], check=False)
    for slice_id in todo.templates:
        systemd.remove_template(slice_id, unit_dir=tools.unit_dir)
    if todo.templates:
        # systemd still has the units that were enabled.
        runner.run(["systemctl", "daemon-reload"])


def clear(todo: VmPlan, tools: Tools) -> None:
    """Stop the VMs to remove and to restart, so that their taps can get another owner."""
    prune(todo.prune, tools)
    if todo.restart:
        tools.runner.run(["systemctl", "stop", "--", *_names(vm for vm, _reasons in todo.restart)])


def apply(
    todo: VmPlan,
    orders: Iterable[SliceOrder],
    tools: Tools,
    *,
    settings: Settings,
    start_timeout_s: float,
    passwords: Mapping[int, str],
    user_data: Mapping[int, str] = NONE,
    warn: Callable[[str], object] = lambda _warning: None,
) -> list[dict[str, Any]]:
    """Apply a plan. A VM that fails does not affect the others.

    Args:
        passwords: the passwords of displays, by VM id; those to set are required.
        user_data: the user data of guests, by VM id; that of disks to write is required.
        warn: gets a sentence for each guest that was asked to shut down, and did not in time.

    Returns:
        A C(VmReport) for each VM of C(orders), as a dict.

    Raises:
        Refused: a password or user data is missing; nothing was changed.
        SlicesError: a VM has failed; C(vms) contains the reports.
    """
    vnc.need(todo.passwords, passwords)
    seed.need(todo.seeds, user_data)
    for warning in power_down.ask(map(power_down.guest, todo.asked), tools.monitor):
        warn(warning)
    clear(todo, tools)
    return run(
        todo,
        orders,
        {},
        tools,
        settings=settings,
        start_timeout_s=start_timeout_s,
        passwords=passwords,
        user_data=user_data,
    )


def run(
    todo: VmPlan,
    orders: Iterable[SliceOrder],
    seen: Mapping[int, Unit],
    tools: Tools,
    *,
    settings: Settings,
    start_timeout_s: float,
    passwords: Mapping[int, str],
    user_data: Mapping[int, str] = NONE,
) -> list[dict[str, Any]]:
    """Apply a plan after C(clear).

    Args:
        seen: the units as observed for the plan, by VM id. Those of unchanged VMs are not observed again.

    See C(apply) for the rest.
    """
    orders = tuple(orders)
    _change(todo, tools, settings, passwords, user_data)
    begin = tools.clock.now()
    _start(todo.fresh, tools)
    links, fresh = _links(todo), set(todo.fresh)
    pids, faults = _await(todo.fresh, links, tools, start_timeout_s, begin=begin)
    faults.update(_plug([vm for vm in links if vm not in fresh], links, tools))
    _note_links(todo, [vm for vm in links if vm.vm_id not in faults], settings)
    faults.update(_set_passwords(todo, tools, settings, passwords))
    pauses = [each for each in todo.pauses if each.vm.vm_id not in faults]
    faults.update(pause.apply(pauses, monitor=tools.monitor))
    faults.update(todo.faults)
    # Unchanged units keep their state, and a started VM whose QEMU responds is running.
    touched = {vm.vm_id for vm in fresh.union(todo.halt)}
    known = {vm_id: unit for vm_id, unit in seen.items() if vm_id not in touched}
    known.update({vm.vm_id: Unit(vm.slice_id, vm.vm_id, "active", pids[vm.vm_id]) for vm in fresh if vm.vm_id in pids})
    others = [Unit(vm.slice_id, vm.vm_id) for vm in all_vms(orders) if vm.vm_id not in known]
    paused = {vm.vm_id for vm in all_vms(orders) if vm.paused}
    vms = states(orders, {**known, **systemd.look_again(others, tools.runner)}, faults, paused=paused)
    if faults:
        raise SlicesError("\n".join(faults.values()), changed=is_changed(todo.changes), vms=vms, **todo.result)
    return vms


def states(
    orders: Iterable[SliceOrder],
    units: Mapping[int, Unit],
    faults: Mapping[int, str],
    *,
    paused: Collection[int],
) -> list[dict[str, Any]]:
    """Return a C(VmReport) for each VM of the order, as a dict; C(paused) contains the ids of paused VMs."""
    return [
        _state(vm, units.get(vm.vm_id), faults.get(vm.vm_id), "paused" if vm.vm_id in paused else "running").to_dict()
        for vm in all_vms(orders)
    ]


def _change(
    todo: VmPlan, tools: Tools, settings: Settings, passwords: Mapping[int, str], user_data: Mapping[int, str]
) -> None:
    runner = tools.runner
    if todo.halt:
        runner.run(["systemctl", "stop", "--", *_names(todo.halt)])
    plugged = {link.vm for link in todo.links}
    writes = [write for write in todo.writes if write.name != LINKS_DOWN or write.vm not in plugged]
    secrets = [new for new in todo.passwords if not new.live]
    files.write_all(
        [
            *(_file(write, settings) for write in writes),
            *(vnc.secret(new, passwords, settings=settings) for new in secrets),
            *(file for vm in todo.seeds for file in seed.disk(vm, user_data, settings)),
            *(file for vm in todo.fresh for file in _console(vm, settings)),
            # The last ones are renamed first, so that no file says that a VM has variables before it has them.
            *(file for vm in todo.variables for file in firmware.variables(vm, settings)),
        ]
    )
    files.write_all(vnc.note(new, settings=settings) for new in secrets)
    changed = systemd.write_templates(todo.templates, unit_dir=tools.unit_dir)
    systemd.enable(((vm.slice_id, vm.vm_id) for vm in todo.enable), unit_dir=tools.unit_dir)
    systemd.disable(((vm.slice_id, vm.vm_id) for vm in todo.disable), unit_dir=tools.unit_dir)
    if changed:
        runner.run(["systemctl", "daemon-reload"])
    if todo.failed:
        runner.run(["systemctl", "reset-failed", "--", *_names(todo.failed)], check=False)


def _start(vms: Sequence[VM], tools: Tools) -> None:
    # The exit code only shows that some unit failed. The units are checked afterwards.
    if vms:
        tools.runner.run(["systemctl", "start", "--", *_names(vms)], check=False)


def _links(todo: VmPlan) -> dict[VM, dict[str, bool]]:
    """Return the NICs whose carrier changes by VM, and whether the carrier will be up."""
    links: dict[VM, dict[str, bool]] = {}
    for link in todo.links:
        links.setdefault(link.vm, {})[nic_id(link.interface)] = link.up
    return links


def _await(
    vms: Sequence[VM], links: Mapping[VM, Mapping[str, bool]], tools: Tools, timeout_s: float, *, begin: float
) -> tuple[dict[int, int], dict[int, str]]:
    """Wait for the monitor of each VM and set the carrier of its NICs, until the unit has failed or the time is up.

    C(begin) is the time of the start, by the clock.

    Returns:
        The pids of QEMUs that responded and the errors, both by VM id.
    """
    clock = tools.clock
    deadline = clock.now() + timeout_s
    waiting = {vm.vm_id: vm for vm in vms}
    pids: dict[int, int] = {}
    faults: dict[int, str] = {}
    failed: list[VM] = []
    # No unit fails right after its start, and checking all of them would take longer than the rest of the start.
    look_at = clock.now() + _LOOK_EVERY_S
    while waiting:
        for vm in list(waiting.values()):
            try:
                pid = qmp.plug(tools.monitor, qmp_socket(vm.vm_id), links.get(vm, {}))
            except SlicesError as error:
                faults[vm.vm_id] = _refusal(vm, error)
                del waiting[vm.vm_id]
                continue
            if pid is not None:
                pids[vm.vm_id] = pid
                del waiting[vm.vm_id]
        if not waiting or clock.now() >= deadline:
            break
        if clock.now() >= look_at:
            units = systemd.look_again([Unit(vm.slice_id, vm.vm_id) for vm in waiting.values()], tools.runner)
            gone = [vm_id for vm_id in waiting if vm_id in units and units[vm_id].active in ("failed", "inactive")]
            failed += [waiting.pop(vm_id) for vm_id in gone]
            look_at = clock.now() + _LOOK_EVERY_S
        clock.sleep(_PAUSE_S)
    late = f"its monitor did not answer within {timeout_s:g} s"
    wrong = [*((vm, "it ended") for vm in failed), *((vm, late) for vm in waiting.values())]
    return pids, {**faults, **_faults(wrong, tools, since_s=clock.now() - begin + _JOURNAL_LAG_S)}


def _plug(vms: Iterable[VM], links: Mapping[VM, Mapping[str, bool]], tools: Tools) -> dict[int, str]:
    """Change the carriers of running VMs, and return the errors by VM id."""
    faults = {}
    for vm in vms:
        path = qmp_socket(vm.vm_id)
        try:
            if qmp.plug(tools.monitor, path, links[vm]) is None:
                raise SlicesError(f"QEMU does not respond at {path}")
        except SlicesError as error:
            faults[vm.vm_id] = _refusal(vm, error)
    return faults


def _note_links(todo: VmPlan, vms: Iterable[VM], settings: Settings) -> None:
    """Write the carriers to the VM folders after the change, so that a failed change is repeated."""
    noted = set(vms)
    files.write_all([_file(write, settings) for write in todo.writes if write.name == LINKS_DOWN and write.vm in noted])


def _set_passwords(todo: VmPlan, tools: Tools, settings: Settings, passwords: Mapping[int, str]) -> dict[int, str]:
    faults = {}
    for new in (new for new in todo.passwords if new.live):
        # The file is written first, because QEMU would read it if it restarted in between.
        files.write_all([vnc.secret(new, passwords, settings=settings)])
        try:
            vnc.set_password(new, passwords, tools.monitor)
        except SlicesError as error:
            faults[new.vm.vm_id] = _refusal(new.vm, error)
            continue
        files.write_all([vnc.note(new, settings=settings)])
    return faults


def _file(write: Write, settings: Settings) -> File:
    folder = settings.folder(write.vm.vm_id)
    if not os.path.isdir(folder):
        raise Refused([Refusal("vm_folder_missing", f"VM folder {folder}")])
    gid = settings.accounts.of(write.vm.slice_id).gid
    return files.text_file(f"{folder}/{write.name}", write.text, mode=0o640, gid=gid)


def _console(vm: VM, settings: Settings) -> Iterable[File]:
    """Yield the console log if it is missing. QEMU can write to it, but cannot create files in the VM folder."""
    path, account = f"{settings.folder(vm.vm_id)}/{CONSOLE}", settings.accounts.of(vm.slice_id)
    if not os.path.exists(path):
        yield files.text_file(path, "", mode=0o640, uid=account.uid, gid=account.gid)


def _refusal(vm: VM, error: SlicesError) -> str:
    return f"{vm}: {error.message}"


def _faults(wrong: Sequence[tuple[VM, str]], tools: Tools, *, since_s: float) -> dict[int, str]:
    """Return the errors of VMs that did not start with the last lines of their journals, by VM id."""
    if not wrong:
        return {}
    units = {vm: systemd.unit_name(vm.slice_id, vm.vm_id) for vm, _what in wrong}
    words = systemd.last_words(list(units.values()), tools.runner, since_s=since_s)
    return {vm.vm_id: _fault(vm, units[vm], what, words[units[vm]]) for vm, what in wrong}


def _fault(vm: VM, unit: str, what: str, words: str) -> str:
    return f"{vm}: unit {unit}: {what}" + (f":\n{words}" if words else "")


def _state(vm: VM, unit: Unit | None, fault: str | None, of_live: str) -> VmReport:
    live = unit is not None and unit.live
    state = of_live if live else "stopped"
    if fault is not None or (unit is not None and unit.active == "failed"):
        state = "error"
    pid = unit.pid if unit is not None and live else None
    return VmReport(
        vm_id=vm.vm_id,
        state=state,
        name=vm.name,
        slice_id=vm.slice_id,
        pid=None if pid is None else str(pid),
        failure=fault,
    )


def _names(vms: Iterable[VM]) -> list[str]:
    return [systemd.unit_name(vm.slice_id, vm.vm_id) for vm in vms]
