# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool import drop_carrier

from ..fakes import FakeTime

SET_LINK = [{"execute": "set_link", "arguments": {"name": f"nic-eth{index}", "up": False}} for index in (0, 2)]


class Qemu:
    """A monitor that serves one client, and refuses the first command if C(refusal) is set."""

    def __init__(self, path: Path, refusal: str | None = None) -> None:
        self.heard: list[Any] = []
        self._refusal = refusal
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(1)
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        client, _address = self._listener.accept()
        with self._listener, client, client.makefile("rw", encoding="utf-8") as stream:
            self._say(stream, {"QMP": {"version": {}}})
            for line in stream:
                self.heard.append(json.loads(line))
                refused = self._refusal is not None and len(self.heard) == 2
                self._say(stream, {"error": {"desc": self._refusal}} if refused else {"return": {}})

    def _say(self, stream: Any, message: dict[str, Any]) -> None:
        stream.write(json.dumps(message) + "\n")
        stream.flush()


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """Run a process in place of QEMU."""
    with subprocess.Popen(["sleep", "60"]) as started:
        yield started
        started.kill()


@pytest.fixture
def names(tmp_path: Path) -> str:
    path = tmp_path / "links_down"
    path.write_text("nic-eth0\nnic-eth2\n")
    return str(path)


def test_carriers_of_nics_are_dropped(tmp_path, names, process):
    qemu = Qemu(tmp_path / "qmp.sock")
    assert drop_carrier.main(names, str(tmp_path / "qmp.sock"), str(process.pid)) == 0
    qemu.thread.join(timeout=5)
    assert qemu.heard == [{"execute": "qmp_capabilities", "arguments": {}}, *SET_LINK]
    assert process.poll() is None


def test_a_monitor_that_does_not_exist_yet_is_awaited(tmp_path, names, process):
    path = tmp_path / "qmp.sock"
    late: list[Qemu] = []
    timer = threading.Timer(0.1, lambda: late.append(Qemu(path)))
    timer.start()
    drop_carrier.main(names, str(path), str(process.pid))
    timer.join()
    late[0].thread.join(timeout=5)
    assert late[0].heard[1:] == SET_LINK
    assert process.poll() is None


def test_a_qemu_that_refuses_to_drop_a_carrier_is_killed(tmp_path, names, process, capsys):
    qemu = Qemu(tmp_path / "qmp.sock", refusal="Device 'nic-eth0' not found")
    assert drop_carrier.main(names, str(tmp_path / "qmp.sock"), str(process.pid)) == 1
    assert capsys.readouterr().err == (
        "slices-host: QEMU was killed, because links could not be set down: "
        "QEMU refused set_link: Device 'nic-eth0' not found\n"
    )
    qemu.thread.join(timeout=5)
    assert qemu.heard[1:] == SET_LINK[:1]
    assert process.wait(timeout=5) == -signal.SIGKILL


def test_a_qemu_with_an_unreadable_list_of_carriers_is_killed(tmp_path, process):
    assert drop_carrier.main(str(tmp_path / "links_down"), str(tmp_path / "qmp.sock"), str(process.pid)) == 1
    assert process.wait(timeout=5) == -signal.SIGKILL


def test_an_exited_qemu_is_not_reported(tmp_path, names, process, capsys):
    process.kill()
    process.wait()
    begin = time.monotonic()
    assert drop_carrier.main(names, str(tmp_path / "qmp.sock"), str(process.pid)) == 0
    assert time.monotonic() - begin < 5
    assert capsys.readouterr().err == ""


def test_a_monitor_that_never_appears_is_an_error(tmp_path, process):
    with pytest.raises(OSError, match="No such file"):
        drop_carrier.drop(["nic-eth0"], str(tmp_path / "qmp.sock"), process.pid, patience_s=0)


def test_a_qemu_that_exits_during_the_command_is_not_an_error(
    tmp_path: Path, names: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "qmp.sock")
    # It accepts, as QEMU does before it opens its disks, then exits, and nobody has waited for it yet.
    program = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); print(flush=True); "
        "s.accept()"
    )
    with subprocess.Popen([sys.executable, "-c", program, path], stdout=subprocess.PIPE) as qemu:
        assert qemu.stdout is not None
        qemu.stdout.readline()
        assert drop_carrier.main(names, path, str(qemu.pid)) == 0
    assert (qemu.returncode, capsys.readouterr().err) == (0, "")


def test_waiting_for_qemu_has_a_time_limit(tmp_path, process):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "qmp.sock"))
        listener.listen(1)
        before = time.monotonic()
        with pytest.raises(socket.timeout):
            drop_carrier.drop(["nic-eth0"], str(tmp_path / "qmp.sock"), process.pid, patience_s=0.1)
        assert time.monotonic() - before < 10


def test_a_running_qemu_that_hangs_up_is_stopped(tmp_path, names, process, capsys):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "qmp.sock"))
        listener.listen()

        def hang_up() -> None:
            listener.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        assert drop_carrier.main(names, str(tmp_path / "qmp.sock"), str(process.pid)) == 1
        thread.join()
    assert capsys.readouterr().err.startswith("slices-host: QEMU was killed, because links could not be set down: ")
    assert process.wait(timeout=5) == -signal.SIGKILL


def test_a_bug_stops_qemu_and_is_not_caught(tmp_path, names, process, monkeypatch):
    def fail(*_arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(drop_carrier, "drop", fail)
    with pytest.raises(ZeroDivisionError):
        drop_carrier.main(names, str(tmp_path / "qmp.sock"), str(process.pid))
    assert process.wait(timeout=5) == -signal.SIGKILL


def test_no_socket_of_a_vain_attempt_stays_open(tmp_path, process, monkeypatch):
    attempts: list[socket.socket] = []

    class Client(socket.socket):
        def __init__(self, *words: Any) -> None:
            super().__init__(*words)
            attempts.append(self)

    monkeypatch.setattr(drop_carrier.socket, "socket", Client)
    monkeypatch.setattr(drop_carrier.time, "monotonic", iter(range(100)).__next__)
    with pytest.raises(FileNotFoundError):
        drop_carrier._connect(str(tmp_path / "missing"), process.pid, 3)
    assert len(attempts) == 3
    assert {client.fileno() for client in attempts} == {-1}


def test_a_process_that_is_gone_has_exited():
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    assert drop_carrier._exits(gone.pid, patience_s=5) is True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    """Replace the time by one that only passes in pauses."""
    fake = FakeTime()
    monkeypatch.setattr(drop_carrier, "time", SimpleNamespace(monotonic=fake.now, sleep=fake.sleep))
    return fake


def test_a_process_that_runs_on_for_a_second_has_not_exited(process, clock):
    assert drop_carrier._exits(process.pid) is False
    assert clock.seconds == pytest.approx(1, abs=0.05)


def test_a_qemu_without_a_monitor_is_killed_after_twenty_seconds(tmp_path, names, process, clock, capsys):
    assert drop_carrier.main(names, str(tmp_path / "qmp.sock"), str(process.pid)) == 1
    assert clock.seconds == pytest.approx(20, abs=0.05)
    assert "No such file or directory" in capsys.readouterr().err
    assert process.wait(timeout=5) == -signal.SIGKILL


def test_a_monitor_that_accepts_nobody_is_an_error(tmp_path, process):
    path = str(tmp_path / "qmp.sock")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(path)
        listener.listen(0)
        first.connect(path)  # the one that may wait
        found: list[OSError] = []

        def drop() -> None:
            try:
                drop_carrier.drop(["nic-eth0"], path, process.pid, patience_s=0.1)
            except OSError as error:
                found.append(error)

        thread = threading.Thread(target=drop, daemon=True)
        thread.start()
        thread.join(timeout=10)
    assert found, "it still waits"
