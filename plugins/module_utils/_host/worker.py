# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All of a work order on a worker: seen once, planned as a whole, and carried out in the order that things hang on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ..changes import Change
from ..errors import Refusal, Refused
from ..work_order import VM, SliceOrder
from . import accounts, ownership, revisions
from .datapath import port_owners, taps, trunks
from .datapath import reconcile as datapath
from .datapath.reconcile import WirePlan, Wires
from .disk import bases, lost, overlays
from .disk.lost import Lost
from .disk.overlays import DiskPlan, Disks
from .ownership import Conflict, Refusals, Seen
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
    """What has to happen on a host."""

    disks: DiskPlan
    wires: WirePlan
    vms: qemu_plan.VmPlan

    @property
    def changes(self) -> list[Change]:
        """Each object that differs."""
        return [*self.disks.changes, *self.wires.changes, *self.vms.changes]


@dataclass(frozen=True)
class Lacking:
    """What slices of an order need and is missing.

    Attributes:
        images: the paths of base images that are missing or not verified, each with the slice that needs it.
        passwords: the VMs whose display needs a password that is not known.
    """

    images: tuple[tuple[int, str], ...] = ()
    passwords: tuple[VM, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.images or self.passwords)

    def __add__(self, other: Lacking) -> Lacking:
        return Lacking((*self.images, *other.images), (*self.passwords, *other.passwords))

    @property
    def missing_images(self) -> list[str]:
        """The paths of the base images."""
        return sorted({path for _slice_id, path in self.images})

    @property
    def conflicts(self) -> Iterator[Conflict]:
        """Why the host refuses the slices that need them."""
        for slice_id, path in dict.fromkeys(self.images):
            yield slice_id, Refusal("base_image_missing", f"base image {path}")
        yield from ((vm.slice_id, vnc.refusal(vm)) for vm in self.passwords)

    def to_dict(self) -> dict[str, Any]:
        """Return it as results of a module."""
        return {"missing_images": self.missing_images, "missing_passwords": [vm.vm_id for vm in self.passwords]}


@dataclass(frozen=True)
class Done:
    """The outcome on a host.

    Attributes:
        todo: the plan, which was applied.
        vms: the states of the VMs.
        seconds: the duration of each stage.
        refused: the slices that were not changed, and why.
        lacked: what some of them need and is missing.
    """

    todo: Plan
    vms: list[dict[str, Any]]
    seconds: dict[str, float]
    refused: Refusals
    lacked: Lacking


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


def conflicts(
    orders: Iterable[SliceOrder], have: Host, *, settings: Settings, missing_ok: bool = False
) -> Iterator[Conflict]:
    """Yield why the host refuses slices: its objects belong to others or do not fit (C(ownership))."""
    orders = tuple(orders)
    yield from accounts.conflicts(orders, settings.vms.accounts, missing_ok=missing_ok)
    yield from overlays.conflicts(orders, have.disks)
    yield from qemu_plan.conflicts(orders, have.vms, settings=settings.vms)
    yield from port_owners.conflicts(orders, have.wires.switch)
    yield from trunks.conflicts(orders, have.wires.trunk_mtus)


def look(
    orders: Iterable[SliceOrder],
    tools: Tools,
    *,
    settings: Settings,
    missing_ok: bool = False,
    refused: Refusals = MappingProxyType({}),
) -> Seen[SliceOrder, Host]:
    """What the host has of the order's slices, without those that it refuses.

    C(refused) are the slices that are already refused; for the other arguments see C(observe).

    Raises:
        Refused: it refuses all of them.
        SlicesError: it does not answer, or does not know what it has carried out.
    """
    orders = tuple(orders)
    return ownership.look(
        orders,
        {**refused, **revisions.older(orders, state_dir=settings.vms.state_dir, kind=revisions.WORKER)},
        observe=lambda left: observe(left, tools, settings=settings, missing_ok=missing_ok),
        conflicts=lambda left, have: conflicts(left, have, settings=settings, missing_ok=missing_ok),
    )


def plan(orders: Iterable[SliceOrder], have: Host, *, settings: Settings, restart: bool) -> Plan:
    """What makes the host's share of the slices that of the order.

    Raises:
        SlicesError: the order does not fit the host.
    """
    orders = tuple(orders)
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
            accounts=settings.vms.accounts,
            retention_h=settings.disk_retention_h,
            barred=have.lost.refusals,
        ),
        wires=datapath.plan(orders, have.wires, settings=settings.wires, accounts=settings.vms.accounts, freed=freed),
        vms=vms,
    )


def lacking(seen: Seen[SliceOrder, Host], todo: Plan, passwords: Mapping[int, str]) -> Lacking:
    """Return the base images and passwords of displays that the plan needs and that are missing."""
    return Lacking(
        tuple(
            (order.slice_id, disk.backing_file)
            for order in seen.orders
            for _vm, disk in all_disks([order])
            if disk.backing_file not in seen.have.disks.bases
        ),
        tuple(vnc.lacking(todo.vms.passwords, passwords)),
    )


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


def settle(
    orders: Iterable[SliceOrder],
    refused: Refusals,
    tools: Tools,
    *,
    settings: Settings,
    restart: bool,
    passwords: Mapping[int, str],
) -> tuple[Seen[SliceOrder, Host], Plan, Lacking]:
    """Observe the host and plan for the slices that lack nothing.

    Returns:
        the observed state with the refused slices, the plan for the others, and what the refused ones lack.

    Raises:
        Refused: all slices are refused. C(missing_images) and C(missing_passwords) list what is missing.
        SlicesError: the host does not answer.
    """
    lacked = Lacking()
    while True:
        try:
            seen = look(orders, tools, settings=settings, refused=refused)
        except Refused as error:
            error.fields.update(lacked.to_dict())
            raise
        todo = plan(seen.orders, seen.have, settings=settings, restart=restart)
        lack = lacking(seen, todo, passwords)
        if not lack:
            return seen, todo, lacked
        lacked = lacked + lack
        refused = {**seen.refused, **ownership.by_slice(lack.conflicts)}


def carry_out(
    orders: Iterable[SliceOrder],
    tools: Tools,
    *,
    settings: Settings,
    restart: bool,
    start_timeout_s: float,
    passwords: Mapping[int, str],
    refused: Refusals = MappingProxyType({}),
) -> Done:
    """Apply an order to the host, except for the slices that it refuses.

    Args:
        orders: the slices.
        tools: how to reach the host.
        settings: how the host is used.
        restart: whether to restart VMs for changes that need it.
        start_timeout_s: how long the start of a VM may take.
        passwords: the passwords of displays, by VM.
        refused: the slices that are already refused, and why.

    Raises:
        Refused: all slices were refused; see C(ownership.failure).
        SlicesError: something is not as it should be.
    """
    orders, state_dir = tuple(orders), settings.vms.state_dir
    watch = Stopwatch()
    with revisions.turn(slice_ids(orders), state_dir=state_dir, kind=revisions.WORKER):
        # The lock of all is let go before VMs start, which takes longest and disturbs no other slice.
        with datapath.locked(settings.wires):
            with watch.stage("observe"):
                seen, todo, lacked = settle(
                    orders, refused, tools, settings=settings, restart=restart, passwords=passwords
                )
            revisions.note(seen.orders, state_dir=state_dir, kind=revisions.WORKER)
            with ownership.told_with(seen.refused):
                prepare(todo, seen.have, tools, settings=settings, watch=watch)
        with watch.stage("qemu"), ownership.told_with(seen.refused):
            vms = qemu_apply.run(
                todo.vms,
                seen.orders,
                seen.have.vms.units.vms,
                tools,
                settings=settings.vms,
                start_timeout_s=start_timeout_s,
                passwords=passwords,
            )
    return Done(todo, vms, watch.seconds, seen.refused, lacked)
