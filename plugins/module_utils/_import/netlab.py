# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads netlab topologies."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .graph import End, Graph, Node
from .yaml_lines import Value, load, text_of

_LINK_WORDS = ("name", "interfaces", "lag", "members", "group", "type")
_SEPARATORS = re.compile(r"[\s,]+")


def read(text: str) -> Graph:
    """Return the nodes and links of a netlab file.

    Links of two nodes become links, others become networks. Members of a link aggregation become links.

    Raises:
        UnreadableTopology: the text is not a YAML mapping.
    """
    document = load(text)
    graph = Graph(title=text_of(document.get("name")) or None)
    device = text_of(document.get("defaults", "device")) or None
    nodes = document.get("nodes")
    for name, value in _nodes(nodes) if nodes is not None else ():
        _add_node(graph, name, value, device)
    _add_groups(graph, document, device)
    for key, line, value in document.items():
        word = key.split(".")[0]
        if word == "defaults":
            _remark_tree(graph, key, line, value, skip="defaults.device")
        elif word not in ("nodes", "links", "name", "groups"):
            _remark_tree(graph, key, line, value)
    links = document.get("links")
    if links is not None:
        _add_links(graph, links)
    return graph


def _nodes(nodes: Value) -> Iterator[tuple[str, Value]]:
    for key, _line, value in nodes.items():
        yield key, value
    for each in nodes.values():
        yield (text_of(each.get("name")) if each.is_mapping else each.text), each
    for name in filter(None, _SEPARATORS.split(nodes.text)):
        yield name, nodes


def _add_node(graph: Graph, name: str, value: Value, device: str | None) -> None:
    graph.nodes[name] = Node(name, value.line, text_of(value.get("device")) or device)
    for key, line, each in value.items():
        if key not in ("name", "device"):
            _remark_tree(graph, f"{key} of node {name}", line, each)


def _add_groups(graph: Graph, document: Value, device: str | None) -> None:
    """Add the nodes that groups create, and the device of their members."""
    groups = document.get("groups")
    for key, line, group in groups.items() if groups is not None else ():
        members = group if group.is_list else group.get("members")
        names = [each.text for each in members.values()] if members is not None else []
        own = text_of(group.get("device")) or None
        switches = [text_of(each.get("_auto_create")).lower() for each in (group, document.get("groups") or group)]
        creates = any(switch in ("true", "yes", "on") for switch in switches)
        for name in names:
            if creates and name not in graph.nodes:
                graph.nodes[name] = Node(name, line, own or device)
            elif own and name in graph.nodes and graph.nodes[name].kind == device:
                graph.nodes[name] = Node(name, graph.nodes[name].line, own)
        if not key.startswith("_"):
            graph.remark(line, f"groups.{key}")


def _add_links(graph: Graph, links: Value) -> None:
    for each in links.values():
        _add_link(graph, each)
    for _key, _line, each in links.items():
        _add_link(graph, each)


def _add_link(graph: Graph, link: Value) -> None:
    if link.is_list:
        graph.connect([_end(each) for each in link.values()], link.line)
        return
    if not link.is_mapping:
        # Hyphens separate nodes, whose names may contain them.
        names = [link.text] if link.text in graph.nodes else [word.strip() for word in link.text.split("-")]
        graph.connect([(name, None) for name in names], link.line, is_network=len(names) == 1)
        return
    members = link.get("lag", "members") or (link.get("members") if link.get("group") else None)
    if members is not None:
        _add_links(graph, members)
    _remark_link(graph, link)
    ends = _ends(graph, link)
    kind = text_of(link.get("type"))
    if kind in ("loopback", "tunnel"):
        graph.remark(link.line, f"link of type {kind}")
    elif ends:
        is_network = len(ends) == 1 or kind in ("lan", "stub")
        graph.connect(ends, link.line, text_of(link.get("name")) or None, is_network=is_network)
    elif members is None:
        graph.remark(link.line, "link without nodes")


def _ends(graph: Graph, link: Value) -> list[End]:
    listed = link.get("interfaces")
    ends = [_end(each) for each in listed.values()] if listed is not None else []
    return [*ends, *((key, _interface(value)) for key, _line, value in link.items() if key in graph.nodes)]


def _end(value: Value) -> End:
    if value.is_mapping:
        return text_of(value.get("node")), _interface(value)
    return value.text, None


def _interface(value: Value) -> str | None:
    return text_of(value.get("ifname")) or None


def _remark_link(graph: Graph, link: Value) -> None:
    for key, line, value in link.items():
        if key in graph.nodes:
            for name, line_, each in value.items():
                if name not in ("ifname", "node"):
                    _remark_tree(graph, f"{name} of {key} on a link", line_, each)
        elif key.split(".")[0] not in _LINK_WORDS:
            _remark_tree(graph, f"{key} of a link", line, value)


def _remark_tree(graph: Graph, what: str, line: int, value: Value, skip: str = "") -> None:
    """Add a remark for each value of a tree whose keys are words, with its own line."""
    items = list(value.items())
    if what == skip:
        return
    if not items or " " in what:
        graph.remark(line, f"{what}: {value.text}" if value.text else what)
    for key, line_, each in items if " " not in what else ():
        _remark_tree(graph, f"{what}.{key}", line_, each, skip)
