# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Guests are asked together and have a time limit each; those that cannot be asked are skipped."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import power_down
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.power_down import Guest, ask
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.qmp import SocketMonitor

from .....scripts import load
from ..fakes import FakeMonitor, orders, vm

Process = subprocess.Popen[bytes]


@pytest.fixture
def start() -> Iterator[Callable[[], Process]]:
    """Start processes in place of QEMU, which run until they are killed."""
    running: list[Process] = []

    def one() -> Process:
        running.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))
        return running[-1]

    yield one
    for process in running:
        process.kill()
        process.communicate()


def monitor_of(processes: dict[str, Process], *, willing: set[str]) -> FakeMonitor:
    """The monitors of processes, those of C(willing) guests exit when they are asked."""
    monitor = FakeMonitor().tell("system_powerdown")
    monitor.pids = {path: process.pid for path, process in processes.items()}

    def press(path: str) -> None:
        if path in willing:
            processes[path].kill()

    monitor.effects["system_powerdown"] = press
    return monitor


def open_files() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


def test_all_guests_are_asked_and_awaited(start: Callable[[], Process]) -> None:
    processes = {path: start() for path in ("/a", "/b")}
    monitor = monitor_of(processes, willing={"/a", "/b"})
    before = open_files()
    assert ask([Guest(f"VM {path}", path, 600) for path in processes], monitor) == []
    assert monitor.commands == [(path, "system_powerdown", {}) for path in ("/a", "/b")]
    assert open_files() == before


def test_a_guest_that_stays_has_its_own_limit_and_delays_no_other(start: Callable[[], Process]) -> None:
    processes = {path: start() for path in ("/a", "/b", "/c")}
    monitor = monitor_of(processes, willing={"/b"})
    begin = time.monotonic()
    before = open_files()
    guests = [Guest("VM 1001 (vm1)", "/a", 1), Guest("VM 1002 (vm2)", "/b", 600), Guest("VM 1003 (vm3)", "/c", 2)]
    assert ask(guests, monitor) == [
        "VM 1001 (vm1): its guest did not shut down within 1 s, so QEMU was stopped",
        "VM 1003 (vm3): its guest did not shut down within 2 s, so QEMU was stopped",
    ]
    assert 2 <= time.monotonic() - begin < 30
    assert open_files() == before


@pytest.mark.parametrize("status", ["paused", "io-error", "suspended", "shutdown"])
def test_a_guest_whose_cpus_do_not_run_is_not_asked(status: str) -> None:
    monitor = FakeMonitor()
    monitor.statuses["/a"] = status
    assert ask([Guest("VM 1001", "/a", 600)], monitor) == []
    assert monitor.commands == []


def test_a_qemu_that_does_not_answer_is_not_awaited() -> None:
    assert ask([Guest("VM 1001", "/a", 600)], FakeMonitor({"/a": 1})) == []


def test_a_qemu_that_has_just_exited_is_not_awaited(start: Callable[[], Process]) -> None:
    process = start()
    process.kill()
    process.wait()
    monitor = FakeMonitor()
    monitor.pids["/a"] = process.pid
    assert ask([Guest("VM 1001", "/a", 600)], monitor) == []
    assert monitor.commands == []


def test_a_qemu_that_refuses_is_not_awaited(start: Callable[[], Process]) -> None:
    monitor = FakeMonitor().tell("system_powerdown", error="not now")
    monitor.pids["/a"] = start().pid
    before = open_files()
    assert ask([Guest("VM 1001", "/a", 600)], monitor) == []
    assert open_files() == before


def test_an_interrupt_leaves_no_descriptor_open(start: Callable[[], Process]) -> None:
    processes = {path: start() for path in ("/a", "/b")}
    monitor = monitor_of(processes, willing=set())

    def press(path: str) -> None:
        if path == "/b":
            raise KeyboardInterrupt

    monitor.effects["system_powerdown"] = press
    before = open_files()
    with pytest.raises(KeyboardInterrupt):
        ask([Guest(f"VM {path}", path, 600) for path in processes], monitor)
    assert open_files() == before


def test_nobody_is_asked_without_guests() -> None:
    assert ask([], FakeMonitor()) == []


def test_how_a_guest_is_asked_follows_from_its_vm() -> None:
    (plain,) = orders(vm())[0].vms
    (asked,) = orders(vm(shutdown="acpi", shutdown_timeout_s=90))[0].vms
    assert not power_down.is_asked(plain)
    assert power_down.is_asked(asked)
    assert power_down.text(plain) == ""
    assert power_down.text(asked) == "90\n"
    assert power_down.guest(asked) == Guest("VM 1001 (vm1)", "/run/cloudrepo/1001/qmp.sock", 90)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Callable[[bytes], tuple[str, Process]]]:
    """Start real machines with a disk, whose console is C(console). tools/setup installs QEMU."""
    qemu = shutil.which("qemu-system-x86_64")
    assert qemu is not None
    running: list[Process] = []

    def boot(content: bytes) -> tuple[str, Process]:
        disk, path = tmp_path / "disk.raw", tmp_path / "qmp.sock"
        disk.write_bytes(content)
        hardware = ["-machine", "q35,accel=tcg", "-drive", f"file={disk},format=raw"]
        places = ["-serial", f"file:{tmp_path}/console", "-qmp", f"unix:{path},server=on,wait=off"]
        running.append(subprocess.Popen([qemu, "-nodefaults", "-display", "none", *hardware, *places]))
        assert SocketMonitor().ask([str(path)])[str(path)].status == "running"
        return str(path), running[-1]

    yield boot
    for process in running:
        process.kill()
        process.wait()


def test_a_real_machine_without_a_guest_keeps_running(machine: Callable[[bytes], tuple[str, Process]]) -> None:
    path, process = machine(b"")
    begin = time.monotonic()
    assert ask([Guest("VM 1001 (vm1)", path, 1)], SocketMonitor()) == [
        "VM 1001 (vm1): its guest did not shut down within 1 s, so QEMU was stopped"
    ]
    assert time.monotonic() - begin >= 1
    # Its monitor is free for others, and the caller stops it.
    assert SocketMonitor().ask([path])[path].status == "running"
    assert process.poll() is None


def test_a_real_machine_whose_guest_obeys_turns_off(
    machine: Callable[[bytes], tuple[str, Process]], tmp_path: Path
) -> None:
    path, process = machine(load("extensions/molecule/shutdown/files/power_button.py").disk())
    deadline = time.monotonic() + 120
    while (tmp_path / "console").read_text() != "ready\n":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert ask([Guest("VM 1001 (vm1)", path, 300)], SocketMonitor()) == []
    assert process.wait(timeout=60) == 0
    assert (tmp_path / "console").read_text() == "ready\noff\n"
