# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Applies a work order to a worker: observes the host, plans all changes, and makes them in order of dependency."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ..changes import Change
from ..errors import Refusal
from ..vm_order import VM
from ..work_order import SliceOrder
from . import accounts, claims, ownership, revisions, unit_overrides
from .datapath import port_owners, taps, trunks
from .datapath import reconcile as datapath
from .datapath.reconcile import WirePlan, Wires
from .disk import bases, cds, lost, overlays, trash
from .disk.lost import Lost
from .disk.overlays import DiskPlan, Disks
from .ownership import Conflict, Refusals, Seen
from .qemu import apply as qemu_apply
from .qemu import config as qemu_config
from .qemu import firmware, seed, vnc
from .qemu import plan as qemu_plan
from .qemu.apply import Tools
from .qemu.config import Settings as VmSettings
from .qemu.vm_plan import VmPlan
from .runner import observed
from .stopwatch import Stopwatch
from .work_order import all_disks, all_vms, slice_ids


@dataclass(frozen=True)
class Settings:
    """The settings of VMs and of their network, and for how many hours deleted disks stay in the trash."""

    vms: VmSettings
    wires: datapath.Settings
    disk_retention_h: int = 0


def read_settings(params: Mapping[str, Any], orders: Iterable[SliceOrder]) -> Settings:
    """Return the settings from the arguments of a module that applies work orders.

    Raises:
        SlicesError: they are invalid, or the group of all VMs does not exist.
    """
    return Settings(
        vms=qemu_config.read_settings(params, accounts.look_up(params["user"], orders)),
        wires=datapath.read_settings(params, management_vlan=claims.management_vlan(params["state_dir"])),
        disk_retention_h=params["disk_retention_h"],
    )


@dataclass(frozen=True)
class Host:
    """The observed state of a host.

    Attributes:
        outdated: why VMs have to be restarted, by VM id.
        lost: the disks that existed earlier and are missing.
        overrides: the paths of masks and drop-ins beside the units of the slices and of the host.
    """

    disks: Disks
    wires: Wires
    vms: qemu_plan.Host
    outdated: Mapping[int, str] = field(default_factory=dict)
    lost: Lost = field(default_factory=Lost)
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """The changes to a host."""

    disks: DiskPlan
    wires: WirePlan
    vms: VmPlan
    overrides: tuple[str, ...] = ()

    @property
    def changes(self) -> list[Change]:
        """Each object that differs."""
        overrides = unit_overrides.changes(self.overrides)
        return [*self.disks.changes, *self.wires.changes, *overrides, *self.vms.changes]


@dataclass(frozen=True)
class MissingInputs:
    """Base images, passwords and user data that slices of an order need and that are missing.

    Attributes:
        images: the paths of base images that are missing or not verified, each with the id of a slice that needs it.
        passwords: the VMs whose display needs a password that the caller did not pass.
        user_data: the VMs whose disk for cloud-init needs user data that the caller did not pass.
    """

    images: tuple[tuple[int, str], ...] = ()
    passwords: tuple[VM, ...] = ()
    user_data: tuple[VM, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.images or self.passwords or self.user_data)

    def __add__(self, other: MissingInputs) -> MissingInputs:
        return MissingInputs(
            (*self.images, *other.images),
            (*self.passwords, *other.passwords),
            (*self.user_data, *other.user_data),
        )

    @property
    def missing_images(self) -> list[str]:
        """The paths of the missing base images."""
        return sorted({path for _slice_id, path in self.images})

    @property
    def conflicts(self) -> Iterator[Conflict]:
        """The refusals of the slices that need them."""
        for slice_id, path in dict.fromkeys(self.images):
            yield slice_id, Refusal("base_image_missing", f"base image {path}")
        yield from ((vm.slice_id, vnc.refusal(vm)) for vm in self.passwords)
        yield from ((vm.slice_id, seed.refusal(vm)) for vm in self.user_data)

    def to_dict(self) -> dict[str, Any]:
        """Return the results of a module."""
        return {
            "missing_images": self.missing_images,
            "missing_passwords": [vm.vm_id for vm in self.passwords],
            "missing_user_data": [vm.vm_id for vm in self.user_data],
        }


def observe(orders: Iterable[SliceOrder], tools: Tools, *, settings: Settings, missing_ok: bool = False) -> Host:
    """Return the state of the order's slices on the host.

    Args:
        orders: the slices.
        tools: access to the host.
        settings: the settings of the host.
        missing_ok: whether a host that is not prepared yet counts as empty.

    Raises:
        CommandFailed: Open vSwitch or systemd does not respond.
    """
    orders = tuple(orders)
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
    running = {vm_id for vm_id, pid in pids.items() if pid is not None}
    disks = overlays.observe(orders, state_dir=settings.vms.state_dir, running=running)
    return Host(
        disks,
        wires,
        vms,
        outdated=bases.outdated(orders, disks.overlays, disks.bases, pids),
        lost=_lost(orders, disks, vms, settings),
        overrides=unit_overrides.observe({unit_overrides.HOST, *slice_ids(orders)}, unit_dir=tools.unit_dir),
    )


def _lost(orders: Iterable[SliceOrder], disks: overlays.Disks, vms: qemu_plan.Host, settings: Settings) -> lost.Lost:
    in_place = disks.overlays.keys() - disks.deleted.keys()
    booting = [vm for vm in all_vms(orders) if vm.disks[0].path in in_place]
    variables = firmware.lost(booting, vms.variables, vms.texts, settings.vms)
    pids = {vm_id: unit.pid for vm_id, unit in vms.units.vms.items()}
    return lost.find(orders, disks.overlays, disks.known, pids, variables)


def conflicts(
    orders: Iterable[SliceOrder], have: Host, *, settings: Settings, missing_ok: bool = False
) -> Iterator[Conflict]:
    """Yield why the host refuses slices: objects on it belong to other slices, or do not match (see C(ownership))."""
    orders = tuple(orders)
    yield from accounts.conflicts(orders, settings.vms.accounts, missing_ok=missing_ok)
    yield from overlays.conflicts(orders, have.disks, settings.vms.accounts)
    yield from cds.conflicts(orders)
    yield from bases.conflicts(orders, have.disks.bases)
    yield from qemu_plan.conflicts(orders, have.vms, settings=settings.vms)
    yield from port_owners.conflicts(orders, have.wires.switch, management_vlan=settings.wires.management.vlan_id)
    yield from trunks.conflicts(orders, have.wires.trunk_mtus)
    if not missing_ok:
        yield from firmware.conflicts(orders)


def look(
    orders: Iterable[SliceOrder],
    tools: Tools,
    *,
    settings: Settings,
    missing_ok: bool = False,
    refused: Refusals = MappingProxyType({}),
) -> Seen[SliceOrder, Host]:
    """Return the state of the order's slices on the host, without the slices that it refuses.

    C(refused) contains the slices that are already refused. See C(observe) for the other arguments.

    Raises:
        Refused: the host refuses all slices.
        SlicesError: the host does not respond, or its list of applied orders is unreadable.
    """
    orders = tuple(orders)
    return ownership.look(
        orders,
        {**refused, **revisions.older(orders, state_dir=settings.vms.state_dir, kind=revisions.WORKER)},
        observe=lambda left: observe(left, tools, settings=settings, missing_ok=missing_ok),
        conflicts=lambda left, have: conflicts(left, have, settings=settings, missing_ok=missing_ok),
    )


def plan(
    orders: Iterable[SliceOrder],
    have: Host,
    *,
    settings: Settings,
    restart: bool,
    off: Mapping[int, tuple[str, ...]] = MappingProxyType({}),
) -> Plan:
    """Return the changes that make the slices on the host match the order; see C(qemu_plan.Constraints) for C(off).

    Raises:
        SlicesError: the order does not fit the host.
    """
    orders = tuple(orders)
    constraints = qemu_plan.Constraints(
        unheld=taps.unheld(orders, have.wires.devices),
        barred={**bases.barred(orders, have.disks.overlays, have.disks.bases), **have.lost.barred},
        held=have.lost.held,
        outdated=have.outdated,
        overridden=unit_overrides.changed_vms(have.overrides, [(vm.slice_id, vm.vm_id) for vm in all_vms(orders)]),
        off=off,
        lost_variables=have.lost.variables,
    )
    vms = qemu_plan.plan(orders, have.vms, settings=settings.vms, restart=restart, constraints=constraints)
    freed = [vm.vm_id for vm, _reasons in vms.restart]
    return Plan(
        disks=overlays.plan(
            orders,
            have.disks,
            accounts=settings.vms.accounts,
            retention_h=settings.disk_retention_h,
            barred=have.lost.refusals,
            stopping=[vm.vm_id for vm in vms.halt],
            restarting=freed,
        ),
        wires=datapath.plan(orders, have.wires, settings=settings.wires, accounts=settings.vms.accounts, freed=freed),
        vms=vms,
        overrides=have.overrides,
    )


def missing_inputs(
    seen: Seen[SliceOrder, Host], todo: Plan, passwords: Mapping[int, str], user_data: Mapping[int, str]
) -> MissingInputs:
    """Return the missing base images, VNC passwords and user data that the plan needs."""
    return MissingInputs(
        tuple(
            (order.slice_id, path)
            for order in seen.orders
            for path in [
                *(disk.backing_file for _vm, disk in all_disks([order])),
                *(path for vm in order.vms for path in vm.images.values()),
            ]
            if path is not None and path not in seen.have.disks.bases
        ),
        tuple(vnc.missing(todo.vms.passwords, passwords)),
        tuple(seed.missing(todo.vms.seeds, user_data)),
    )


def prepare(
    todo: Plan, have: Host, tools: Tools, *, settings: Settings, watch: Stopwatch, removed: list[trash.Early]
) -> None:
    """Remove objects that are not in the order, and create everything that VMs need to start.

    VMs are stopped first, because QEMU has their disks and taps open. See C(overlays.apply) for C(removed).
    """
    vms = settings.vms
    with watch.stage("qemu"):
        qemu_apply.clear(todo.vms, tools)
        unit_overrides.remove(todo.overrides, tools.runner)
        unit_overrides.restart(todo.overrides, tools.runner)
    with watch.stage("images"):
        overlays.apply(
            todo.disks,
            have.disks,
            state_dir=vms.state_dir,
            accounts=vms.accounts,
            runner=tools.runner,
            removed=removed,
        )
    datapath.apply(todo.wires, tools.runner, settings=settings.wires, watch=watch)
