# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.config import render
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import all_vms
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.modules import capture

from ..module_utils._domain.builders import refused
from ..module_utils._host import modules
from ..module_utils._host.fakes import MORE, FakeRunner, mark, orders, settings, uuid, vm

HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
PACKET = struct.pack("<IIII", 1, 2, 3, 3) + b"abc"
UNIT = "slices-capture-1000-1001-eth1.service"
SHOW = ("systemctl", "show", "--property=ActiveState,Description", "--", UNIT)
SHOW_VM = ("systemctl", "show", "--property=Id,ActiveState,MainPID", "--", "cloudrepo-1000@1001.service")
RUNS = "ActiveState=active\nDescription=Capture of tap_1001_eth1 of slice 1000, 60 s, 10 MiB\n"
ENDED = "ActiveState=inactive\nDescription=x\n"
STOP = ("systemctl", "stop", "--", UNIT)


@pytest.fixture
def pcap(tmp_path: Path) -> Path:
    """Return the path of the capture of eth1 of the running VM 1001."""
    (one,) = all_vms(orders(vm(1001, 400, 100, state_dir=str(tmp_path)), state_dir=str(tmp_path)))
    folder = tmp_path / "vms/1001"
    folder.mkdir(parents=True)
    (folder / "vm.json").write_text(render(one, settings(state_dir=str(tmp_path)))["vm.json"])
    return folder / "eth1.pcap"


def run(monkeypatch: pytest.MonkeyPatch, pcap: Path, runner: FakeRunner, **args: Any) -> dict[str, Any]:
    where = {"vm_id": 1001, "interface": "eth1", "state_dir": str(pcap.parents[2])}
    return modules.run(monkeypatch, capture, runner, **{**where, **args})


def seen(capture_unit: str) -> FakeRunner:
    vm_unit = "Id=cloudrepo-1000@1001.service\nActiveState=active\nMainPID=4821\n"
    return FakeRunner().tell(*SHOW_VM, stdout=vm_unit).tell(*SHOW, stdout=capture_unit)


def test_a_capture_is_started_once(monkeypatch: pytest.MonkeyPatch, pcap: Path) -> None:
    predicted = run(monkeypatch, pcap, seen(ENDED), _ansible_check_mode=True)
    assert (predicted["changed"], predicted["pcap"], predicted["tap"]) == (True, str(pcap), "tap_1001_eth1")
    assert not pcap.exists()

    runner = seen(ENDED).on("systemd-run", MORE, do=lambda _argv: pcap.write_bytes(HEADER) and None)
    done = run(monkeypatch, pcap, runner)
    assert (done["changed"], done["pcap"], "packets" in done) == (True, str(pcap), False)
    (started,) = (argv for argv in runner.argvs if argv[0] == "systemd-run")
    assert {"--property=RuntimeMaxSec=60", "--property=LimitFSIZE=10485760"} <= {*started}
    assert run(monkeypatch, pcap, seen(RUNS))["changed"] is False


@pytest.mark.parametrize(("seconds", "mib", "fails"), [(86400, 4096, False), (86401, 10, True), (60, 4097, True)])
def test_the_limits_of_a_capture_are_bounded(
    monkeypatch: pytest.MonkeyPatch, pcap: Path, seconds: int, mib: int, fails: bool
) -> None:
    limits = {"seconds": seconds, "mib": mib, "_ansible_check_mode": True}
    assert bool(run(monkeypatch, pcap, seen(ENDED), **limits).get("failed")) is fails


def test_a_capture_is_of_an_interface_of_a_vm(monkeypatch: pytest.MonkeyPatch) -> None:
    done = modules.run(monkeypatch, capture, FakeRunner())
    assert done["msg"] == "missing required arguments: interface, vm_id"


@pytest.mark.parametrize("wait", [False, True])
def test_a_capture_is_stopped_and_its_packets_are_counted(
    monkeypatch: pytest.MonkeyPatch, pcap: Path, wait: bool
) -> None:
    pcap.write_bytes(HEADER + PACKET + PACKET[:-1])
    runner = seen(RUNS).tell(*SHOW, stdout=ENDED) if wait else seen(RUNS).tell(*STOP)
    done = run(monkeypatch, pcap, runner, state="stopped", wait=wait)
    assert (done["changed"], done["packets"], done["bytes"]) == (True, 1, len(HEADER + PACKET))
    assert pcap.read_bytes() == HEADER + PACKET
    again = run(monkeypatch, pcap, seen(ENDED), state="stopped")
    assert (again["changed"], again["packets"], again["pcap"]) == (False, 1, str(pcap))


def test_a_capture_is_removed_with_its_file(monkeypatch: pytest.MonkeyPatch, pcap: Path) -> None:
    pcap.write_bytes(HEADER)
    done = run(monkeypatch, pcap, seen(RUNS).tell(*STOP), state="absent")
    assert (done["changed"], done["pcap"], done["tap"]) == (True, None, "tap_1001_eth1")
    assert not pcap.exists()
    assert run(monkeypatch, pcap, seen(ENDED), state="absent")["changed"] is False


def test_a_vm_that_is_not_on_the_host_has_no_capture(monkeypatch: pytest.MonkeyPatch, pcap: Path) -> None:
    done = run(monkeypatch, pcap, FakeRunner(), vm_id=1002, state="absent")
    assert (done["changed"], done["pcap"], done["tap"]) == (False, None, None)
    for state in ("started", "stopped"):
        assert "VM 1002" in run(monkeypatch, pcap, FakeRunner(), vm_id=1002, state=state)["msg"]


def test_tcpdump_gets_the_start_timeout_of_the_call(monkeypatch: pytest.MonkeyPatch, pcap: Path) -> None:
    runner = seen(ENDED).tell(*SHOW, stdout=RUNS).tell("systemd-run", MORE).tell(*STOP).tell("journalctl", MORE)
    assert "tcpdump did not start" in run(monkeypatch, pcap, runner, start_timeout_s=0)["msg"]
    assert not pcap.exists()


@pytest.mark.parametrize(("state", "path"), [("stopped", True), ("absent", False)])
def test_check_mode_ends_and_removes_nothing(
    monkeypatch: pytest.MonkeyPatch, pcap: Path, state: str, path: bool
) -> None:
    pcap.write_bytes(HEADER + PACKET + PACKET[:-1])
    runner = seen(RUNS)
    done = run(monkeypatch, pcap, runner, state=state, _ansible_check_mode=True)
    assert (done["changed"], done["pcap"], "packets" in done) == (True, str(pcap) if path else None, False)
    assert not [argv for argv in runner.argvs if argv[:2] == ["systemctl", "stop"]]
    assert pcap.read_bytes() == HEADER + PACKET + PACKET[:-1]


@pytest.mark.parametrize(
    ("args", "unit", "message"),
    [
        ({"state": "stopped"}, ENDED, "VM 1001 (vm1) eth1: no capture"),
        ({"seconds": 61}, RUNS, "60 s, 10 MiB"),
        ({"interface": "eth9"}, None, "VM 1001 (vm1): interface eth9 does not exist; existing: eth0, eth1"),
        (
            {"interface": "eth9", "state": "absent"},
            None,
            "VM 1001 (vm1): interface eth9 does not exist; existing: eth0, eth1",
        ),
    ],
)
def test_refusals_name_what_is_there(
    monkeypatch: pytest.MonkeyPatch, pcap: Path, args: dict[str, Any], unit: str | None, message: str
) -> None:
    done = run(monkeypatch, pcap, FakeRunner() if unit is None else seen(unit), **args)
    assert message in done["msg"]


def test_a_stopped_vm_has_nothing_to_capture(monkeypatch: pytest.MonkeyPatch, pcap: Path) -> None:
    runner = FakeRunner().tell(*SHOW_VM, stdout="ActiveState=inactive\n").tell(*SHOW, stdout=ENDED)
    done = run(monkeypatch, pcap, runner)
    assert done["refusals"][0]["code"] == "vm_not_running"
    assert not pcap.exists()


@pytest.mark.parametrize("state", ["started", "stopped", "absent"])
@pytest.mark.parametrize("check_mode", [True, False])
def test_the_packets_of_another_vm_with_the_same_id_are_not_captured(
    monkeypatch: pytest.MonkeyPatch, pcap: Path, state: str, check_mode: bool
) -> None:
    """Such as those of a tenant whose slice an older database does not know."""
    mark(pcap.parent, vm_uuid=uuid(2))
    told = run(monkeypatch, pcap, FakeRunner(), vm_uuid=uuid(9), state=state, _ansible_check_mode=check_mode)
    figures = {"where": str(pcap.parent), "held": uuid(2), "got": uuid(9)}
    assert refused(told) == [Refusal("not_this_vm", "VM 1001", figures)]


def test_a_capture_of_the_right_vm_is_planned(monkeypatch: pytest.MonkeyPatch, pcap: Path) -> None:
    mark(pcap.parent, vm_uuid=uuid(2))
    assert run(monkeypatch, pcap, seen(ENDED), vm_uuid=uuid(2), _ansible_check_mode=True)["changed"]
    told = run(monkeypatch, pcap, FakeRunner(), vm_uuid="", _ansible_check_mode=True)
    assert [refusal.code for refusal in refused(told)] == ["not_this_vm"], "the database knows no UUID of its VM"
