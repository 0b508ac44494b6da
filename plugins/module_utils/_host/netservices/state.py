# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the network node has of slices: files, units, ports, and what is live of its packet rules and namespaces."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...bounds import DEFAULT_MTU
from ...network_order import Services
from .. import files, systemd
from ..datapath import ovsdb
from ..datapath.ovsdb import Switch
from ..runner import Runner
from .files import Folders, kinds, read_reservations

DHCP_UNIT = "slices-dhcp.service"
# It makes the DHCP server's namespace, and what is in it starts anew with it.
GATEWAY_UNIT = "slices-gateway.service"
# Reloading it loads the host's packet rules of VMs anew.
NAT_UNIT = "slices-nat.service"
# How these are listed, as the unit noted when it loaded them.
NAT_RULES = "/run/slices-nat.rules"
DHCP_NAMESPACE = "slices-dhcp"
NETNS_DIR = "/run/netns"
# Tells how the gateway differs from how its unit made it.
GATEWAY_LOOK = "/usr/local/lib/cloudrepo/gateway-look"
# The same of what a slice's unit made in its namespace.
NETWORK_LOOK = "/usr/local/lib/cloudrepo/network-look"


def names_unit(slice_id: int) -> str:
    """The unit of a slice's name server on VLAN 400."""
    return f"slices-names@{slice_id}.service"


def network_unit(slice_id: int) -> str:
    """The unit of a slice's networks: their namespace, DHCP and DNS."""
    return f"slices-network@{slice_id}.service"


@dataclass(frozen=True)
class Device:
    """A network device: its IPv4 addresses, each with its prefix."""

    mac: str
    addresses: frozenset[str]
    is_up: bool
    mtu: int = DEFAULT_MTU


@dataclass(frozen=True)
class Namespace:
    """What is live in a slice's namespace.

    Attributes:
        devices: by name.
        astray: how its rules, routes and forwarding differ from how they were made, as C(diff) tells; nothing where
            they do not.
    """

    devices: Mapping[str, Device] = field(default_factory=dict)
    astray: tuple[str, ...] = ()


@dataclass(frozen=True)
class State:
    """What the host has of the slices of an order.

    Attributes:
        texts: the files that are there, by path.
        folders: slices that have a folder for their networks.
        pending: slices of which a run ended before it had told all their servers what it wrote.
        active: the units that run.
        enabled: the units that come back after a reboot.
        rules: whether the host's packet rules of VMs are those that were loaded.
        clients: by VM's address the port of the name server that it asks; nothing where these rules are gone.
        guard: whether there are rules for who may speak to the DHCP server.
        gateway: how the gateway of VLAN 400 differs from how it was made, as C(diff) tells; nothing where it does not.
        reserved: the slices that are not in the order, by the addresses that are reserved for their VMs.
        devices: those of the host itself.
        namespaces: by slice, those that are there.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    folders: frozenset[int] = frozenset()
    pending: frozenset[int] = frozenset()
    active: frozenset[str] = frozenset()
    enabled: frozenset[str] = frozenset()
    rules: bool = True
    clients: Mapping[str, int] | None = None
    guard: bool = True
    gateway: tuple[str, ...] = ()
    reserved: Mapping[str, int] = field(default_factory=dict)
    switch: Switch = field(default_factory=Switch)
    devices: Mapping[str, Device] = field(default_factory=dict)
    namespaces: Mapping[int, Namespace] = field(default_factory=dict)


def observe(
    orders: Iterable[Services],
    folders: Folders,
    runner: Runner,
    *,
    unit_dir: str = systemd.UNIT_DIR,
    netns_dir: str = NETNS_DIR,
    nat_rules: str = NAT_RULES,
) -> State:
    """What there is of the order's slices and, be there none, of what they share.

    Switch and namespaces are looked at where a slice has or wants networks.

    Raises:
        CommandFailed: systemd or Open vSwitch does not answer.
    """
    orders = tuple(orders)
    texts = {path: files.read_text(path) for one in orders for path in kinds(one.slice_id, folders)}
    with_folder = frozenset(one.slice_id for one in orders if os.path.isdir(folders.network(one.slice_id)))
    with_namespace = {one.slice_id for one in orders if os.path.exists(f"{netns_dir}/{one.namespace}")}
    units = [unit(one.slice_id) for one in orders for unit in (names_unit, network_unit)]
    blocks = systemd.show([DHCP_UNIT, *units], runner)
    enabled = set(systemd.enabled_names(unit_dir))
    clients, guard = _dhcp_rules(runner)
    has_networks = bool(with_folder or with_namespace or any(one.networks for one in orders))
    return State(
        texts={path: text for path, text in texts.items() if text is not None},
        folders=with_folder,
        pending=frozenset(one.slice_id for one in orders if os.path.exists(folders.pending(one.slice_id))),
        active=frozenset(block["Id"] for block in blocks if block.get("ActiveState") == "active"),
        enabled=frozenset(unit for unit in units if unit in enabled),
        rules=_are_loaded(nat_rules, runner),
        clients=clients,
        guard=guard,
        gateway=_look([GATEWAY_LOOK], runner),
        reserved=_reserved(folders, {one.slice_id for one in orders}),
        switch=ovsdb.observe(runner) if has_networks else Switch(),
        devices=_devices(["ip"], runner) if has_networks else {},
        namespaces={
            one.slice_id: Namespace(
                _devices(["ip", "-n", one.namespace], runner), _look([NETWORK_LOOK, str(one.slice_id)], runner)
            )
            for one in orders
            if one.slice_id in with_namespace
        },
    )


def in_namespace(name: str, *command: str) -> list[str]:
    """The command that runs another one in a network namespace."""
    return ["nsenter", f"--net={NETNS_DIR}/{name}", *command]


def _devices(ip: list[str], runner: Runner) -> dict[str, Device]:
    done = runner.run([ip[0], "-json", *ip[1:], "address", "show"], check=False)
    # A namespace whose file is there and that is none any more has nothing.
    rows = json.loads(done.stdout or "[]") if done.rc == 0 else []
    return {row["ifname"]: _device(row) for row in rows if row}


def _device(row: Mapping[str, Any]) -> Device:
    addresses = (each for each in row.get("addr_info", ()) if each.get("family") == "inet")
    return Device(
        mac=row.get("address", ""),
        addresses=frozenset(f"{each['local']}/{each['prefixlen']}" for each in addresses),
        is_up="UP" in row.get("flags", ()),
        mtu=row.get("mtu", 0),
    )


def _are_loaded(noted: str, runner: Runner) -> bool:
    done = runner.run(["nft", "--stateless", "list", "table", "ip", "cloudrepo"], check=False)
    # Nothing is noted by the unit of an older version.
    return done.rc == 0 and files.read_text(noted) in (None, done.stdout)


def _look(command: list[str], runner: Runner) -> tuple[str, ...]:
    done = runner.run(command, check=False)
    # What was made before the role had this command is not compared.
    return tuple(line for line in done.stdout.splitlines() if line[0] in "<>") if done.rc == 1 else ()


def _reserved(folders: Folders, known: set[int]) -> dict[str, int]:
    there = os.listdir(folders.dhcp_hosts) if os.path.isdir(folders.dhcp_hosts) else []
    slices = {int(name) for name in there if name.isdigit()}
    return {
        address: one
        for one in slices - known
        for _mac, address in read_reservations(files.read_text(folders.reservations(one)))
    }


def _dhcp_rules(runner: Runner) -> tuple[dict[str, int] | None, bool]:
    """Who asks which name server, and whether the DHCP server is guarded."""
    done = runner.run(in_namespace(DHCP_NAMESPACE, "nft", "--json", "list", "ruleset"), check=False)
    found: list[dict[str, Any]] = json.loads(done.stdout)["nftables"] if done.rc == 0 else []
    maps = (item["map"] for item in found if "map" in item)
    clients = next((each.get("elem", []) for each in maps if each["name"] == "slices"), None)
    guards = {item["rule"]["family"] for item in found if "rule" in item and item["rule"]["table"] == "cloudrepo_dhcp"}
    # What it is asked, and what it answers.
    return None if clients is None else dict(clients), guards == {"ip", "netdev"}
