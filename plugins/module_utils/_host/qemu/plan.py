# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Observes the VMs of a host, their units and files, and plans the changes that make them match the order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...errors import Refusal
from ...vm_order import VM
from ...work_order import SliceOrder
from .. import files, ownership, systemd
from ..ownership import Conflict
from ..runner import Runner
from ..systemd import Units
from ..work_order import all_vms, slice_ids
from . import firmware, pause, power_down, seed, states, vnc
from .config import (
    CONFIG,
    LINKS_DOWN,
    POWER_DOWN,
    STARTED,
    TAPS,
    Settings,
    as_started,
    links_down_text,
    nic_id,
    read_started,
    render,
    restart_reasons,
    started_with_password,
    taps_text,
)
from .qmp import Monitor
from .vm_plan import Link, Prune, VmPlan, Write
from .vnc import NewPassword

_FILES = (CONFIG, TAPS, LINKS_DOWN, STARTED, POWER_DOWN)


@dataclass(frozen=True)
class Host:
    """The state of some slices' VMs on a host.

    Attributes:
        units: their units.
        texts: the files of the order's VMs, by path; C(None) for those that are missing.
        passwords: the id of the display's password, by VM id.
        paused: the ids of paused VMs.
        hung: the errors of running VMs that need a restart, by VM id.
        faults: the errors of running VMs that do not, by VM id.
        seeds: the checksums of the disks for cloud-init, by VM id.
        variables: the missing files with UEFI variables, by VM id.
    """

    units: Units = field(default_factory=Units)
    texts: Mapping[str, str | None] = field(default_factory=dict)
    passwords: Mapping[int, str] = field(default_factory=dict)
    paused: Collection[int] = frozenset()
    hung: Mapping[int, str] = field(default_factory=dict)
    faults: Mapping[int, str] = field(default_factory=dict)
    seeds: Mapping[int, str] = field(default_factory=dict)
    variables: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Constraints:
    """What taps and disks of VMs allow.

    Attributes:
        unheld: taps that no process has open. A running VM that was started with one of them has a deleted tap open.
        barred: why VMs must not be started, by VM id. Running ones are not changed, but disabled.
        held: ids of VMs that are not stopped, because QEMU has a deleted disk open.
        outdated: why VMs have to be restarted, by VM id.
        overridden: ids of VMs whose units somebody has changed.
        off: VMs that have just been stopped after their guests were asked to shut down, by id, with the reasons if
            they are restarted.
        lost_variables: ids of VMs that get no new UEFI variables, because they had others.
    """

    unheld: Collection[str] = ()
    barred: Mapping[int, str] = field(default_factory=dict)
    held: Collection[int] = ()
    outdated: Mapping[int, str] = field(default_factory=dict)
    overridden: Collection[int] = ()
    off: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    lost_variables: Collection[int] = ()


@dataclass(frozen=True)
class _Actions:
    """What happens to each VM. All VMs except those of C(halt) should run.

    Attributes:
        halt: running VMs that should not run.
        start: those that do not run.
        restart: running VMs that are restarted, with the reasons.
        fixed: running VMs that need a restart, with the reasons, but must not be restarted.
        staying: running VMs that are not restarted and accept commands.
    """

    halt: tuple[VM, ...]
    start: tuple[VM, ...]
    restart: tuple[tuple[VM, tuple[str, ...]], ...]
    fixed: tuple[tuple[VM, tuple[str, ...]], ...]
    staying: tuple[VM, ...]


def observe(
    orders: Iterable[SliceOrder],
    *,
    settings: Settings,
    runner: Runner,
    monitor: Monitor,
    unit_dir: str = systemd.UNIT_DIR,
) -> Host:
    """Return the state of the order's VMs, from systemd, small files, and the monitor of every QEMU."""
    orders = tuple(orders)
    paths = [f"{settings.folder(vm.vm_id)}/{name}" for vm in all_vms(orders) for name in _FILES]
    units = systemd.observe(slice_ids(orders), runner, unit_dir=unit_dir)
    seen = states.observe(all_vms(orders), units.vms, runner=runner, monitor=monitor)
    return Host(
        units=replace(units, vms={**units.vms, **seen.ended}),
        texts={path: files.read_text(path) for path in paths},
        passwords=vnc.observe(all_vms(orders), settings) if settings.vnc_asks else {},
        paused=seen.paused,
        hung=seen.hung,
        faults=seen.faults,
        seeds=seed.observe((vm for vm in all_vms(orders) if vm.seed), settings),
        variables=firmware.missing(all_vms(orders), settings),
    )


def conflicts(orders: Iterable[SliceOrder], have: Host, *, settings: Settings) -> Iterator[Conflict]:
    """Yield why this host refuses slices: units or files with their ids belong to other slices."""
    orders = tuple(orders)
    yield from template_conflicts(orders, have)
    for order in orders:
        for vm in order.vms:
            path = f"{settings.folder(vm.vm_id)}/{STARTED}"
            started = read_started(have.texts.get(path)) or {}
            held = started.get("vm_uuid", vm.vm_uuid)
            if started.get("slice_uuid", order.slice_uuid) == order.slice_uuid and held != vm.vm_uuid:
                figures = {"where": path, "held": ownership.shown(held), "got": ownership.shown(vm.vm_uuid)}
                yield order.slice_id, Refusal("another_vm", str(vm), figures)


def template_conflicts(orders: Iterable[SliceOrder], have: Host) -> Iterator[Conflict]:
    """Yield why this host refuses slices: templates with their ids belong to other slices."""
    for order in orders:
        held = systemd.template_uuid(have.units.templates.get(order.slice_id, ""))
        if held is not None:
            yield from ownership.of_slice(order, f"unit {systemd.template_name(order.slice_id)}", held)


def plan_prune(orders: Iterable[SliceOrder], have: Host) -> Prune:
    """Return the removals for the order's slices.

    Raises:
        Refused: the host has units of other slices with these ids.
    """
    orders = tuple(orders)
    ownership.refuse(template_conflicts(orders, have))
    listed = {(vm.slice_id, vm.vm_id) for vm in all_vms(orders)}
    empty = [order.slice_id for order in orders if not order.vms]
    return Prune(
        stop=tuple(
            unit for unit in have.units.vms.values() if not unit.idle and (unit.slice_id, unit.vm_id) not in listed
        ),
        disable=tuple(sorted(have.units.enabled - listed)),
        templates=tuple(slice_id for slice_id in empty if slice_id in have.units.templates),
        slices=tuple(slice_id for slice_id in empty if slice_id in have.units.slices),
    )


def plan(
    orders: Iterable[SliceOrder],
    have: Host,
    *,
    settings: Settings,
    restart: bool,
    constraints: Constraints = Constraints(),
) -> VmPlan:
    """Return the changes that make the VMs on the host match the order.

    A running VM that needs a restart but must not be restarted keeps its files, so that it starts with the same
    configuration after a crash. Only its carriers, the owner of its taps and how its guest is asked are updated.

    Raises:
        Refused: there are C(conflicts), a VM does not fit the machine type, or its display has no password id.
    """
    orders = tuple(orders)
    vms = all_vms(orders)
    ownership.refuse(conflicts(orders, have, settings=settings))
    actions = _decide(vms, have, settings, constraints, restart=restart)
    starting = {vm for vm in vms if vm.running and vm.vm_id not in constraints.barred}
    return VmPlan(
        prune=plan_prune(orders, have),
        templates=dict(_templates(orders, have, settings)),
        writes=tuple(_all_writes(vms, actions, have, settings)),
        enable=tuple(vm for vm in vms if vm in starting and not _is_enabled(vm, have)),
        disable=tuple(vm for vm in vms if vm not in starting and (vm.slice_id, vm.vm_id) in have.units.enabled),
        halt=actions.halt,
        start=actions.start,
        restart=actions.restart,
        failed=tuple(vm for vm in vms if _active(vm, have) == "failed"),
        links=tuple(_all_links(actions, have, settings)),
        restart_required=actions.fixed,
        passwords=_passwords(vms, have, settings, live=actions.staying),
        pauses=pause.plan(actions.staying, [*actions.start, *(vm for vm, _reasons in actions.restart)], have.paused),
        faults=_faults(actions, have, constraints),
        seeds=seed.plan((vm for vm in vms if vm not in dict(actions.fixed)), have.seeds),
        variables=_variables(vms, actions, have, constraints),
        asked=tuple(vm for vm in (*actions.halt, *dict(actions.restart)) if _can_ask(vm, have)),
    )


def _variables(vms: Iterable[VM], actions: _Actions, have: Host, constraints: Constraints) -> tuple[VM, ...]:
    """Return the VMs that get new UEFI variables."""
    fixed = dict(actions.fixed)
    wanted = have.variables.keys() - constraints.lost_variables
    return tuple(vm for vm in vms if vm.vm_id in wanted and vm not in fixed)


def _decide(vms: Iterable[VM], have: Host, settings: Settings, constraints: Constraints, *, restart: bool) -> _Actions:
    """Decide which VMs start, restart or keep running."""
    vms = tuple(vms)
    live = [vm for vm in vms if vm.running and _is_live(vm, have)]
    reasons = {vm: why for vm in live if (why := _reasons(vm, have, settings, constraints))}
    fixed = {vm: why for vm, why in reasons.items() if not restart or vm.vm_id in constraints.barred}
    others = [vm for vm in vms if vm.running and vm not in live and vm.vm_id not in constraints.barred]
    off = {vm: constraints.off[vm.vm_id] for vm in others if vm.vm_id in constraints.off}
    return _Actions(
        halt=tuple(vm for vm in vms if _is_halted(vm, have, constraints)),
        start=tuple(vm for vm in others if vm not in off),
        restart=tuple((vm, why) for vm, why in {**reasons, **off}.items() if vm not in fixed),
        fixed=tuple(fixed.items()),
        staying=tuple(vm for vm in live if vm not in reasons or (vm in fixed and vm.vm_id not in have.hung)),
    )


def _is_enabled(vm: VM, have: Host) -> bool:
    return (vm.slice_id, vm.vm_id) in have.units.enabled - have.units.ignored


def _active(vm: VM, have: Host) -> str:
    unit = have.units.vms.get(vm.vm_id)
    return "inactive" if unit is None or unit.slice_id != vm.slice_id else unit.active


def _is_live(vm: VM, have: Host) -> bool:
    unit = have.units.vms.get(vm.vm_id)
    return unit is not None and unit.slice_id == vm.slice_id and unit.live


def _is_halted(vm: VM, have: Host, constraints: Constraints) -> bool:
    is_busy = _active(vm, have) not in ("inactive", "failed")
    return not vm.running and vm.vm_id not in constraints.held and (is_busy or vm.vm_id in constraints.off)


def _can_ask(vm: VM, have: Host) -> bool:
    return power_down.is_asked(vm) and _is_live(vm, have) and vm.vm_id not in have.hung


def _started(vm: VM, have: Host, settings: Settings) -> dict[str, Any] | None:
    return read_started(have.texts.get(f"{settings.folder(vm.vm_id)}/{STARTED}"))


def _templates(orders: Iterable[SliceOrder], have: Host, settings: Settings) -> Iterator[tuple[int, str]]:
    for order in orders:
        text = systemd.template_text(settings.accounts.name(order.slice_id), order.slice_uuid)
        is_right = have.units.templates.get(order.slice_id) == text and order.slice_id not in have.units.exposed
        if order.vms and not is_right:
            yield order.slice_id, text


def _owned_taps(vm: VM, have: Host, settings: Settings) -> dict[str, str]:
    text = have.texts.get(f"{settings.folder(vm.vm_id)}/{TAPS}")
    return {} if text is None else {TAPS: taps_text(text, settings.accounts.uid(vm.slice_id))}


def _reasons(vm: VM, have: Host, settings: Settings, constraints: Constraints) -> tuple[str, ...]:
    started = _started(vm, have, settings)
    nics = [] if started is None else started["interfaces"]
    return (
        *restart_reasons(started, as_started(vm, settings)),
        *(f"interface {nic['name']}: its tap was recreated" for nic in nics if nic["tap"] in constraints.unheld),
        *(["its base image was replaced"] if vm.vm_id in constraints.outdated else []),
        *(["its unit was changed by hand"] if vm.vm_id in constraints.overridden else []),
        *(["QEMU does not answer or has failed"] if vm.vm_id in have.hung else []),
    )


def _faults(actions: _Actions, have: Host, constraints: Constraints) -> dict[int, str]:
    fixed = [vm.vm_id for vm, _reasons in actions.fixed]
    return {
        **{vm.vm_id: have.faults[vm.vm_id] for vm in actions.staying if vm.vm_id in have.faults},
        **{vm_id: found[vm_id] for found in (constraints.outdated, have.hung) for vm_id in fixed if vm_id in found},
        **constraints.barred,
    }


def _all_writes(vms: Iterable[VM], actions: _Actions, have: Host, settings: Settings) -> Iterator[Write]:
    fixed = dict(actions.fixed)
    for vm in vms:
        if vm not in fixed:
            texts = {**render(vm, settings), **_power_down(vm, have, settings)}
            yield from _writes(vm, texts, have, settings)
    for vm in fixed:
        # QEMU does not accept commands if it hangs, so the files with its state must not change either.
        if vm in actions.staying:
            yield from _writes(vm, _kept_texts(vm, have, settings), have, settings)


def _kept_texts(vm: VM, have: Host, settings: Settings) -> dict[str, str]:
    """Return the files to update for a VM that keeps its other files until it is restarted."""
    down = links_down_text(_links_down(vm, have, settings))
    return {LINKS_DOWN: down, **_owned_taps(vm, have, settings), **_power_down(vm, have, settings)}


def _power_down(vm: VM, have: Host, settings: Settings) -> dict[str, str]:
    """Return the file for a shutdown of the host, which most VMs never had."""
    text, old = power_down.text(vm), have.texts.get(f"{settings.folder(vm.vm_id)}/{POWER_DOWN}")
    return {} if old is None and not text else {POWER_DOWN: text}


def _links_down(vm: VM, have: Host, settings: Settings) -> tuple[str, ...]:
    """Return the NICs without carrier of a VM that keeps its interfaces until it is restarted."""
    started = _started(vm, have, settings)
    on = {nic.name for nic in vm.interfaces} - set(vm.links_down)
    return () if started is None else tuple(nic["name"] for nic in started["interfaces"] if nic["name"] not in on)


def _passwords(vms: Iterable[VM], have: Host, settings: Settings, *, live: Sequence[VM]) -> tuple[NewPassword, ...]:
    """Return the displays that get another password, except running ones without a password."""
    asking = [vm for vm in vms if vm not in live or started_with_password(_started(vm, have, settings))]
    return vnc.plan(asking if settings.vnc_asks else (), have.passwords, live=live)


def _all_links(actions: _Actions, have: Host, settings: Settings) -> Iterator[Link]:
    for vm in actions.start:
        yield from _first_links(vm, have, settings)
    fixed = dict(actions.fixed)
    for vm in actions.staying:
        yield from _links(vm, _links_down(vm, have, settings) if vm in fixed else vm.links_down, have, settings)


def _first_links(vm: VM, have: Host, settings: Settings) -> Iterable[Link]:
    """Yield the NICs whose carrier is taken down once the VM is running, except by its unit.

    The unit reads the file and needs a process for it. For a new VM, the caller does it instead.
    """
    noted = _noted_down(vm, have, settings)
    return () if noted else tuple(Link(vm, name, up=False) for name in vm.links_down)


def _noted_down(vm: VM, have: Host, settings: Settings) -> set[str]:
    return set((have.texts.get(f"{settings.folder(vm.vm_id)}/{LINKS_DOWN}") or "").split())


def _links(vm: VM, down: Iterable[str], have: Host, settings: Settings) -> Iterable[Link]:
    started = _started(vm, have, settings)
    is_down = _noted_down(vm, have, settings)
    want_down = set(down)
    for nic in () if started is None else started["interfaces"]:
        up = nic["name"] not in want_down
        if up == (nic_id(nic["name"]) in is_down):
            yield Link(vm, nic["name"], up)


def _writes(vm: VM, named: Mapping[str, str], have: Host, settings: Settings) -> Iterable[Write]:
    for name, text in named.items():
        old = have.texts.get(f"{settings.folder(vm.vm_id)}/{name}")
        if old != text:
            yield Write(vm, name, text, old)
