# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Finds and removes what a role has installed on a host that is no longer in the role's group.

What another role of the same host uses stays. The mark of the role is removed last, so that a call after an interrupted
one does the rest. The host keeps its claim and the revisions of the work orders that it has applied, so that a late
order does not bring anything back.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from ..changes import Change, between
from . import files, host_units, roles, unit_overrides
from .datapath import ovs, ovsdb
from .datapath.ovsdb import Port, Switch
from .netservices import live
from .runner import Runner
from .systemd import UNIT_DIR

PROGRAM = "/usr/local/lib/cloudrepo/slices-host"
"""The program of the units, which both roles install."""
_SECURE = "secure"


@dataclass(frozen=True)
class Places:
    """Where things are on the host, which differs in tests only."""

    root: str = ""
    run_dir: str = live.RUN_DIR
    netns_dir: str = live.NETNS_DIR
    proc_sys: str = live.PROC_SYS


@dataclass(frozen=True)
class Parts:
    """What a role installs.

    Attributes:
        role: its name.
        units: the units that it enables, in the order in which they are stopped.
        files: the files that it writes, except for the program.
        folders: the folders of these files, which are removed once they are empty.
        tables: family and name of its tables of packet rules.
        state: files and folders in the host's state folder.
    """

    role: str
    units: tuple[str, ...]
    files: tuple[str, ...]
    folders: tuple[str, ...]
    tables: tuple[str, ...]
    state: tuple[str, ...]


@dataclass(frozen=True)
class Leftovers:
    """What is left of a role on the host.

    Attributes:
        roles: the roles with and without this one.
        units: whether each unit that is running or enabled is running, and whether it is enabled.
        ports: the ports to remove.
        handed: trunks that the host's other role keeps.
        bridge: the datapath type of the bridge by name, if nothing else is on it.
        fail_modes: the fail modes to reset, by bridge.
        tables: the tables of packet rules.
        paths: files and folders.
    """

    roles: roles.RolesPlan
    units: Mapping[str, tuple[bool, bool]] = field(default_factory=dict)
    ports: tuple[Port, ...] = ()
    handed: tuple[Port, ...] = ()
    bridge: Mapping[str, str] = field(default_factory=dict)
    fail_modes: Mapping[str, str] = field(default_factory=dict)
    tables: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    @property
    def changes(self) -> list[Change]:
        """Each object that is removed or changed."""
        return [
            *(_unit_change(unit, state) for unit, state in self.units.items()),
            *(between("port", port.name, port.attributes, None) for port in self.ports),
            *(between("port", port.name, port.attributes, self._handed_over(port).attributes) for port in self.handed),
            *(between("bridge", name, {"datapath_type": kind}, None) for name, kind in self.bridge.items()),
            *(
                between("bridge", name, {"fail_mode": mode}, {"fail_mode": "standalone"})
                for name, mode in self.fail_modes.items()
            ),
            *(between("packet rules", name, {}, None) for name in self.tables),
            *(between("path", path, {}, None) for path in self.paths),
            *self.roles.changes,
        ]

    def stop(self, runner: Runner) -> None:
        """Stop and disable the units, and remove ports and bridge."""
        if self.units:
            runner.run(["systemctl", "disable", "--quiet", "--now", "--", *self.units])
        ovsdb.commit(self._switch_commands(), runner)

    def remove(self, parts: Parts, runner: Runner, *, state_dir: str, places: Places) -> None:
        """Remove packet rules and files, and at last the mark of the role."""
        if self.tables:
            runner.run(["nft", "-f", "-"], stdin="".join(f"delete table {name}\n" for name in self.tables))
        for path in self.paths:
            if os.path.isdir(path):
                shutil.rmtree(path)
            else:
                files.remove(path)
        for folder in parts.folders:
            # Others may have files there.
            path = f"{places.root}{folder}"
            if os.path.isdir(path) and not os.listdir(path):
                os.rmdir(path)
        if self.paths:
            runner.run(["systemctl", "daemon-reload"])
        roles.apply(self.roles, state_dir=state_dir)

    def _switch_commands(self) -> Iterator[list[str]]:
        for port in self.ports:
            # A slice's port may have gone with its services.
            yield ["--if-exists", "del-port", port.bridge, port.name]
        for port in self.handed:
            yield ["set", "Port", port.name, *ovsdb.ids(self._handed_over(port).external_ids)]
        for name in self.bridge:
            yield ["--if-exists", "del-br", name]
        for name in self.fail_modes:
            yield ["del-fail-mode", name]

    def _handed_over(self, port: Port) -> Port:
        return replace(port, external_ids={**port.external_ids, ovs.INFRASTRUCTURE: self.roles.want[0]})


def look(
    parts: Parts,
    todo: roles.RolesPlan,
    switch: Switch,
    runner: Runner,
    *,
    state_dir: str,
    bridge: str,
    places: Places,
    notes: tuple[str, ...] = (),
) -> Leftovers:
    """Return what is left of a role.

    Args:
        parts: what the role installs.
        todo: the roles with and without this one.
        switch: the bridges and ports of the host.
        runner: runs commands on the host.
        state_dir: the folder for the state of the host.
        bridge: the bridge of the role.
        places: where things are on the host.
        notes: further files.

    Raises:
        CommandFailed: systemd does not respond.
    """
    own = [port for port in switch.ports.values() if port.external_ids.get(ovs.INFRASTRUCTURE) == parts.role]
    handed = tuple(port for port in own if todo.want and port.vlan_mode == "trunk")
    ports = tuple(port for port in own if port not in handed)
    empty = {} if todo.want else _empty_bridge(bridge, switch, ports, runner)
    return Leftovers(
        todo,
        units={unit: state for unit, state in host_units.observe(parts.units, runner).items() if any(state)},
        ports=ports,
        handed=handed,
        bridge=empty,
        fail_modes={} if empty else _fail_modes(parts, switch, bridge),
        tables=tuple(name for name in parts.tables if runner.run(live.listing(name), check=False).rc == 0),
        paths=tuple(_paths(parts, state_dir, places, notes, has_other=bool(todo.want))),
    )


def _empty_bridge(name: str, switch: Switch, removed: tuple[Port, ...], runner: Runner) -> Mapping[str, str]:
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


def _fail_modes(parts: Parts, switch: Switch, bridge: str) -> Mapping[str, str]:
    """Return the mode of a bridge that would drop everything without this role, because only a worker has flows."""
    is_secure = parts.role == roles.WORKER and switch.fail_modes.get(bridge) == _SECURE
    return {bridge: _SECURE} if is_secure else {}


def _paths(parts: Parts, state_dir: str, places: Places, notes: tuple[str, ...], *, has_other: bool) -> Iterator[str]:
    shared = () if has_other else (PROGRAM,)
    state = (f"{state_dir}/{name}" for name in parts.state)
    for path in (*(f"{places.root}{file}" for file in (*parts.files, *shared)), *state, *notes):
        if os.path.lexists(path):
            yield path
    if not has_other:
        # Otherwise they would apply again if the host got a role again.
        where = {"unit_dir": f"{places.root}{UNIT_DIR}", "root": places.root}
        yield from unit_overrides.observe({unit_overrides.HOST}, **where)


def _unit_change(unit: str, state: tuple[bool, bool]) -> Change:
    is_running, is_enabled = state
    before = host_units.attributes(is_running=is_running, is_enabled=is_enabled)
    return between("unit", unit, before, host_units.attributes(is_running=False, is_enabled=False))
