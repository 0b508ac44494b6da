# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""YAML documents whose values know their lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..duplicate_keys import duplicate_keys
from .graph import UnreadableTopology

try:
    import yaml
except ImportError:  # the import test of ansible-test runs without PyYAML
    yaml = None  # type: ignore[assignment]

_MERGE = "tag:yaml.org,2002:merge"
_MOST_LEVELS = 50
"""PyYAML reads nested values recursively, and takes minutes for some thousand levels."""


class Value:
    """A value in a YAML document. Scalars are texts."""

    def __init__(self, node: Any) -> None:
        self._node = node

    @property
    def line(self) -> int:
        """The line where the value starts."""
        return int(self._node.start_mark.line) + 1

    @property
    def is_mapping(self) -> bool:
        """Whether it is a mapping."""
        return isinstance(self._node, yaml.MappingNode)

    @property
    def is_list(self) -> bool:
        """Whether it is a list."""
        return isinstance(self._node, yaml.SequenceNode)

    @property
    def text(self) -> str:
        """The text of a scalar, empty for null and for other values."""
        is_null = self._node.tag == "tag:yaml.org,2002:null"
        return str(self._node.value) if isinstance(self._node, yaml.ScalarNode) and not is_null else ""

    def items(self) -> Iterator[tuple[str, int, Value]]:
        """Yield key, line and value of a mapping; those of merged mappings come last."""
        yield from self._items(set())

    def _items(self, merged_nodes: set[int]) -> Iterator[tuple[str, int, Value]]:
        # A mapping that is merged by several others, which a few lines can do billions of times, is read once.
        if not self.is_mapping or id(self._node) in merged_nodes:
            return
        merged_nodes.add(id(self._node))
        own = {key.value for key, _value in self._node.value if isinstance(key, yaml.ScalarNode)}
        merged: list[Value] = []
        for key, value in self._node.value:
            if key.tag == _MERGE:
                merged += list(Value(value).values()) or [Value(value)]
            elif isinstance(key, yaml.ScalarNode):
                yield str(key.value), int(key.start_mark.line) + 1, Value(value)
        for each in merged:
            others = each._items(merged_nodes)
            yield from ((key, line, value) for key, line, value in others if key not in own)

    def values(self) -> Iterator[Value]:
        """Yield the items of a list."""
        if self.is_list:
            yield from map(Value, self._node.value)

    def get(self, *path: str) -> Value | None:
        """Return the value at a path of keys, C(None) if there is none. Keys with dots are paths as well."""
        if not path:
            return self
        for key, _line, value in self.items():
            words = tuple(key.split("."))
            if words == path[: len(words)]:
                found = value.get(*path[len(words) :])
                if found is not None:
                    return found
        return None


def text_of(value: Value | None) -> str:
    """Return the text of a value, empty if there is none."""
    return value.text if value is not None else ""


def dump(data: Any) -> str:
    """Return a value as a YAML document."""
    return str(yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120))


class _NoMapping(UnreadableTopology):
    """A text that is not a YAML mapping; C(line) is where, C(None) if that is unknown."""

    def __init__(self, line: int | None, why: str) -> None:
        super().__init__(why if line is None else f"line {line}: {why}")
        self.line = line


def fault(text: str) -> int | None:
    """Return the line in which a text is not a YAML mapping without duplicate keys, C(None) if it is one.

    Raises:
        UnreadableTopology: PyYAML is missing.
    """
    try:
        load_topology(text)
    except _NoMapping as error:
        return error.line or 1
    return None


def load_topology(text: str) -> Value:
    """Return the document in a text, in which no mapping has a duplicate key.

    Raises:
        UnreadableTopology: it has one, or see C(load).
    """
    document = load(text)
    for duplicate in duplicate_keys(document._node, with_types=False):
        raise _NoMapping(duplicate.line, f"{duplicate.key} is already set in line {duplicate.first_line}")
    return document


def load_data(text: str) -> Any:
    """Return the content of a text as data, in which no mapping has a duplicate key.

    Raises:
        UnreadableTopology: see C(load_topology); or a value has an unknown tag.
    """
    document = load_topology(text)
    try:
        return yaml.constructor.SafeConstructor().construct_document(document._node)
    except yaml.YAMLError as error:
        raise _not_yaml(error) from error


def _refuse_deep(text: str) -> None:
    level = 0
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        level += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if level > _MOST_LEVELS:
            mark = event.start_mark
            raise _NoMapping(int(mark.line) + 1 if mark else None, f"more than {_MOST_LEVELS} nested values")


def load(text: str) -> Value:
    """Return the document in a text.

    Raises:
        UnreadableTopology: the text is not a YAML mapping, its values are nested too deeply, or PyYAML is missing.
    """
    if yaml is None:
        raise UnreadableTopology("YAML requires PyYAML (python3-yaml) for Ansible's Python interpreter on this host")
    try:
        _refuse_deep(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise _not_yaml(error) from error
    if not isinstance(node, yaml.MappingNode):
        raise _NoMapping(1, "the document must be a mapping")
    return Value(node)


def _not_yaml(error: Exception) -> _NoMapping:
    mark = getattr(error, "problem_mark", None)
    why = str(getattr(error, "problem", None) or error)
    return _NoMapping(int(mark.line) + 1 if mark else None, why)
