# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Attempts of an attacker who has escaped from QEMU: each succeeds or is denied, and leaves nothing behind."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from ..scripts import load

reach = load("extensions/molecule/consoles/files/reach.py")


def forbidden(_thing: str) -> None:
    raise PermissionError


def missing(_thing: str) -> None:
    raise FileNotFoundError


def test_only_forbidden_destinations_are_unreachable() -> None:
    assert reach.succeeds(lambda _thing: None, "x")
    assert not reach.succeeds(forbidden, "x")
    with pytest.raises(FileNotFoundError):
        reach.succeeds(missing, "x")


def test_access_to_files_and_folders_is_tested_without_changing_them(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    for path in (tmp_path, tmp_path / "file"):
        reach.read(str(path))
        reach.write(str(path))
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file", "text")]


def test_access_to_sockets_and_processes_is_tested(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "sock"))
        listener.listen()
        reach.connect(str(tmp_path / "sock"))
    reach.signal(str(os.getpid()))
    assert set(reach.TRIES) == {"read", "write", "connect", "signal", "open"}
