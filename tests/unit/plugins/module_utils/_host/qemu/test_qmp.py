# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.qmp import SocketMonitor
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import SlicesError

Serve = Callable[..., str]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts a monitor that serves one client with the answers given, and returns the path of its socket."""
    threads: list[threading.Thread] = []

    def start(*answers: dict[str, Any], heard: list[Any] | None = None) -> str:
        listener = socket.socket(socket.AF_UNIX)
        path = str(tmp_path / "qmp.sock")
        listener.bind(path)
        listener.listen(1)

        def talk() -> None:
            client, _address = listener.accept()
            # One who does not like what he hears hangs up.
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

        threads.append(threading.Thread(target=talk))
        threads[-1].start()
        return path

    yield start
    for thread in threads:
        thread.join(timeout=5)


GREETING = {"QMP": {"version": {}}}


def test_one_who_answers_is_known_by_the_pid(serve):
    assert SocketMonitor().plug(serve(GREETING, {"return": {}}), {}) == os.getpid()


@pytest.mark.parametrize("said", [[], [{"event": "RESUME"}]])
def test_one_who_does_not_greet_is_not_up(serve, said):
    assert SocketMonitor().plug(serve(*said), {}) is None


def test_socket_that_is_not_there_is_not_up(tmp_path):
    assert SocketMonitor().plug(str(tmp_path / "nothing.sock"), {}) is None


def test_greeting_alone_does_not_tell_that_the_machine_is_up(tmp_path):
    path = str(tmp_path / "qmp.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)

        def greet() -> None:
            client, _address = listener.accept()
            with client:
                client.sendall(json.dumps(GREETING).encode() + b"\n")
                client.recv(4096)  # the question
                client.recv(4096)  # whoever asked hangs up

        thread = threading.Thread(target=greet)
        thread.start()
        assert SocketMonitor(timeout_s=0.2).plug(path, {}) is None
        thread.join(timeout=5)
        assert not thread.is_alive()


def test_carrier_is_taken(serve):
    heard: list[Any] = []
    path = serve(GREETING, {"return": {}}, {"event": "RESUME"}, {"return": {}}, {"return": {}}, heard=heard)
    assert SocketMonitor().plug(path, {"nic-eth0": False, "nic-eth1": True}) == os.getpid()

    assert heard == [
        {"execute": "qmp_capabilities", "arguments": {}},
        {"execute": "set_link", "arguments": {"name": "nic-eth0", "up": False}},
        {"execute": "set_link", "arguments": {"name": "nic-eth1", "up": True}},
    ]


def test_display_gets_another_password(serve):
    heard: list[Any] = []
    SocketMonitor().set_vnc_password(serve(GREETING, {"return": {}}, {"return": {}}, heard=heard), "hMr3kWpa")

    assert heard[1] == {"execute": "set_password", "arguments": {"protocol": "vnc", "password": "hMr3kWpa"}}


def test_refusal_of_a_password_does_not_tell_it(serve):
    path = serve(GREETING, {"return": {}}, {"error": {"desc": "Could not set password"}})
    with pytest.raises(SlicesError, match=r"QEMU refused set_password: Could not set password$"):
        SocketMonitor().set_vnc_password(path, "hMr3kWpa")


def test_refusal_is_an_error(serve):
    path = serve(GREETING, {"return": {}}, {"error": {"desc": "Device 'nic-eth0' not found"}})
    with pytest.raises(SlicesError, match="Device 'nic-eth0' not found"):
        SocketMonitor().plug(path, {"nic-eth0": False})


def test_monitor_that_is_gone_is_an_error(tmp_path, serve):
    with pytest.raises(SlicesError, match="does not answer"):
        SocketMonitor().set_vnc_password(str(tmp_path / "nothing.sock"), "hMr3kWpa")
    with pytest.raises(SlicesError, match=r"hung up|does not answer"):
        SocketMonitor().set_vnc_password(serve(GREETING), "hMr3kWpa")


def test_monitor_of_somebody_else_is_told_nothing(tmp_path, serve):
    if os.getuid() != 0:
        pytest.skip("only root can give a folder to somebody else")
    path = serve(GREETING, {"return": {}}, {"return": {}})
    os.chown(tmp_path, 12345, 12345)
    try:
        with pytest.raises(SlicesError, match=rf"user 0 listens at {path}, and {tmp_path} belongs to user 12345"):
            SocketMonitor().plug(path, {"nic-eth0": False})
    finally:
        os.chown(tmp_path, 0, 0)


def test_link_in_place_of_the_folder_is_refused(tmp_path, serve):
    path = serve(GREETING)
    link = tmp_path / "1002"
    link.symlink_to(tmp_path)
    with pytest.raises(SlicesError, match=rf"{link} is no folder"):
        SocketMonitor().plug(f"{link}/{os.path.basename(path)}", {"nic-eth0": False})


def test_endless_line_is_no_greeting(serve):
    assert SocketMonitor().plug(serve({"QMP": "x" * 100_000}), {}) is None


def test_events_without_end_are_no_answer(serve):
    with pytest.raises(SlicesError, match=r"hung up|does not answer"):
        SocketMonitor(timeout_s=0.2).set_vnc_password(serve(GREETING, *[{"event": "RESUME"}] * 3), "hMr3kWpa")
