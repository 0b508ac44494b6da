# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All of a work order on a worker: seen once, planned as a whole, and carried out in the order that things hang on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..changes import Change, is_changed
from ..errors import Refusal, Refused
from ..work_order import SliceOrder
from . import ownership, revisions
from .datapath import port_owners, taps
from .datapath import reconcile as datapath
from .datapath.reconcile import WirePlan, Wires
from .disk import bases, lost, overlays
from .disk.lost import Lost
from .disk.overlays import DiskPlan, Disks
from .ownership import Conflict, Seen
from .qemu import apply as qemu_apply
from .qemu import plan as qemu_plan
from .qemu import vnc
from .qemu.apply import Tools
from .qemu.config import Settings as VmSettings
from .runner import observed
from .stopwatch import Stopwatch
from .work_order import all_disks, slice_ids


@dataclass(frozen=True)
class Settings:
    """How VMs are run and where they are plugged in, and for how many hours their disks wait in the trash."""

    vms: VmSettings
    wires: datapath.Settings
    disk_retention_h: int = 0


@dataclass(frozen=True)
class Host:
    """What a host has.

    Attributes:
        outdated: by VM what is wrong with it until it is restarted.
        lost: the disks that were seen and are missing.
    """

    disks: Disks
    wires: Wires
    vms: qemu_plan.Host
    outdated: Mapping[int, str] = field(default_factory=dict)
    lost: Lost = field(default_factory=Lost)


@dataclass(frozen=True)
class Plan:
    """What has to happen on a host.

    Attributes:
        missing_images: the paths of base images that are not there, or were not verified as they are.
    """

    disks: DiskPlan
    wires: WirePlan
    vms: qemu_plan.VmPlan
    missing_images: tuple[str, ...] = ()

    @property
    def changes(self) -> list[Change]:
        """Each object that differs."""
        return [*self.disks.changes, *self.wires.changes, *self.vms.changes]


def observe(orders: Iterable[SliceOrder], tools: Tools, *, settings: Settings, missing_ok: bool = False) -> Host:
    """What the host has of the order's slices.

    Args:
        orders: the slices.
        tools: reach the host.
        settings: how it is used.
        missing_ok: whether a host that is yet to be prepared is taken for one that has nothing.

    Raises:
        CommandFailed: Open vSwitch or systemd does not answer.
    """
    orders = tuple(orders)
    disks = overlays.observe(orders, state_dir=settings.vms.state_dir)
    wires = datapath.observe(orders, tools.runner, settings=settings.wires, missing_ok=missing_ok)
    vms = observed(
        lambda: qemu_plan.observe(
            orders,
            settings=settings.vms,
            runner=tools.runner,
            monitor=tools.monitor,
            unit_dir=tools.unit_dir,
        ),
        nothing=qemu_plan.Host(),
        missing_ok=missing_ok,
    )
    pids = {vm_id: unit.pid for vm_id, unit in vms.units.vms.items()}
    return Host(
        disks,
        wires,
        vms,
        outdated=bases.outdated(orders, disks.overlays, disks.bases, pids),
        lost=lost.find(orders, disks.overlays, disks.known, pids),
    )


def conflicts(orders: Iterable[SliceOrder], have: Host, *, settings: Settings) -> Iterator[Conflict]:
    """Yield why what the host has keeps it from slices: it is another's (C(ownership))."""
    orders = tuple(orders)
    yield from overlays.conflicts(orders, have.disks)
    yield from qemu_plan.conflicts(orders, have.vms, settings=settings.vms)
    yield from port_owners.conflicts(orders, have.wires.switch)


def look(
    orders: Iterable[SliceOrder], tools: Tools, *, settings: Settings, missing_ok: bool = False
) -> Seen[SliceOrder, Host]:
    """What the host has of the order's slices, without those that it refuses. For the arguments see C(observe).

    Raises:
        Refused: it refuses all of them.
        SlicesError: it does not answer, or does not know what it has carried out.
    """
    orders = tuple(orders)
    return ownership.look(
        orders,
        revisions.older(orders, state_dir=settings.vms.state_dir, kind=revisions.WORKER),
        observe=lambda left: observe(left, tools, settings=settings, missing_ok=missing_ok),
        conflicts=lambda left, have: conflicts(left, have, settings=settings),
    )


def plan(orders: Iterable[SliceOrder], have: Host, *, settings: Settings, restart: bool) -> Plan:
    """What makes the host's share of the slices that of the order.

    Raises:
        SlicesError: the order does not fit the host.
    """
    orders, accounts = tuple(orders), settings.vms.accounts
    unheld = taps.unheld(orders, have.wires.devices)
    vms = qemu_plan.plan(
        orders,
        have.vms,
        settings=settings.vms,
        restart=restart,
        unheld=unheld,
        barred={**bases.barred(orders, have.disks.overlays, have.disks.bases), **have.lost.barred},
        held=have.lost.held,
        outdated=have.outdated,
    )
    freed = [vm.vm_id for vm, _reasons in vms.restart]
    return Plan(
        disks=overlays.plan(
            orders,
            have.disks,
            accounts=accounts,
            retention_h=settings.disk_retention_h,
            barred=have.lost.refusals,
        ),
        wires=datapath.plan(orders, have.wires, settings=settings.wires, accounts=accounts, freed=freed),
        vms=vms,
        missing_images=tuple(sorted({disk.backing_file for _vm, disk in all_disks(orders)} - have.disks.bases.keys())),
    )


def need(todo: Plan, passwords: Mapping[int, str]) -> None:
    """Make sure that all is there that the plan takes, before anything is changed.

    Raises:
        Refused: a base image or a password is not; C(missing_images) has the paths of all such images, and
            C(missing_passwords) the ids of all such VMs.
    """
    lacking = vnc.lacking(todo.vms.passwords, passwords)
    refusals = [Refusal("base_image_missing", f"base image {path}") for path in todo.missing_images]
    refusals += map(vnc.refusal, lacking)
    if refusals:
        missing = [vm.vm_id for vm in lacking]
        raise Refused(refusals, missing_images=list(todo.missing_images), missing_passwords=missing)


def prepare(todo: Plan, have: Host, tools: Tools, *, settings: Settings, watch: Stopwatch) -> None:
    """Take away what is not listed, and make all that VMs are started with.

    QEMU has the disks and taps open that are removed or made anew, so the VMs go first.
    """
    vms = settings.vms
    with watch.stage("qemu"):
        qemu_apply.clear(todo.vms, tools)
    with watch.stage("images"):
        overlays.apply(todo.disks, have.disks, state_dir=vms.state_dir, accounts=vms.accounts, runner=tools.runner)
    datapath.apply(todo.wires, tools.runner, settings=settings.wires, watch=watch)


def carry_out(
    orders: Iterable[SliceOrder],
    tools: Tools,
    *,
    settings: Settings,
    restart: bool,
    start_timeout_s: float,
    passwords: Mapping[int, str],
) -> tuple[Plan, list[dict[str, Any]], dict[str, float]]:
    """Make the host's share of the slices that of the order.

    Returns:
        what was planned, what the VMs do, and the seconds that each stage took.

    Raises:
        Refused: slices were refused; the others were done. See C(ownership.failure).
        SlicesError: something is not as it should be.
    """
    orders, state_dir = tuple(orders), settings.vms.state_dir
    watch = Stopwatch()
    with revisions.turn(slice_ids(orders), state_dir=state_dir, kind=revisions.WORKER):
        # The lock of all is let go before VMs start, which takes longest and disturbs no other slice.
        with datapath.locked(settings.wires):
            with watch.stage("observe"):
                seen = look(orders, tools, settings=settings)
                have = seen.have
                todo = plan(seen.orders, have, settings=settings, restart=restart)
            need(todo, passwords)
            revisions.note(seen.orders, state_dir=state_dir, kind=revisions.WORKER)
            prepare(todo, have, tools, settings=settings, watch=watch)
        with watch.stage("qemu"), ownership.told_with(seen.refused):
            vms = qemu_apply.run(
                todo.vms,
                seen.orders,
                have.vms.units.vms,
                tools,
                settings=settings.vms,
                start_timeout_s=start_timeout_s,
                passwords=passwords,
            )
    if seen.refused:
        raise ownership.failure(seen.refused, changed=is_changed(todo.changes), vms=vms, **todo.vms.result)
    return todo, vms, watch.seconds
