# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import capture
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.capture import (
    Bounds,
    Capture,
    Content,
    Target,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.apply import Clock
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.config import render
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import all_vms
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused, SlicesError

from ..fakes import MORE, FakeRunner, FakeTime, journal, orders, settings, vm

BOUNDS = Bounds(60, 10)
HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
UNIT = "slices-capture-1000-1001-eth1.service"
SHOW = ("systemctl", "show", "--property=ActiveState,Description", "--", UNIT)


def packet(size: int) -> bytes:
    return struct.pack("<IIII", 1, 2, size, size) + b"x" * size


@pytest.fixture
def target(tmp_path: Path) -> Target:
    """Return eth1 of VM 1001, which is running on this host."""
    (one,) = all_vms(orders(vm(1001, 400, 100, state_dir=str(tmp_path)), state_dir=str(tmp_path)))
    folder = tmp_path / "vms/1001"
    folder.mkdir(parents=True)
    (folder / "vm.json").write_text(render(one, settings(state_dir=str(tmp_path)))["vm.json"])
    found = capture.find(1001, "eth1", state_dir=str(tmp_path))
    assert found is not None
    return found


def shown(active: str, description: str = "") -> str:
    return f"ActiveState={active}\nDescription={description}\n"


def started(target: Target, runner: FakeRunner, sleep: Callable[[float], None] | None = None) -> None:
    time = FakeTime()
    todo = capture.plan(target, Capture(vm_runs=True), "started", BOUNDS)
    capture.apply(todo, target, BOUNDS, runner, Clock(time.now, sleep or time.sleep), wait=False, timeout_s=1)


def test_an_interface_is_found_in_the_configuration_of_the_running_vm(target, tmp_path):
    assert target == Target(1000, 1001, "vm1", "eth1", "tap_1001_eth1", f"{tmp_path}/vms/1001/eth1.pcap")
    assert target.unit == UNIT
    with pytest.raises(Refused) as refused:
        capture.find(1001, "eth7", state_dir=str(tmp_path))
    figures = {"kind": "interface", "name": "eth7", "known": ["eth0", "eth1"]}
    assert refused.value.refusals == [Refusal("unknown_reference", "VM 1001 (vm1)", figures)]


def test_a_vm_on_another_host_is_refused(tmp_path):
    with pytest.raises(Refused) as refused:
        capture.need(capture.find(1002, "eth1", state_dir=str(tmp_path)), 1002)
    assert refused.value.refusals == [Refusal("vm_not_on_host", "VM 1002")]


def test_the_capture_of_an_interface_is_observed(target):
    vm = ("systemctl", "show", "--property=Id,ActiveState,MainPID", "--", "cloudrepo-1000@1001.service")
    runner = FakeRunner().tell(*vm, stdout="Id=cloudrepo-1000@1001.service\nActiveState=active\nMainPID=7\n")
    runner.tell(*vm, stdout="").tell(*SHOW, stdout=shown("active", "x")).tell(*SHOW, stdout=shown("failed"))
    assert capture.observe(target, runner) == Capture("x", exists=False, vm_runs=True)
    Path(target.path).write_bytes(HEADER)
    assert capture.observe(target, runner) == Capture(None, exists=True, vm_runs=False)
    assert capture.need(target, 1001) is target


@pytest.mark.parametrize(
    ("bounds", "wrong"),
    [
        (Bounds(0, 10), {"seconds": (0, 86400)}),
        (Bounds(86401, -1), {"seconds": (86401, 86400), "mib": (-1, 4096)}),
    ],
)
def test_limits_out_of_range_are_refused(target, bounds, wrong):
    with pytest.raises(Refused) as refused:
        capture.plan(target, Capture(vm_runs=True), "started", bounds)
    assert refused.value.refusals == [
        Refusal("out_of_range", "capture", {"option": option, "got": got, "least": 1, "most": most})
        for option, (got, most) in wrong.items()
    ]


def test_a_stopped_vm_is_refused(target):
    with pytest.raises(Refused) as refused:
        capture.plan(target, Capture(), "started", BOUNDS)
    assert refused.value.refusals == [Refusal("vm_not_running", "VM 1001 (vm1)")]


def test_a_running_capture_is_not_changed(target):
    have = Capture(target.describe(BOUNDS), exists=True, vm_runs=True)

    assert not capture.plan(target, have, "started", BOUNDS).changes
    with pytest.raises(Refused) as refused:
        capture.plan(target, have, "started", Bounds(61, 10))
    assert refused.value.refusals == [Refusal("capture_running", "VM 1001 (vm1) eth1", {"running": have.running})]


def test_the_plan_is_reported(target):
    running, ended = Capture(target.describe(BOUNDS), exists=True), Capture(exists=True)
    todos = [
        capture.plan(target, Capture(vm_runs=True), "started", BOUNDS),
        capture.plan(target, running, "stopped", BOUNDS),
        capture.plan(target, ended, "stopped", BOUNDS),
        capture.plan(target, running, "absent", BOUNDS),
        capture.plan(target, Capture(), "absent", BOUNDS),
    ]

    assert [(todo.start, todo.end, todo.remove) for todo in todos] == [
        (True, False, False),
        (False, True, False),
        (False, False, False),
        (False, True, True),
        (False, False, False),
    ]
    runs = {"state": "running", "description": "Capture of tap_1001_eth1 of slice 1000, 60 s, 10 MiB"}
    ends = {"state": "ended"}
    assert [todo.changes for todo in todos] == [
        (Change("capture", "1001:eth1", "start", None, runs, name="vm1:eth1"),),
        (Change("capture", "1001:eth1", "stop", runs, ends, name="vm1:eth1"),),
        (),
        (Change("capture", "1001:eth1", "delete", runs, None, name="vm1:eth1"),),
        (),
    ]


def test_stopping_requires_a_running_capture(target):
    with pytest.raises(Refused) as refused:
        capture.plan(target, Capture(vm_runs=True), "stopped", BOUNDS)
    assert refused.value.refusals == [Refusal("capture_missing", "VM 1001 (vm1) eth1")]


def test_a_capture_is_started_when_tcpdump_listens(target):
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 2:
            Path(target.path).write_bytes(HEADER)

    runner = FakeRunner().tell("systemd-run", MORE).tell(*SHOW, stdout=shown("active"))
    started(target, runner, nap)

    assert len(naps) == 2
    assert sum(naps) < 0.1, "the caller waits for the first packet"
    assert Path(target.path).stat().st_mode & 0o777 == 0o600
    argv = runner.argvs[0]
    assert {f"--unit={UNIT}", "--slice=cloudrepo-1000.slice", "--collect", "--interface=tap_1001_eth1"} <= set(argv)
    assert {"--snapshot-length=262144", "--immediate-mode", "--packet-buffered"} <= set(argv)
    assert {"--property=RuntimeMaxSec=60", "--property=LimitFSIZE=10485760", "--property=DynamicUser=yes"} <= set(argv)


@pytest.mark.parametrize("state", ["inactive", "activating"])
def test_a_tcpdump_that_does_not_listen_is_reported_with_its_output(target, state):
    # systemd has removed a unit that has ended.
    runner = FakeRunner().tell("systemd-run", MORE).tell("systemctl", "stop", "--", UNIT, rc=5, stderr="not loaded")
    runner.tell(*SHOW, stdout=shown(state)).tell("journalctl", MORE, stdout=journal(UNIT, "No such device"))
    with pytest.raises(SlicesError, match=r"eth1: tcpdump did not start on tap_1001_eth1:\nNo such device"):
        started(target, runner)
    assert not Path(target.path).exists()


def test_the_end_of_a_capture_is_awaited(target):
    runner = FakeRunner().tell(*SHOW, stdout=shown("active")).tell(*SHOW, stdout="\n")
    time = FakeTime()
    todo = capture.plan(target, Capture("x", exists=True), "stopped", BOUNDS)
    capture.apply(todo, target, BOUNDS, runner, Clock(time.now, time.sleep), wait=True, timeout_s=1)

    assert len(runner.argvs) == 2
    assert 0 < time.now() < 1


def test_a_capture_that_ends_by_itself_while_it_is_stopped_is_stopped(target):
    runner = FakeRunner().tell("systemctl", "stop", "--", UNIT, rc=5, stderr=f"Unit {UNIT} not loaded.")
    todo = capture.plan(target, Capture("x", exists=True), "stopped", BOUNDS)
    capture.apply(todo, target, BOUNDS, runner, Clock(), wait=False, timeout_s=1)
    assert runner.argvs == [["systemctl", "stop", "--", UNIT]]


def test_state_absent_leaves_nothing(target):
    Path(target.path).write_bytes(HEADER)
    runner = FakeRunner().tell("systemctl", "stop", "--", UNIT)
    todo = capture.plan(target, Capture("x", exists=True), "absent", BOUNDS)
    capture.apply(todo, target, BOUNDS, runner, Clock(), wait=False, timeout_s=1)

    assert runner.argvs == [["systemctl", "stop", "--", UNIT]]
    assert not Path(target.path).exists()


@pytest.mark.parametrize(
    ("whole", "torn"),
    [
        ([], b""),
        ([60, 1514], b""),
        ([60, 0], b""),
        ([60, 1514], packet(9)[:-1]),
        ([60], packet(9)[:15]),
    ],
)
def test_a_packet_truncated_by_the_size_limit_is_removed(tmp_path, whole, torn):
    path = tmp_path / "x.pcap"
    content = HEADER + b"".join(packet(size) for size in whole)
    path.write_bytes(content + torn)

    assert capture.trim(str(path)) == Content(len(whole), len(content))
    assert path.read_bytes() == content


@pytest.mark.parametrize("content", [b"", b"listening on", HEADER[:20]])
def test_a_file_that_is_not_a_pcap_is_not_changed(tmp_path, content):
    path = tmp_path / "x.pcap"
    path.write_bytes(content)
    with pytest.raises(SlicesError, match="is not a pcap file of tcpdump"):
        capture.trim(str(path))
    assert path.read_bytes() == content


def test_a_capture_that_was_removed_meanwhile_is_reported(tmp_path):
    with pytest.raises(SlicesError, match=r"x\.pcap no longer exists: the capture or its VM was removed"):
        capture.trim(str(tmp_path / "x.pcap"))


@pytest.mark.parametrize(
    ("have", "before"),
    [
        (Capture(), None),
        (Capture(exists=True), {"state": "ended"}),
        (Capture("60 s", exists=True), {"state": "running", "description": "60 s"}),
    ],
)
def test_a_removed_capture_is_reported_with_its_state(target, have, before):
    changes = capture.plan(target, have, "absent", BOUNDS).changes
    assert [change.before for change in changes] == ([] if before is None else [before])


def test_a_capture_is_given_up_exactly_when_its_time_is_up(target):
    runner = FakeRunner().tell("systemd-run", MORE).tell(*SHOW, stdout=shown("active"))
    runner.tell("systemctl", "stop", "--", UNIT).tell("journalctl", MORE, stdout=journal(UNIT, "no such device"))
    time = FakeTime()
    todo = capture.plan(target, Capture(vm_runs=True), "started", BOUNDS)
    with pytest.raises(SlicesError, match="tcpdump did not start on tap_1001_eth1:\nno such device"):
        capture.apply(todo, target, BOUNDS, runner, Clock(time.now, time.sleep), wait=False, timeout_s=0)
    assert time.seconds == 0
