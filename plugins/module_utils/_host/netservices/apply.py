# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What makes the network node serve slices as its work order says: plan and apply."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...changes import Change, between
from ...errors import CommandFailed, SlicesError
from ...network_order import Services
from ...vlans import MANAGEMENT_VLAN
from .. import files, ownership, systemd
from ..datapath import ovs
from ..datapath.ovs import PortPlan
from ..runner import Runner
from . import dhcp_hosts, owners
from .files import Folders, kinds, restarts, texts
from .live import DHCP_NAMESPACE, in_namespace
from .state import DHCP_UNIT, GATEWAY_UNIT, NAT_UNIT, State, names_unit, network_unit


@dataclass(frozen=True)
class FileChange:
    """A file that differs; a text is empty when there is no file."""

    slice_id: int
    kind: str
    path: str
    old: str | None
    new: str | None

    @property
    def adds_only(self) -> bool:
        """Whether every line that was there stays."""
        return self.new is not None and set((self.old or "").splitlines()) <= set(self.new.splitlines())

    @property
    def change(self) -> Change:
        """The lines that differ."""
        return between(
            f"slice {self.kind}", self.slice_id, _differing(self.old, self.new), _differing(self.new, self.old)
        )


@dataclass(frozen=True)
class ServicesPlan:
    """What has to happen on the network node.

    Attributes:
        drift: what is live and not as files say, and units that start or go.
        units: by unit what systemd is asked for: C(reload), C(restart), or C(stop) for what goes. Of the host's packet
            rules C(reload-or-restart), for their unit need not run.
        enable: units that shall come back after a reboot.
        hang_on_gateway: units that start anew with the gateway's, of those that run or shall.
        clients: by VM's address the port of the name server that it asked, and of the one that it shall ask.
        moved: addresses that are no longer or from now on a VM's, and those of ways out that go.
        gone: slices whose namespace and folder go.
        slice_ids: the order's.
    """

    files: tuple[FileChange, ...] = ()
    drift: tuple[Change, ...] = ()
    ports: PortPlan = field(default_factory=PortPlan)
    units: Mapping[str, str] | None = None
    enable: tuple[str, ...] = ()
    hang_on_gateway: tuple[str, ...] = ()
    clients: Mapping[str, tuple[int | None, int | None]] = field(default_factory=dict)
    moved: tuple[str, ...] = ()
    gone: tuple[Services, ...] = ()
    slice_ids: tuple[int, ...] = ()

    @property
    def changes(self) -> list[Change]:
        """Each thing that differs; units that are asked for something only because of these are in C(units) alone."""
        gone = (between("namespace", one.namespace, {}, None) for one in self.gone)
        return [*(change.change for change in self.files), *self.ports.changes, *self.drift, *gone]

    def asked_for(self, verb: str) -> list[str]:
        """The units of which systemd is asked that."""
        return [unit for unit, wanted in (self.units or {}).items() if wanted == verb]


def plan(orders: Iterable[Services], have: State, folders: Folders, *, bridge: str) -> ServicesPlan:
    """What makes the host serve the order's slices, and nothing else of them.

    Raises:
        Refused: what is another's is in the way (C(owners)).
    """
    orders = tuple(orders)
    ownership.refuse(owners.conflicts(orders, have, folders))
    changes = [change for one in orders for change in _file_changes(one, have, folders)]
    ports = ovs.plan_network_ports(orders, have.switch, bridge=bridge)
    drift: list[Change] = []
    units: dict[str, str] = {}
    for one in orders:
        units.update(_servers(one, changes, ports, have, folders, drift))
    units.update(_dhcp(orders, changes, have, drift))
    units.update(_shared(have, drift))
    enable = _to_enable(orders, have)
    drift += [
        between("unit", unit, {"startup": "disabled"}, {"startup": "enabled"}) for unit in enable if unit in have.active
    ]
    clients = _strangers(orders, have)
    drift += [
        between("name server's client", address, *({"port": port} if port else None for port in ports_of))
        for address, ports_of in clients.items()
    ]
    gone = tuple(
        one for one in orders if not one.networks and (one.slice_id in have.folders or one.slice_id in have.namespaces)
    )
    return ServicesPlan(
        files=tuple(changes),
        drift=tuple(drift),
        ports=ports,
        units=units,
        enable=enable,
        hang_on_gateway=(DHCP_UNIT, *(names_unit(one.slice_id) for one in orders if one.reservations)),
        clients=clients,
        moved=(*_moved(changes), *(one.nat_link(folders.links)[1].split("/")[0] for one in gone)),
        gone=gone,
        slice_ids=tuple(one.slice_id for one in orders),
    )


def apply(todo: ServicesPlan, folders: Folders, runner: Runner) -> None:
    """Carry out a plan.

    Raises:
        SlicesError: a unit did not start; its last words are in the message.
    """
    pending = [folders.pending(slice_id) for slice_id in todo.slice_ids]
    for path in pending if todo.changes else ():
        # A run may end anywhere, and the next one finds files as they shall be and servers that were not told.
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        files.write_text(path, "", mode=0o600)
    stopped = todo.asked_for("stop")
    if stopped:
        # It reads its files anew by this, and so forgets the units. One that failed it would remember.
        runner.run(["systemctl", "disable", "--quiet", "--now", "--", *stopped])
        runner.run(["systemctl", "reset-failed", "--", *stopped], check=False)
    ovs.apply(todo.ports.unplug_commands, runner)
    ovs.apply(todo.ports.commands, runner)
    _forget(todo.moved, runner)
    for change in todo.files:
        _write(change)
    for one in todo.gone:
        _remove(one, folders, runner)
    if todo.enable:
        runner.run(["systemctl", "--no-reload", "enable", "--quiet", "--", *todo.enable])
    _ask("reload-or-restart", todo.asked_for("reload-or-restart"), runner)
    _restart(todo, runner)
    if todo.clients:
        # The gateway's unit empties the map.
        _send_to_servers(todo.clients, runner, is_empty=GATEWAY_UNIT in todo.asked_for("restart"))
    for path in pending:
        files.remove(path)


def _restart(todo: ServicesPlan, runner: Runner) -> None:
    """Reload and restart units."""
    restarting = todo.asked_for("restart")
    # systemctl asks for one unit after another, and what is in its namespace would not wait for the gateway.
    _ask("restart", [unit for unit in restarting if unit == GATEWAY_UNIT], runner)
    _ask("reload", todo.asked_for("reload"), runner)
    _ask("restart", [unit for unit in restarting if unit != GATEWAY_UNIT], runner)
    if GATEWAY_UNIT in restarting:
        # They follow by themselves, and nobody waits for them; who looks next would find them stopped.
        _ask("start", list(todo.hang_on_gateway), runner)


def _send_to_servers(clients: Mapping[str, tuple[int | None, int | None]], runner: Runner, *, is_empty: bool) -> None:
    """Make the map of packet rules that sends each VM's queries to its own slice's name server as it shall be."""
    gone = {} if is_empty else {address: old for address, (old, _new) in clients.items()}
    new = {address: port for address, (_old, port) in clients.items()}
    elements = [
        f"{verb} element ip cloudrepo slices {{ {address} : {port} }}\n"
        for verb, ports in (("delete", gone), ("add", new))
        for address, port in ports.items()
        if port
    ]
    runner.run(in_namespace(DHCP_NAMESPACE, "nft", "--file", "-"), stdin="".join(elements))


def _servers(
    one: Services, changes: Iterable[FileChange], ports: PortPlan, have: State, folders: Folders, drift: list[Change]
) -> dict[str, str]:
    """What systemd is asked for of a slice's own units; what is not as its files say is told in C(drift)."""
    changed = [change for change in changes if change.slice_id == one.slice_id]
    is_pending = one.slice_id in have.pending
    if is_pending:
        untold = {"state": "not told what a run that ended wrote"}
        drift.append(Change("slice servers", one.slice_id, "restart", untold, {"state": "told"}))
    of_names = [change for change in changed if change.path.startswith(folders.names(one.slice_id, ""))]
    verb = "restart" if is_pending else _verb(of_names)
    names = _unit(names_unit(one.slice_id), bool(one.reservations), verb, have, drift)
    astray = list(_astray(one, have, folders))
    drift += astray
    is_new = any(change.path.startswith(folders.network(one.slice_id) + "/") for change in changed)
    verb = "restart" if astray or is_new or _concerns(ports, one) or is_pending else None
    return {**names, **_unit(network_unit(one.slice_id), bool(one.networks), verb, have, drift)}


def _shared(have: State, drift: list[Change]) -> dict[str, str]:
    """What systemd is asked for of the units that all slices share, but the DHCP server's."""
    units = {}
    if not have.rules:
        drift.append(Change("packet rules", "VMs", "load", {"state": "not as loaded"}, {"state": "loaded"}))
        units[NAT_UNIT] = "reload-or-restart"
    if have.clients is None:
        drift.append(_namespace(DHCP_NAMESPACE, {"state": "without its rules"}, {"state": "whole"}))
        units[GATEWAY_UNIT] = "restart"
    if have.gateway:
        was, will = (_of(have.gateway, side) for side in "><")
        drift.append(Change("gateway", f"VLAN {MANAGEMENT_VLAN}", "restart", was, will))
        units[GATEWAY_UNIT] = "restart"
    return units


def _to_enable(orders: Iterable[Services], have: State) -> tuple[str, ...]:
    """The units of slices that shall come back after a reboot, and would not."""
    wanted = [
        unit
        for one in orders
        for unit, is_wanted in (
            (names_unit(one.slice_id), one.reservations),
            (network_unit(one.slice_id), one.networks),
        )
        if is_wanted
    ]
    return tuple(unit for unit in wanted if unit not in have.enabled)


def _file_changes(one: Services, have: State, folders: Folders) -> Iterator[FileChange]:
    wanted = texts(one, folders)
    for path, kind in kinds(one.slice_id, folders).items():
        if have.texts.get(path) != wanted.get(path):
            yield FileChange(one.slice_id, kind, path, have.texts.get(path), wanted.get(path))


def _moved(changes: Iterable[FileChange]) -> Iterator[str]:
    """The addresses whose reservations are new or gone."""
    for change in changes:
        if change.kind == "reservation":
            differing = dhcp_hosts.read(change.old) ^ dhcp_hosts.read(change.new)
            yield from sorted({address for _mac, address in differing})


def _forget(addresses: Iterable[str], runner: Runner) -> None:
    """Let gateway and DHCP server forget where an address is and what it is connected to, before its new VM starts.

    Answers to the VM before would else reach the new one, for what is established passes.
    """
    addresses = tuple(addresses)
    if not addresses:
        return
    neighbours = "".join(f"neighbour flush to {address}\n" for address in addresses)
    connections = "".join(f"-D {end} {address}\n" for address in addresses for end in ("-s", "-d"))
    for command, batch in ((["ip", "-batch", "-"], neighbours), (["conntrack", "--load-file", "-"], connections)):
        runner.run(command, stdin=batch)
        # Without the namespace there is no DHCP server, and it comes back knowing nobody.
        runner.run(in_namespace(DHCP_NAMESPACE, *command), stdin=batch, check=False)


def _verb(changes: Iterable[FileChange]) -> str | None:
    """What a name server is asked for when its files change."""
    paths = [change.path for change in changes]
    if any(restarts(path) for path in paths):
        return "restart"
    return "reload" if paths else None


def _unit(unit: str, is_wanted: bool, verb: str | None, have: State, drift: list[Change]) -> dict[str, str]:
    """What systemd is asked for; a unit that does not run though all else is as it shall be is told in C(drift)."""
    if not is_wanted:
        if unit not in have.active and unit not in have.enabled:
            return {}
        drift.append(between("unit", unit, {"state": "there"}, None))
        return {unit: "stop"}
    if unit not in have.active:
        drift.append(_start(unit))
        return {unit: "restart"}
    return {unit: verb} if verb else {}


def _dhcp(
    orders: Iterable[Services], changes: Iterable[FileChange], have: State, drift: list[Change]
) -> dict[str, str]:
    """What the DHCP server of VLAN 400 is asked for.

    Told to, it reads its files anew, which suffices for what is added; a reservation that changed or went stays in
    the lease that it gave, and only a restart forgets that.
    """
    reserved = [change for change in changes if change.kind == "reservation"]
    pending = any(one.slice_id in have.pending for one in orders)
    if DHCP_UNIT not in have.active:
        if not any(one.reservations for one in orders):
            return {}
        drift.append(_start(DHCP_UNIT))
        return {DHCP_UNIT: "restart"}
    if not have.guard:
        drift.append(Change("unit", DHCP_UNIT, "reload", {"state": "without its rules"}, {"state": "guarded"}))
    if not reserved and have.guard and not pending:
        return {}
    forgets = pending or not all(change.adds_only for change in reserved)
    return {DHCP_UNIT: "restart" if forgets else "reload"}


def _strangers(orders: Iterable[Services], have: State) -> dict[str, tuple[int | None, int | None]]:
    """The VMs that do not ask their own slice's name server, and addresses that ask one of the order's in vain."""
    orders = tuple(orders)
    wanted = {each.address: one.name_port for one in orders for each in one.reservations}
    ports = {one.name_port for one in orders}
    live = have.clients or {}
    mine = {address: port for address, port in live.items() if port in ports or address in wanted}
    pairs = {address: (mine.get(address), wanted.get(address)) for address in sorted({*wanted, *mine})}
    return {address: pair for address, pair in pairs.items() if pair[0] != pair[1]}


def _of(differing: Iterable[str], side: str) -> dict[str, Any]:
    """What C(live.differences) tells of one side."""
    return {"state": [line[2:].strip() for line in differing if line[0] == side] or "nothing"}


def _differing(text: str | None, other: str | None) -> dict[str, list[str]] | None:
    """The lines of C(text) that C(other) has not; nothing where there is no text."""
    known = set((other or "").splitlines())
    return None if text is None else {"lines": [line for line in text.splitlines() if line not in known]}


def _start(unit: str) -> Change:
    return Change("unit", unit, "start", {"state": "stopped"}, {"state": "running"})


def _namespace(name: str, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Change:
    return between("namespace", name, before, after)


def _astray(one: Services, have: State, folders: Folders) -> Iterator[Change]:
    """What in a slice's namespace, whose files and unit are there, is not as these say."""
    if not one.networks or one.slice_id not in have.folders or network_unit(one.slice_id) not in have.active:
        return
    namespace = have.namespaces.get(one.slice_id)
    if namespace is None:
        yield _namespace(one.namespace, None, {"state": "there"})
        return
    for network in one.networks:
        device = namespace.devices.get(network.port)
        is_right = (
            device is not None
            and device.is_up
            and device.mac == network.mac
            and device.mtu == network.mtu
            and device.addresses == {str(network.server)}
        )
        if not is_right:
            where = f"{one.namespace}/{network.port}"
            yield between("device", where, {"state": "not as its network"}, {"address": str(network.server)})
    if one.has_nat:
        ends = (have.devices.get(one.nat_device), namespace.devices.get("nat"))
        for device, address in zip(ends, one.nat_link(folders.links)):
            if device is None or not device.is_up or address not in device.addresses:
                yield between("NAT link", one.namespace, {"state": "not whole"}, {"address": address})
    if namespace.astray:
        # Its rules, routes and forwarding.
        yield _namespace(one.namespace, *(_of(namespace.astray, side) for side in "><"))


def _concerns(ports: PortPlan, one: Services) -> bool:
    """Whether ports change that a slice's unit has to take into its namespace, or to give up."""
    mine = {network.port for network in one.networks}
    changing = {port.name for port in (*ports.add, *(new for _old, new in (*ports.mend, *ports.replug)))}
    return bool(mine & changing)


def _write(change: FileChange) -> None:
    if change.new is None:
        files.remove(change.path)
    else:
        os.makedirs(os.path.dirname(change.path), mode=0o755, exist_ok=True)
        # dnsmasq reads its files after it has dropped root.
        files.write_text(change.path, change.new, mode=0o644)


def _remove(one: Services, folders: Folders, runner: Runner) -> None:
    """Take a slice's namespace and, after it, its folder away."""
    # Either may be gone already: then there is nothing to do.
    runner.run(["ip", "link", "delete", "dev", one.nat_device], check=False)
    runner.run(["ip", "netns", "delete", one.namespace], check=False)
    shutil.rmtree(folders.network(one.slice_id), ignore_errors=True)


def _ask(verb: str, units: list[str], runner: Runner) -> None:
    if not units:
        return
    try:
        runner.run(["systemctl", verb, "--", *units])
    except CommandFailed as error:
        shown = systemd.show(units, runner)
        failed = [block["Id"] for block in shown if block.get("ActiveState") != "active"]
        words = [f"{unit}: {said}" for unit, said in systemd.last_words(failed, runner).items() if said]
        raise SlicesError("\n".join([error.message, *words]), **error.fields) from error
