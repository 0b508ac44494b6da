# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A lock file that allows a single writer on this host and contains the name of its holder."""

from __future__ import annotations

import fcntl
import os
import pwd
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ..errors import DatabaseError, DatabaseRefused, Refusal

FILE_MODE = 0o600
FOLDER_MODE = 0o700

# All system calls of a write use this name, so that a test can end the process before and after each of them.
system: Any = os


def holder_name() -> str:
    """Return the name of this process, for the messages of those who wait for the lock."""
    return f"process {os.getpid()} on {os.uname().nodename}"


@contextmanager
def locked(path: str, *, name: str, timeout_s: float) -> Iterator[None]:
    """Hold the lock file C(path) for the block. The file and its folder are created if they are missing.

    Args:
        path: the lock file. It is never removed, because another process may already hold it.
        name: name of the locked object for messages.
        timeout_s: how long to wait, in seconds.

    Raises:
        DatabaseError: the lock is not available within the timeout, or the file cannot be created.
    """
    try:
        make_folder(os.path.dirname(path))
        descriptor = system.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    except OSError as error:
        raise failed(name, "locked", error) from error
    try:
        _await(descriptor, name, timeout_s)
        with suppress(OSError):  # the lock is held without a name as well, for example on a full disk
            system.ftruncate(descriptor, 0)
            system.pwrite(descriptor, holder_name().encode(), 0)
        yield
    finally:
        system.close(descriptor)


def failed(name: str, doing: str, error: OSError) -> DatabaseError:
    """Return the error of a database in whose folder a system call has failed.

    Args:
        name: the database for messages.
        doing: what should have been done, such as C(written).
        error: that of the call.
    """
    if not isinstance(error, PermissionError):
        return DatabaseError(f"{name} cannot be {doing}: {error}")
    figures = {"doing": doing, "user": _user(), "path": error.filename, "why": error.strerror}
    return DatabaseRefused([Refusal("database_unwritable", name, figures)])


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def make_folder(path: str) -> None:
    """Create a folder with mode 0700, and its parents if they are missing."""
    if not os.path.isdir(path):
        above = os.path.dirname(path)
        if above != path:
            make_folder(above)
        try:
            system.mkdir(path, FOLDER_MODE)
        except FileExistsError:  # created by another process in the meantime
            pass


def _await(descriptor: int, name: str, timeout_s: float) -> None:
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return

    def time_out(_signal: int, _frame: Any) -> None:
        raise TimeoutError

    previous = signal.signal(signal.SIGALRM, time_out)
    try:
        # On a busy machine, a short time may be over before the call for the lock.
        signal.setitimer(signal.ITIMER_REAL, max(timeout_s, 0.001))
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except TimeoutError:
        holder = os.pread(descriptor, 200, 0).decode(errors="replace") or "an unknown process"
        figures = {"holder": holder, "timeout_s": timeout_s}
        raise DatabaseRefused([Refusal("database_locked", name, figures)]) from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
