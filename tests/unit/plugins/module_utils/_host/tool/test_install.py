# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The program of hosts is written where it is missing or differs, and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool import install, zipapp
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import SlicesError


@pytest.fixture(autouse=True)
def program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipapp, "build", lambda: b"program")


def test_it_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "slices-host"
    first = install.plan(str(path))
    assert (first.have, [(each.kind, each.action) for each in first.changes]) == (None, [("file", "create")])
    install.apply(first)
    assert (path.read_bytes(), path.stat().st_mode & 0o7777) == (b"program", 0o755)
    inode = path.stat().st_ino
    again = install.plan(str(path))
    assert again.changes == []
    install.apply(again)
    assert path.stat().st_ino == inode


@pytest.mark.parametrize(("content", "mode"), [(b"program", 0o644), (b"older", 0o755), (b"program", 0o4755)])
def test_another_content_or_mode_is_replaced(tmp_path: Path, content: bytes, mode: int) -> None:
    path = tmp_path / "slices-host"
    path.write_bytes(content)
    os.chmod(path, mode)
    todo = install.plan(str(path))
    (change,) = todo.changes
    before, after = change.before or {}, change.after or {}
    assert (before["mode"], after["mode"]) == (f"{mode:04o}", "0755")
    assert after["sha256"] == todo.sha256
    assert (before["sha256"] == after["sha256"]) is (content == b"program")
    install.apply(todo)
    assert (path.read_bytes(), path.stat().st_mode & 0o7777) == (b"program", 0o755)


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    todo = install.plan(str(tmp_path / "none" / "slices-host"))
    with pytest.raises(SlicesError, match="none"):
        install.apply(todo)
