# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The last versions of a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._state import lock
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.yaml_file import YamlFile
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import DatabaseError


def change(store: YamlFile, count: int = 1) -> None:
    for _each in range(count):
        with store.transaction(write=True) as cluster:
            cluster.next_vm_id += 1


def versions(store: YamlFile) -> list[int]:
    return [store.read_backup(name).next_vm_id for name in store.backups.names()]


def test_the_last_versions_are_kept(tmp_path: Path) -> None:
    store = YamlFile(str(tmp_path / "d.yaml"), lock_timeout_s=1, backups=3)
    change(store)
    assert store.backups.names() == []
    change(store, 5)
    assert versions(store) == [1003, 1004, 1005]
    assert [name.split("-")[0] for name in store.backups.names()] == ["00000003", "00000004", "00000005"]
    change(YamlFile(store.path, lock_timeout_s=1, backups=1))
    assert versions(store) == [1006]
    change(YamlFile(store.path, lock_timeout_s=1, backups=0))
    assert versions(store) == []


def test_a_backup_now_and_a_restore(tmp_path: Path) -> None:
    store = YamlFile(str(tmp_path / "d.yaml"), lock_timeout_s=1, backups=3)
    assert store.backup() is None
    change(store, 2)
    name = store.backup()
    assert name is not None
    assert store.backup() == name
    assert versions(store) == [1001, 1002]
    change(store)
    Path(store.path).write_text("users: [")
    store.restore(name)
    with store.transaction(write=False) as cluster:
        assert cluster.next_vm_id == 1002
    kept = store.backups.text(store.backups.names()[-1])
    assert kept == "users: ["
    with pytest.raises(DatabaseError, match=r"backup .*, line 2: .*; it is left as it is"):
        store.restore(store.backups.names()[-1])
    with pytest.raises(DatabaseError, match=r"there is no backup \.\./d\.yaml in .*; backups are 0"):
        store.restore("../d.yaml")


def test_without_hard_links_a_backup_is_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class NoLinks:
        def __getattr__(self, name: str) -> Any:
            return getattr(os, name)

        def link(self, *_args: Any) -> None:
            raise PermissionError

    monkeypatch.setattr(lock, "system", NoLinks())
    store = YamlFile(str(tmp_path / "d.yaml"), lock_timeout_s=1, backups=3)
    change(store, 3)
    assert versions(store) == [1001, 1002]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    store = YamlFile(str(tmp_path / "d.yaml"), lock_timeout_s=1, backups=3)
    change(store)
    (tmp_path / "d.yaml.backups").write_text("in the way")
    with pytest.raises(DatabaseError, match=r"database .*d\.yaml cannot be written: .*Not a directory"):
        change(store)
    with store.transaction(write=False) as cluster:
        assert cluster.next_vm_id == 1001
