# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Guests are asked when their host shuts down, and never on a host that keeps running."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool import power_down
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool.power_down import shut_down

from ..fakes import FakeMonitor, FakeRunner

ASK = ("systemctl", "is-system-running")


@pytest.fixture
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A host with VMs: one to ask that runs, one that is off, one that is not asked, and damaged files."""
    monkeypatch.setattr(power_down, "qmp_socket", lambda vm_id: f"{tmp_path}/{vm_id}.sock")
    files = {"1001": "1\n", "1002": "1\n", "1003": "", "1005": "soon\n", "1006": "86400\n", "backup": "1\n"}
    for name in (*files, "1000", "1004"):
        (tmp_path / "vms" / name).mkdir(parents=True)
        if name != "1002":
            (tmp_path / f"{name}.sock").touch()
    for name, text in files.items():
        (tmp_path / "vms" / name / "power_down").write_text(text)
    (tmp_path / "vms/1000/power_down").mkdir()
    return str(tmp_path)


def test_guests_are_asked_when_the_host_shuts_down(state_dir: str, capsys: pytest.CaptureFixture[str]) -> None:
    monitor = FakeMonitor().tell("system_powerdown")
    path = f"{state_dir}/1001.sock"
    monitor.pids[path] = os.getpid()
    shut_down(state_dir, FakeRunner().tell(*ASK, stdout="stopping\n", rc=1), monitor)
    assert monitor.commands == [(path, "system_powerdown", {})]
    assert capsys.readouterr().err.splitlines() == [
        f"slices-host: {state_dir}/vms/1000/power_down cannot be read: Is a directory",
        "slices-host: VM 1001: its guest did not shut down within 1 s, so QEMU was stopped",
    ]


@pytest.mark.parametrize(
    ("state", "shown"), [("running\n", "running"), ("degraded\n", "degraded"), ("", "in an unknown state")]
)
def test_no_guest_is_asked_on_a_host_that_keeps_running(
    state_dir: str, state: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    monitor = FakeMonitor()
    shut_down(state_dir, FakeRunner().tell(*ASK, stdout=state), monitor)
    assert monitor.commands == []
    assert capsys.readouterr().err == f"slices-host: the host is {shown}, so no guest is asked\n"


def test_main_reads_the_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power_down, "SocketMonitor", lambda: "the monitor")
    calls: list[object] = []
    monkeypatch.setattr(power_down, "shut_down", lambda *words: calls.append(words))
    monkeypatch.setattr(power_down.process, "run", lambda act: act("the runner") or 7)
    assert power_down.main("/s") == 7
    assert calls == [("/s", "the runner", "the monitor")]
