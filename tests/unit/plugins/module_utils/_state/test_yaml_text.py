# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A cluster as YAML text: errors contain the line, and fingerprints detect changes."""

from __future__ import annotations

import importlib.util
import re
import sys
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._state import yaml_text
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import DatabaseError, DatabaseRefused, Refusal
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Slice


def test_written_data_is_read_back_in_order() -> None:
    cluster = Cluster.initial()
    slice_ = Slice(1000, "admin")
    slice_.extra["name"] = "größer"
    cluster.slices[1000] = slice_
    cluster.extra = {"zebra": 1, "ant": 2}
    written = yaml_text.write(cluster.to_dict())
    text = written.decode("utf-8")
    assert yaml_text.read(text, name="d").to_dict() == cluster.to_dict()
    assert "größer" in text
    keys = [line.partition(":")[0] for line in text.splitlines() if line[0] not in " -"]
    assert keys == ["users", "workers", "flavors", "slices", "next_vm_id", "zebra", "ant"]
    assert (text.count("'1000':"), text.count("1000:")) == (1, 0)


@pytest.mark.parametrize("value", ["2026-11-22", "07", "yes", "1e3", "~", "null", "0x1", " padded ", "a: b", "#", ""])
def test_texts_that_look_like_other_types_are_read_back_as_texts(value: str) -> None:
    data = {**Cluster.initial().to_dict(), "note": value}
    assert yaml_text.read(yaml_text.write(data).decode(), name="d").extra["note"] == value


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("users: [", 2),
        ("users: {}\n\tx", 2),
        ("- a", 1),
        ("# nothing\n", 1),
        ("users: {}\nslices:\n  '7': 5\n", 3),
        ("a: 1\n\n\nnext_vm_id: many\n", 4),
        # The line of the innermost existing parent if a field is missing.
        ("users:\n  ann: {}\n  bob:\n    username: bob\n", 2),
        ("users:\n  bob:\n    username: bob\n    password_hash: x\n    quota_vms: 1\n", 3),
        (
            "users:\n  bob:\n    username: b\n    password_hash: x\n    quota_vms: 1\n    used_vms: 0\n"
            "    slices:\n      - 1\n      - two\n",
            9,
        ),
        ("users:\n  7:\n    username: [x]\n", 3),
    ],
)
def test_invalid_values_are_reported_with_their_line(text: str, line: int) -> None:
    with pytest.raises(DatabaseError, match=rf"^the file, line {line}: ") as caught:
        yaml_text.read(text, name="the file")
    assert isinstance(caught.value.__cause__, Exception)


def test_tags_do_not_create_objects() -> None:
    with pytest.raises(DatabaseError, match=r"^d, line 1: "):
        yaml_text.read("users: !!python/object/apply:os.getcwd []\n", name="d")


def test_without_pyyaml_a_message_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    yaml_text.need_yaml()
    monkeypatch.setattr(yaml_text, "HAS_YAML", False)
    with pytest.raises(DatabaseRefused) as caught:
        yaml_text.need_yaml()
    figures = {"library": "PyYAML", "package": "python3-yaml"}
    assert caught.value.refusals == [Refusal("library_missing", "the database", figures)]
    assert caught.value.message == (
        "the database requires PyYAML for Ansible's Python interpreter on this host; install python3-yaml, or set "
        "ansible_python_interpreter to an interpreter that has it"
    )


def test_the_module_can_be_imported_without_pyyaml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    spec = importlib.util.spec_from_file_location(yaml_text.__name__, yaml_text.__file__)
    assert spec is not None
    assert spec.loader is not None
    bare = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bare)
    with pytest.raises(DatabaseError, match="requires PyYAML"):
        bare.need_yaml()


def test_a_fingerprint_differs_after_any_change() -> None:
    data: dict[str, Any] = {"a": [1, {"b": None}], "c": 1.5}
    before = yaml_text.fingerprint(data)
    assert yaml_text.fingerprint({"a": [1, {"b": None}], "c": 1.5}) == before
    data["a"][1]["b"] = False
    assert yaml_text.fingerprint(data) != before
    assert yaml_text.fingerprint({"c": {1, 2}}) != yaml_text.fingerprint({"c": {1, 3}}), "what JSON has no form for"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("users: [", r"the file, line 2: did not find expected node content; it was not changed"),
        ("users: \x00", r"the file: unacceptable character #x0000[^;]*; it was not changed"),
        ("next_vm_id: many\n", r"the file, line 1: [^;\n]+; it was not changed"),
    ],
)
def test_the_reason_is_one_sentence(text: str, message: str) -> None:
    with pytest.raises(DatabaseRefused) as caught:
        yaml_text.read(text, name="the file")
    assert [refusal.code for refusal in caught.value.refusals] == ["database_invalid"]
    assert re.fullmatch(message, caught.value.message, re.DOTALL)
