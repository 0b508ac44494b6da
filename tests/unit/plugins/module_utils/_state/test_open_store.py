# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Selection of the store for the option C(database)."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._state.open_store import located, open_store
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.sql import SqlDatabase
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.store import Store
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.yaml_file import YamlFile
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused


def opened(database: str, backup_dir: str | None = None) -> Store:
    return open_store(database, lock_timeout_s=1, backups=1, backup_dir=backup_dir)


def test_a_path_is_a_yaml_file_and_a_url_is_sql(tmp_path: Path) -> None:
    assert isinstance(opened(f"{tmp_path}/d.yaml"), YamlFile)
    assert isinstance(opened(f"sqlite:///{tmp_path}/d.sqlite"), SqlDatabase)


def test_home_and_variables_are_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUD", "lab")
    store = opened("~/$CLOUD/d.yaml", "~/kept")
    assert store.name == f"database {tmp_path}/lab/d.yaml"
    assert store.backups is not None
    assert store.backups.folder == f"{tmp_path}/kept"


def test_the_same_database_has_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/root")
    assert located("~/d.yaml") == located("$HOME/d.yaml") == "/root/d.yaml"
    assert located("sqlite:////$HOME/d.sqlite") == "sqlite:////$HOME/d.sqlite"


@pytest.mark.parametrize(
    ("database", "backup_dir", "about", "got", "absolute"),
    [
        ("d.yaml", None, "database", "d.yaml", "{here}/d.yaml"),
        ("./d.yaml", None, "database", "./d.yaml", "{here}/d.yaml"),
        ("", None, "database", "", "{here}"),
        ("$NOT_SET/d.yaml", None, "database", "$NOT_SET/d.yaml", "{here}/$NOT_SET/d.yaml"),
        ("/srv/d.yaml", "kept", "backup_dir", "kept", "{here}/kept"),
        ("sqlite:///d.sqlite", None, "database sqlite:///d.sqlite", "d.sqlite", "sqlite:///{here}/d.sqlite"),
    ],
)
def test_a_relative_path_is_refused(
    database: str,
    backup_dir: str | None,
    about: str,
    got: str,
    absolute: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NOT_SET", raising=False)
    with pytest.raises(Refused) as caught:
        opened(database, backup_dir)
    figures = {"got": got, "absolute": absolute.format(here=tmp_path)}
    assert caught.value.refusals == [Refusal("relative_path", about, figures)]
    assert list(tmp_path.iterdir()) == []
