# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The datapath of VMs: taps, access ports, flows, limits and faults, which depend on each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from ...changes import Change
from ...work_order import SliceOrder
from .. import files, ownership
from ..accounts import Accounts
from ..runner import Runner, observed
from ..stopwatch import Stopwatch
from ..work_order import slice_ids
from . import flows, ovs, ovsdb, port_owners, shaping, tap_filter, taps, trunks
from .flows import Flow, FlowPlan
from .management import Management, read_management
from .ovs import PortPlan
from .ovsdb import Switch
from .shaping import LimitPlan
from .taps import Devices, TapPlan


@dataclass(frozen=True)
class Settings:
    """The settings of the datapath.

    Attributes:
        bridge: the bridge of the VMs' ports.
        management: the management VLAN and the infrastructure on it.
        folder: the folder for saved flows.
        prune_vlans: whether trunks carry only the VLANs of ports on the bridge.
    """

    bridge: str
    management: Management
    folder: str
    prune_vlans: bool = False


def read_settings(params: Mapping[str, Any], *, management_vlan: int) -> Settings:
    """Return the settings from the arguments C(WORK_ORDER_ARGUMENTS) and C(DATAPATH_ARGUMENTS) of a module.

    Raises:
        Refused: the infrastructure's addresses are invalid.
    """
    return Settings(
        bridge=params["bridge"],
        management=read_management(params["gateway"], params["dhcp_server"], management_vlan),
        folder=flows.folder_in(params["state_dir"]),
        prune_vlans=params["prune_vlans"],
    )


@dataclass(frozen=True)
class Wires:
    """The observed state of a host's datapath.

    Attributes:
        trunk_mtus: the MTUs of trunks, by name.
        closed: whether the packet filter between taps and the host's own stack is loaded.
        saved: the contents of files of flows, by name.
    """

    closed: bool
    devices: Devices
    switch: Switch
    flows: frozenset[Flow]
    saved: Mapping[str, str]
    limits: shaping.Host
    trunk_mtus: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class WirePlan:
    """The plan for the filter of taps, and for taps, ports, flows and limits."""

    close: bool
    taps: TapPlan
    ports: PortPlan
    flows: FlowPlan
    limits: LimitPlan

    @property
    def changes(self) -> list[Change]:
        """Each object that differs."""
        closed = [tap_filter.CHANGE] if self.close else []
        return [*closed, *self.taps.changes, *self.ports.changes, *self.flows.changes, *self.limits.changes]


def locked(settings: Settings) -> AbstractContextManager[None]:
    """Lock the datapath against other runs, because OpenFlow numbers are shared by all slices of a host."""
    return files.locked(settings.folder)


def observe(orders: Iterable[SliceOrder], runner: Runner, *, settings: Settings, missing_ok: bool = False) -> Wires:
    """Return the state of the host's datapath.

    Args:
        orders: the slices.
        runner: runs commands on the host.
        settings: the settings of the datapath.
        missing_ok: whether the state is empty, instead of an error, if Open vSwitch is not installed.

    Raises:
        CommandFailed: Open vSwitch does not respond.
    """
    nothing: frozenset[Flow] = frozenset()
    closed = tap_filter.is_loaded(runner)
    switch = observed(lambda: ovsdb.observe(runner), nothing=Switch(), missing_ok=missing_ok)
    return Wires(
        closed=closed,
        devices=taps.observe(),
        switch=switch,
        trunk_mtus=trunks.mtus(switch),
        flows=observed(lambda: flows.observe(runner, settings.bridge), nothing=nothing, missing_ok=missing_ok),
        saved=flows.read_saved(settings.folder, slice_ids(orders) | {flows.SHARED}),
        limits=observed(
            lambda: shaping.observe(orders, runner, bridge=settings.bridge, folder=settings.folder),
            nothing=shaping.Host(),
            missing_ok=missing_ok,
        ),
    )


def plan(
    orders: Iterable[SliceOrder],
    have: Wires,
    *,
    settings: Settings,
    accounts: Accounts,
    freed: Iterable[int] = (),
) -> WirePlan:
    """Return the plan for the order's slices; C(freed) are the ids of VMs that are stopped before it is applied.

    Raises:
        SlicesError: there are conflicts with ports of other slices, another device has the name of a tap, no OpenFlow
            number is free, or the kernel has no netem for a fault.
    """
    orders = tuple(orders)
    ownership.refuse(port_owners.conflicts(orders, have.switch, management_vlan=settings.management.vlan_id))
    devices = taps.plan(orders, have.devices, accounts=accounts, freed=freed)
    ports = ovs.plan_access_ports(
        orders,
        have.switch,
        bridge=settings.bridge,
        unplugged=devices.unplugged,
        gone=frozenset(tap.name for tap in devices.remove),
        reserved={flow.in_port for flow in have.flows if flow.in_port is not None},
        prune_vlans=settings.prune_vlans,
        management_vlan=settings.management.vlan_id,
    )
    wanted = _flows(orders, ports.numbers, have.switch, settings)
    return WirePlan(
        not have.closed,
        devices,
        ports,
        flows.plan(wanted, have.flows, slice_ids(orders) | {flows.SHARED}, have.saved),
        shaping.plan(orders, have.limits, numbers=ports.numbers, spoken=have.flows, fresh=devices.made),
    )


def _flows(
    orders: Iterable[SliceOrder], numbers: Mapping[str, int], switch: Switch, settings: Settings
) -> frozenset[flows.Flow]:
    """Return the flows of slices and those that do not depend on slices."""
    bridge, management = settings.bridge, settings.management
    shared = flows.shared_flows(switch, bridge=bridge, management=management)
    return shared.union(
        *(flows.slice_flows(order, numbers, switch, bridge=bridge, management=management) for order in orders)
    )


def apply(todo: WirePlan, runner: Runner, *, settings: Settings, watch: Stopwatch | None = None) -> None:
    """Apply a plan. A port is added after its tap and flows, and removed before them.

    Limits come last, because replugging a port removes them.
    """
    watch = watch or Stopwatch()
    if todo.close:
        tap_filter.load(runner)
    with watch.stage("ovs"):
        ovs.apply(todo.ports.unplug_commands, runner)
    with watch.stage("taps"):
        taps.apply_present(todo.taps, runner)
    with watch.stage("ovs"):
        shaping.prepare(todo.limits, runner, bridge=settings.bridge, folder=settings.folder)
        flows.apply(todo.flows, runner, bridge=settings.bridge, folder=settings.folder)
        ovs.apply(todo.ports.commands, runner)
        shaping.finish(todo.limits, runner, bridge=settings.bridge)
    with watch.stage("taps"):
        taps.apply_absent(todo.taps, runner)
