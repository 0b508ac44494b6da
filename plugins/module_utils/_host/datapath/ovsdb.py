# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rows of Open vSwitch's database, read in one call, and its transactions, sent in one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..runner import Runner

# Without a limit ovs-vsctl waits for a dead ovs-vswitchd for ever.
VSCTL = ("ovs-vsctl", "--timeout=120")
_TABLES = {
    "Bridge": "name,ports,datapath_type,fail_mode",
    "Port": "_uuid,name,tag,vlan_mode,trunks,external_ids,interfaces,qos,other_config",
    "Interface": "_uuid,type,ofport,ofport_request",
    "QoS": "_uuid,type,external_ids",
}
# Without a QoS of this type the switch removes a queueing discipline that it did not make, whenever it opens a device.
HANDS_OFF = "linux-noop"
HANDS_OFF_MARK = "cloudrepo-limits"


@dataclass(frozen=True)
class Port:
    """A port as the switch has it.

    Attributes:
        kind: the type of its interface; C(system) when the database leaves it open.
        number: the OpenFlow number that it asks for, and so keeps when the switch starts anew.
        live_number: the one that it has; below zero when its device cannot be opened.
        own_qdisc: whether the queueing disciplines of its device are ours, and the switch keeps its hands off them.
        tunnel_ethertype: what the tag is that a C(dot1q-tunnel) adds.
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

    @property
    def attributes(self) -> dict[str, Any]:
        """What a change tells of it, by the database's names; a trunk without a list carries any VLAN."""
        is_trunk = self.vlan_mode not in ("access", "dot1q-tunnel")
        return {
            "bridge": self.bridge,
            "vlan_mode": self.vlan_mode,
            "tag": self.tag,
            "trunks": ranges(self.trunks) or ("any" if is_trunk else None),
            "type": self.kind,
            "ofport_request": self.number,
            "qos": HANDS_OFF if self.own_qdisc else None,
            "qinq-ethtype": self.tunnel_ethertype,
            "external_ids": self.our_ids,
        }

    @property
    def our_ids(self) -> dict[str, str]:
        """The keys and values in C(external_ids) that are ours."""
        return {key: value for key, value in sorted(self.external_ids.items()) if key.startswith("cloudrepo-")}


@dataclass(frozen=True)
class Switch:
    """The bridges, by name, with their datapath types, the ports, by name, and what bridges do without a flow.

    Attributes:
        noop_qos: the uuid of our row for ports whose queueing disciplines the switch leaves alone.
    """

    bridges: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, Port] = field(default_factory=dict)
    fail_modes: Mapping[str, str] = field(default_factory=dict)
    noop_qos: str | None = None


def observe(runner: Runner) -> Switch:
    """All bridges and ports of this host.

    Raises:
        CommandFailed: Open vSwitch is not there or does not answer.
    """
    argv = [*VSCTL, "--format=json"]
    for table, columns in _TABLES.items():
        argv += ["--", f"--columns={columns}", "list", table]
    bridges, ports, interfaces, qualities = (_rows(text) for text in _documents(runner.run(argv).stdout))
    quiet = (row for row in qualities if row["type"] == HANDS_OFF and HANDS_OFF_MARK in row["external_ids"])
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
    """Send C(commands) as one transaction: all of them happen, at one moment, or none."""
    argv = [*VSCTL]
    for command in commands:
        argv += ["--", *command]
    if len(argv) > len(VSCTL):
        runner.run(argv)


def ids(external_ids: Mapping[str, str]) -> list[str]:
    """The arguments of C(set) for C(external_ids); other keys stay as they are."""
    return [f"external_ids:{key}={value}" for key, value in sorted(external_ids.items())]


def _port(
    row: Mapping[str, Any],
    bridge_of: Mapping[Any, str],
    interface_of: Mapping[Any, Mapping[str, Any]],
    noop_qos: str | None,
) -> Port:
    interface = interface_of.get(next(iter(_many(row["interfaces"])), None), {})
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
    )


def _documents(text: str) -> list[Any]:
    """The JSON documents that C(ovs-vsctl) writes one after another, one a table."""
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
    """A cell in plain Python: a uuid as its text, a set as a tuple, a map as a dict (RFC 7047, 5.1)."""
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


def ranges(vlans: Iterable[int]) -> str:
    """VLANs as the switch reads and people write them, such as C(100-103,400)."""
    parts: list[tuple[int, int]] = []
    for vlan in sorted(vlans):
        if parts and parts[-1][1] == vlan - 1:
            parts[-1] = (parts[-1][0], vlan)
        else:
            parts.append((vlan, vlan))
    return ",".join(f"{first}-{last}" if first != last else str(first) for first, last in parts)
