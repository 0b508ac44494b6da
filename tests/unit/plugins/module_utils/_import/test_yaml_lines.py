# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from datetime import date

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


def test_only_mappings_have_items_and_only_lists_have_values() -> None:
    document = yaml_lines.load("a: text\nb: [x]\nc: {d: e}\nf: {? [1] : y, g: h}\n")
    a, b, c, f = (document.get(key) for key in "abcf")
    assert a is not None
    assert b is not None
    assert c is not None
    assert f is not None
    assert [(each.is_mapping, each.is_list) for each in (a, b, c)] == [(False, False), (False, True), (True, False)]
    assert (list(a.items()), list(a.values()), list(b.items()), list(c.values())) == ([], [], [], [])
    assert (a.text, b.text, c.text) == ("text", "", "")
    assert [key for key, _line, _value in f.items()] == ["g"], "a list is no key"
    assert document.get() is document
    assert (yaml_lines.text_of(a), yaml_lines.text_of(None)) == ("text", "")


def test_several_mappings_are_merged() -> None:
    document = yaml_lines.load("a: &a {x: 1}\nb: &b {y: 2}\nc:\n  <<: [*a, *b]\n  z: 3\n")
    c = document.get("c")
    assert c is not None
    assert [(key, value.text) for key, _line, value in c.items()] == [("z", "3"), ("x", "1"), ("y", "2")]


def test_without_pyyaml_no_document_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_lines, "yaml", None)
    with pytest.raises(UnreadableTopology, match="requires PyYAML"):
        yaml_lines.load("a: 1\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3: a is already set in line 1"),
        ("a:\n  - b: 1\n    b: 2\n", "line 3: b is already set in line 2"),
        ("a: {b: 1, 'b': 2}\n", "line 1: b is already set in line 1"),
        ('{"a": {"1": x, 1: y}}\n', "line 1: 1 is already set in line 1"),
    ],
)
def test_a_topology_has_each_key_once(text: str, message: str) -> None:
    with pytest.raises(UnreadableTopology) as caught:
        yaml_lines.load_topology(text)
    assert caught.value.message == message


def test_a_topology_is_also_read_as_data() -> None:
    assert yaml_lines.load_data("a: &a {x: 1, 2: no}\nb: {<<: *a, x: 2026-01-31}\n") == {
        "a": {"x": 1, 2: False},
        "b": {"x": date(2026, 1, 31), 2: False},
    }
    for text, why in (("a: 1\na: 2\n", "line 2: a is already"), ("a: 1\nb: !vault x\n", "line 2: could not determine")):
        with pytest.raises(UnreadableTopology, match=f"^{why}"):
            yaml_lines.load_data(text)


def test_merged_and_repeated_mappings_have_their_keys_once() -> None:
    text = "a: &a {x: 1, y: [&b {z: 1}, *b]}\nb:\n  <<: *a\n  x: 2\n  <<: *b\nc: &c [*c]\n"
    assert [key for key, _line, _value in yaml_lines.load_topology(text).items()] == ["a", "b", "c"]


@pytest.mark.parametrize("value", ["[" * 3000 + "]" * 3000, "{a: " * 3000 + "1" + "}" * 3000])
def test_deeply_nested_documents_are_refused_at_once(value: str) -> None:
    text = f"a: 1\nb: {value}\n"
    with pytest.raises(UnreadableTopology) as caught:
        yaml_lines.load(text)
    assert caught.value.message == "line 2: more than 50 nested values"
    assert yaml_lines.fault(text) == 2


@pytest.mark.parametrize("inner", [49, 50])
def test_the_most_levels_are_read(inner: int) -> None:
    text = f"a: {'[' * inner}{']' * inner}\n"
    assert yaml_lines.fault(text) == (None if inner == 49 else 1)


def test_mappings_that_merge_each_other_many_times_are_read_once() -> None:
    lines = ["a0: &a0 {x: 1, y: 2}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}], z: {n}}}" for n in range(1, 30)]
    found = yaml_lines.load("\n".join([*lines, "last: *a29"])).get("last")
    assert found is not None
    assert sorted((key, value.text) for key, _line, value in found.items()) == [("x", "1"), ("y", "2"), ("z", "29")]


def test_a_mapping_may_merge_itself() -> None:
    found = yaml_lines.load("a: &a {x: 1, <<: *a}").get("a")
    assert found is not None
    assert [(key, value.text) for key, _line, value in found.items()] == [("x", "1")]


def test_user_data_sets_each_key_once() -> None:
    assert yaml_lines.fault("#cloud-config\nruncmd: [a]\nbootcmd: [b]\n") is None
    assert yaml_lines.fault("#cloud-config\nruncmd: [a]\nbootcmd: [b]\nruncmd: [c]\n") == 4
    assert yaml_lines.fault("#cloud-config\nusers:\n- name: a\n  name: b\n") == 4
