# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files that are whole or have not happened, and the last versions of one."""

from __future__ import annotations

import os
import re
import time

from ..errors import DatabaseError
from . import lock

NAME = re.compile(r"([0-9]{8,})-[0-9]{8}T[0-9]{6}Z\.yaml")


def write_whole(path: str, data: bytes) -> None:
    """Make C(path) hold C(data), mode 0600, such that a crash at any moment leaves it as it was or as it shall be.

    The caller sees to it that nobody else writes the file.
    """
    # One name is enough, for there is one writer at a time; what a killed one left is written over.
    draft = f"{path}.new"
    descriptor = lock.system.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, lock.FILE_MODE)
    try:
        lock.system.fchmod(descriptor, lock.FILE_MODE)
        rest = memoryview(data)
        while rest:
            rest = rest[lock.system.write(descriptor, rest) :]
        lock.system.fsync(descriptor)
    finally:
        lock.system.close(descriptor)
    lock.system.rename(draft, path)
    sync_folder(os.path.dirname(path))


def sync_folder(path: str) -> None:
    """Make what was created, renamed and removed in a folder last through a power cut."""
    descriptor = lock.system.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        lock.system.fsync(descriptor)
    finally:
        lock.system.close(descriptor)


class Backups:
    """The last versions of a file, in a folder that is its owner's alone.

    Names begin with a number that goes up, so that they sort whatever the clock does; the time is for people.

    Args:
        folder: made by the first backup.
        keep: how many to keep.
    """

    def __init__(self, folder: str, *, keep: int) -> None:
        self.folder = folder
        self.keep = keep

    def names(self) -> list[str]:
        """Return the backups there are, oldest first."""
        try:
            found = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        return sorted((name for name in found if NAME.fullmatch(name)), key=lambda name: int(name.split("-")[0]))

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def text(self, name: str) -> str:
        """Return what a backup holds."""
        if name not in self.names():
            known = ", ".join(self.names()) or "none"
            raise DatabaseError(f"there is no backup {name} in {self.folder}; backups are {known}")
        try:
            with open(self.path(name), encoding="utf-8") as file:
                return file.read()
        except (OSError, UnicodeDecodeError) as error:
            raise DatabaseError(f"backup {self.path(name)} cannot be read: {error}") from error

    def link(self, path: str) -> str | None:
        """Keep the file C(path), which is about to be replaced and is never changed in place; return the backup's
        name, the newest's where that is the same file already, C(None) where there is no file."""
        newest = self.names()[-1:]
        if not os.path.exists(path):
            return None
        if newest and os.path.samefile(self.path(newest[0]), path):
            return newest[0]
        lock.make_folder(self.folder)
        name = self._next_name()
        try:
            lock.system.link(path, self.path(name))
        except OSError:  # a file system without hard links
            with open(path, "rb") as file:
                write_whole(self.path(name), file.read())
        sync_folder(self.folder)
        return name

    def add(self, data: bytes) -> str:
        """Keep what is not in a file yet; return the backup's name."""
        lock.make_folder(self.folder)
        name = self._next_name()
        write_whole(self.path(name), data)
        return name

    def prune(self) -> None:
        """Remove the oldest that are too many."""
        for name in self.names()[: -self.keep or None]:
            lock.system.unlink(self.path(name))

    def _next_name(self) -> str:
        newest = self.names()[-1:]
        number = int(newest[0].split("-")[0]) + 1 if newest else 1
        return f"{number:08d}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.yaml"
