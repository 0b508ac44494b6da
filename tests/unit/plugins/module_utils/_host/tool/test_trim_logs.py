# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool import trim_logs
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool.trim_logs import trim

from ..fakes import FakeRunner, mark
from .mains import exit_of

UNIT = "slices-capture-1000-1001-eth1.service"
SHOW = ("systemctl", "show", "--property=Id,ActiveState,MainPID", "--", UNIT)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of VM 1001."""
    path = tmp_path / "vms/1001"
    path.mkdir(parents=True)
    mark(path)
    return path


def capture(folder: Path, state: str, age_s: int) -> Path:
    """Trim the logs with a capture whose unit is in this state, and return the capture's file."""
    pcap = folder / "eth1.pcap"
    pcap.touch()
    os.utime(pcap, (time.time() - age_s,) * 2)
    shown = f"Id={UNIT}\nActiveState={state}\nMainPID=0\n"
    runner = FakeRunner().tell(*SHOW, stdout=shown)
    trim(str(folder.parents[1]), 1024, runner)
    return pcap


@pytest.mark.parametrize("state", ["inactive", "failed"])
def test_a_capture_is_removed_an_hour_after_its_end(folder: Path, state: str) -> None:
    assert not capture(folder, state, 3602).exists()


def test_a_capture_is_kept_for_its_whole_hour(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = int(time.time())
    monkeypatch.setattr(time, "time", lambda: now)
    assert capture(folder, "inactive", 3600).exists()
    assert not capture(folder, "inactive", 3601).exists()


def test_a_capture_that_has_just_ended_is_kept(folder: Path) -> None:
    pcap = capture(folder, "inactive", 3480)
    assert time.time() - pcap.stat().st_mtime > 3400


@pytest.mark.parametrize("state", ["active", "activating", "deactivating", ""])
def test_a_capture_that_may_still_run_is_kept(folder: Path, state: str) -> None:
    assert time.time() - capture(folder, state, 7200).stat().st_mtime < 60


def test_systemd_is_not_queried_without_captures(folder: Path) -> None:
    trim(str(folder.parents[1]), 1024, FakeRunner())


def test_symbolic_links_are_not_followed(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("x" * 5000)
    os.utime(other, (0, 0))
    for name in ("console.log", "eth1.pcap"):
        (folder / name).symlink_to(other)
    shown = f"Id={UNIT}\nActiveState=active\nMainPID=0\n"
    trim(str(tmp_path), 1024, FakeRunner().tell(*SHOW, stdout=shown))
    assert (other.stat().st_mtime, other.stat().st_size) == (0, 5000)


def test_a_pipe_in_place_of_a_log_is_left_alone_and_closed(folder: Path) -> None:
    os.mkfifo(folder / "console.log")
    before = {*os.listdir("/proc/self/fd")}
    trim(str(folder.parents[1]), 1024, FakeRunner())
    assert {*os.listdir("/proc/self/fd")} <= before


@pytest.mark.parametrize(("size", "kept"), [(1024, 1024), (1025, 512), (5000, 512)])
def test_a_log_over_its_limit_is_truncated_to_its_last_half(folder: Path, size: int, kept: int) -> None:
    log = folder / "console.log"
    text = "".join(f"{number:04d}\n" for number in range(1000))[:size]
    log.write_text(text)
    inode = log.stat().st_ino
    trim(str(folder.parents[1]), 1024, FakeRunner())
    assert log.read_text() == text[-kept:]
    assert log.stat().st_ino == inode


def test_qemu_appends_to_the_truncated_log(folder: Path) -> None:
    log = folder / "console.log"
    with log.open("a") as qemu:
        qemu.write("x" * 5000)
        qemu.flush()
        trim(str(folder.parents[1]), 1024, FakeRunner())
        qemu.write("last")
    assert log.read_text() == "x" * 512 + "last"


def test_the_exit_code_is_that_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    assert exit_of(monkeypatch, trim_logs, "trim", "/s", "4096") == (7, ("/s", 4096))
