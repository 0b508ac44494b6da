# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files that are whole or have not happened, and the last versions of one."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import time
from collections.abc import Iterator

from ..errors import DatabaseError
from . import lock

NAME = re.compile(r"(?P<number>[0-9]{8,})-[0-9]{8}T[0-9]{6}Z-(?P<digest>[0-9a-f]{16})\.yaml")


def write_whole(path: str, data: bytes, *, source: str | None = None, draft: str | None = None) -> None:
    """Make C(path) hold C(data), mode 0600, such that a crash at any moment leaves either the old or the new content.

    The caller makes sure that nobody else writes the file.

    Args:
        path: the file.
        data: its new content.
        source: a file with this content already, whose blocks are shared where the file system can do that.
        draft: where it is written first, in the same folder; C(PATH.new) where none is given.

    Raises:
        OSError: with the path of the file that could not be written.
    """
    # One writer at a time: one name is enough, and what a killed writer left is overwritten.
    draft = draft or f"{path}.new"
    with _named(draft):
        descriptor = lock.system.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, lock.FILE_MODE)
        try:
            lock.system.fchmod(descriptor, lock.FILE_MODE)
            rest = memoryview(data)[_shared(source, descriptor, len(data)) if source else 0 :]
            while rest:
                rest = rest[lock.system.write(descriptor, rest) :]
            lock.system.fsync(descriptor)
        finally:
            lock.system.close(descriptor)
        lock.system.rename(draft, path)
    sync_folder(os.path.dirname(path))


def _shared(source: str, descriptor: int, size: int) -> int:
    """Copy C(source) inside the kernel, which makes a reflink where there is one; return how many bytes that did."""
    done = 0
    with contextlib.suppress(OSError), open(source, "rb") as file:  # the caller writes what is missing
        while done < size and (count := lock.system.copy_file_range(file.fileno(), descriptor, size - done)):
            done += count
    return done


@contextlib.contextmanager
def _named(path: str) -> Iterator[None]:
    """Put the path into errors of calls that know only a descriptor, such as a write without space."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            raise OSError(error.errno, error.strerror, path) from error
        raise


def sync_folder(path: str) -> None:
    """Make what was created, renamed and removed in a folder last through a power cut."""
    descriptor = lock.system.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        lock.system.fsync(descriptor)
    finally:
        lock.system.close(descriptor)


class Backups:
    """The last versions of a file, in a folder that is its owner's alone.

    Names begin with a number that goes up, so that they sort whatever the clock does; the time is for people, and the
    first 16 hex digits of the SHA-256 tell whether a backup still is what was written.

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
        """Return what a backup holds.

        Raises:
            DatabaseError: it does not exist, cannot be read, or is not what was written.
        """
        if name not in self.names():
            known = ", ".join(self.names()) or "none"
            raise DatabaseError(f"backup {name} does not exist in {self.folder}; existing backups: {known}")
        try:
            data = self._read(name)
            digest = _digest(data)
            if digest != _digest_in(name):
                raise DatabaseError(
                    f"backup {self.path(name)} is damaged: its SHA-256 begins with {digest}, but its name contains "
                    f"{_digest_in(name)}; choose another backup"
                )
            return data.decode()
        except (OSError, UnicodeDecodeError) as error:
            raise DatabaseError(f"backup {self.path(name)} cannot be read: {error}") from error

    def copy(self, path: str) -> str | None:
        """Keep a copy of the file C(path), which shares nothing with it that a write could reach.

        Returns:
            The name of the backup: the newest one's where that has the same content, C(None) where there is no file.
        """
        try:
            with open(path, "rb") as file:
                data = file.read()
        except FileNotFoundError:
            return None
        newest = self.names()[-1:]
        if newest and _digest_in(newest[0]) == _digest(data) and self._read(newest[0]) == data:
            return newest[0]
        return self.add(data, source=path)

    def add(self, data: bytes, *, source: str | None = None) -> str:
        """Keep C(data), read it back, and return the backup's name.

        Raises:
            OSError: it cannot be written, or does not come back as it was written; nothing is kept of it then.
        """
        lock.make_folder(self.folder)
        name = self._next_name(data)
        write_whole(self.path(name), data, source=source, draft=self.path("backup.new"))
        if self._read(name) != data:
            lock.system.unlink(self.path(name))
            raise OSError(errno.EIO, "content differs from what was written", self.path(name))
        return name

    def prune(self) -> None:
        """Remove the oldest that are too many."""
        for name in self.names()[: -self.keep or None]:
            lock.system.unlink(self.path(name))

    def _read(self, name: str) -> bytes:
        with open(self.path(name), "rb") as file:
            return file.read()

    def _next_name(self, data: bytes) -> str:
        newest = self.names()[-1:]
        number = int(newest[0].split("-")[0]) + 1 if newest else 1
        return f"{number:08d}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{_digest(data)}.yaml"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _digest_in(name: str) -> str | None:
    found = NAME.fullmatch(name)
    return found["digest"] if found else None
