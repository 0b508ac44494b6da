# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plans the services of the network node for the slices of its work order."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...changes import Change, SliceRef, between
from ...network_order import Services
from .. import ownership, unit_overrides
from ..access import FILE, Access
from ..datapath import ovs
from ..datapath.ovs import PortPlan
from . import dhcp_hosts, owners
from .files import Folders, kinds, restarts, senders, texts
from .live import DHCP_NAMESPACE
from .state import DHCP_UNIT, GATEWAY_UNIT, NAT_UNIT, State, names_unit, network_unit, readable


@dataclass(frozen=True)
class FileChange:
    """A file that differs, with its old and its new content; C(None) if it does not exist.

    Attributes:
        held: who may use it, if that differs from a file of root that all may read.
    """

    slice_id: int
    kind: str
    path: str
    old: str | None
    new: str | None
    held: Access | None = None

    @property
    def adds_only(self) -> bool:
        """Whether the new content contains all lines of the old one."""
        return self.new is not None and set((self.old or "").splitlines()) <= set(self.new.splitlines())

    @property
    def change(self) -> Change:
        """The lines that differ, and who may use the file."""
        before, after = _differing(self.old, self.new), _differing(self.new, self.old)
        if before is not None and after is not None and self.held is not None:
            before.update(type=self.held.kind, **self.held.attributes)
            after.update(type=FILE, **readable(self.held).attributes)
        return between(f"slice {self.kind}", self.slice_id, before, after, slice=SliceRef(self.slice_id))


@dataclass(frozen=True)
class ServicesPlan:
    """The plan for the network node.

    Attributes:
        drift: live state that differs from the files, and units that are started or removed.
        units: the job for systemd by unit: C(reload), C(restart), or C(stop) for units that are removed. It is
            C(reload-or-restart) for the host's packet rules, because their unit may be inactive.
        enable: units to enable, each with the slice.
        hang_on_gateway: active or desired units that systemd restarts together with the gateway's unit.
        clients: the old and the new port of the name server that a VM uses, by the VM's address.
        shares: the old and the new slice to whose share of connections an address counts.
        moved: addresses whose reservations are added or removed, and addresses of NAT links that are removed.
        gone: slices whose namespace and folder are removed.
        slice_ids: the slices of the order.
        overrides: the masks and drop-ins beside units that are removed.
        stray_files: files that are removed, because dnsmasq or nft would read them.
    """

    files: tuple[FileChange, ...] = ()
    drift: tuple[Change, ...] = ()
    ports: PortPlan = field(default_factory=PortPlan)
    units: Mapping[str, str] | None = None
    enable: tuple[tuple[str, Services], ...] = ()
    hang_on_gateway: tuple[str, ...] = ()
    clients: Mapping[str, tuple[int | None, int | None]] = field(default_factory=dict)
    shares: Mapping[str, tuple[int | None, int | None]] = field(default_factory=dict)
    moved: tuple[str, ...] = ()
    gone: tuple[Services, ...] = ()
    slice_ids: tuple[int, ...] = ()
    overrides: tuple[str, ...] = ()
    stray_files: tuple[str, ...] = ()

    @property
    def changes(self) -> list[Change]:
        """Each object that differs; units that are only reloaded or restarted because of these are not included."""
        gone = (_namespace(order.namespace, {}, None, order) for order in self.gone)
        overrides = unit_overrides.changes(self.overrides)
        return [*(change.change for change in self.files), *self.ports.changes, *overrides, *self.drift, *gone]

    @property
    def begun(self) -> list[int]:
        """The slices that have changes."""
        mine = {change.slice.slice_id for change in self.changes if change.slice is not None}
        return [slice_id for slice_id in self.slice_ids if slice_id in mine]

    @property
    def owners(self) -> dict[str, int]:
        """The slices of their own units, by unit."""
        return {unit(slice_id): slice_id for slice_id in self.slice_ids for unit in (names_unit, network_unit)}

    def units_to(self, verb: str) -> list[str]:
        """Return the units with this job."""
        return [unit for unit, wanted in (self.units or {}).items() if wanted == verb]


def plan(orders: Iterable[Services], have: State, folders: Folders, *, bridge: str) -> ServicesPlan:
    """Return the plan for the services of the order's slices.

    Raises:
        Refused: there are conflicts with other slices (C(owners)).
    """
    orders = tuple(orders)
    ownership.refuse(owners.conflicts(orders, have, folders))
    changes = [change for order in orders for change in _file_changes(order, have, folders)]
    ports = ovs.plan_network_ports(orders, have.switch, bridge=bridge)
    drift: list[Change] = []
    units: dict[str, str] = {}
    for order in orders:
        units.update(_servers(order, changes, ports, have, folders, drift))
    units.update(_dhcp(orders, changes, have, drift))
    units.update(_shared(have, folders, drift))
    enable = _to_enable(orders, have)
    drift += _enabled(enable, have)
    clients, shares = _foreign_clients(orders, have), _differing_shares(orders, have, folders)
    drift += _mapped("name server's client", "port", clients, {order.name_port: order.slice_id for order in orders})
    # The addresses of changed files are listed with the files.
    written = {change.slice_id for change in changes if change.path == folders.shares(change.slice_id)}
    unwritten = {address: of for address, of in shares.items() if written.isdisjoint(of)}
    drift += _mapped("sender", "slice", unwritten, {order.slice_id: order.slice_id for order in orders})
    gone = _gone(orders, have)
    return ServicesPlan(
        files=tuple(changes),
        drift=tuple(drift),
        ports=ports,
        units=units,
        enable=enable,
        hang_on_gateway=(DHCP_UNIT, *(names_unit(order.slice_id) for order in orders if order.reservations)),
        clients=clients,
        shares=shares,
        moved=(*_moved(changes), *(order.nat_link(folders.links)[1].split("/")[0] for order in gone)),
        gone=gone,
        slice_ids=tuple(order.slice_id for order in orders),
        overrides=have.overrides,
        stray_files=have.stray_files,
    )


def _gone(orders: Iterable[Services], have: State) -> tuple[Services, ...]:
    """Return the slices without networks that still have a folder or a namespace."""
    present = {*have.folders, *have.namespaces}
    return tuple(order for order in orders if not order.networks and order.slice_id in present)


def _servers(
    order: Services, changes: Iterable[FileChange], ports: PortPlan, have: State, folders: Folders, drift: list[Change]
) -> dict[str, str]:
    """Return the jobs for a slice's own units, and add live state that differs from the files to C(drift)."""
    is_pending = order.slice_id in have.pending
    if is_pending:
        outdated = {"state": "not restarted by an interrupted run"}
        will, of = {"state": "restarted"}, SliceRef(order.slice_id)
        drift.append(Change("slice servers", order.slice_id, "restart", outdated, will, slice=of))
    of_names = [change for change in changes if change.path.startswith(folders.names(order.slice_id, ""))]
    verb = "restart" if is_pending else _verb(of_names)
    names = _unit(names_unit(order.slice_id), order, bool(order.reservations), verb, have, drift)
    differences = list(_namespace_drift(order, have, folders))
    drift += differences
    is_new = any(change.path.startswith(folders.network(order.slice_id) + "/") for change in changes)
    verb = "restart" if differences or is_new or _concerns(ports, order) or is_pending else None
    return {**names, **_unit(network_unit(order.slice_id), order, bool(order.networks), verb, have, drift)}


def _shared(have: State, folders: Folders, drift: list[Change]) -> dict[str, str]:
    """Return the jobs for the units that all slices share, except for the DHCP server's reservations."""
    units = {}
    if not have.rules:
        drift.append(Change("packet rules", "VMs", "load", {"state": "missing or changed"}, {"state": "loaded"}))
        units[NAT_UNIT] = "reload-or-restart"
    if have.clients is None:
        drift.append(_namespace(DHCP_NAMESPACE, {"state": "rules missing"}, {"state": "rules loaded"}))
        units[GATEWAY_UNIT] = "restart"
    if have.gateway:
        was, will = (_of(have.gateway, side) for side in "><")
        drift.append(Change("gateway", f"VLAN {have.management_vlan}", "restart", was, will))
        units[GATEWAY_UNIT] = "restart"
    drift += [between("file", path, {}, None) for path in have.stray_files]
    places = {os.path.dirname(path) for path in have.stray_files}
    if folders.all_shares in places:
        units[NAT_UNIT] = "reload-or-restart"
    if folders.dhcp_hosts in places and DHCP_UNIT in have.active:
        units[DHCP_UNIT] = "restart"
    return units


def _to_enable(orders: Iterable[Services], have: State) -> tuple[tuple[str, Services], ...]:
    """Return the units of slices that have to be enabled."""
    wanted = [
        (unit, order)
        for order in orders
        for unit, is_wanted in (
            (names_unit(order.slice_id), order.reservations),
            (network_unit(order.slice_id), order.networks),
        )
        if is_wanted
    ]
    return tuple((unit, order) for unit, order in wanted if unit not in have.enabled)


def _enabled(enable: Iterable[tuple[str, Services]], have: State) -> list[Change]:
    """Return the changes of units that are enabled although they are active already."""
    return [
        between("unit", unit, {"startup": "disabled"}, {"startup": "enabled"}, slice=SliceRef(order.slice_id))
        for unit, order in enable
        if unit in have.active
    ]


def _file_changes(order: Services, have: State, folders: Folders) -> Iterator[FileChange]:
    wanted = texts(order, folders)
    for path, kind in kinds(order.slice_id, folders).items():
        held = have.wrong_permissions.get(path)
        if have.texts.get(path) != wanted.get(path) or held is not None:
            yield FileChange(order.slice_id, kind, path, have.texts.get(path), wanted.get(path), held)


def _moved(changes: Iterable[FileChange]) -> Iterator[str]:
    """Yield the addresses whose reservations are added or removed."""
    for change in changes:
        if change.kind == "reservation":
            differing = dhcp_hosts.read(change.old) ^ dhcp_hosts.read(change.new)
            yield from sorted({address for _mac, address in differing})


def _verb(changes: Iterable[FileChange]) -> str | None:
    """Return the job for a name server whose files change."""
    paths = [change.path for change in changes]
    if any(restarts(path) for path in paths):
        return "restart"
    return "reload" if paths else None


def _unit(
    unit: str, order: Services, is_wanted: bool, verb: str | None, have: State, drift: list[Change]
) -> dict[str, str]:
    """Return the job for a unit of a slice, and add a unit that is started or removed to C(drift)."""
    if not is_wanted:
        if unit not in have.active and unit not in have.enabled:
            return {}
        drift.append(between("unit", unit, {"state": "present"}, None, slice=SliceRef(order.slice_id)))
        return {unit: "stop"}
    if unit not in have.active:
        drift.append(_start(unit, SliceRef(order.slice_id)))
        return {unit: "restart"}
    return {unit: verb} if verb else {}


def _dhcp(
    orders: Iterable[Services], changes: Iterable[FileChange], have: State, drift: list[Change]
) -> dict[str, str]:
    """Return the job for the DHCP server on VLAN 400.

    A reload suffices for added reservations. If a reservation is changed or removed, its lease would remain valid
    without a restart.
    """
    reserved = [change for change in changes if change.kind == "reservation"]
    pending = any(order.slice_id in have.pending for order in orders)
    if DHCP_UNIT not in have.active:
        if not any(order.reservations for order in orders):
            return {}
        drift.append(_start(DHCP_UNIT))
        return {DHCP_UNIT: "restart"}
    if not have.guard:
        drift.append(Change("unit", DHCP_UNIT, "reload", {"state": "rules missing"}, {"state": "rules loaded"}))
    if not reserved and have.guard and not pending:
        return {}
    forgets = pending or not all(change.adds_only for change in reserved)
    return {DHCP_UNIT: "restart" if forgets else "reload"}


def _foreign_clients(orders: Iterable[Services], have: State) -> dict[str, tuple[int | None, int | None]]:
    """Return the VMs that do not use the name server of their slice, and stale clients of the order's name servers."""
    orders = tuple(orders)
    wanted = {each.address: order.name_port for order in orders for each in order.reservations}
    return _pairs(wanted, have.clients or {}, {order.name_port for order in orders})


def _differing_shares(
    orders: Iterable[Services], have: State, folders: Folders
) -> dict[str, tuple[int | None, int | None]]:
    """Return the addresses that count to another slice's share than they should, or to none.

    Missing rules are loaded together with the files.
    """
    orders = tuple(orders) if have.rules else ()
    wanted = {address: order.slice_id for order in orders for address in senders(order, folders)}
    return _pairs(wanted, have.shares, {order.slice_id for order in orders})


def _mapped(
    kind: str, what: str, pairs: Mapping[str, tuple[int | None, int | None]], slices: Mapping[int, int]
) -> list[Change]:
    """Return the changes of a map from addresses; C(slices) are the slices of the order by the map's values."""
    return [
        between(
            kind,
            address,
            *({what: value} if value else None for value in (old, new)),
            slice=next(
                (SliceRef(slices[value]) for value in (new, old) if value is not None and value in slices), None
            ),
        )
        for address, (old, new) in pairs.items()
    ]


def _pairs(
    wanted: Mapping[str, int], live: Mapping[str, int], own: Collection[int]
) -> dict[str, tuple[int | None, int | None]]:
    """Return the live and the wanted value of each address that differs; live ones that are not the order's stay."""
    mine = {address: value for address, value in live.items() if value in own or address in wanted}
    pairs = {address: (mine.get(address), wanted.get(address)) for address in sorted({*wanted, *mine})}
    return {address: pair for address, pair in pairs.items() if pair[0] != pair[1]}


def _of(differing: Iterable[str], side: str) -> dict[str, Any]:
    """Return one side of C(live.differences) as attributes of a change."""
    return {"state": [line[2:].strip() for line in differing if line[0] == side] or "none"}


def _differing(text: str | None, other: str | None) -> dict[str, Any] | None:
    """Return the lines of C(text) that are not in C(other); C(None) without a text."""
    known = set((other or "").splitlines())
    return None if text is None else {"lines": [line for line in text.splitlines() if line not in known]}


def _start(unit: str, of: SliceRef | None = None) -> Change:
    return Change("unit", unit, "start", {"state": "stopped"}, {"state": "running"}, slice=of)


def _namespace(
    name: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, order: Services | None = None
) -> Change:
    return between("namespace", name, before, after, slice=None if order is None else SliceRef(order.slice_id))


def _namespace_drift(order: Services, have: State, folders: Folders) -> Iterator[Change]:
    """Yield differences between a slice's namespace and its files, if its unit is active."""
    if not order.networks or order.slice_id not in have.folders or network_unit(order.slice_id) not in have.active:
        return
    namespace = have.namespaces.get(order.slice_id)
    if namespace is None:
        yield _namespace(order.namespace, None, {"state": "present"}, order)
        return
    lost, of = {"state": "missing or different"}, SliceRef(order.slice_id)
    for network in order.networks:
        device = namespace.devices.get(network.port)
        is_right = (
            device is not None
            and device.is_up
            and device.mac == network.mac
            and device.mtu == network.mtu
            and device.addresses == {str(network.server)}
        )
        if not is_right:
            where = f"{order.namespace}/{network.port}"
            yield between("device", where, lost, {"address": str(network.server)}, slice=of)
    if order.has_nat:
        ends = (have.devices.get(order.nat_device), namespace.devices.get("nat"))
        for device, address in zip(ends, order.nat_link(folders.links)):
            if device is None or not device.is_up or address not in device.addresses:
                yield between("NAT link", order.namespace, lost, {"address": address}, slice=of)
    if namespace.drift:
        # Packet rules, routes and forwarding.
        yield _namespace(order.namespace, _of(namespace.drift, ">"), _of(namespace.drift, "<"), order)


def _concerns(ports: PortPlan, order: Services) -> bool:
    """Return whether ports change that the unit of a slice moves to its namespace."""
    mine = {network.port for network in order.networks}
    changing = {port.name for port in (*ports.add, *(new for _old, new in (*ports.update, *ports.replug)))}
    return bool(mine & changing)
