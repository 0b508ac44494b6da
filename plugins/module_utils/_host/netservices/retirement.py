# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Puts a former network node back as it was before the role. What a worker on the same host uses stays.

The mark of the role is removed last, so that a call after an interrupted one does the rest. The host keeps its claim
and the revisions of the work orders that it has applied, so that a late order does not bring services back.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from ...changes import Change, between
from .. import fences, files, host_units, revisions, roles
from ..datapath import flows, ovs, ovsdb
from ..datapath.ovsdb import Port
from ..orphans import Orphan
from ..runner import Runner
from ..systemd import UNIT_DIR
from . import live, orphans
from .files import SETTINGS_DIR, Folders

PROGRAM = "/usr/local/lib/cloudrepo/slices-host"
UNITS = (
    # The first one would load the packet rules again.
    "slices-keep-nat.service",
    "slices-lost.socket",
    "slices-dhcp.service",
    "slices-gateway.service",
    "slices-nat.service",
)
FILES = (
    *(f"{UNIT_DIR}/slices-{name}.service" for name in ("gateway", "dhcp", "nat", "keep-nat", "names@", "network@")),
    f"{UNIT_DIR}/slices-lost.socket",
    f"{UNIT_DIR}/slices-lost@.service",
    f"{UNIT_DIR}/nftables.service.d/cloudrepo-nat.conf",
    *(f"{SETTINGS_DIR}/{name}.nft" for name in ("names", "network", "nat")),
    *(f"{SETTINGS_DIR}/{name}.conf" for name in ("names", "networks", "dhcp")),
)
"""What the role C(network_node) writes, except for the program, which workers have as well."""
_STATE_FOLDERS = ("dhcp", "names", "networks", "shares", f"applied/{revisions.NETWORK_NODE}")
_STATE_FILES = ("network-node.sha256", fences.FILE, f"orphans/{revisions.NETWORK_NODE}")


@dataclass(frozen=True)
class Places:
    """Where things are on the host, which differs in tests only."""

    root: str = ""
    run_dir: str = live.RUN_DIR
    netns_dir: str = live.NETNS_DIR
    proc_sys: str = live.PROC_SYS


@dataclass(frozen=True)
class RetirementPlan:
    """What is left of the role on the host.

    Attributes:
        roles: the roles with and without this one.
        slices: the slices with services.
        units: whether each unit that is running or enabled is running, and whether it is enabled.
        ports: the ports to remove.
        handed: trunks that the worker keeps.
        bridge: the datapath type of the bridge by name, if nothing else is on it.
        namespace: whether the namespace of the DHCP server exists.
        wan: the external interface, if it forwards because of the role.
        tables: the tables of packet rules.
        paths: files and folders.
    """

    roles: roles.RolesPlan
    slices: tuple[Orphan, ...] = ()
    units: Mapping[str, tuple[bool, bool]] = field(default_factory=dict)
    ports: tuple[Port, ...] = ()
    handed: tuple[Port, ...] = ()
    bridge: Mapping[str, str] = field(default_factory=dict)
    namespace: bool = False
    wan: str | None = None
    tables: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    @property
    def changes(self) -> list[Change]:
        """Each object that is removed or changed."""
        return [
            *(between("slice", each.name, {"holds": list(each.holds)}, None) for each in self.slices),
            *(_unit_change(unit, state) for unit, state in self.units.items()),
            *(between("port", port.name, port.attributes, None) for port in self.ports),
            *(between("port", port.name, port.attributes, _handed(port).attributes) for port in self.handed),
            *(between("bridge", name, {"datapath_type": kind}, None) for name, kind in self.bridge.items()),
            *([between("namespace", live.DHCP_NAMESPACE, {}, None)] if self.namespace else []),
            *([between("forwarding", self.wan, {"enabled": True}, {"enabled": False})] if self.wan else []),
            *(between("packet rules", name, {}, None) for name in self.tables),
            *(between("path", path, {}, None) for path in self.paths),
            *self.roles.changes,
        ]


def plan(folders: Folders, runner: Runner, *, bridge: str, places: Places | None = None) -> RetirementPlan:
    """Return what the role has left on the host, nothing if the host does not have it.

    Raises:
        CommandFailed: Open vSwitch or systemd does not respond.
    """
    places = places or Places()
    have = roles.read(folders.state_dir)
    todo = roles.without(have, roles.NETWORK_NODE)
    if not todo.changes:
        return RetirementPlan(todo)
    is_worker = roles.WORKER in have
    switch = ovsdb.observe(runner)
    own = [port for port in switch.ports.values() if port.external_ids.get(ovs.INFRASTRUCTURE) == roles.NETWORK_NODE]
    handed = tuple(port for port in own if is_worker and port.vlan_mode == "trunk")
    ports = tuple(port for port in own if port not in handed)
    slices = orphans.find([], orphans.observe(folders, runner))
    return RetirementPlan(
        roles=todo,
        slices=slices,
        units={unit: state for unit, state in host_units.observe(UNITS, runner).items() if any(state)},
        ports=ports,
        handed=handed,
        bridge={} if is_worker else _empty_bridge(bridge, switch, ports, runner),
        namespace=os.path.exists(f"{places.netns_dir}/{live.DHCP_NAMESPACE}"),
        wan=_forwarding_wan(places),
        tables=tuple(name for name in live.TABLES if runner.run(live.listing(name), check=False).rc == 0),
        paths=tuple(_paths(folders.state_dir, places, is_worker=is_worker)),
    )


def apply(todo: RetirementPlan, folders: Folders, runner: Runner, *, bridge: str, places: Places | None = None) -> None:
    """Apply a plan.

    Raises:
        SlicesError: objects with the same slice id have different UUIDs, or a command failed. The next call goes on.
    """
    if not todo.changes:
        return
    places = places or Places()
    orphans.remove(todo.slices, folders, runner, bridge=bridge)
    with files.locked(flows.folder_in(folders.state_dir)):
        if todo.units:
            runner.run(["systemctl", "disable", "--quiet", "--now", "--", *todo.units])
        # Rules filter what is forwarded until nothing is.
        ovsdb.commit(_switch_commands(todo), runner)
        if todo.namespace:
            runner.run(["ip", "netns", "delete", live.DHCP_NAMESPACE])
        if todo.wan:
            runner.run(["sysctl", "-q", "-w", f"net/ipv4/conf/{todo.wan}/forwarding=0"])
        if todo.tables:
            runner.run(["nft", "-f", "-"], stdin="".join(f"delete table {name}\n" for name in todo.tables))
        _remove(todo.paths, places)
        if todo.paths:
            runner.run(["systemctl", "daemon-reload"])
        roles.apply(todo.roles, state_dir=folders.state_dir)


def _switch_commands(todo: RetirementPlan) -> Iterator[list[str]]:
    for port in todo.ports:
        # A slice's port may have gone with its services.
        yield ["--if-exists", "del-port", port.bridge, port.name]
    for port in todo.handed:
        yield ["set", "Port", port.name, *ovsdb.ids(_handed(port).external_ids)]
    for name in todo.bridge:
        yield ["--if-exists", "del-br", name]


def _handed(port: Port) -> Port:
    return replace(port, external_ids={**port.external_ids, ovs.INFRASTRUCTURE: roles.WORKER})


def _empty_bridge(name: str, switch: ovsdb.Switch, removed: tuple[Port, ...], runner: Runner) -> Mapping[str, str]:
    """Return the bridge if only our ports are on it, and the host does not use its device."""
    ours = {name, *(port.name for port in removed)}
    is_shared = any(
        port.bridge == name and port.name not in ours and not port.external_ids.get(ovs.SERVICES)
        for port in switch.ports.values()
    )
    if name not in switch.bridges or is_shared:
        return {}
    device = live.devices(runner, None, name).get(name)
    is_used = device is not None and (device.is_up or device.addresses)
    return {} if is_used else {name: switch.bridges[name]}


def _forwarding_wan(places: Places) -> str | None:
    """Return the external interface if it forwards, and interfaces of this host do not by default."""
    noted = files.read_text(live.gateway_note(places.run_dir)) or ""
    wan = noted.partition("\n")[0].partition(" ")[2]
    values = [files.read_text(f"{places.proc_sys}/net/ipv4/conf/{each}/forwarding") or "" for each in (wan, "default")]
    return wan if wan and [value.strip() for value in values] == ["1", "0"] else None


def _paths(state_dir: str, places: Places, *, is_worker: bool) -> Iterator[str]:
    shared = () if is_worker else (PROGRAM,)
    state = (f"{state_dir}/{name}" for name in (*_STATE_FOLDERS, *_STATE_FILES))
    notes = (live.nat_note(places.run_dir), live.gateway_note(places.run_dir))
    for path in (*(f"{places.root}{file}" for file in (*FILES, *shared)), *state, *notes):
        if os.path.lexists(path):
            yield path


def _remove(paths: tuple[str, ...], places: Places) -> None:
    for path in paths:
        if os.path.isdir(path):
            shutil.rmtree(path)
        else:
            files.remove(path)
    for folder in (SETTINGS_DIR, f"{UNIT_DIR}/nftables.service.d", os.path.dirname(PROGRAM)):
        # Others may have files there.
        path = f"{places.root}{folder}"
        if os.path.isdir(path) and not os.listdir(path):
            os.rmdir(path)


def _unit_change(unit: str, state: tuple[bool, bool]) -> Change:
    is_running, is_enabled = state
    before = host_units.attributes(is_running=is_running, is_enabled=is_enabled)
    return between("unit", unit, before, host_units.attributes(is_running=False, is_enabled=False))
