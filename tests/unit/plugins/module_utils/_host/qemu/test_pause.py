# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import pause
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.pause import Pause
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import all_vms
from ansible_collections.cloudrepo.slices.plugins.module_utils.vm_order import VM

from ..fakes import FakeMonitor, orders, vm


def socket(vm_id: int) -> str:
    return f"/run/cloudrepo/{vm_id}/qmp.sock"


def two(*states: str) -> tuple[VM, ...]:
    """A VM in each state."""
    return all_vms(orders(*(vm(1001 + number, state=state) for number, state in enumerate(states))))


def test_objects_in_the_desired_state_are_not_changed():
    paused, running = two("paused", "running")
    assert pause.plan([paused, running], [], {1001}) == ()
    assert pause.plan([paused, running], [], {1002}) == (Pause(paused, paused=True), Pause(running, paused=False))
    assert pause.plan([], [paused, running], {1001}) == (Pause(paused, paused=True),)


def test_a_vm_that_refuses_a_command_does_not_affect_the_others():
    first, second = two("running", "paused")
    monitor = FakeMonitor().tell("cont", error="no").tell("stop")
    faults = pause.apply((Pause(first, paused=False), Pause(second, paused=True)), monitor=monitor)
    assert faults == {1001: "VM 1001 (vm1): QEMU refused cont: no"}
    assert monitor.commands == [(socket(1001), "cont", {}), (socket(1002), "stop", {})]
