# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The program C(slices-host) on a host: plan and apply."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from typing import Any

from ...changes import Change, between
from ...errors import SlicesError
from .. import files
from ..files import File
from . import zipapp

PATH = "/usr/local/lib/cloudrepo/slices-host"
_MODE = 0o755


@dataclass(frozen=True)
class Install:
    """The program as it shall be, and what is there: the checksum and mode of a file, or nothing."""

    file: File
    have: tuple[str, int] | None

    @property
    def sha256(self) -> str:
        """The checksum of the program as it shall be."""
        return _checksum(self.file.content)

    @property
    def changes(self) -> list[Change]:
        """The file, if it is missing or differs."""
        wanted = (self.sha256, self.file.mode)
        before = None if self.have is None else _attributes(*self.have)
        return [] if self.have == wanted else [between("file", self.file.path, before, _attributes(*wanted))]


def plan(path: str) -> Install:
    """What installs the program at C(path)."""
    have = None
    if os.path.isfile(path):
        with open(path, "rb") as opened:
            have = _checksum(opened.read()), stat.S_IMODE(os.fstat(opened.fileno()).st_mode)
    return Install(File(path, zipapp.build(), _MODE), have)


def apply(todo: Install) -> None:
    """Write the program if it differs.

    Raises:
        SlicesError: its folder is missing.
    """
    if not todo.changes:
        return
    folder = os.path.dirname(todo.file.path)
    if not os.path.isdir(folder):
        raise SlicesError(f"folder {folder} does not exist")
    files.write_all([todo.file])


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _attributes(sha256: str, mode: int) -> dict[str, Any]:
    return {"mode": f"{mode:04o}", "sha256": sha256}
