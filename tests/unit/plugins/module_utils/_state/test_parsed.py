# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The content of a YAML file as JSON beside it is used while it is that of the file, and never otherwise."""

from __future__ import annotations

import datetime
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._state import yaml_text
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.parsed import Parsed
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.yaml_file import YamlFile
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import DatabaseError
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Slice

TEXT = b"a: 1\n"


@pytest.fixture
def parsed(tmp_path: Path) -> Parsed:
    found = Parsed(str(tmp_path / "database.yaml"))
    found.write(TEXT, {"a": 1})
    return found


@pytest.fixture
def store(tmp_path: Path) -> YamlFile:
    found = YamlFile(str(tmp_path / "database.yaml"), lock_timeout_s=5)
    with found.transaction(write=True) as cluster:
        cluster.slices[1000] = Slice(1000, "admin")
    return found


def slices_of(store: YamlFile) -> list[int]:
    with store.transaction(write=False) as cluster:
        return list(cluster.slices)


def no_yaml(*_args: object, **_kwargs: object) -> None:
    raise AssertionError("the YAML was parsed")


def test_content_is_read_back(parsed: Parsed) -> None:
    assert parsed.read(TEXT) == {"a": 1}
    assert stat.S_IMODE(Path(parsed.path).stat().st_mode) == 0o600


def test_another_text_has_no_content(parsed: Parsed, tmp_path: Path) -> None:
    assert parsed.read(b"a: 2\n") is None
    assert Parsed(str(tmp_path / "other.yaml")).read(TEXT) is None


def test_a_file_with_any_other_byte_is_not_used(parsed: Parsed) -> None:
    path = Path(parsed.path)
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert parsed.read(TEXT) is None, at
        path.write_bytes(whole[:at])
        assert parsed.read(TEXT) is None, at
    path.write_bytes(whole)
    assert parsed.read(TEXT) == {"a": 1}


@pytest.mark.parametrize("value", [datetime.date(2026, 1, 31), {1: "key"}, float("nan"), {"set"}, (1, 2)], ids=repr)
def test_what_json_would_change_is_not_stored(tmp_path: Path, value: Any) -> None:
    parsed = Parsed(str(tmp_path / "database.yaml"))
    parsed.write(TEXT, {"a": value})
    assert not Path(parsed.path).exists()


def test_a_database_is_read_without_parsing_yaml(store: YamlFile, monkeypatch: pytest.MonkeyPatch) -> None:
    with store.transaction(write=False) as cluster:
        slow = yaml_text.read(Path(store.path).read_text(), name="d").to_dict()
        assert cluster.to_dict() == slow
    monkeypatch.setattr(yaml_text.yaml, "load", no_yaml)
    assert slices_of(store) == [1000]


def test_an_edited_database_is_what_counts(store: YamlFile) -> None:
    path = Path(store.path)
    path.write_text(path.read_text().replace("1000", "1003"))
    assert slices_of(store) == [1003]
    with store.transaction(write=True) as cluster:
        cluster.slices[1004] = Slice(1004, "admin")
    assert slices_of(store) == [1003, 1004]
    assert list(json.loads(Path(f"{path}.parsed").read_bytes().split(b"\n", 1)[1])["slices"]) == ["1003", "1004"]


def test_a_field_that_does_not_fit_is_reported_with_its_line_in_the_yaml(store: YamlFile) -> None:
    text = Path(store.path).read_bytes()
    Parsed(store.path).write(text, {"next_vm_id": "many"})
    with pytest.raises(DatabaseError, match=r"database\.yaml, line \d+: next_vm_id: must be int, got str 'many'"):
        slices_of(store)


def test_a_change_is_stored_where_the_file_cannot_be_written(store: YamlFile) -> None:
    path = Path(f"{store.path}.parsed")
    path.unlink()
    path.mkdir()
    with store.transaction(write=True) as cluster:
        cluster.slices[1001] = Slice(1001, "admin")
    assert slices_of(store) == [1000, 1001]
