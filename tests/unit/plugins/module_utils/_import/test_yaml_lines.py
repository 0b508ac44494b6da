# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._import import yaml_lines
from ansible_collections.cloudrepo.slices.plugins.module_utils._import.graph import UnreadableTopology

TEXT = """base: &base
  a: 1
  b: [x, y]
own:
  <<: *base
  a: 2
a.b.c: deep
empty:
"""


def test_values_have_line_numbers() -> None:
    document = yaml_lines.load(TEXT)
    assert [(key, line) for key, line, _value in document.items()] == [
        ("base", 1),
        ("own", 4),
        ("a.b.c", 7),
        ("empty", 8),
    ]
    found = document.get("base", "b")
    assert found is not None
    assert [(each.text, each.line) for each in found.values()] == [("x", 3), ("y", 3)]


def test_merged_mappings_are_read_and_keys_with_dots_are_paths() -> None:
    document = yaml_lines.load(TEXT)
    own, deep, empty = document.get("own"), document.get("a", "b", "c"), document.get("empty")
    assert own is not None
    assert deep is not None
    assert empty is not None
    assert [(key, value.text) for key, _line, value in own.items()] == [("a", "2"), ("b", "")]
    assert (deep.text, empty.text) == ("deep", "")
    assert document.get("a", "x") is None


@pytest.mark.parametrize(
    ("text", "message"), [("a: [\n", "line 2"), ("- a\n", "must be a mapping"), ("", "must be a mapping")]
)
def test_documents_other_than_mappings_are_refused(text: str, message: str) -> None:
    with pytest.raises(UnreadableTopology, match=message):
        yaml_lines.load(text)


def test_written_data_is_read_back() -> None:
    text = yaml_lines.dump({"b": "São Paulo", "a": ["no", "12:30"]})
    assert text.startswith("b: São Paulo\n")
    found = yaml_lines.load(text).get("a")
    assert found is not None
    assert [each.text for each in found.values()] == ["no", "12:30"]
