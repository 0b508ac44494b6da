# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A VM is running if its QEMU reports it, whatever the state of its unit."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import states
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.states import States
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.systemd import Unit
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import all_vms

from ..fakes import FakeMonitor, FakeRunner, orders, vm

VMS = all_vms(orders(vm(1001), vm(1002)))
QMP = "/run/cloudrepo/1001/qmp.sock"
SHOW = ("systemctl", "show", "--property=Id,ActiveState,MainPID", "--", "cloudrepo-1000@1001.service")
RESTART = "restart the VM with -e apply_work_order_restart=true"


def observe(monitor: FakeMonitor, runner: FakeRunner | None = None, pid: int = 0) -> States:
    units = {1001: Unit(1000, 1001, "active", pid), 1002: Unit(1000, 1002), 1003: Unit(1000, 1003, "active", 3)}
    return states.observe(VMS, units, runner=runner or FakeRunner(), monitor=monitor)


def said(status: str) -> FakeMonitor:
    monitor = FakeMonitor()
    monitor.statuses[QMP] = status
    return monitor


def silent(pid: int, active: str = "active") -> FakeRunner:
    shown = f"Id=cloudrepo-1000@1001.service\nActiveState={active}\nMainPID={pid}\n"
    return FakeRunner().tell(*SHOW, stdout=shown)


@pytest.mark.parametrize("status", ["running", "suspended"])
def test_a_vm_reported_as_running_is_running(status):
    assert observe(said(status)) == States(paused=set())


def test_a_paused_vm_is_not_an_error():
    assert observe(said("paused")) == States(paused={1001})


def test_a_vm_with_an_io_error_is_reported_and_can_be_resumed():
    assert observe(said("io-error")) == States(
        paused={1001},
        faults={
            1001: "VM 1001 (vm1): QEMU stopped the VM after an I/O error; check the worker's disk for free space and "
            "errors, then run the deploy again"
        },
    )


@pytest.mark.parametrize("status", ["guest-panicked", "internal-error", "shutdown"])
def test_any_other_state_needs_a_restart(status):
    assert observe(said(status), pid=7).hung == {
        1001: f"VM 1001 (vm1): QEMU (process 7) reports the state {status}; {RESTART}"
    }


def test_a_vm_that_does_not_answer_is_hung():
    found = observe(FakeMonitor({}), silent(2**30), pid=2**30)
    assert found == States(
        paused=set(),
        hung={1001: f"VM 1001 (vm1): QEMU (process {2**30}) does not answer: it does not answer; {RESTART}"},
    )


def test_a_vm_that_was_stopped_by_a_signal_is_reported_as_such():
    with subprocess.Popen(["sleep", "60"]) as process:
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        found = observe(FakeMonitor({}), silent(process.pid), pid=process.pid)
        process.kill()
    assert found.hung == {
        1001: f"VM 1001 (vm1): QEMU (process {process.pid}) is stopped by a signal; "
        f"continue it with kill -CONT {process.pid}, or {RESTART}"
    }


def test_a_guest_that_has_shut_down_is_not_reported_as_hung():
    assert observe(FakeMonitor({}), silent(0, "inactive"), pid=7) == States(
        ended={1001: Unit(1000, 1001)}, paused=set()
    )


def test_without_an_active_unit_no_monitor_is_queried():
    assert states.observe(VMS, {}, runner=FakeRunner(), monitor=FakeMonitor()) == States()


def test_a_vm_without_a_process_is_asked_about_none(monkeypatch):
    """A unit whose process systemd does not know is not live, unless systemd is asked in between."""
    asked = []
    monkeypatch.setattr(states.processes, "is_stopped", lambda pid: asked.append(pid) or False)
    assert observe(FakeMonitor({QMP: 99}), silent(7), pid=7).hung.keys() == {1001}
    assert asked == [7]
