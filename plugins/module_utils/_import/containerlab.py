# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads containerlab topologies."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .graph import Config, End, Graph, Node
from .yaml_lines import Value, load_topology, text_of

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::?[=-]\"?([^}\"]*)\"?)?\}")
_BRIDGES = ("bridge", "ovs-bridge")
_CONFIG = "startup-config"
_OUTSIDE = ("host", "mgmt-net", "macvlan", "dummy", "vxlan", "vxlan-stitch")


def read(text: str) -> Graph:
    """Return the nodes and links of a containerlab file.

    Nodes of kind C(bridge) and C(ovs-bridge) become networks. Variables have their default values.

    Raises:
        UnreadableTopology: the text is not a YAML mapping.
    """
    document = load_topology(text)
    name, topology = document.get("name"), document.get("topology")
    graph = Graph(title=_plain(text_of(name)) or None)
    for key, line, value in document.items():
        if key not in ("name", "topology"):
            _remark(graph, line, key, value)
    if topology is None:
        return graph
    for key, line, value in topology.items():
        if key in ("kinds", "groups", "defaults"):
            _remark_settings(graph, key, value)
        elif key not in ("nodes", "links"):
            _remark(graph, line, f"topology.{key}", value)
    bridges = _add_nodes(graph, topology)
    _add_links(graph, topology, bridges)
    return graph


def _add_nodes(graph: Graph, topology: Value) -> dict[str, int]:
    """Add the nodes, and return the lines of those that are bridges."""
    bridges: dict[str, int] = {}
    nodes = topology.get("nodes")
    for key, line, value in nodes.items() if nodes is not None else ():
        kind = _kind(topology, value)
        if kind in _BRIDGES:
            bridges[key] = line
        else:
            configs = tuple(_configs(value))
            image = _image(topology, value, kind)
            graph.nodes[key] = Node(key, line, kind, image=image, commands=_commands(value), configs=configs)
        for name, line_, each in value.items():
            is_carried = (name == "exec" and each.is_list) or (name == _CONFIG and _is_inline(each))
            if name not in ("kind", "group") and not (is_carried and key in graph.nodes):
                _remark(graph, line_, f"{name} of node {key}", each)
    return bridges


def _configs(node: Value) -> Iterator[Config]:
    """Yield the configuration that is in the file. One without a line end is the path of another file."""
    for name, line, value in node.items():
        if name == _CONFIG and _is_inline(value):
            yield Config(line, name, _filled(value.text))


def _is_inline(value: Value) -> bool:
    return "\n" in value.text


def _kind(topology: Value, node: Value) -> str | None:
    group = text_of(node.get("group"))
    found = node.get("kind") or topology.get("groups", group, "kind") or topology.get("defaults", "kind")
    return _plain(text_of(found)) or None


def _image(topology: Value, node: Value, kind: str | None) -> str | None:
    group = text_of(node.get("group"))
    places = (topology.get("groups", group, "image"), topology.get("kinds", kind or "", "image"))
    found = node.get("image") or next(filter(None, places), None) or topology.get("defaults", "image")
    return _plain(text_of(found)) or None


def _commands(node: Value) -> tuple[tuple[int, str], ...]:
    """Return the commands of a node, each with its line."""
    listed = node.get("exec")
    return (
        ()
        if listed is None or not listed.is_list
        else tuple((each.line, _plain(each.text)) for each in listed.values())
    )


def _add_links(graph: Graph, topology: Value, bridges: dict[str, int]) -> None:
    links = topology.get("links")
    members: dict[str, list[End]] = {bridge: [] for bridge in bridges}
    for link in links.values() if links is not None else ():
        listed = link.get("endpoints")
        ends = [_end(each) for each in listed.values()] if listed is not None else []
        outside = [node for node, _interface in ends if node not in graph.nodes and node in _OUTSIDE]
        for key, line, value in link.items():
            if key not in ("endpoints", "type"):
                _remark(graph, line, f"{key} of a link", value)
        on = [node for node, _interface in ends if node in bridges]
        if listed is None or outside:
            kind = text_of(link.get("type")) or (outside[0] if outside else "unknown type")
            graph.remark(link.line, f"link of {kind}")
        elif on:
            members[on[0]] += [end for end in ends if end[0] not in bridges]
        else:
            graph.connect(ends, link.line)
    for bridge, line in bridges.items():
        graph.connect(members[bridge], line, bridge, is_network=True)


def _end(value: Value) -> End:
    if value.is_mapping:
        return text_of(value.get("node")), text_of(value.get("interface")) or None
    node, _colon, interface = _plain(value.text).partition(":")
    return node, interface or None


def _remark_settings(graph: Graph, section: str, settings: Value) -> None:
    for key, line, value in settings.items():
        if not value.is_mapping and key != "kind":
            _remark(graph, line, f"{section}.{key}", value)
        for name, line_, each in value.items():
            if name != "kind":
                _remark(graph, line_, f"{section}.{key}.{name}", each)


def _remark(graph: Graph, line: int, what: str, value: Value) -> None:
    text = _plain(value.text)
    graph.remark(line, f"{what}: {text}" if text else what)


def _plain(text: str) -> str:
    return _filled(text).strip()


def _filled(text: str) -> str:
    """Return a text with the default values of its variables."""
    return _VARIABLE.sub(lambda match: match[2] or "", text)
