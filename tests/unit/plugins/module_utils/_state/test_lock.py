# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lock allows a single writer, contains the name of its holder, and is waited for until the timeout."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._state import lock
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import DatabaseError, DatabaseRefused

from ....locks import is_held


@contextmanager
def held(path: Path, text: bytes = b"") -> Iterator[int]:
    """Hold the lock like another process."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        os.write(descriptor, text)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def test_the_lock_is_held_during_the_block(tmp_path: Path) -> None:
    path = tmp_path / "d.lock"
    with lock.locked(str(path), name="d", timeout_s=1):
        assert is_held(path)
    assert not is_held(path)
    with pytest.raises(ZeroDivisionError), lock.locked(str(path), name="d", timeout_s=1):
        raise ZeroDivisionError
    assert not is_held(path)


def test_the_lock_file_contains_its_holder_and_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "made" / "here" / "d.lock"
    with lock.locked(str(path), name="d", timeout_s=1):
        assert path.read_text() == lock.holder_name() == f"process {os.getpid()} on {os.uname().nodename}"
    inode = path.stat().st_ino
    path.write_text("a longer text of somebody who held it before " * 10)
    with lock.locked(str(path), name="d", timeout_s=1):
        assert path.read_text() == lock.holder_name()
    assert path.stat().st_ino == inode
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent, path.parent.parent)]
    assert modes == [0o600, 0o700, 0o700]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"process 7 on b", "process 7 on b"),
        (b"", "unknown process"),
        (b"\xff", "\ufffd"),
        (b"x" * 201, f" {'x' * 200};"),
    ],
)
def test_the_timeout_of_a_lock_reports_its_holder(tmp_path: Path, said: bytes, told: str) -> None:
    path = tmp_path / "d.lock"
    begin = time.monotonic()
    with held(path, said):
        with pytest.raises(DatabaseError) as caught, lock.locked(str(path), name="the database", timeout_s=0.05):
            pytest.fail("the block must not run")
        assert path.read_bytes() == said
    assert 0.05 <= time.monotonic() - begin < 5
    assert all(part in caught.value.message for part in ("the database", told, "0.05 s"))


@pytest.mark.parametrize("timeout_s", [0, -1])
def test_a_timeout_of_zero_tries_once(tmp_path: Path, timeout_s: float) -> None:
    path = tmp_path / "d.lock"
    with held(path), pytest.raises(DatabaseError), lock.locked(str(path), name="d", timeout_s=timeout_s):
        pytest.fail("the block must not run")
    with lock.locked(str(path), name="d", timeout_s=timeout_s):
        assert is_held(path)


def test_a_waiting_process_gets_the_lock_when_it_is_released(tmp_path: Path) -> None:
    path = tmp_path / "d.lock"
    with held(path) as descriptor:
        child = os.fork()
        if child == 0:  # it shares the open file, so the lock is released when both have closed it
            time.sleep(0.2)
            os._exit(0)
        os.close(descriptor)
        os.dup2(os.open(os.devnull, os.O_RDONLY), descriptor)
        with lock.locked(str(path), name="d", timeout_s=30):
            assert os.waitpid(child, 0)[1] == 0


def test_the_alarm_of_the_caller_is_restored(tmp_path: Path) -> None:
    def mine(_signal: int, _frame: Any) -> None:
        pytest.fail("the alarm must not ring")

    path = tmp_path / "d.lock"
    before = signal.signal(signal.SIGALRM, mine)
    try:
        for timeout_s in (0.02, 0.0):
            with held(path), pytest.raises(DatabaseError), lock.locked(str(path), name="d", timeout_s=timeout_s):
                pytest.fail("the block must not run")
            assert signal.getsignal(signal.SIGALRM) is mine
        with lock.locked(str(path), name="d", timeout_s=0.02):
            assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
            time.sleep(0.05)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_lock_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(DatabaseError, match=r"^the database .*Not a directory"),
        lock.locked(str(tmp_path / "file" / "d.lock"), name="the database", timeout_s=1),
    ):
        pytest.fail("the block must not run")


class Denied:
    """The system calls of a user who may not write to the folder."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def mkdir(self, path: str, _mode: int) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    def open(self, path: str, _flags: int, _mode: int = 0) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)


@pytest.mark.parametrize("folder", [".", "cloudrepo"])
def test_a_user_who_may_not_write_is_told_how_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    path = tmp_path / folder / "d.lock"
    monkeypatch.setattr(lock, "system", Denied())
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000_000)
    with pytest.raises(DatabaseRefused) as caught, lock.locked(str(path), name="database /d", timeout_s=1):
        pytest.fail("the block must not run")
    assert [each.code for each in caught.value.refusals] == ["database_unwritable"]
    denied = path if folder == "." else path.parent
    assert caught.value.message == (
        f"database /d cannot be locked by user 4000000000: {denied}: Permission denied; run as root, set "
        "ansible_become to true for the orchestrator, or set cloudrepo_database to a path that this user may write to"
    )


def test_file_descriptors_are_closed_and_not_inherited(tmp_path: Path) -> None:
    path = tmp_path / "d.lock"
    before = os.listdir("/proc/self/fd")
    with lock.locked(str(path), name="d", timeout_s=1):
        mine = [fd for fd in os.listdir("/proc/self/fd") if os.path.realpath(f"/proc/self/fd/{fd}") == str(path)]
        assert [os.get_inheritable(int(fd)) for fd in mine] == [False]
    assert os.listdir("/proc/self/fd") == before


class Quicker:
    """The system calls, with another process that creates each folder just before."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def mkdir(self, path: str, mode: int) -> None:
        os.mkdir(path, mode)
        os.mkdir(path, mode)


def test_a_folder_that_another_process_creates_meanwhile_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "system", Quicker())
    lock.make_folder(str(tmp_path / "a" / "b"))
    assert (tmp_path / "a" / "b").is_dir()
    lock.make_folder("/")


class Full:
    """The system calls on a disk without space."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def pwrite(self, _descriptor: int, _text: bytes, _offset: int) -> int:
        raise OSError(28, "No space left on device")


def test_a_lock_is_held_without_the_name_of_its_holder_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "system", Full())
    path = tmp_path / "d.lock"
    with lock.locked(str(path), name="d", timeout_s=1):
        assert is_held(path)
        assert path.read_text() == ""


@pytest.mark.parametrize(("timeout_s", "waits_s"), [(2.5, 2.5), (0.0, 0.001), (-1.0, 0.001)])
def test_whoever_must_not_wait_gives_up_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, timeout_s: float, waits_s: float
) -> None:
    set_to: list[float] = []

    def held_at_first(_descriptor: int, how: int) -> None:
        if how & fcntl.LOCK_NB:
            raise BlockingIOError

    monkeypatch.setattr(lock.fcntl, "flock", held_at_first)
    monkeypatch.setattr(lock.signal, "setitimer", lambda _which, seconds: set_to.append(seconds))
    with lock.locked(str(tmp_path / "lock"), name="the database", timeout_s=timeout_s):
        assert set_to == [waits_s, 0], "a timer of 0 s would be none, and is set when the lock is held"


def test_a_free_lock_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A timer could end the wait on a busy machine although nobody holds the lock."""
    monkeypatch.setattr(lock.signal, "setitimer", lambda _which, _seconds: pytest.fail("no timer is needed"))
    with lock.locked(str(tmp_path / "lock"), name="the database", timeout_s=0.001):
        assert is_held(tmp_path / "lock")
