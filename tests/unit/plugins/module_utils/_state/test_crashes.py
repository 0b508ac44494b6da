# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A writer that is killed at any system call of a write leaves either the complete old state or the complete new one.

The writer is a separate process that exits without clean-up before or after its n-th system call. If strace is
installed, it verifies that no system call of a write is missing.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._state import lock
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.yaml_file import YamlFile
from ansible_collections.cloudrepo.slices.plugins.module_utils.history import Caller, Entry
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Slice

KILLED = 9
CHUNK = 64  # maximum number of bytes per write(), so that there are several and each can be the last one
KEEP = 2
NEVER_OLD = "9999-01-01T00:00:00Z"


class Counted:
    """Counts the system calls of C(os); the process exits before or after the requested one."""

    def __init__(self, *, end_at: int | None = None, after: bool = False) -> None:
        self.calls: list[str] = []
        self.end_at = end_at
        self.after = after

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            number = len(self.calls)
            self.calls.append(name)
            if name == "write":
                args = (args[0], args[1][:CHUNK])
            elif name == "copy_file_range":
                args = (*args[:2], min(args[2], CHUNK))
            if number == self.end_at and not self.after:
                os._exit(KILLED)
            result = getattr(os, name)(*args, **kwargs)
            if number == self.end_at and self.after:
                os._exit(KILLED)
            return result

        return call


def open_file(path: Path) -> YamlFile:
    return YamlFile(str(path), lock_timeout_s=5, backups=KEEP)


def change(path: Path, number: int) -> None:
    with open_file(path).transaction(write=True) as cluster:
        cluster.slices[number] = Slice(number, "admin")
        cluster.noted.append(Entry(NEVER_OLD, "admin", Caller(), None, [{"id": number}]))


def state(path: Path) -> list[int]:
    """Return the slices, after checking that each has its entry in the history, and that there are no others."""
    with open_file(path).transaction(write=False) as cluster:
        entries = list(cluster.history.newest_first())[::-1]
        assert [change["id"] for entry in entries for change in entry.changes] == list(cluster.slices)
        assert [entry.number for entry in entries] == list(range(1, len(entries) + 1))
        return list(cluster.slices)


def in_a_child(path: Path, number: int, calls: Counted) -> int:
    child = os.fork()
    if child == 0:
        lock.system = calls
        try:
            change(path, number)
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture(params=["first", "later"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return the path of a new database, or of one with the maximum number of backups."""
    path = tmp_path / "made" / "database.yaml"
    for number in range(1000, 1000 + (KEEP + 2 if request.param == "later" else 0)):
        change(path, number)
    return path


def calls_of_a_write(path: Path) -> list[str]:
    counted = Counted()
    copy = path.parent.parent / "copy" / "database.yaml"
    if path.parent.exists():
        shutil.copytree(path.parent, copy.parent)
    lock.system, original = counted, lock.system
    try:
        change(copy, 2000)
    finally:
        lock.system = original
    return counted.calls


def test_system_calls_of_a_write(path: Path) -> None:
    calls = calls_of_a_write(path)
    assert {"open", "ftruncate", "pwrite", "fchmod", "write", "fsync", "close", "rename"} <= set(calls)
    assert calls.count("write") > 3
    assert ("copy_file_range" in calls, "unlink" in calls) == (path.exists(), path.exists())
    assert calls[-1] == "close"  # the lock


def test_a_process_killed_at_any_system_call_leaves_the_old_or_the_new_state(path: Path) -> None:
    old = state(path)
    new = [*old, 2000]
    seen: set[bool] = set()
    names = calls_of_a_write(path)
    for number, name in enumerate(names):
        for after in (False, True):
            case = path.parent.parent / f"{number}{after}" / "database.yaml"
            if path.parent.exists():
                shutil.copytree(path.parent, case.parent)
            what = f"killed {'after' if after else 'before'} call {number}, {name}"
            assert in_a_child(case, 2000, Counted(end_at=number, after=after)) == KILLED, what
            found = state(case)
            assert found in (old, new), what
            seen.add(found == new)
            check_backups(case, found, what)
            change(case, 3000)
            assert state(case) == [*found, 3000], what
            check_backups(case, [*found, 3000], what)
            assert [left.name for left in case.parent.rglob("*.new")] == [], what
            shutil.rmtree(case.parent)
    assert seen == {False, True}


def check_backups(path: Path, present: list[int], what: str) -> None:
    """Check that all backups are complete and older than the current state, and that a complete write prunes them."""
    file = open_file(path)
    for name in file.backups.names():
        slices = list(file.read_backup(name).slices)
        assert slices == present[: len(slices)], what
        assert stat.S_IMODE(os.stat(file.backups.path(name)).st_mode) == 0o600, what
    assert len(file.backups.names()) <= KEEP + 1, what


PLAIN = ("rename", "link", "unlink", "mkdir", "ftruncate", "fsync", "fdatasync", "fchmod")
TRACED = "rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,ftruncate,fsync,fdatasync,fchmod,chmod"
WRITER = """
import sys
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.yaml_file import YamlFile
from ansible_collections.cloudrepo.slices.plugins.module_utils.history import Caller, Entry
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Slice
with YamlFile(sys.argv[1], lock_timeout_s=5, backups=2).transaction(write=True) as cluster:
    cluster.slices[2000] = Slice(2000, "admin")
    cluster.noted.append(Entry("9999-01-01T00:00:00Z", "admin", Caller(), None, [{"id": 2000}]))
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: what is counted is not proven")
def test_all_system_calls_that_change_files_are_counted(path: Path) -> None:
    counted = calls_of_a_write(path)
    log = path.parent.parent / "strace.log"
    command = ["strace", "-f", "-qq", "-e", f"trace=?{TRACED.replace(',', ',?')}", "-o", str(log)]
    done = subprocess.run(
        [*command, sys.executable, "-B", "-c", WRITER, str(path)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    if "Operation not permitted" in done.stderr:
        pytest.skip("strace may not trace here: what is counted is not proven")
    assert done.returncode == 0, done.stderr
    traced = Counter(_changing(log.read_text(), str(path.parent)))
    expected = Counter(name for name in counted if name not in ("open", "close", "write", "pwrite", "copy_file_range"))
    assert traced == expected


def _changing(log: str, folder: str) -> Iterator[str]:
    for line in log.splitlines():
        call = line.split(maxsplit=1)[1]
        name = call.split("(")[0]
        by_descriptor = name in ("fsync", "fdatasync", "ftruncate", "fchmod")
        if " = -1 " not in call and (by_descriptor or (folder in call and not name.startswith("open"))):
            yield next((plain for plain in PLAIN if name.startswith(plain)), name)
