# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import datetime
import re
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader

from ansible_collections.cloudrepo.slices.plugins.module_utils.duplicate_keys import DuplicateKey
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.raw_text import (
    load,
    plain,
    repeated_key,
    texts,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("- name: web\n  vms: []\n", [{"name": "web", "vms": []}]),
        ('[{"name": "web"}]', [{"name": "web"}]),
        ("a: \"{{ lookup('pipe', 'id') }}\"", {"a": "{{ lookup('pipe', 'id') }}"}),
        ("[&a {a: 1}, &b {<<: *a, b: 2}, {<<: *a, <<: *b}]", [{"a": 1}, {"a": 1, "b": 2}, {"a": 1, "b": 2}]),
        ("a: 1\n1: a\n'1': b\n", {"a": 1, 1: "a", "1": "b"}),
        ("", None),
    ],
)
def test_text_is_parsed_as_data(text: str, value: Any) -> None:
    assert load(text) == value


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- name: web\n  vms: []\n  links: []\n  vms: []\n", "line 4: vms is already set in line 2"),
        ("a:\n  - b: {c: 1, d: 2, c: 3}\n", "line 2: c is already set in line 2"),
        ('{"a": 1,\n "a": 2}', "line 2: a is already set in line 1"),
        ("a: [\n", "line 2: did not find expected node content"),
        ("a: !!python/object/apply:os.system [id]\n", "line 1: could not determine a constructor"),
        ("a: 1\n--- \nb: 2\n", "line 2: but found another document"),
        ("a: {{ x }}", "line 1: found unhashable key"),
        ("\x00", "unacceptable character #x0000"),
        ("a: &a [*a]\n", "more than 1,000,000 values or 50 levels"),
        (
            "a0: &a0 [x, x, x, x, x, x, x, x]\n"
            + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 8)}]\n" for n in range(1, 30)),
            "more than 1,000,000 values or 50 levels",
        ),
        (f"{'[' * 60}{']' * 60}", "line 1: more than 1,000,000 values or 50 levels"),
        # LibYAML would overflow the stack of the process.
        ("[" * 100_000, "line 1: more than 1,000,000 values or 50 levels"),
        ("{a: " * 100_000, "line 1: more than 1,000,000 values or 50 levels"),
        # PyYAML would copy the entries of merged mappings before anything counts them.
        (
            "a0: &a0 {x: 1}\n"
            + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 30)),
            "more than 1,000,000 values or 50 levels",
        ),
    ],
)
def test_invalid_text_is_reported_with_its_line(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(told)}"):
        load(text)


def test_ansibles_tags_are_removed_from_parsed_values() -> None:
    text = 'a: "{{ x }}"\nb: !unsafe "{{ y }}"\nc: 2020-01-31\nd: [1, 1.5, true, null, {e: f}]\n'
    read = DataLoader().load(text, file_name="/x", json_only=False)
    value = plain(read)
    assert value == {"a": "{{ x }}", "b": "{{ y }}", "c": "2020-01-31", "d": [1, 1.5, True, None, {"e": "f"}]}
    assert isinstance(read["c"], datetime.date)
    found = [value, *value, *value.values(), *value["d"], *value["d"][4], *value["d"][4].values()]
    assert {type(each) for each in found} == {dict, str, list, int, float, bool, type(None)}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: 1\nb: 2\na: 3\n", DuplicateKey("a", 3, 1)),
        ("a: !vault x\na: !vault y\n", DuplicateKey("a", 2, 1)),
        ("a: {b: 1}\nb: {b: 1}\n", None),
        ("$ANSIBLE_VAULT;1.1;AES256\n6162\n", None),
        ("a: [\n", None),
        ("", None),
    ],
)
def test_only_duplicate_keys_are_reported_for_parsed_values(text: str, found: DuplicateKey | None) -> None:
    assert repeated_key(text) == found


def test_texts_with_the_tag_are_returned_as_they_are_written() -> None:
    text = "a: !unsafe '0x10'\n!unsafe 'b': !unsafe '~'\nc: 16\nd: !unsafe [1]\ne: !unsafe 'x'\na: !unsafe '1_6'\n"
    assert texts(text, ["a", "b", "c", "d"]) == {"a": "1_6", "b": "~"}
    for other in ("", "[a]", "a: [", "x"):
        assert texts(other, ["a"]) == {}
