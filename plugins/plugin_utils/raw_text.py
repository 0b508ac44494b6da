# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a caller wrote, as data: read without templates, and without what a reader of YAML passes over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

MOST_VALUES = 1_000_000
"""A few lines of aliases of aliases stand for more values than there is memory."""
MOST_LEVELS = 50
_MERGE = "tag:yaml.org,2002:merge"
_LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(text: str) -> Any:
    """Return what YAML or JSON text stands for.

    Raises:
        ValueError: it is neither, it has too many values (C(plain)), or a mapping has a key twice, of which the
            last one would win; with the lines.
    """
    loader = _LOADER(text)
    try:
        root = loader.get_single_node()
        for key, line, other in _repeated(root, set()):
            raise ValueError(f"line {other}: {key} was set in line {line} already")
        return None if root is None else plain(loader.construct_document(root))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise ValueError(f"{where}{getattr(error, 'problem', None) or error}") from error
    finally:
        loader.dispose()


def repeated_key(text: str) -> str | None:
    """Return a sentence for a key that YAML which Ansible has read contains twice in a mapping, with both lines."""
    loader = _LOADER(text)
    try:
        for key, line, other in _repeated(loader.get_single_node(), set()):
            return f"line {other}: {key} was set in line {line} already"
    except yaml.YAMLError:
        pass  # such as an encrypted file
    finally:
        loader.dispose()
    return None


def plain(value: Any) -> Any:
    """Return a value without what Ansible knows of it: where it stood, and whether it may be a template.

    Raises:
        ValueError: it has more values than any topology, counting each as often as it is referred to.
    """
    return _Plain().copy(value, MOST_LEVELS)


class _Plain:
    """Copies values and counts them."""

    def __init__(self) -> None:
        self.count = 0

    def copy(self, value: Any, levels: int) -> Any:
        self.count += 1
        if self.count > MOST_VALUES or levels == 0:
            raise ValueError(f"more than {MOST_VALUES:,} values or {MOST_LEVELS} levels")
        if isinstance(value, Mapping):
            return {self.copy(key, levels - 1): self.copy(each, levels - 1) for key, each in value.items()}
        if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
            return [self.copy(each, levels - 1) for each in value]
        for kind in (bool, int, float):
            if isinstance(value, kind):
                return kind(value)
        return None if value is None else str(value)


def _repeated(node: Any, seen: set[int]) -> Iterator[tuple[str, int, int]]:
    """Yield each key that a mapping has twice, with the lines of both."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from _repeated(each, seen)
    if isinstance(node, yaml.MappingNode):
        lines: dict[tuple[str, str], int] = {}
        for key, value in node.value:
            # A mapping may be merged with several others, a merge key each.
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                line = key.start_mark.line + 1
                if (key.tag, key.value) in lines:
                    yield key.value, lines[key.tag, key.value], line
                lines[key.tag, key.value] = line
            yield from _repeated(value, seen)
