# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The wiring of VMs: their taps, access ports and flows, which are made in one order and hang on each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from . import files, flows, ovs, ovsdb, taps
from .files import Account
from .flows import Flow, FlowPlan, Management
from .order import SliceOrder, slice_ids
from .ovs import PortPlan
from .ovsdb import Switch
from .runner import Runner, observed
from .stopwatch import Stopwatch
from .taps import Devices, TapPlan


@dataclass(frozen=True)
class Settings:
    """Where VMs are plugged in.

    Attributes:
        bridge: the bridge that their ports are on.
        management: the infrastructure on VLAN 400.
        folder: where flows are saved.
    """

    bridge: str
    management: Management
    folder: str


@dataclass(frozen=True)
class Wires:
    """What a host has; C(saved) holds the texts of files of flows, by name."""

    devices: Devices
    switch: Switch
    flows: frozenset[Flow]
    saved: Mapping[str, str]


@dataclass(frozen=True)
class WirePlan:
    """What has to happen to taps, ports and flows."""

    taps: TapPlan
    ports: PortPlan
    flows: FlowPlan

    @property
    def changed(self) -> bool:
        """Whether anything differs."""
        return self.taps.changed or self.ports.changed or self.flows.changed

    @property
    def before(self) -> list[str]:
        """A line for each object that differs, as it was."""
        return [*self.taps.before, *self.ports.before, *self.flows.before]

    @property
    def after(self) -> list[str]:
        """A line for each object that differs, as it shall be."""
        return [*self.taps.after, *self.ports.after, *self.flows.after]


def locked(settings: Settings) -> AbstractContextManager[None]:
    """Keep other runs from the wiring: numbers of ports are free or taken for all slices of a host."""
    return files.locked(settings.folder)


def observe(orders: Iterable[SliceOrder], runner: Runner, *, settings: Settings, missing_ok: bool = False) -> Wires:
    """What the host has.

    Args:
        orders: the slices.
        runner: reaches the host.
        settings: where VMs are plugged in.
        missing_ok: whether a host without a switch is taken for one that has nothing.

    Raises:
        CommandFailed: Open vSwitch does not answer.
    """
    nothing: frozenset[Flow] = frozenset()
    return Wires(
        devices=taps.observe(),
        switch=observed(lambda: ovsdb.observe(runner), nothing=Switch(), missing_ok=missing_ok),
        flows=observed(lambda: flows.observe(runner, settings.bridge), nothing=nothing, missing_ok=missing_ok),
        saved=flows.read_saved(settings.folder, slice_ids(orders) | {flows.SHARED}),
    )


def plan(orders: Iterable[SliceOrder], have: Wires, *, settings: Settings, account: Account | None) -> WirePlan:
    """What makes the host's wiring that of the order.

    Raises:
        SlicesError: a device has the name of a tap and is none, or no OpenFlow number is free.
    """
    orders = tuple(orders)
    devices = taps.plan(orders, have.devices, owner=None if account is None else account.uid)
    ports = ovs.plan_access_ports(
        orders,
        have.switch,
        bridge=settings.bridge,
        unplugged=devices.unplugged,
        reserved={flow.in_port for flow in have.flows if flow.in_port is not None},
    )
    wanted = flows.shared_flows(have.switch, bridge=settings.bridge, management=settings.management)
    wanted = wanted.union(
        *(flows.slice_flows(one, ports.numbers, have.switch, bridge=settings.bridge) for one in orders)
    )
    return WirePlan(devices, ports, flows.plan(wanted, have.flows, slice_ids(orders) | {flows.SHARED}, have.saved))


def apply(todo: WirePlan, runner: Runner, *, settings: Settings, watch: Stopwatch | None = None) -> None:
    """Carry out a plan: a port comes after its tap and its flows, and goes before them."""
    watch = watch or Stopwatch()
    with watch.stage("ovs"):
        ovs.apply(todo.ports.unplug_commands, runner)
    with watch.stage("taps"):
        taps.apply_present(todo.taps, runner)
    with watch.stage("ovs"):
        flows.apply(todo.flows, runner, bridge=settings.bridge, folder=settings.folder)
        ovs.apply(todo.ports.commands, runner)
    with watch.stage("taps"):
        taps.apply_absent(todo.taps, runner)
