# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads netlab topologies."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from . import netlab_addresses, netlab_configs
from .graph import End, Graph, Node
from .yaml_lines import Value, load_topology, text_of

_LINK_WORDS = ("name", "interfaces", "lag", "members", "group", "type")
_SEPARATORS = re.compile(r"[\s,]+")


def read(text: str) -> Graph:
    """Return the nodes and links of a netlab file.

    Links of two nodes become links, others become networks. Members of a link aggregation become links.

    Raises:
        UnreadableTopology: the text is not a YAML mapping.
    """
    document = load_topology(text)
    graph = Graph(title=text_of(document.get("name")) or None)
    device = text_of(document.get("defaults", "device")) or None
    graph.addressing, carried = netlab_addresses.pools(document)
    nodes = document.get("nodes")
    values: dict[str, Value] = {}
    for name, value in _nodes(nodes) if nodes is not None else ():
        _add_node(graph, name, value, device)
        values[name] = value
    inherited = _add_groups(graph, document, values, device)
    configs = {
        name: netlab_configs.merged(
            inherited.get(name, ()), netlab_configs.entries(values[name]) if name in values else ()
        )
        for name in graph.nodes
    }
    netlab_configs.add(graph, document.get(netlab_configs.CONFIGLETS), configs)
    for key, line, value in document.items():
        word = key.split(".")[0]
        if word == "defaults":
            _remark_tree(graph, key, line, value, skip=frozenset(["defaults.device"]))
        elif word not in ("nodes", "links", "name", "groups", netlab_configs.CONFIGLETS):
            _remark_tree(graph, key, line, value, skip=carried)
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
    loopback = netlab_addresses.loopback(value, graph.addressing.get("loopbacks", {}))
    image = text_of(value.get("image")) or None
    graph.add(name, Node(name, value.line, text_of(value.get("device")) or device, loopback, image))
    for key, line, each in value.items():
        if key == "loopback" and each.is_mapping:
            _remark_rest(graph, f"of node {name}", each, loopback, prefix="loopback.")
        elif not netlab_configs.is_config(key) and key not in (
            "name",
            "device",
            *(f"loopback.{family}" for family in loopback),
        ):
            _remark_tree(graph, f"{key} of node {name}", line, each)


def _add_groups(
    graph: Graph, document: Value, values: Mapping[str, Value], device: str | None
) -> dict[str, list[netlab_configs.Entry]]:
    """Add the nodes that groups create, and the device of their members. Return the templates that nodes get."""
    groups = document.get("groups")
    if groups is None:
        return {}
    known = {key: group for key, _line, group in groups.items() if not key.startswith("_")}
    has_device = {name for name, value in values.items() if text_of(value.get("device"))}
    configs: dict[str, list[netlab_configs.Entry]] = {}
    # Groups in other groups come first, because what they say of their members has precedence.
    for key in _inner_first(known):
        group = known[key]
        own = text_of(group.get("device")) or None
        creates = any(_is_true(each.get("_auto_create")) for each in (group, groups))
        for name in [*graph.nodes] if key == "all" else _members(known, key):
            if creates and name not in graph.nodes:
                graph.nodes[name] = Node(name, group.line, device)
            if name not in graph.nodes:
                continue
            if own and name not in has_device:
                has_device.add(name)
                graph.nodes[name] = replace(graph.nodes[name], kind=own)
            configs[name] = netlab_configs.merged(netlab_configs.entries(group), configs.get(name, ()))
    for key, line, group in groups.items():
        if key in known:
            graph.remark(line, f"groups.{key}")
            for name, line_, each in group.items():
                if name not in ("members", "device", "_auto_create") and not netlab_configs.is_config(name):
                    _remark_tree(graph, f"groups.{key}.{name}", line_, each)
    return configs


def _is_true(value: Value | None) -> bool:
    return text_of(value).lower() in ("true", "yes", "on")


def _listed(group: Value) -> list[str]:
    members = group if group.is_list else group.get("members")
    return [each.text for each in members.values()] if members is not None else []


def _inner_first(groups: Mapping[str, Value]) -> list[str]:
    found: list[str] = []

    def visit(key: str, above: frozenset[str]) -> None:
        for inner in _listed(groups[key]):
            if inner in groups and inner not in above:
                visit(inner, above | {inner})
        if key not in found:
            found.append(key)

    for key in groups:
        visit(key, frozenset([key]))
    return found


def _members(groups: Mapping[str, Value], key: str, above: frozenset[str] = frozenset()) -> list[str]:
    """Return the nodes of a group and of the groups in it."""
    found: list[str] = []
    for name in _listed(groups[key]):
        if name not in groups:
            found.append(name)
        elif name not in above:
            found += _members(groups, name, above | {key, name})
    return list(dict.fromkeys(found))


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
    ends = _ends(graph, link)
    kind = text_of(link.get("type"))
    is_network = len(ends) == 1 or kind in ("lan", "stub")
    subnets, addresses = _addressed(graph, link, len(ends), is_network=is_network or len(ends) > 2)
    _remark_link(graph, link, subnets, addresses)
    if kind in ("loopback", "tunnel"):
        graph.remark(link.line, f"link of type {kind}")
    elif ends:
        title = text_of(link.get("name")) or None
        graph.connect(ends, link.line, title, is_network=is_network, subnets=subnets, addresses=addresses)
    elif members is None:
        graph.remark(link.line, "link without nodes")


def _addressed(
    graph: Graph, link: Value, count: int, *, is_network: bool
) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Return the subnets of a link with C(count) ends, and the addresses of its ends by node."""
    subnets = netlab_addresses.prefixes(link, ends=count, is_network=is_network) if count else {}
    found = {}
    listed = link.get("interfaces")
    ends = [(text_of(each.get("node")), each) for each in listed.values()] if listed is not None else []
    for key, end in [*ends, *((key, value) for key, _line, value in link.items() if key in graph.nodes)]:
        own, subnets = netlab_addresses.addresses(end, subnets, ends=count, is_network=is_network)
        if own:
            found[key] = own
    return subnets, found


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


def _remark_link(
    graph: Graph, link: Value, subnets: Mapping[str, str], addresses: Mapping[str, Mapping[str, str]]
) -> None:
    families = [family for family, name in (("ipv4", "cidr"), ("ipv6", "cidr6")) if name in subnets]
    for key, line, value in link.items():
        if key in graph.nodes:
            _remark_rest(graph, f"of {key} on a link", value, ("ifname", "node", *addresses.get(key, ())))
        elif key == "prefix" and families:
            _remark_rest(graph, "of a link", value, families, prefix="prefix.")
        elif key in {f"prefix.{family}" for family in families}:
            continue
        elif key.split(".")[0] not in _LINK_WORDS:
            _remark_tree(graph, f"{key} of a link", line, value)


def _remark_rest(graph: Graph, where: str, value: Value, skip: Iterable[str], prefix: str = "") -> None:
    """Add a remark for each value of a mapping except for some."""
    for name, line, each in value.items():
        if name not in skip:
            _remark_tree(graph, f"{prefix}{name} {where}", line, each)


def _remark_tree(graph: Graph, what: str, line: int, value: Value, skip: Collection[str] = ()) -> None:
    """Add a remark for each value of a tree whose keys are words, with its own line."""
    items = list(value.items())
    if what in skip:
        return
    if not items or " " in what:
        graph.remark(line, f"{what}: {value.text}" if value.text else what)
    for key, line_, each in items if " " not in what else ():
        _remark_tree(graph, f"{what}.{key}", line_, each, skip)
