# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Duplicate keys in YAML documents, of which parsers use the last one and say nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_MERGE = "tag:yaml.org,2002:merge"


@dataclass(frozen=True)
class DuplicateKey:
    """A key that a mapping contains again.

    Attributes:
        key: its text.
        line: the line of the duplicate, from 1.
        first_line: the line of the key before it.
    """

    key: str
    line: int
    first_line: int

    def __str__(self) -> str:
        return f"line {self.line}: {self.key} is already set in line {self.first_line}"


def duplicate_keys(root: Any, *, with_types: bool) -> list[DuplicateKey]:
    """Return the duplicate keys in all mappings of a document, by line.

    Args:
        root: a node of PyYAML with nodes for its entries, C(None) for an empty document. The nodes are told apart by
            their C(id), because this layer has no PyYAML. Aliases may refer to a node that contains them.
        with_types: whether keys of different types differ, such as C(1) and C('1') in data of Python. In the formats
            of other programs, both are the same text.
    """
    return sorted(_found(root, with_types), key=lambda found: found.line)


def _found(root: Any, with_types: bool) -> Iterator[DuplicateKey]:
    # Without recursion, because a document may have more levels than the stack.
    seen, left = set[int](), [root]
    while left:
        node = left.pop()
        kind = getattr(node, "id", "scalar")
        if kind == "scalar" or id(node) in seen:
            continue
        seen.add(id(node))
        lines: dict[tuple[str, str], int] = {}
        if kind == "sequence":
            left += node.value
            continue
        for key, value in node.value:
            left.append(value)
            # A mapping may have several merge keys.
            if key.id == "scalar" and key.tag != _MERGE:
                line, own = key.start_mark.line + 1, (key.tag if with_types else "", key.value)
                if own in lines:
                    yield DuplicateKey(key.value, line, lines[own])
                lines[own] = line
