# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A table loads objects on demand and once, and keeps track of changes."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._state.lazy import LazyTable

Row = list[int]


class Stored:
    """A source that records queries."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {"a": [1], "b": [2], "c": [3]}
        self.asked: list[str] = []

    def keys(self) -> list[str]:
        self.asked.append("keys")
        return list(self.rows)

    def fetch(self, key: str) -> Row | None:
        self.asked.append(key)
        return copy.copy(self.rows.get(key))

    def fetch_others(self, known: Collection[str]) -> Mapping[str, Row]:
        self.asked.append(f"others than {sorted(known)}")
        return {key: copy.copy(row) for key, row in self.rows.items() if key not in known}


@pytest.fixture
def stored() -> Stored:
    return Stored()


@pytest.fixture
def table(stored: Stored) -> LazyTable[str, Row]:
    return LazyTable(stored, tuple)


def test_an_object_is_read_once(table: LazyTable[str, Row], stored: Stored) -> None:
    assert table["a"] is table["a"]
    assert stored.asked == ["a"]
    assert "b" in table
    assert stored.asked == ["a", "b"]
    assert (table.known, table.touched, table.before) == ({"a": [1], "b": [2]}, ["a", "b"], {"a": (1,), "b": (2,)})


def test_objects_that_are_not_stored_are_missing(table: LazyTable[str, Row], stored: Stored) -> None:
    with pytest.raises(KeyError, match="z"):
        table["z"]
    assert (table.get("z"), "z" in table, table.touched) == (None, False, [])
    assert stored.asked == ["z", "z", "z"]


def test_the_snapshot_contains_objects_that_were_read(table: LazyTable[str, Row]) -> None:
    table["a"].append(9)
    assert (table["a"], table.before) == ([1, 9], {"a": (1,)})


def test_replaced_objects_are_known_with_their_previous_versions(table: LazyTable[str, Row], stored: Stored) -> None:
    table["a"] = [7]
    table["new"] = [8]
    assert stored.asked == ["a", "new"]
    assert (table["a"], table["new"]) == ([7], [8])
    assert (table.before, table.touched) == ({"a": (1,)}, ["a", "new"])


def test_deleted_objects_are_not_read_again(table: LazyTable[str, Row], stored: Stored) -> None:
    del table["a"]
    assert stored.asked == ["a"]
    assert (table.get("a"), "a" in table, table.known, table.touched) == (None, False, {}, ["a"])
    assert (list(table), len(table), table.before) == (["b", "c"], 2, {"a": (1,)})
    assert stored.asked == ["a", "keys"]
    with pytest.raises(KeyError):
        del table["a"]
    with pytest.raises(KeyError):
        del table["z"]
    table["a"] = [5]
    assert (list(table), table.before) == (["a", "b", "c"], {"a": (1,)})


def test_keys_are_in_stored_order_followed_by_new_ones(table: LazyTable[str, Row], stored: Stored) -> None:
    table["z"] = [0]
    table["y"] = [0]
    table["b"] = [0]
    assert list(table) == ["a", "b", "c", "z", "y"]
    assert len(table) == 5
    assert stored.asked.count("keys") == 1, "keys are asked for once"


def test_iterating_over_values_reads_the_rest_at_once(table: LazyTable[str, Row], stored: Stored) -> None:
    del table["a"]
    table["b"].append(9)
    stored.asked.clear()
    assert list(table.values()) == [[2, 9], [3]]
    assert dict(table.items()) == {"b": [2, 9], "c": [3]}
    assert [each for each in stored.asked if each != "keys"] == ["others than ['a', 'b']"]
    assert table.before == {"a": (1,), "b": (2,), "c": (3,)}


def test_iterating_over_items_reads_the_rest_and_nothing_later(table: LazyTable[str, Row], stored: Stored) -> None:
    assert [key for key, _row in table.items()] == ["a", "b", "c"]
    stored.asked.clear()
    assert (table["c"], table.get("z")) == ([3], None)
    assert stored.asked == []
