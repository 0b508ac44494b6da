# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Atomic writes of files, and the last versions of a file as backups."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import stat
import time

from ..errors import DatabaseError, DatabaseRefused, Refusal, Refused, named
from . import lock

# Without a reader, a FIFO in place of the file is an error and not waited for.
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NONBLOCK
NAME = re.compile(r"(?P<number>[0-9]{8,})-[0-9]{8}T[0-9]{6}Z-(?P<digest>[0-9a-f]{16})\.yaml")


def exists(path: str, *, name: str) -> bool:
    """Return whether a database exists, even if it is not a regular file.

    Args:
        path: its path.
        name: its name for messages.

    Raises:
        DatabaseError: nobody knows, for example because this user may not enter its folder.
    """
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise unreadable(name, error) from error
    return True


def unreadable(name: str, error: OSError) -> DatabaseRefused:
    """Return the error of a database that the system does not let this process read."""
    # The name has the path already.
    return DatabaseRefused([Refusal("database_unreadable", name, {"why": error.strerror or str(error)})])


def read_whole(path: str) -> bytes:
    """Return the content of a file.

    Raises:
        OSError: see C(regular).
    """
    with open(path, "rb", opener=regular) as file:
        return file.read()


def regular(path: str, flags: int) -> int:
    """Open a file for C(open). A FIFO would be waited for, and then look like an empty file.

    Raises:
        OSError: it cannot be opened, or is not a regular file.
    """
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    code, words = (errno.EISDIR, "Is a directory") if stat.S_ISDIR(mode) else (errno.EINVAL, "Not a regular file")
    raise OSError(code, words, path)


def write_whole(path: str, data: bytes, *, source: str | None = None, draft: str | None = None) -> None:
    """Write C(data) to C(path) atomically, with mode 0600: after a crash, the file has either the old or new content.

    The caller ensures that no other process writes the file at the same time.

    Args:
        path: the file.
        data: its new content.
        source: an existing file with the same content; the new file shares its blocks if the file system supports
            reflinks.
        draft: path of the temporary file, in the same folder; by default C(PATH.new).

    Raises:
        OSError: a file cannot be written; the exception contains its path.
    """
    # A fixed name suffices for a single writer, which overwrites the draft of a killed one.
    draft = draft or f"{path}.new"
    with named(draft):
        descriptor = lock.system.open(draft, _NEW, lock.FILE_MODE)
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
    """Copy C(source) in the kernel, as a reflink if possible, and return the number of bytes that were copied."""
    done = 0
    with contextlib.suppress(OSError), open(source, "rb") as file:  # the caller writes the rest
        while count := lock.system.copy_file_range(file.fileno(), descriptor, size - done):
            done += count
    return done


def sync_folder(path: str) -> None:
    """Flush the entries of a folder to disk, so that changes of names survive a power failure."""
    descriptor = lock.system.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        lock.system.fsync(descriptor)
    finally:
        lock.system.close(descriptor)


class Backups:
    """The last versions of a file, in a folder with mode 0700.

    A name consists of an increasing number, by which backups are sorted independently of the clock, of the time for
    people, and of the first 16 hex digits of the content's SHA-256, which is checked on reading.

    Args:
        folder: the folder; created by the first backup.
        keep: the number of backups to keep.
    """

    def __init__(self, folder: str, *, keep: int) -> None:
        self.folder = folder
        self.keep = keep

    def names(self) -> list[str]:
        """Return the names of the existing backups, oldest first."""
        try:
            found = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        return sorted((name for name in found if NAME.fullmatch(name)), key=lambda name: int(name.split("-")[0]))

    def path(self, name: str) -> str:
        """Return the path of a backup, which need not exist."""
        return os.path.join(self.folder, name)

    def text(self, name: str) -> str:
        """Return the content of a backup.

        Raises:
            Refused: the backup does not exist.
            DatabaseError: it cannot be read or is damaged.
        """
        if name not in self.names():
            # The newest first, because a long list is shortened.
            raise Refused([Refusal("not_found", f"backup {self.path(name)}", {"known": self.names()[::-1]})])
        try:
            data = self._read(name)
            digest = _digest(data)
            if digest != _digest_in(name):
                figures = {"got": digest, "expected": _digest_in(name)}
                raise DatabaseRefused([Refusal("backup_damaged", f"backup {self.path(name)}", figures)])
            return data.decode()
        except (OSError, UnicodeDecodeError) as error:
            raise DatabaseError(f"backup {self.path(name)} cannot be read: {error}") from error

    def copy(self, path: str) -> str | None:
        """Back up the file C(path). Later writes to the file do not affect the backup.

        Returns:
            The name of the backup; that of the newest backup if its content is the same, C(None) without a file.
        """
        try:
            data = read_whole(path)
        except FileNotFoundError:
            return None
        return self.keep_if_new(data, source=path)

    def keep_if_new(self, data: bytes, *, source: str | None = None) -> str:
        """Back C(data) up, and return the name of the backup; that of the newest backup if its content is the same.

        Raises:
            OSError: see C(add).
        """
        newest = self.names()[-1:]
        if newest and _digest_in(newest[0]) == _digest(data) and self._read(newest[0]) == data:
            return newest[0]
        return self.add(data, source=source)

    def add(self, data: bytes, *, source: str | None = None) -> str:
        """Write C(data) as a new backup, verify it by reading it, and return its name.

        Raises:
            OSError: the backup cannot be written, or its content differs; it is removed in this case.
        """
        lock.make_folder(self.folder)
        name = self._next_name(data)
        write_whole(self.path(name), data, source=source, draft=self.path("backup.new"))
        if self._read(name) != data:
            lock.system.unlink(self.path(name))
            raise OSError(errno.EIO, "content differs from what was written", self.path(name))
        return name

    def prune(self) -> None:
        """Remove the oldest backups that exceed C(keep)."""
        for name in self.names()[: -self.keep or None]:
            lock.system.unlink(self.path(name))

    def _read(self, name: str) -> bytes:
        return read_whole(self.path(name))

    def _next_name(self, data: bytes) -> str:
        newest = self.names()[-1:]
        number = int(newest[0].split("-")[0]) + 1 if newest else 1
        return f"{number:08d}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{_digest(data)}.yaml"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _digest_in(name: str) -> str | None:
    found = NAME.fullmatch(name)
    return found["digest"] if found else None
