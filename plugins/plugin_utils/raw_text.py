# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Parses YAML and JSON from callers as plain data, without templates, and refuses duplicate keys."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from ansible_collections.cloudrepo.slices.plugins.module_utils.duplicate_keys import DuplicateKey, duplicate_keys

MOST_VALUES = 1_000_000
"""The limit of values, because a few lines with nested aliases can stand for more values than fit into memory."""
MOST_LEVELS = 50
_TOO_MUCH = f"more than {MOST_VALUES:,} values or {MOST_LEVELS} levels"
_LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(text: str) -> Any:
    """Return the value of a YAML or JSON text.

    Raises:
        ValueError: the text is invalid, has too many values (see C(plain)), or has a mapping with a duplicate key. The
            message contains the lines.
    """
    loader = _LOADER(text)
    try:
        _refuse_deep(text)
        root = loader.get_single_node()
        for duplicate in duplicate_keys(root, with_types=True):
            raise ValueError(str(duplicate))
        if _count(root, {}) > MOST_VALUES:
            raise ValueError(_TOO_MUCH)
        return None if root is None else plain(loader.construct_document(root))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise ValueError(f"{where}{getattr(error, 'problem', None) or error}") from error
    finally:
        loader.dispose()


def repeated_key(text: str) -> DuplicateKey | None:
    """Return the first duplicate key in a YAML text that Ansible has parsed, C(None) if there is none."""
    loader = _LOADER(text)
    try:
        return next(iter(duplicate_keys(loader.get_single_node(), with_types=True)), None)
    except yaml.YAMLError:
        pass  # such as an encrypted file
    finally:
        loader.dispose()
    return None


def texts(text: str, names: Sequence[str]) -> dict[str, str]:
    """Return the values of keys of a YAML mapping that have the tag C(!unsafe), as they are written."""
    loader = _LOADER(text)
    try:
        root = loader.get_single_node()
    except yaml.YAMLError:
        return {}
    finally:
        loader.dispose()
    return {
        key.value: value.value
        for key, value in (root.value if isinstance(root, yaml.MappingNode) else ())
        if key.value in names and isinstance(value, yaml.ScalarNode) and value.tag == "!unsafe"
    }


def plain(value: Any) -> Any:
    """Return a value without Ansible's tags for its origin and for templates.

    Raises:
        ValueError: it has too many values, where aliases count as often as they are used.
    """
    return _Plain().copy(value, MOST_LEVELS)


class _Plain:
    """Copies values and counts them."""

    def __init__(self) -> None:
        self.count = 0

    def copy(self, value: Any, levels: int) -> Any:
        self.count += 1
        if self.count > MOST_VALUES or levels == 0:
            raise ValueError(_TOO_MUCH)
        if isinstance(value, Mapping):
            return {self.copy(key, levels - 1): self.copy(each, levels - 1) for key, each in value.items()}
        if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
            return [self.copy(each, levels - 1) for each in value]
        for kind in (bool, int, float):
            if isinstance(value, kind):
                return kind(value)
        return None if value is None else str(value)


def _refuse_deep(text: str) -> None:
    """Refuse a text with too many levels. LibYAML's events need no recursion; its nodes do, without a limit."""
    level = 0
    for event in yaml.parse(text, Loader=_LOADER):
        level += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if level > MOST_LEVELS:
            mark = event.start_mark
            raise ValueError(f"line {mark.line + 1}: {_TOO_MUCH}" if mark else _TOO_MUCH)


def _count(node: Any, counts: dict[int, float]) -> float:
    """Return the number of values of a node, where aliases and merged mappings count as often as they are used.

    An alias stands for a node that came before, so its number is in C(counts), unless the node contains itself.
    """
    if id(node) not in counts:
        counts[id(node)] = math.inf
        entries = node.value if isinstance(node, yaml.CollectionNode) else ()
        parts = entries if isinstance(node, yaml.SequenceNode) else [each for entry in entries for each in entry]
        counts[id(node)] = 1 + sum(_count(each, counts) for each in parts)
    return counts[id(node)]
