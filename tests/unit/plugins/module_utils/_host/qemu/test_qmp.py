# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import qmp
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.qmp import (
    CommandRefused,
    Event,
    MonitorUnavailable,
    SocketMonitor,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import SlicesError

from ..fakes import QMP_COMMANDS

Serve = Callable[..., str]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start a monitor that serves one client with these answers, and return the path of its socket.

    Afterwards it closes the connection, or with C(stays) keeps it open in silence.
    """
    threads: list[threading.Thread] = []

    def start(*answers: dict[str, Any], heard: list[Any] | None = None, stays: bool = False) -> str:
        listener = socket.socket(socket.AF_UNIX)
        path = str(tmp_path / "qmp.sock")
        listener.bind(path)
        listener.listen(1)

        def talk() -> None:
            client, _address = listener.accept()
            # A client that rejects the answer closes the connection.
            with (
                contextlib.suppress(BrokenPipeError, ConnectionResetError),
                listener,
                client,
                client.makefile("rw", encoding="utf-8") as stream,
            ):
                for number, answer in enumerate(answers):
                    if number and "event" not in answer and (line := stream.readline()) and heard is not None:
                        heard.append(json.loads(line))
                    stream.write(json.dumps(answer) + "\n")
                    stream.flush()
                while stays and stream.readline():
                    pass

        threads.append(threading.Thread(target=talk))
        threads[-1].start()
        return path

    yield start
    for thread in threads:
        thread.join(timeout=5)


GREETING = {"QMP": {"version": {}}}


def test_a_monitor_that_answers_is_identified_by_its_pid(serve):
    assert qmp.plug(SocketMonitor(), serve(GREETING, {"return": {}}), {}) == os.getpid()


@pytest.mark.parametrize("said", [[], [{"event": "RESUME"}]])
def test_monitor_without_a_greeting_is_not_up(serve, said):
    assert qmp.plug(SocketMonitor(), serve(*said), {}) is None


def test_missing_socket_is_not_up(tmp_path):
    assert qmp.plug(SocketMonitor(), str(tmp_path / "nothing.sock"), {}) is None


def test_a_greeting_alone_does_not_mean_that_the_machine_is_up(tmp_path):
    path = str(tmp_path / "qmp.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)

        def greet() -> None:
            client, _address = listener.accept()
            with client:
                client.sendall(json.dumps(GREETING).encode() + b"\n")
                client.recv(4096)  # the question
                client.recv(4096)  # the client closes the connection

        thread = threading.Thread(target=greet)
        thread.start()
        assert qmp.plug(SocketMonitor(timeout_s=0.2), path, {}) is None
        thread.join(timeout=5)
        assert not thread.is_alive()


def test_a_carrier_is_dropped(serve):
    heard: list[Any] = []
    path = serve(GREETING, {"return": {}}, {"event": "RESUME"}, {"return": {}}, {"return": {}}, heard=heard)
    assert qmp.plug(SocketMonitor(), path, {"nic-eth0": False, "nic-eth1": True}) == os.getpid()

    assert heard == [
        {"execute": "qmp_capabilities", "arguments": {}},
        {"execute": "set_link", "arguments": {"name": "nic-eth0", "up": False}},
        {"execute": "set_link", "arguments": {"name": "nic-eth1", "up": True}},
    ]


def test_all_monitors_are_asked_with_the_time_limit_of_one(monkeypatch):
    monkeypatch.setattr(qmp.qmp_status, "ask", lambda paths, *, timeout_s: dict.fromkeys(paths, timeout_s))
    assert SocketMonitor(timeout_s=3).ask(["/a", "/b"]) == {"/a": 3, "/b": 3}


def test_a_display_gets_another_password(serve):
    heard: list[Any] = []
    qmp.set_vnc_password(SocketMonitor(), serve(GREETING, {"return": {}}, {"return": {}}, heard=heard), "hMr3kWpa")

    assert heard[1] == {"execute": "set_password", "arguments": {"protocol": "vnc", "password": "hMr3kWpa"}}


def test_a_refused_password_is_not_shown(serve):
    path = serve(GREETING, {"return": {}}, {"error": {"desc": "Could not set password"}})
    with pytest.raises(SlicesError, match=r"QEMU refused set_password: Could not set password$"):
        qmp.set_vnc_password(SocketMonitor(), path, "hMr3kWpa")


def test_a_refused_command_is_an_error(serve):
    path = serve(GREETING, {"return": {}}, {"error": {"desc": "Device 'nic-eth0' not found"}})
    with pytest.raises(SlicesError, match="Device 'nic-eth0' not found"):
        qmp.plug(SocketMonitor(), path, {"nic-eth0": False})


def test_a_missing_monitor_is_an_error(tmp_path, serve):
    with pytest.raises(SlicesError, match="does not answer"):
        qmp.set_vnc_password(SocketMonitor(), str(tmp_path / "nothing.sock"), "hMr3kWpa")
    with pytest.raises(SlicesError, match=r"hung up|does not answer"):
        qmp.set_vnc_password(SocketMonitor(), serve(GREETING), "hMr3kWpa")


def test_nothing_is_sent_to_a_monitor_of_another_user(tmp_path, serve):
    if os.getuid() != 0:
        pytest.skip("only root can give a folder to somebody else")
    path = serve(GREETING, {"return": {}}, {"return": {}})
    os.chown(tmp_path, 12345, 12345)
    try:
        with pytest.raises(SlicesError, match=rf"user 0 listens at {path}, but {tmp_path} belongs to user 12345"):
            qmp.plug(SocketMonitor(), path, {"nic-eth0": False})
    finally:
        os.chown(tmp_path, 0, 0)


def test_a_symbolic_link_in_place_of_the_folder_is_refused(tmp_path, serve):
    path = serve(GREETING)
    link = tmp_path / "1002"
    link.symlink_to(tmp_path)
    with pytest.raises(SlicesError, match=rf"{link} is not a folder"):
        qmp.plug(SocketMonitor(), f"{link}/{os.path.basename(path)}", {"nic-eth0": False})


def test_an_endless_line_is_not_a_greeting(serve):
    assert qmp.plug(SocketMonitor(), serve({"QMP": "x" * 2_000_000}), {}) is None


def test_endless_events_are_not_an_answer(serve):
    with pytest.raises(SlicesError, match=r"hung up|does not answer"):
        qmp.set_vnc_password(SocketMonitor(timeout_s=0.2), serve(GREETING, *[{"event": "RESUME"}] * 3), "hMr3kWpa")


def test_a_command_returns_its_answer(serve):
    heard: list[Any] = []
    path = serve(GREETING, {"return": {}}, {"return": {"status": "paused", "running": False}}, heard=heard)
    with SocketMonitor().connect(path) as session:
        assert session.execute("query-status") == {"status": "paused", "running": False}
    assert heard[1] == {"execute": "query-status", "arguments": {}}


def test_the_session_can_be_used_after_a_refused_command(serve):
    refusal = {"error": {"class": "DeviceNotFound", "desc": "Device 'nic-eth9' not found"}}
    path = serve(GREETING, {"return": {}}, refusal, {"return": []})
    with SocketMonitor().connect(path) as session:
        with pytest.raises(CommandRefused, match=r"QEMU refused device_del: Device 'nic-eth9' not found$") as refused:
            session.execute("device_del", {"id": "nic-eth9"})
        assert refused.value.error_class == "DeviceNotFound"
        assert session.execute("query-jobs") == []


def test_an_answer_has_a_time_limit(serve):
    path = serve(GREETING, {"return": {}}, {"event": "RESUME"}, stays=True)
    with SocketMonitor().connect(path) as session, pytest.raises(MonitorUnavailable, match="timed out"):
        session.execute("query-status", timeout_s=0.05)


DELETED = [{"event": "DEVICE_DELETED", "data": {"device": f"nic-eth{index}", "path": "/"}} for index in (1, 2)]


def test_events_before_an_answer_are_kept(serve):
    path = serve(GREETING, {"return": {}}, {"event": "STOP"}, *DELETED, {"return": {}})
    with SocketMonitor().connect(path) as session:
        session.execute("stop")
        second = session.wait_for("DEVICE_DELETED", {"device": "nic-eth2"}, timeout_s=5)
        assert second == Event("DEVICE_DELETED", {"device": "nic-eth2", "path": "/"})
        assert session.wait_for("STOP", timeout_s=5) == Event("STOP")
        assert session.wait_for("DEVICE_DELETED", timeout_s=5) == Event("DEVICE_DELETED", DELETED[0]["data"])


def test_an_event_after_the_answer_is_awaited(serve):
    with SocketMonitor().connect(serve(GREETING, {"return": {}}, {"return": {}}, *DELETED)) as session:
        session.execute("device_del", {"id": "nic-eth2"})
        assert session.wait_for("DEVICE_DELETED", {"device": "nic-eth2"}, timeout_s=5) is not None


def test_waiting_for_an_event_has_a_time_limit(serve):
    with SocketMonitor().connect(serve(GREETING, {"return": {}}, *DELETED, stays=True)) as session:
        assert session.wait_for("DEVICE_DELETED", {"device": "nic-eth3"}, timeout_s=0.05) is None


def test_no_events_follow_after_qemu_exits(serve):
    path = serve(GREETING, {"return": {}})
    with SocketMonitor().connect(path) as session, pytest.raises(MonitorUnavailable, match="connection closed"):
        session.wait_for("SHUTDOWN", timeout_s=5)


@pytest.fixture
def paused_vm(tmp_path: Path) -> Iterator[str]:
    """The monitor of a real QEMU whose machine has not been started."""
    qemu = shutil.which("qemu-system-x86_64")
    if qemu is None:
        pytest.skip("QEMU is not installed")
    path = str(tmp_path / "qmp.sock")
    devices = ["-device", "pcie-root-port,id=spare0,bus=pcie.0", "-device", "virtio-rng-pci,id=rng,bus=spare0"]
    machine = ["-machine", "q35,accel=tcg", "-nodefaults", "-no-user-config", "-display", "none", "-S", *devices]
    with subprocess.Popen([qemu, *machine, "-qmp", f"unix:{path},server=on,wait=off"]) as process:
        try:
            deadline = time.monotonic() + 60
            while qmp.plug(SocketMonitor(), path, {}) != process.pid:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield path
        finally:
            process.kill()


def test_real_qemu_executes_commands_and_emits_events(paused_vm):
    with SocketMonitor().connect(paused_vm) as session:
        assert session.execute("query-status")["status"] == "prelaunch"
        session.execute("cont")
        assert session.wait_for("RESUME", timeout_s=10) == Event("RESUME")
        assert session.wait_for("RESUME", timeout_s=0.05) is None
        with pytest.raises(CommandRefused, match="nic-eth0") as refused:
            session.execute("device_del", {"id": "nic-eth0"})
        assert refused.value.error_class == "DeviceNotFound"
        session.execute("quit")
        assert session.wait_for("SHUTDOWN", {"reason": "host-qmp-quit"}, timeout_s=10) is not None


def test_the_fake_accepts_the_same_commands_as_real_qemu(paused_vm):
    with SocketMonitor().connect(paused_vm) as session:
        schema = {each["name"]: each for each in session.execute("query-qmp-schema", timeout_s=60)}
    for command, arguments in QMP_COMMANDS.items():
        members = schema[schema[command]["arg-type"]]["members"]
        assert set(arguments) <= {each["name"] for each in members}
        assert {each["name"] for each in members if "default" not in each} <= set(arguments)


def test_a_monitor_is_awaited_for_ten_seconds() -> None:
    assert SocketMonitor()._timeout_s == 10
