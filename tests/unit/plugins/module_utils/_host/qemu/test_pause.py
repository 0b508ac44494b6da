# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from pathlib import Path

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import pause
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.pause import Pause
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.systemd import Unit
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import all_vms
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import VM

from ..fakes import ME, FakeMonitor, orders, settings, vm

UNITS = {vm_id: Unit(1000, vm_id, "active", vm_id) for vm_id in (1001, 1002)}


def socket(vm_id: int) -> str:
    return f"/run/cloudrepo/{vm_id}/qmp.sock"


def two(tmp_path: Path, *states: str) -> tuple[VM, ...]:
    """A VM in each state, with its folder."""
    for number in range(len(states)):
        (tmp_path / f"vms/{1001 + number}").mkdir(parents=True, exist_ok=True)
    vms = [vm(1001 + number, state_dir=str(tmp_path), state=state) for number, state in enumerate(states)]
    return all_vms(orders(*vms, state_dir=str(tmp_path)))


def observe(tmp_path: Path, vms: tuple[VM, ...], monitor: FakeMonitor) -> frozenset[int]:
    return pause.observe(vms, UNITS, settings=settings(state_dir=str(tmp_path)), monitor=monitor)


def apply(tmp_path: Path, todo: tuple[Pause, ...], monitor: FakeMonitor) -> dict[int, str]:
    return pause.apply(todo, settings=settings(state_dir=str(tmp_path), accounts=ME), monitor=monitor)


def test_only_vms_that_may_be_paused_are_asked(tmp_path):
    monitor = FakeMonitor()
    assert observe(tmp_path, two(tmp_path, "running", "running"), monitor) == frozenset()
    monitor.tell("query-status", returns={"status": "paused", "running": False})
    (tmp_path / "vms/1002/paused").touch()
    assert observe(tmp_path, two(tmp_path, "running", "running"), monitor) == {1002}
    assert observe(tmp_path, two(tmp_path, "paused", "running"), monitor) == {1001, 1002}


def test_a_vm_that_its_host_started_anew_is_not_taken_for_paused(tmp_path):
    monitor = FakeMonitor().tell("query-status", returns={"status": "running", "running": True})
    (paused, _other) = vms = two(tmp_path, "paused", "running")
    (tmp_path / "vms/1001/paused").touch()
    assert observe(tmp_path, vms, monitor) == frozenset()
    assert pause.plan(vms, [], frozenset()) == (Pause(paused, paused=True),)


def test_what_does_not_answer_or_does_not_run_is_not_paused(tmp_path):
    assert observe(tmp_path, two(tmp_path, "paused"), FakeMonitor({})) == frozenset()
    off = {1001: Unit(1000, 1001)}
    vms = two(tmp_path, "paused")
    assert pause.observe(vms, off, settings=settings(state_dir=str(tmp_path)), monitor=FakeMonitor()) == frozenset()


def test_what_is_as_it_shall_be_is_left_alone(tmp_path):
    paused, running = two(tmp_path, "paused", "running")
    assert pause.plan([paused, running], [], {1001}) == ()
    assert pause.plan([paused, running], [], {1002}) == (Pause(paused, paused=True), Pause(running, paused=False))
    assert pause.plan([], [paused, running], {1001}) == (Pause(paused, paused=True),)


def test_a_vm_is_marked_while_it_is_paused(tmp_path):
    (one,) = two(tmp_path, "paused")
    monitor = FakeMonitor().tell("stop").tell("cont")
    mark = tmp_path / "vms/1001/paused"
    assert apply(tmp_path, (Pause(one, paused=True),), monitor) == {}
    assert (mark.read_text(), mark.stat().st_mode & 0o777) == ("", 0o640)
    assert apply(tmp_path, (Pause(one, paused=False),), monitor) == {}
    assert not mark.exists()
    assert monitor.commands == [(socket(1001), "stop", {}), (socket(1001), "cont", {})]


def test_one_that_refuses_does_not_hold_up_the_others_and_stays_marked(tmp_path):
    first, second = two(tmp_path, "running", "paused")
    (tmp_path / "vms/1001/paused").touch()
    monitor = FakeMonitor().tell("cont", error="no").tell("stop")
    faults = apply(tmp_path, (Pause(first, paused=False), Pause(second, paused=True)), monitor)
    assert faults == {1001: "VM 1001 (vm1): QEMU refused cont: no"}
    assert (tmp_path / "vms/1001/paused").exists()
    assert (tmp_path / "vms/1002/paused").exists()
