# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Custom configuration of nodes in netlab topologies, whose text may be in the file itself.

C(config) of a node or group names templates, or contains their texts. C(configlets) contains the texts of some
templates, by name, and below that by node and device. Other templates are files of their own, and those with Jinja
expressions need what only netlab knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from .graph import Config, Graph
from .yaml_lines import Value

CONFIGLETS = "configlets"
_JINJA = re.compile(r"\{\{|\{%|\{#")
_BASE = "base"


@dataclass(frozen=True)
class Entry:
    """A template by its name, with its text or texts if they are in the same place."""

    line: int
    name: str
    text: Value | None = None


def is_config(key: str) -> bool:
    """Return whether this key of a node or group is about templates."""
    return key.split(".")[0] == "config"


def entries(owner: Value) -> Iterator[Entry]:
    """Yield the templates of a node or group. A name with a leading hyphen takes one of a group away, C(-) all."""
    for key, line, value in owner.items():
        if not is_config(key):
            continue
        _config, _dot, name = key.partition(".")
        if name:
            yield Entry(line, name, value)
        elif value.is_mapping:
            yield from (Entry(line_, key_, each) for key_, line_, each in value.items())
        else:
            yield from (
                Entry(each.line, each.text) for each in (value.values() if value.is_list else [value]) if each.text
            )


def merged(inherited: Iterable[Entry], own: Iterable[Entry]) -> list[Entry]:
    """Return the templates of a node with those of its groups."""
    found = list(inherited)
    for entry in own:
        if entry.text is None and entry.name.startswith("-"):
            found = [each for each in found if entry.name != "-" and each.name != entry.name[1:]]
        else:
            found.append(entry)
    return found


def add(graph: Graph, configlets: Value | None, wanted: dict[str, list[Entry]]) -> None:
    """Add the texts to the nodes, and remarks for templates without a text that can be used as it is.

    Args:
        graph: the graph with all nodes.
        configlets: the value of that key.
        wanted: the templates of nodes.
    """
    used = set()
    for name, listed in wanted.items():
        node = graph.nodes[name]
        found = []
        for entry in listed:
            value = entry.text or (configlets.get(entry.name) if configlets is not None else None)
            used |= {entry.name} if entry.text is None else set()
            text = None if value is None else _text(value, (name, node.kind or "", _BASE))
            if text is None or _JINJA.search(text):
                graph.remark(entry.line, f"config {entry.name} of node {name}")
            else:
                found.append(Config(entry.line, entry.name, text))
        graph.nodes[name] = replace(node, configs=tuple(found))
    for name, line, _value in configlets.items() if configlets is not None else ():
        if name not in used:
            graph.remark(line, f"{CONFIGLETS}.{name}")


def _text(value: Value, keys: tuple[str, ...]) -> str | None:
    """Return the text for a node, below the keys that fit it, C(None) if there is none."""
    if not value.is_mapping:
        return value.text or None
    below = next((found for key in keys if key and (found := value.get(key)) is not None), None)
    return None if below is None else _text(below, keys)
