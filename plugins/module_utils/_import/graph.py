# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the readers of other tools' topologies return: nodes, the segments between them, and what has no counterpart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from ..errors import SlicesError

End = tuple[str, Optional[str]]
"""A node by its key, and the interface there, C(None) for any."""


class UnreadableTopology(SlicesError):
    """A file that is not a topology in its format; the message contains the line."""


@dataclass(frozen=True)
class Config:
    """A start-up configuration whose text is in the file, for a device or as a script that begins with C(#!)."""

    line: int
    name: str
    text: str


@dataclass(frozen=True)
class Node:
    """A node.

    Attributes:
        title: its label.
        kind: the device or kind of the node in the other tool.
        loopback: its addresses C(ipv4) and C(ipv6) on the loopback interface.
        image: its image in the other tool.
        commands: those that it runs when it has started, each with its line.
        configs: its start-up configuration.
    """

    title: str
    line: int
    kind: str | None = None
    loopback: Mapping[str, str] = field(default_factory=dict)
    image: str | None = None
    commands: tuple[tuple[int, str], ...] = ()
    configs: tuple[Config, ...] = ()


@dataclass(frozen=True)
class Segment:
    """A link if it has two ends, otherwise a network. A network may have its own title.

    Attributes:
        subnets: its C(cidr) and C(cidr6).
        addresses: the C(ipv4) and C(ipv6) of ends, by node.
    """

    ends: tuple[End, ...]
    line: int
    title: str | None = None
    is_network: bool = False
    subnets: Mapping[str, str] = field(default_factory=dict)
    addresses: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Remark:
    """What a slice has no counterpart for. C(count) is how often it occurs, C(line) is where it occurs first."""

    line: int
    what: str
    count: int = 1

    def to_dict(self) -> dict[str, Any]:
        """Return the fields."""
        return {"line": self.line, "what": self.what, "count": self.count}


@dataclass
class Graph:
    """A topology of another tool.

    Attributes:
        title: its name, C(None) if the file has none.
        nodes: the nodes by key, in the order of the file.
        addressing: its pools of addresses, as for a slice.
    """

    title: str | None = None
    nodes: dict[str, Node] = field(default_factory=dict)
    segments: list[Segment] = field(default_factory=list)
    addressing: dict[str, Any] = field(default_factory=dict)
    _remarks: dict[str, Remark] = field(default_factory=dict)

    @property
    def remarks(self) -> list[Remark]:
        """What could not be imported, in the order of the file."""
        return sorted(self._remarks.values(), key=lambda remark: remark.line)

    def remark(self, line: int, what: str) -> None:
        """Add what could not be imported. The same text is counted."""
        first = self._remarks.get(what)
        self._remarks[what] = Remark(first.line, what, first.count + 1) if first else Remark(line, what)

    def add(self, key: str, node: Node) -> None:
        """Add a node.

        Raises:
            UnreadableTopology: there is one with this key. Links could be of either.
        """
        if key in self.nodes:
            raise UnreadableTopology(f"line {node.line}: node {key} is already in line {self.nodes[key].line}")
        self.nodes[key] = node

    def connect(
        self,
        ends: list[End],
        line: int,
        title: str | None = None,
        *,
        is_network: bool = False,
        subnets: Mapping[str, str] | None = None,
        addresses: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """Add a segment between nodes, without those that do not exist."""
        known: list[End] = []
        for key, interface in ends:
            if key not in self.nodes:
                self.remark(line, f"end at {key}, which is not a node")
                continue
            known.append((key, interface))
        names = [key for key, _interface in known]
        if len(set(names)) < len(names):
            self.remark(line, f"link from {self.nodes[names[0]].title} to itself")
        elif known and (is_network or len(known) > 1):
            is_network = is_network or len(known) > 2
            self.segments.append(
                Segment(tuple(known), line, title, is_network, subnets=subnets or {}, addresses=addresses or {})
            )
        elif known:
            self.remark(line, f"link of {self.nodes[names[0]].title} alone")
