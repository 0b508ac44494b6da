# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads GraphML, such as that of the Internet Topology Zoo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from .graph import Graph, Node, UnreadableTopology

_LABELS = ("label", "name")
_LINK_LABELS = ("LinkLabel", "label", "name")


@dataclass
class _Element:
    """A node or edge that is being read."""

    kind: str
    line: int
    attributes: Mapping[str, str]
    data: dict[str, tuple[str, int]] = field(default_factory=dict)
    ends: list[str] = field(default_factory=list)


def read(text: str) -> Graph:
    """Return the graph in a GraphML document.

    Raises:
        UnreadableTopology: the text is not GraphML.
    """
    reader = _Reader()
    try:
        reader.parser.Parse(text.encode(), True)
    except expat.ExpatError as error:
        raise UnreadableTopology(f"line {error.lineno}: {expat.ErrorString(error.code)}") from error
    if not reader.is_graphml:
        raise UnreadableTopology("line 1: the root element must be graphml")
    return reader.finish()


class _Reader:
    def __init__(self) -> None:
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        # A document needs to define no entities, and they can expand to more text than fits into memory.
        self.parser.EntityDeclHandler = self._refuse_entity
        self.is_graphml = False
        self._keys: dict[str, str] = {}
        self._open: list[_Element] = []
        self._found: list[_Element] = []
        self._key: tuple[str, int] | None = None
        self._chunks: list[str] = []

    def _refuse_entity(self, *_args: object) -> None:
        raise UnreadableTopology(f"line {self.parser.CurrentLineNumber}: entities are not supported")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag, line = name.rpartition(" ")[2], self.parser.CurrentLineNumber
        self.is_graphml = self.is_graphml or tag == "graphml"
        if tag == "key":
            self._keys[attributes.get("id", "")] = attributes.get("attr.name", attributes.get("id", ""))
        elif tag in ("graph", "node", "edge", "hyperedge"):
            self._open.append(_Element(tag, line, attributes))
        elif tag == "endpoint" and self._open:
            self._open[-1].ends.append(attributes.get("node", ""))
        elif tag == "data":
            self._key, self._chunks = (attributes.get("key", ""), line), []

    def _text(self, text: str) -> None:
        if self._key is not None:
            self._chunks.append(text)

    def _end(self, name: str) -> None:
        tag = name.rpartition(" ")[2]
        if tag == "data" and self._key is not None:
            key, line = self._key
            if self._open:
                self._open[-1].data[self._keys.get(key, key)] = " ".join("".join(self._chunks).split()), line
            self._key = None
        elif self._open and tag == self._open[-1].kind:
            self._found.append(self._open.pop())

    def finish(self) -> Graph:
        """Return the graph, after the whole document was read."""
        graph = Graph()
        for each in self._found:
            if each.kind == "graph":
                graph.title = graph.title or _first(each, ("label", "Network", "name")) or None
                _remark_rest(graph, each, ("label", "Network", "name"))
            elif each.kind == "node":
                key = each.attributes.get("id", "")
                graph.add(key, Node(_first(each, _LABELS) or key, each.line))
                _remark_rest(graph, each, (*_LABELS, "id"))
        for each in self._found:
            if each.kind in ("edge", "hyperedge"):
                ends = each.ends or [each.attributes.get("source", ""), each.attributes.get("target", "")]
                graph.connect([(key, None) for key in ends], each.line, _first(each, _LINK_LABELS) or None)
                _remark_rest(graph, each, (*_LINK_LABELS, "id", "key"))
        return graph


def _first(element: _Element, names: tuple[str, ...]) -> str:
    return next((element.data[name][0] for name in names if element.data.get(name, ("",))[0]), "")


def _remark_rest(graph: Graph, element: _Element, known: tuple[str, ...]) -> None:
    for name, (value, line) in element.data.items():
        if name not in known and value:
            graph.remark(line, f"{name} of a {element.kind}")
