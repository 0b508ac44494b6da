# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Turns a topology of another tool into one of a slice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .._domain import titles
from .._import import kinds
from .._import.graph import End, Graph, Node, Segment
from ..bounds import GUEST_TEXT, STARTUP_COMMAND, STARTUP_COMMANDS, STARTUP_FILES, STARTUP_LENGTH, VLAN_POOLS
from ..vlans import POOL_SIZE

_FALLBACK_TITLE = "imported"
_CONFIGS = "/etc/startup-config"
"""The folder in guests for configuration that was in the file."""
_MARGIN = 100
"""More than the characters of a command that applies it."""
# The pool with the management VLAN has one VLAN less.
_VLANS_PER_POOL = POOL_SIZE - 1


@dataclass(frozen=True)
class Options:
    """How nodes become VMs.

    Attributes:
        flavor: the flavor of VMs whose kind and image are not in C(flavors).
        flavors: the flavor by the image or kind of the node.
        internet: whether VMs are on VLAN 400.
        kinds: the kind of guest by the kind of the node, empty for none. By default it is a shipped one.
    """

    name: str | None
    flavor: str
    flavors: Mapping[str, str] = field(default_factory=dict)
    internet: bool = False
    kinds: Mapping[str, str | None] = field(default_factory=dict)


def topology(graph: Graph, options: Options) -> dict[str, Any]:
    """Return the topology of a slice, as an entry of C(slices). What it lacks is added to the graph's remarks."""
    names = dict(zip(graph.nodes, titles.unique([_title(node.title) for node in graph.nodes.values()], "vm")))
    own = {key: _kind(node, options) for key, node in graph.nodes.items()}
    segments = [replace(each, ends=_known(graph, each, own)) for each in graph.segments]
    spare = _data_interfaces(segments, own)
    vms = [_vm(graph, key, names[key], own[key], spare.get(key), options) for key in graph.nodes]
    links = [segment for segment in segments if not segment.is_network]
    networks = [segment for segment in segments if segment.is_network]
    title = options.name or graph.title or _FALLBACK_TITLE
    pools = -(-len(segments) // _VLANS_PER_POOL)
    return {
        **_named(titles.unique([_title(title)], "slice")[0], _title(title)),
        **({"vlan_pools": min(pools, int(VLAN_POOLS.most))} if pools > 1 else {}),
        **({"addressing": graph.addressing} if graph.addressing else {}),
        "vms": vms,
        **({"links": [_link(each, names) for each in links]} if links else {}),
        **({"networks": _networks(networks, names)} if networks else {}),
    }


def _kind(node: Node, options: Options) -> str | None:
    """Return the kind of guest that a node becomes."""
    if node.kind is not None and node.kind in options.kinds:
        return options.kinds[node.kind] or None
    return kinds.shipped(node.kind, node.image)


def _vm(
    graph: Graph, key: str, name: str, kind: str | None, data_interfaces: int | None, options: Options
) -> dict[str, Any]:
    node = graph.nodes[key]
    if node.kind is not None and kind is None and node.kind not in options.flavors:
        graph.remark(node.line, f"kind {node.kind} of node {node.title}")
    flavor = options.flavors.get(node.image or "") or options.flavors.get(node.kind or "", options.flavor)
    startup = _startup(graph, node, kind, options)
    return {
        **_named(name, _title(node.title)),
        "flavor": flavor,
        **({} if kind is None else {"kind": kind}),
        **({} if data_interfaces is None else {"data_interfaces": data_interfaces}),
        **({"loopback": dict(node.loopback)} if node.loopback else {}),
        **({"internet": True} if options.internet else {}),
        **({"startup": startup} if startup else {}),
    }


def _startup(graph: Graph, node: Node, kind: str | None, options: Options) -> dict[str, Any]:
    """Return the start-up of a guest. What it cannot have of the node is added to the graph's remarks."""
    is_possible = kinds.has_start_up(kind, internet=options.internet)
    count = len(node.configs) + len(node.commands)
    length = sum(len(each.text) + _MARGIN for each in node.configs) + sum(len(text) for _line, text in node.commands)
    is_short = STARTUP_LENGTH.allows(length) and STARTUP_FILES.allows(len(node.configs))
    fits = is_possible and is_short and STARTUP_COMMANDS.allows(count)
    files: list[dict[str, str]] = []
    commands: list[str] = []
    for number, config in enumerate(node.configs, start=1):
        path = f"{_CONFIGS}/{number}"
        command = kinds.loads(kind, node.kind, path, config.text)
        if fits and command is not None and GUEST_TEXT.allows(config.text):
            files.append({"path": path, "content": config.text, "mode": "0700"})
            commands.append(command)
        else:
            graph.remark(config.line, f"{config.name} of node {node.title}: {config.text[:80]}")
    for line, text in node.commands:
        if fits and STARTUP_COMMAND.allows(text):
            commands.append(text)
        else:
            graph.remark(line, f"exec of node {node.title}: {text[:80]}")
    found = {"files": files, "commands": commands}
    return {name: value for name, value in found.items() if value}


def _known(graph: Graph, segment: Segment, own: Mapping[str, str | None]) -> tuple[End, ...]:
    """Return the ends of a segment with names of interfaces that their kinds have; others are left to the slice."""
    ends: list[End] = []
    for key, interface in segment.ends:
        name = None if interface is None else kinds.interface(own[key], interface)
        if interface is not None and name is None:
            graph.remark(segment.line, f"interface {interface} of {graph.nodes[key].title}")
        ends.append((key, name))
    return tuple(ends)


def _data_interfaces(segments: Iterable[Segment], own: Mapping[str, str | None]) -> dict[str, int]:
    """Return the number of data interfaces of nodes that have one with a higher number than they have segments."""
    counts: Counter[str] = Counter()
    highest: dict[str, int] = {}
    for key, interface in (end for segment in segments for end in segment.ends):
        counts[key] += 1
        number = None if interface is None else kinds.number(own[key], interface)
        highest[key] = max(highest.get(key, 0), number or 0)
    return {key: number for key, number in highest.items() if number > counts[key]}


def _title(text: str) -> str:
    """Return a text as a title: one line of up to 200 characters."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:200] or "unnamed"


def _named(name: str, title: str) -> dict[str, str]:
    return {"name": name, "title": title} if name != title else {"name": name}


def _link(segment: Segment, names: Mapping[str, str]) -> dict[str, Any]:
    title = {} if segment.title is None else {"title": _title(segment.title)}
    return {**title, "endpoints": _ends(segment, names), **_addressed(segment, names)}


def _networks(segments: list[Segment], names: Mapping[str, str]) -> list[dict[str, Any]]:
    own = [_title(each.title or f"net {number}") for number, each in enumerate(segments, start=1)]
    return [
        {
            **(_named(name, title) if each.title else {"name": name}),
            "members": _ends(each, names),
            **_addressed(each, names),
        }
        for name, title, each in zip(titles.unique(own, "network"), own, segments)
    ]


def _addressed(segment: Segment, names: Mapping[str, str]) -> dict[str, Any]:
    addresses = [{"vm": names[key], **own} for key, own in segment.addresses.items() if key in names]
    return {**segment.subnets, **({"addresses": addresses} if addresses else {})}


def _ends(segment: Segment, names: Mapping[str, str]) -> list[str]:
    return [_end(end, names) for end in segment.ends]


def _end(end: End, names: Mapping[str, str]) -> str:
    key, interface = end
    return names[key] if interface is None else f"{names[key]}:{interface}"
