# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Duplicate keys in YAML documents."""

from __future__ import annotations

import pytest
import yaml

from ansible_collections.cloudrepo.slices.plugins.module_utils.duplicate_keys import DuplicateKey, duplicate_keys


def found(text: str, *, with_types: bool = True) -> list[DuplicateKey]:
    return duplicate_keys(yaml.compose(text, Loader=yaml.SafeLoader), with_types=with_types)


@pytest.mark.parametrize(
    ("text", "duplicates"),
    [
        ("", []),
        ("text", []),
        ("a: 1\nb: {a: 1}\nc: [{a: 1}, {a: 2}]\n", []),
        ("a: 1\nb: 2\na: 3\na: 4\n", [DuplicateKey("a", 3, 1), DuplicateKey("a", 4, 3)]),
        ("a:\n  - b: 1\n    b: 2\n", [DuplicateKey("b", 3, 2)]),
        ("{? [1] : x, ? [1] : y}", []),
        # A key in a mapping that comes before is named before, whatever the level.
        ("a:\n  x: {b: 1,\n      b: 2}\na: 1\n", [DuplicateKey("b", 3, 2), DuplicateKey("a", 4, 1)]),
    ],
)
def test_duplicates_are_found_in_all_mappings_by_line(text: str, duplicates: list[DuplicateKey]) -> None:
    assert found(text) == duplicates


def test_keys_of_different_types_may_be_different() -> None:
    text = "1: a\n'1': b\n1: c\n"
    assert found(text) == [DuplicateKey("1", 3, 1)]
    assert found(text, with_types=False) == [DuplicateKey("1", 2, 1), DuplicateKey("1", 3, 2)]


def test_merged_and_repeated_mappings_are_searched_once() -> None:
    assert found("a: &a {x: 1, x: 2}\nb:\n  <<: *a\n  x: 2\n  <<: *a\nc: &c [*c, *a]\n") == [DuplicateKey("x", 1, 1)]


def test_a_document_may_have_many_levels() -> None:
    # PyYAML itself needs its stack for each level.
    root = inner = yaml.SequenceNode("tag:yaml.org,2002:seq", [])
    for _level in range(10_000):
        inner.value.append(yaml.SequenceNode("tag:yaml.org,2002:seq", []))
        inner = inner.value[0]
    assert duplicate_keys(root, with_types=True) == []


def test_a_duplicate_names_both_lines() -> None:
    assert str(DuplicateKey("vms", 4, 2)) == "line 4: vms is already set in line 2"
