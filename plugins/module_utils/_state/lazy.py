# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A mapping that loads its values on demand and remembers their stored state."""

from __future__ import annotations

from collections.abc import Callable, Collection, ItemsView, Iterator, Mapping, MutableMapping, ValuesView
from typing import Any, Generic, Protocol, TypeVar

K = TypeVar("K")
V = TypeVar("V")
V_co = TypeVar("V_co", covariant=True)


class Source(Protocol[K, V_co]):
    """The stored objects of a table."""

    def keys(self) -> list[K]:
        """Return the keys of all stored objects, sorted."""

    def fetch(self, key: K) -> V_co | None:
        """Return one object, or C(None) if it is not stored."""

    def fetch_others(self, known: Collection[K]) -> Mapping[K, V_co]:
        """Return all objects except those with known keys."""


class LazyTable(MutableMapping[K, V], Generic[K, V]):
    """Objects by key, each loaded on first access.

    Args:
        source: the stored objects.
        snapshot: returns a copy of an object as it was read, to detect changes later.
    """

    def __init__(self, source: Source[K, V], snapshot: Callable[[V], Any]) -> None:
        self._source = source
        self._snapshot = snapshot
        self._known: dict[K, V | None] = {}
        self._stored: list[K] | None = None
        self._whole = False
        self.before: dict[K, Any] = {}
        """The snapshots of the objects that were read."""

    @property
    def known(self) -> dict[K, V]:
        """The objects that were read or set, without deleted ones."""
        return {key: value for key, value in self._known.items() if value is not None}

    @property
    def touched(self) -> list[K]:
        """The keys for which the stored state is no longer valid: read, set or deleted."""
        return list(self._known)

    def __getitem__(self, key: K) -> V:
        if key not in self._known:
            value = None if self._whole else self._source.fetch(key)
            if value is None:
                raise KeyError(key)
            self._remember(key, value)
        found = self._known[key]
        if found is None:
            raise KeyError(key)
        return found

    def __setitem__(self, key: K, value: V) -> None:
        self.get(key)  # takes a snapshot of the stored object, whose rows have to be deleted
        self._known[key] = value

    def __delitem__(self, key: K) -> None:
        self[key]
        self._known[key] = None

    def __iter__(self) -> Iterator[K]:
        if self._stored is None:
            self._stored = self._source.keys()
        stored = set(self._stored)
        yield from [key for key in self._stored if key not in self._known or self._known[key] is not None]
        yield from [key for key, value in self._known.items() if value is not None and key not in stored]

    def __len__(self) -> int:
        return sum(1 for _each in self)

    def values(self) -> ValuesView[V]:
        self._read_whole()
        return super().values()

    def items(self) -> ItemsView[K, V]:
        self._read_whole()
        return super().items()

    def _read_whole(self) -> None:
        if not self._whole:
            for key, value in self._source.fetch_others(self._known).items():
                self._remember(key, value)
            self._whole = True

    def _remember(self, key: K, value: V) -> None:
        self._known[key] = value
        self.before[key] = self._snapshot(value)
