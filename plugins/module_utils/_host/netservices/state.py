# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The observed state of the network node: files, units, ports, packet rules and namespaces."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ...network_order import Services
from ...vlans import MANAGEMENT_VLAN
from .. import access, claims, files, systemd, unit_overrides
from ..access import FILE, Access
from ..datapath import ovsdb, trunks
from ..datapath.ovsdb import Switch
from ..runner import Runner
from . import dhcp_hosts, live
from .files import Folders, kinds
from .live import Device

DHCP_UNIT = "slices-dhcp.service"
# It creates the DHCP server's namespace, and units in this namespace restart with it.
GATEWAY_UNIT = "slices-gateway.service"
# A reload loads the host's packet rules for VMs again.
NAT_UNIT = "slices-nat.service"
# dnsmasq reads its files as an unprivileged user.
MODE = 0o644


def names_unit(slice_id: int) -> str:
    """Return the unit of a slice's name server on VLAN 400."""
    return f"slices-names@{slice_id}.service"


def network_unit(slice_id: int) -> str:
    """Return the unit of a slice's networks: their namespace, DHCP and DNS."""
    return f"slices-network@{slice_id}.service"


@dataclass(frozen=True)
class Namespace:
    """The observed state of a slice's namespace.

    Attributes:
        devices: network devices by name.
        drift: the changes of packet rules, routes and forwarding since its unit was started (C(live.differences)).
    """

    devices: Mapping[str, Device] = field(default_factory=dict)
    drift: tuple[str, ...] = ()


@dataclass(frozen=True)
class State:
    """The observed state for the slices of an order.

    Attributes:
        texts: the contents of existing files, by path.
        wrong_permissions: who may use files, by path, if that is not what C(readable) returns.
        folders: the slices that have a folder for their networks.
        pending: the slices for which a run was interrupted before their servers were reloaded.
        active: the active units.
        enabled: the enabled units.
        rules: whether the host's packet rules for VMs are unchanged since they were loaded.
        clients: the port of the name server that a VM uses, by the VM's address; C(None) if these rules are missing.
        shares: the slice to whose share of connections an address counts on the host.
        guard: whether the packet rules of the DHCP server are loaded.
        gateway: the changes of the management VLAN's gateway since its unit was started (C(live.differences)).
        reserved: the slices outside the order, by the reserved addresses of their VMs.
        others: the UUIDs of slices outside the order that have services, by slice id.
        switch: the bridges and ports of Open vSwitch.
        trunk_mtus: the MTUs of trunks, by name.
        devices: the network devices of the host itself.
        namespaces: the existing namespaces by slice id.
        overrides: the paths of masks and drop-ins beside the host's units, including those of slices.
        stray_files: other files in folders from which dnsmasq or nft reads every file.
        management_vlan: the management VLAN of the cloud that has claimed the host.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    wrong_permissions: Mapping[str, Access] = field(default_factory=dict)
    folders: frozenset[int] = frozenset()
    pending: frozenset[int] = frozenset()
    active: frozenset[str] = frozenset()
    enabled: frozenset[str] = frozenset()
    rules: bool = True
    clients: Mapping[str, int] | None = None
    shares: Mapping[str, int] = field(default_factory=dict)
    guard: bool = True
    gateway: tuple[str, ...] = ()
    reserved: Mapping[str, int] = field(default_factory=dict)
    others: Mapping[int, str | None] = field(default_factory=dict)
    switch: Switch = field(default_factory=Switch)
    trunk_mtus: Mapping[str, int] = field(default_factory=dict)
    devices: Mapping[str, Device] = field(default_factory=dict)
    namespaces: Mapping[int, Namespace] = field(default_factory=dict)
    overrides: tuple[str, ...] = ()
    stray_files: tuple[str, ...] = ()
    management_vlan: int = MANAGEMENT_VLAN


def observe(
    orders: Collection[Services],
    folders: Folders,
    runner: Runner,
    *,
    unit_dir: str = systemd.UNIT_DIR,
    netns_dir: str = live.NETNS_DIR,
    run_dir: str = live.RUN_DIR,
) -> State:
    """Return the state for the order's slices, and that of shared objects even if the order is empty.

    Open vSwitch and namespaces are only queried if a slice of the order has or gets networks.

    Raises:
        CommandFailed: systemd or Open vSwitch does not respond.
    """
    with_folder, with_namespace = _having(orders, folders, netns_dir)
    active, enabled = _units(orders, runner, unit_dir)
    clients, guard = _dhcp_rules(runner)
    has_networks = bool(with_folder or with_namespace or any(order.networks for order in orders))
    switch = ovsdb.observe(runner) if has_networks else Switch()
    return replace(
        _files(orders, folders),
        folders=with_folder,
        active=active,
        enabled=enabled,
        rules=_are_loaded(run_dir, runner),
        clients=clients,
        shares=_shares(runner),
        guard=guard,
        gateway=live.gateway_differences(run_dir, runner),
        switch=switch,
        trunk_mtus=trunks.mtus(switch),
        devices=live.devices(runner) if has_networks else {},
        namespaces={
            order.slice_id: _namespace(order, run_dir, runner) for order in orders if order.slice_id in with_namespace
        },
        overrides=unit_overrides.observe({unit_overrides.HOST}, unit_dir=unit_dir),
    )


def _files(orders: Collection[Services], folders: Folders) -> State:
    """Return the state that is stored in files."""
    others = _served(folders) - {order.slice_id for order in orders}
    return State(
        texts=_texts(orders, folders),
        wrong_permissions=_wrong_permissions(orders, folders),
        pending=_pending(orders, folders),
        reserved=_reserved(folders, others),
        others={
            slice_id: (files.read_text(folders.uuid(slice_id)) or "").strip() or None for slice_id in sorted(others)
        },
        stray_files=tuple(_stray_files(folders)),
        management_vlan=claims.management_vlan(folders.state_dir),
    )


def _units(orders: Iterable[Services], runner: Runner, unit_dir: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the active units with that of the DHCP server, and the enabled units of slices that are not ignored."""
    units = [unit(order.slice_id) for order in orders for unit in (names_unit, network_unit)]
    states = systemd.loaded([DHCP_UNIT, *units], runner)
    active = frozenset(name for name, state in states.items() if state == "active")
    return active, frozenset(units) & {*systemd.enabled_names(unit_dir)} - {*systemd.ignored_names(unit_dir)}


def _having(orders: Iterable[Services], folders: Folders, netns_dir: str) -> tuple[frozenset[int], frozenset[int]]:
    """Return the slices that have a folder for networks, and those that have a namespace."""
    ids = {order.slice_id: order.namespace for order in orders}
    return (
        frozenset(slice_id for slice_id in ids if os.path.isdir(folders.network(slice_id))),
        frozenset(slice_id for slice_id, name in ids.items() if os.path.exists(f"{netns_dir}/{name}")),
    )


def _pending(orders: Iterable[Services], folders: Folders) -> frozenset[int]:
    return frozenset(order.slice_id for order in orders if os.path.exists(folders.pending(order.slice_id)))


def _texts(orders: Iterable[Services], folders: Folders) -> dict[str, str]:
    texts = {path: files.read_text(path) for order in orders for path in kinds(order.slice_id, folders)}
    return {path: text for path, text in texts.items() if text is not None}


def _stray_files(folders: Folders) -> Iterator[str]:
    for folder, suffix in ((folders.dhcp_hosts, ""), (folders.all_shares, ".nft")):
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            is_ours = name.endswith(suffix) and name[: -len(suffix) or None].isdecimal()
            # Names of temporary files begin with a dot, and neither program reads these.
            if not (is_ours or name.startswith(".") or os.path.isdir(f"{folder}/{name}")):
                yield f"{folder}/{name}"


def readable(held: Access) -> Access:
    """Return who should be allowed to use a file, which keeps its group."""
    return access.of_root(held, FILE, MODE)


def _wrong_permissions(orders: Iterable[Services], folders: Folders) -> dict[str, Access]:
    found = access.wrong_permissions((path, FILE, MODE) for order in orders for path in kinds(order.slice_id, folders))
    return {path: held for path, (held, _wanted) in found.items()}


def _namespace(order: Services, run_dir: str, runner: Runner) -> Namespace:
    return Namespace(live.devices(runner, order.namespace), live.network_differences(order.slice_id, run_dir, runner))


def _are_loaded(run_dir: str, runner: Runner) -> bool:
    have = live.rules(runner)
    # There is no saved state before the unit is started.
    return have is not None and files.read_text(live.nat_note(run_dir)) in (None, have)


def _shares(runner: Runner) -> dict[str, int]:
    """Return the slices by address, none if the table is missing, which C(rules) says."""
    done = runner.run(["nft", "--json", "list", "map", "ip", live.SHARES, "slices"], check=False)
    found: list[dict[str, Any]] = json.loads(done.stdout)["nftables"] if done.rc == 0 else []
    return dict(next((item["map"].get("elem", []) for item in found if "map" in item), []))


def _served(folders: Folders) -> set[int]:
    places = (folders.dhcp_hosts, folders.networks)
    return {int(name) for place in places if os.path.isdir(place) for name in os.listdir(place) if name.isdecimal()}


def _reserved(folders: Folders, slices: Iterable[int]) -> dict[str, int]:
    return {
        address: slice_id
        for slice_id in slices
        for _mac, address in dhcp_hosts.read(files.read_text(folders.reservations(slice_id)))
    }


def _dhcp_rules(runner: Runner) -> tuple[dict[str, int] | None, bool]:
    """Return the name servers' ports by client, and whether the DHCP server's packet rules are loaded."""
    done = runner.run(live.in_namespace(live.DHCP_NAMESPACE, "nft", "--json", "list", "ruleset"), check=False)
    found: list[dict[str, Any]] = json.loads(done.stdout)["nftables"] if done.rc == 0 else []
    maps = (item["map"] for item in found if "map" in item)
    clients = next((each.get("elem", []) for each in maps if each["name"] == "slices"), None)
    guards = {item["rule"]["family"] for item in found if "rule" in item and item["rule"]["table"] == "cloudrepo_dhcp"}
    # One table for requests to the server, one for its replies.
    return None if clients is None else dict(clients), guards == {"ip", "netdev"}
