# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lab's runs, its processes, and what a start of a host changes in a snapshot."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.faults.lab import HALT, Broken, Run, Started, await_that, kill
from ansible_collections.cloudrepo.slices.faults.world import changes, without_volatile

RECAP = """PLAY RECAP ****
localhost                  : ok=5    changed=0    unreachable=0
worker1                    : ok=5    changed=2    unreachable=0
netnode                    : ok=5    changed=10   unreachable=0
"""


def test_a_run_tells_which_hosts_it_has_changed() -> None:
    assert Run(0, RECAP, 1.0).changed == ["worker1", "netnode"]


def _start(tmp_path: Path, code: str) -> Started:
    return Started([sys.executable, "-u", "-c", code], {}, tmp_path / "runs/1.log")


def test_a_run_that_a_signal_ends_has_its_number(tmp_path: Path) -> None:
    started = _start(tmp_path, "print('TASK [a]'); import time; time.sleep(60)")
    await_that(started.said, "its output")
    assert not started.is_over(0)
    started.send(signal.SIGTERM)
    done = started.end()
    assert (done.rc, done.said) == (-signal.SIGTERM, "TASK [a]\n")
    started.send(signal.SIGTERM)  # nobody else gets it


def test_a_run_that_has_ended_is_over(tmp_path: Path) -> None:
    started = _start(tmp_path, "raise SystemExit(3)")
    assert started.is_over(60)
    assert started.end().rc == 3


def test_waiting_ends() -> None:
    await_that(lambda: True, "the end")
    with pytest.raises(Broken, match="the end has not come within 0 s"):
        await_that(lambda: False, "the end", patience_s=0)


def test_killing_tells_whether_there_was_anybody() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        assert kill([process.pid])
        assert process.wait() == -signal.SIGKILL
    assert kill([process.pid])  # it may end by itself in between
    assert not kill([])


def test_the_still_guest_is_a_boot_sector() -> None:
    assert len(HALT) == 512
    assert HALT.endswith(b"\x55\xaa")


def test_what_a_start_changes_is_left_out() -> None:
    before = ["7 /usr/bin/qemu-system-x86_64 -x", "/run/cloudrepo/1001 100", "/run/cloudrepo/1001 0 750 root root"]
    after = ["8 /usr/bin/qemu-system-x86_64 -x", "/run/cloudrepo/1001 200", "/run/cloudrepo/1001 0 750 root root"]
    assert (
        without_volatile(before)
        == without_volatile(after)
        == ["/run/cloudrepo/1001 0 750 root root", "/usr/bin/qemu-system-x86_64 -x"]
    )
    assert without_volatile(["mgmt0@if11       UP  10.0.10.2/24", "/a/lab-network.service 5"]) == [
        "mgmt0 UP  10.0.10.2/24"
    ]
    assert without_volatile([" nat_1000 UP  169.254.64.0/31 fe80::a4:6dc8/64 "]) == [" nat_1000 UP  169.254.64.0/31 "]
    assert without_volatile(["/var/lib/cloudrepo/vms 5"]) == ["/var/lib/cloudrepo/vms 5"]


def test_changes_are_told_by_host() -> None:
    before, after = {"a": ["one", "two"], "b": ["three"]}, {"a": ["one", "four"], "b": ["three"]}
    assert changes(before, after) == ["a: - two", "a: + four"]
    assert changes(before, before) == []
