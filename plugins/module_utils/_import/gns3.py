# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads project files of GNS3, which are JSON and therefore YAML."""

from __future__ import annotations

from collections.abc import Iterator

from .graph import End, Graph, Node
from .yaml_lines import Value, load_topology, text_of

_SWITCHES = ("ethernet_switch", "ethernet_hub")
_OUTSIDE = ("cloud", "nat", "frame_relay_switch", "atm_switch")
_IMAGES = ("hda_disk_image", "image", "path", "linked_clone_base_path", "vmname")
"""The properties with the image of a node, by its type."""


def is_project(document: Value) -> bool:
    """Return whether a document is a project of GNS3."""
    return bool(text_of(document.get("project_id"))) and document.get("topology") is not None


def read(text: str) -> Graph:
    """Return the nodes and links of a project.

    Ethernet switches and hubs become networks. Clouds, NAT and switches of other kinds have no counterpart.

    Raises:
        UnreadableTopology: the text is not a mapping.
    """
    document = load_topology(text)
    graph = Graph(title=text_of(document.get("name")) or None)
    nodes, links, drawings = (_listed(document.get("topology", key)) for key in ("nodes", "links", "drawings"))
    titles: dict[str, str] = {}
    switches: dict[str, tuple[int, str, list[End]]] = {}
    outside: dict[str, str] = {}
    for node in nodes:
        key, name, kind = (text_of(node.get(word)) for word in ("node_id", "name", "node_type"))
        titles[key] = name
        if kind in _SWITCHES:
            switches[key] = (node.line, name, [])
            if node.get("properties", "ports_mapping") is not None:
                graph.remark(node.line, f"ports of switch {name}")
        elif kind in _OUTSIDE:
            outside[key] = kind
            graph.remark(node.line, f"{kind} {name}")
        else:
            image = next(filter(None, (text_of(node.get("properties", each)) for each in _IMAGES)), None)
            graph.add(key, Node(name or key, node.line, kind or None, image=image))
            _remark_node(graph, name, node, image)
    for link in links:
        _add_link(graph, link, titles, switches, outside)
    for line, name, ends in switches.values():
        graph.connect(ends, line, name, is_network=True)
    for drawing in drawings:
        graph.remark(drawing.line, "drawing")
    return graph


def _listed(value: Value | None) -> list[Value]:
    return [] if value is None else list(value.values())


def _remark_node(graph: Graph, name: str, node: Value, image: str | None) -> None:
    if image is not None:
        graph.remark(node.line, f"image of node {name}: {image}")
    for key, line, value in node.items():
        if key == "properties":
            for word, line_, each in value.items():
                if word.startswith(("startup", "private", "environment", "extra_hosts")) and each.text:
                    graph.remark(line_, f"{word} of node {name}: {each.text[:80]}")
        elif key == "console_type" and value.text not in ("", "none"):
            graph.remark(line, f"console of a node: {value.text}")


def _add_link(
    graph: Graph,
    link: Value,
    titles: dict[str, str],
    switches: dict[str, tuple[int, str, list[End]]],
    outside: dict[str, str],
) -> None:
    ends = list(_ends(graph, link, titles))
    keys = [key for key, _interface in ends]
    found = [key for key in keys if key in switches]
    away = [key for key in keys if key in outside]
    if away:
        graph.remark(link.line, f"link of {outside[away[0]]}")
    elif len(found) > 1:
        graph.remark(link.line, f"link between switches {' and '.join(titles[key] for key in found)}")
    elif found:
        switches[found[0]][2].extend(end for end in ends if end[0] not in switches)
    else:
        graph.connect(ends, link.line)
    filters = link.get("filters")
    if filters is not None and next(filters.items(), None) is not None:
        graph.remark(filters.line, "filters of a link")


def _ends(graph: Graph, link: Value, titles: dict[str, str]) -> Iterator[End]:
    """Yield the ends of a link. The first adapter of a node is a data interface there, so its names are not used."""
    for end in _listed(link.get("nodes")):
        key = text_of(end.get("node_id"))
        numbers = (text_of(end.get(word)) for word in ("adapter_number", "port_number"))
        port = text_of(end.get("label", "text")) or "/".join(numbers)
        if key in graph.nodes:
            graph.remark(end.line, f"interface {port} of {titles[key]}")
        yield key, None
