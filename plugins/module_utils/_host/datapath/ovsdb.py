# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads and changes the database of Open vSwitch, each with one call of C(ovs-vsctl)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...vlans import ranges
from ..runner import Runner

# Without a timeout, ovs-vsctl waits forever if ovs-vswitchd is not running. A timeout loses nothing: the database has
# the change by then, and the switch makes it when it runs.
VSCTL = ("ovs-vsctl", "--timeout=60")
_TABLES = {
    "Bridge": "name,ports,datapath_type,fail_mode",
    "Port": "_uuid,name,tag,vlan_mode,trunks,external_ids,interfaces,qos,other_config,protected",
    "Interface": "_uuid,type,ofport,ofport_request,ingress_policing_rate",
    "QoS": "_uuid,type,external_ids",
}
# Without a QoS of this type, the switch removes queueing disciplines of others whenever it opens a device.
LINUX_NOOP = "linux-noop"
NOOP_QOS_MARK = "cloudrepo-limits"
# Linux allows 2 MiB for a command line by default, which includes the environment and a pointer for each word.
_COMMAND_BYTES, _WORD_BYTES = 1 << 20, 9
PROTECTED, POLICING = "protected", "ingress_policing_rate"


@dataclass(frozen=True)
class Port:
    """A port, desired or observed.

    Attributes:
        kind: the type of its interface; C(system) if the database has none.
        number: the OpenFlow number that it requests, and therefore keeps when the switch restarts.
        live_number: the OpenFlow number that it has; negative if its device cannot be opened.
        own_qdisc: whether it has our QoS, so that the switch leaves the queueing disciplines of its device alone.
        tunnel_ethertype: the type of the tag that a C(dot1q-tunnel) port adds.
        altered: columns that this collection never sets, and that keep frames from the port.
    """

    name: str
    bridge: str
    tag: int | None = None
    vlan_mode: str | None = None
    trunks: tuple[int, ...] = ()
    external_ids: Mapping[str, str] = field(default_factory=dict)
    kind: str = "system"
    number: int | None = None
    live_number: int | None = None
    own_qdisc: bool = False
    tunnel_ethertype: str | None = None
    altered: tuple[str, ...] = ()

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes for a change, with the database's names; a trunk without a list carries any VLAN."""
        is_trunk = self.vlan_mode not in ("access", "dot1q-tunnel")
        return {
            "bridge": self.bridge,
            "vlan_mode": self.vlan_mode,
            "tag": self.tag,
            "trunks": ranges(self.trunks) or ("any" if is_trunk else None),
            "type": self.kind,
            "ofport_request": self.number,
            "qos": LINUX_NOOP if self.own_qdisc else None,
            "qinq-ethtype": self.tunnel_ethertype,
            "external_ids": self.our_ids,
            **({"altered": " ".join(self.altered)} if self.altered else {}),
        }

    @property
    def our_ids(self) -> dict[str, str]:
        """The keys and values in C(external_ids) that are ours."""
        return {key: value for key, value in sorted(self.external_ids.items()) if key.startswith("cloudrepo-")}


@dataclass(frozen=True)
class Switch:
    """The bridges and ports of a host.

    Attributes:
        bridges: datapath types by bridge.
        ports: ports by name.
        fail_modes: fail modes by bridge.
        noop_qos: the UUID of our C(linux-noop) QoS, C(None) if it does not exist.
    """

    bridges: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, Port] = field(default_factory=dict)
    fail_modes: Mapping[str, str] = field(default_factory=dict)
    noop_qos: str | None = None


def observe(runner: Runner) -> Switch:
    """Return all bridges and ports of this host.

    Raises:
        CommandFailed: Open vSwitch is not installed or does not respond.
    """
    argv = [*VSCTL, "--format=json"]
    for table, columns in _TABLES.items():
        argv += ["--", f"--columns={columns}", "list", table]
    bridges, ports, interfaces, qualities = (_rows(text) for text in _documents(runner.run(argv).stdout))
    quiet = (row for row in qualities if row["type"] == LINUX_NOOP and NOOP_QOS_MARK in row["external_ids"])
    noop_qos = next((row["_uuid"] for row in quiet), None)
    interface_of = {row["_uuid"]: row for row in interfaces}
    bridge_of = {uuid: row["name"] for row in bridges for uuid in _many(row["ports"])}
    return Switch(
        bridges={row["name"]: row["datapath_type"] or "system" for row in bridges},
        ports={
            row["name"]: _port(row, bridge_of, interface_of, noop_qos) for row in ports if row["_uuid"] in bridge_of
        },
        fail_modes={row["name"]: _one(row["fail_mode"]) or "standalone" for row in bridges},
        noop_qos=noop_qos,
    )


def commit(commands: Iterable[Sequence[str]], runner: Runner) -> None:
    """Run C(commands) in one transaction, which is atomic."""
    argv = [*VSCTL]
    for command in commands:
        argv += ["--", *command]
    if len(argv) > len(VSCTL):
        runner.run(argv)


def create(command: Sequence[str], runner: Runner) -> str:
    """Run a command C(create) in a transaction of its own, and return the UUID of the row."""
    return runner.run([*VSCTL, *command]).stdout.strip()


def parts(commands: Sequence[Sequence[str]]) -> list[list[Sequence[str]]]:
    """Return commands in parts that are short enough for a command line.

    Successive commands for one port, the third word of each, stay together.
    """
    found: list[list[Sequence[str]]] = []
    left = 0
    for _port, group in itertools.groupby(commands, key=lambda command: command[2:3]):
        own = list(group)
        size = sum(len(word.encode()) + _WORD_BYTES for command in own for word in ("--", *command))
        if size > left:
            found.append([])
            left = _COMMAND_BYTES
        found[-1] += own
        left -= size
    return found


def ids(external_ids: Mapping[str, str]) -> list[str]:
    """Return the arguments of C(set) for C(external_ids); other keys are unchanged."""
    return [f"external_ids:{key}={value}" for key, value in sorted(external_ids.items())]


def _port(
    row: Mapping[str, Any],
    bridge_of: Mapping[Any, str],
    interface_of: Mapping[Any, Mapping[str, Any]],
    noop_qos: str | None,
) -> Port:
    interface = interface_of.get(next(iter(_many(row["interfaces"])), None), {})
    altered = {PROTECTED: row.get(PROTECTED), POLICING: interface.get(POLICING)}
    return Port(
        name=row["name"],
        bridge=bridge_of[row["_uuid"]],
        tag=_one(row["tag"]),
        vlan_mode=_one(row["vlan_mode"]),
        trunks=tuple(sorted(_many(row["trunks"]))),
        external_ids=row["external_ids"],
        kind=interface.get("type") or "system",
        number=_one(interface.get("ofport_request", ())),
        live_number=_one(interface.get("ofport", ())),
        own_qdisc=noop_qos is not None and _one(row["qos"]) == noop_qos,
        tunnel_ethertype=row["other_config"].get("qinq-ethtype"),
        altered=tuple(column for column, value in altered.items() if value),
    )


def _documents(text: str) -> list[Any]:
    """Return the JSON documents that C(ovs-vsctl) prints, one per table."""
    decoder = json.JSONDecoder()
    found, position = [], 0
    text = text.strip()
    while position < len(text):
        document, position = decoder.raw_decode(text, position)
        found.append(document)
        while position < len(text) and text[position].isspace():
            position += 1
    return found


def _rows(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{heading: _value(cell) for heading, cell in zip(document["headings"], row)} for row in document["data"]]


def _value(cell: Any) -> Any:
    """Return a cell as a Python value: a UUID as a string, a set as a tuple, a map as a dict (RFC 7047, 5.1)."""
    if not isinstance(cell, list):
        return cell
    kind, content = cell
    if kind == "set":
        return tuple(_value(item) for item in content)
    if kind == "map":
        return {key: _value(value) for key, value in content}
    return content


def _many(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _one(value: Any) -> Any:
    return next(iter(_many(value)), None)
