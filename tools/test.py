# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the parts of the test suite in parallel: the other scripts in this folder, and tools/molecule in halves.

The output of a part is written to .test/PART.log and shown when the part ends: the last lines if it has succeeded, all
of it if it has failed. The failures and a line per part are shown at the end. The exit code is 1 if a part has failed.
Arguments select parts; the default is all of them.
"""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / ".test"
PARTS = {
    "lint": ["lint"],
    "sanity": ["sanity", "--oldest-and-newest"],
    "unit": ["unit"],
    "newest": ["newest"],
    "molecule-1": ["molecule", "--half", "1"],
    "molecule-2": ["molecule", "--half", "2"],
}
TAIL_LINES = 12
# Lines with a failure of pytest, Ansible, Molecule or a linter, which are repeated at the end of the output. A task
# that Ansible retries has not failed.
FAILURES = re.compile(r"^(FAILED(?! - RETRYING)|ERROR|FATAL|E  |fatal:|\[ERROR\]|TASK \[.*FAILED|.*\bfailed: \[)")
FAILURE_LINES = 20
ALIVE_S = 60  # interval of progress messages, because CI may cancel a job without output
# The lab has timeouts, so it gets priority over the other parts.
NICENESS = {"lint": 10, "sanity": 10, "unit": 5, "newest": 10}


@dataclass(frozen=True)
class Ended:
    """The result of a part: its exit code and its duration."""

    part: str
    code: int
    seconds: float

    def __str__(self) -> str:
        verdict = "ok" if self.code == 0 else f"FAILED (exit code {self.code})"
        return f"{self.part:<10} {self.seconds:5.0f} s  {verdict}"


def start(part: str, ended: queue.Queue[Ended]) -> subprocess.Popen[bytes]:
    """Start a part in its own process group; its result is put into C(ended)."""
    begin = time.monotonic()
    with open(LOGS / f"{part}.log", "wb") as log:
        process = subprocess.Popen(
            ["nice", f"--adjustment={NICENESS.get(part, 0)}", str(ROOT / "tools" / PARTS[part][0]), *PARTS[part][1:]],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    threading.Thread(
        target=lambda: ended.put(Ended(part, process.wait(), time.monotonic() - begin)), daemon=True
    ).start()
    return process


def show(result: Ended) -> None:
    """Print the output of a part that has ended."""
    lines = (LOGS / f"{result.part}.log").read_text(encoding="utf-8", errors="replace").splitlines()
    if result.code == 0 and len(lines) > TAIL_LINES:
        lines = [f"(… complete output: .test/{result.part}.log)", *lines[-TAIL_LINES:]]
    print(f"\n===== {result}", *lines, sep="\n", flush=True)


def reasons(result: Ended) -> list[str]:
    """Return the lines with failures in the output of a part, each with the two lines after it."""
    lines = (LOGS / f"{result.part}.log").read_text(encoding="utf-8", errors="replace").splitlines()
    near = {at + after for at, line in enumerate(lines) if FAILURES.match(line) for after in range(3)}
    return [line[:300] for at, line in enumerate(lines) if at in near][-FAILURE_LINES:]


def main(parts: list[str]) -> int:
    """Run the parts, print their results, and return the exit code."""
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        print(f"unknown parts: {', '.join(unknown)}; choose from {', '.join(PARTS)}", file=sys.stderr)
        return 2
    LOGS.mkdir(exist_ok=True)
    ended: queue.Queue[Ended] = queue.Queue()
    begin = time.monotonic()
    running = {part: start(part, ended) for part in parts}
    results: list[Ended] = []
    print(f"===== running in parallel: {', '.join(running)}", flush=True)
    try:
        while running:
            try:
                result = ended.get(timeout=ALIVE_S)
            except queue.Empty:
                print(f"      {time.monotonic() - begin:.0f} s: still running: {', '.join(running)}", flush=True)
                continue
            del running[result.part]
            results.append(result)
            show(result)
    finally:  # stop all parts if interrupted
        for process in running.values():
            os.killpg(process.pid, signal.SIGTERM)
    for result in results:
        if result.code:
            print(f"\n===== failures of {result.part}", *reasons(result), sep="\n")
    print("\n=====", *sorted(results, key=lambda result: parts.index(result.part)), sep="\n")
    return int(any(result.code for result in results))


def interrupted(number: int, _frame: object) -> None:
    """Exit like after Ctrl-C, so that the parts are stopped as well."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupted)
    try:
        sys.exit(main(sys.argv[1:] or list(PARTS)))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
