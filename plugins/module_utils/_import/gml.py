# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads GML, the Graph Modelling Language."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Union

from .graph import Graph, Node, UnreadableTopology

_TOKEN = re.compile(r'\s+|#[^\n]*|(?P<word>\[|\]|"[^"]*"|[^\s\[\]"#]+)')
Pair = tuple[str, int, Union[str, "list[Pair]"]]
"""A key, its line, and a text or the pairs of a list."""
_MOST_LEVELS = 50


def read(text: str) -> Graph:
    """Return the graph in a GML document.

    Raises:
        UnreadableTopology: the text is not GML.
    """
    pairs = _list(_words(text), 0, None)
    found = next((value for key, _line, value in pairs if key == "graph" and isinstance(value, list)), None)
    if found is None:
        raise UnreadableTopology("line 1: there is no graph [ … ]")
    graph = Graph()
    for key, line, value in found:
        if isinstance(value, str):
            if key in ("label", "Network"):
                graph.title = graph.title or value or None
            elif key not in ("directed", "multigraph"):
                graph.remark(line, f"{key} of a graph")
        elif key == "node":
            _add_node(graph, line, value)
    for key, line, value in found:
        if key == "edge" and isinstance(value, list):
            _add_edge(graph, line, value)
    return graph


def _add_node(graph: Graph, line: int, pairs: list[Pair]) -> None:
    fields = {key: value for key, _line, value in pairs if isinstance(value, str)}
    key = fields.get("id", "")
    graph.add(key, Node(fields.get("label") or key, line))
    _remark_rest(graph, "node", pairs, ("id", "label"))


def _add_edge(graph: Graph, line: int, pairs: list[Pair]) -> None:
    fields = {key: value for key, _line, value in pairs if isinstance(value, str)}
    ends = [fields.get("source", ""), fields.get("target", "")]
    graph.connect([(end, None) for end in ends], line, fields.get("LinkLabel") or fields.get("label") or None)
    _remark_rest(graph, "edge", pairs, ("source", "target", "LinkLabel", "label", "id", "key"))


def _remark_rest(graph: Graph, kind: str, pairs: list[Pair], known: tuple[str, ...]) -> None:
    for key, line, _value in pairs:
        if key not in known:
            graph.remark(line, f"{key} of {'an' if kind == 'edge' else 'a'} {kind}")


def _words(text: str) -> Iterator[tuple[int, str]]:
    place, line = 0, 1
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise UnreadableTopology(f"line {line}: the quoted text has no end")
        if match["word"] is not None:
            yield line, match["word"]
        line += match[0].count("\n")
        place = match.end()


def _list(words: Iterator[tuple[int, str]], level: int, opened: int | None) -> list[Pair]:
    """Return the pairs up to the end of a list that was opened in this line, or of the document."""
    if level > _MOST_LEVELS:
        raise UnreadableTopology(f"line {opened}: more than {_MOST_LEVELS} nested lists")
    found: list[Pair] = []
    for line, key in words:
        if key == "]":
            if opened is None:
                raise UnreadableTopology(f"line {line}: ] without [")
            return found
        value_line, value = next(words, (line, "]"))
        if value == "]":
            raise UnreadableTopology(f"line {value_line}: {key} has no value")
        found.append((key, line, _list(words, level + 1, line) if value == "[" else html.unescape(value.strip('"'))))
    if opened is not None:
        raise UnreadableTopology(f"line {opened}: [ without ]")
    return found
