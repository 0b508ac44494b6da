# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One writer at a time on this host: a lock file that says who holds it."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import DatabaseError

FILE_MODE = 0o600
FOLDER_MODE = 0o700

# Every system call of a write goes through this name, so that a test can end the process before and after each.
system: Any = os


def holder_name() -> str:
    """Return how this process is named to those who wait for it."""
    return f"process {os.getpid()} on {os.uname().nodename}"


@contextmanager
def locked(path: str, *, name: str, timeout_s: float) -> Iterator[None]:
    """Hold the lock file C(path) for the block. It is made, and its folder, where they are missing.

    Args:
        path: the lock file. It stays there, for who removed it would remove somebody else's lock.
        name: what is locked, for messages.
        timeout_s: how long to wait.

    Raises:
        DatabaseError: another holds it for longer, or it cannot be made.
    """
    try:
        make_folder(os.path.dirname(path))
        descriptor = system.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    except OSError as error:
        raise DatabaseError(f"{name} cannot be locked: {error}") from error
    try:
        _await(descriptor, name, timeout_s)
        system.ftruncate(descriptor, 0)
        system.pwrite(descriptor, holder_name().encode(), 0)
        yield
    finally:
        system.close(descriptor)


def make_folder(path: str) -> None:
    """Make a folder that is its owner's alone; folders above it as well, where they are missing."""
    if not os.path.isdir(path):
        above = os.path.dirname(path)
        if above != path:
            make_folder(above)
        try:
            system.mkdir(path, FOLDER_MODE)
        except FileExistsError:  # another process was quicker
            pass


def _await(descriptor: int, name: str, timeout_s: float) -> None:
    def give_up(_signal: int, _frame: Any) -> None:
        raise TimeoutError

    previous = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, max(timeout_s, 0.001))
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except TimeoutError:
        holder = os.pread(descriptor, 200, 0).decode(errors="replace") or "an unknown process"
        raise DatabaseError(f"{name} is locked by {holder}; gave up after {timeout_s:g} s") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
