# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs commands and measures their time and memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOISE_LOOPS = 3_000_000


class CannotMeasure(SystemExit):
    """A command failed or did not have the expected result."""


@dataclass(frozen=True)
class Cost:
    """Output of a command, wall and CPU time in seconds, and the size of its largest process in MiB."""

    said: str
    wall_s: float
    cpu_s: float
    peak_mib: float


def run(
    command: Sequence[str],
    *,
    stdin: str = "",
    environment: Mapping[str, str] | None = None,
    started: Callable[[int], None] = lambda _pid: None,
) -> Cost:
    """Run a command, and call C(started) with its pid.

    Its resource usage is read with wait4, because the maximum that the system keeps for all children never decreases.

    Raises:
        CannotMeasure: the command failed. Its output is written to standard error.
    """
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as given,
        tempfile.TemporaryFile("w+", encoding="utf-8") as said,
    ):
        given.write(stdin)
        given.seek(0)
        begin = time.monotonic()
        process = subprocess.Popen(
            command,
            stdin=given,
            stdout=said,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
        )
        started(process.pid)
        _pid, status, usage = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read()
    if process.returncode:
        print(text[-8000:], file=sys.stderr)
        raise CannotMeasure(f"cannot measure: {command[0]} {command[-1]} failed with code {process.returncode}")
    return Cost(text, wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def noise_s() -> float:
    """Return the duration of a fixed computation."""
    begin = time.perf_counter()
    total = 0
    for number in range(NOISE_LOOPS):
        total += number
    return time.perf_counter() - begin


class Memory:
    """Samples the memory of a process and its descendants. C(peak_mib) is the maximum of their total.

    Shared pages are counted once. Sampling takes CPU time, so it is not used in runs whose time is measured.
    """

    def __init__(self, every_s: float = 0.05) -> None:
        self.peak_mib = 0.0
        self._every_s = every_s
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, pid: int) -> None:
        self._thread = threading.Thread(target=self._watch, args=(pid,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        if self._thread:
            self._thread.join()

    def _watch(self, pid: int) -> None:
        while not self._end.wait(self._every_s):
            self.peak_mib = max(self.peak_mib, memory_mib(_tree(pid)))


def memory_mib(pids: Iterable[int]) -> float:
    """Return the total memory of processes, with shared pages counted once."""
    return sum(map(_proportional_kib, pids)) / 1024


def _tree(pid: int) -> list[int]:
    pids = [pid]
    for each in pids:
        try:
            for task in Path(f"/proc/{each}/task").iterdir():
                pids.extend(map(int, (task / "children").read_text(encoding="ascii").split()))
        except OSError:
            continue  # the process has ended
    return pids


def _proportional_kib(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        pass  # the process has ended
    return 0
