# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import qmp_status
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.qmp_status import Answer, ask

GREETING = {"QMP": {"version": {}}}
RUNNING = {"return": {"status": "running", "running": True}}
NOBODY = Answer(why="No such file or directory")


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Start monitors, each with the messages for one client, after which it is silent or closes the connection."""
    listeners: list[socket.socket] = []

    def start(name: str, *said: object, hangs_up: bool = False) -> str:
        path = str(tmp_path / name)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(8)
        listeners.append(listener)

        def talk() -> None:
            try:
                client, _address = listener.accept()
            except OSError:
                return
            with contextlib.suppress(ConnectionError), client:
                for message in said:
                    client.sendall(message if isinstance(message, bytes) else json.dumps(message).encode() + b"\r\n")
                client.recv(4096)  # closing with unread data is an error for the sender
                while not hangs_up and client.recv(4096):
                    pass

        threading.Thread(target=talk, daemon=True).start()
        return path

    yield start
    for listener in listeners:
        listener.close()


def test_each_monitor_returns_its_state(serve):
    paths = [
        serve("a", GREETING, {"return": {}}, RUNNING),
        serve("b", GREETING, {"event": "STOP"}, {"return": {}}, {"event": "RESUME"}, {"return": {"status": "paused"}}),
    ]
    assert ask(paths, timeout_s=5) == {
        paths[0]: Answer("running", os.getpid()),
        paths[1]: Answer("paused", os.getpid()),
    }


def test_all_monitors_share_one_time_limit(serve, tmp_path):
    begin = time.monotonic()
    silent = [serve(f"silent{number}") for number in range(20)]
    fast, missing = serve("fast", GREETING, {"return": {}}, RUNNING), str(tmp_path / "missing")
    answers = ask([*silent, fast, missing], timeout_s=0.5)

    assert 0.5 <= time.monotonic() - begin < 3
    assert answers[fast].status == "running"
    assert answers[missing] == NOBODY
    assert {answers[path] for path in silent} == {Answer(pid=os.getpid(), why="it does not answer")}


def test_a_monitor_that_accepts_nobody_delays_no_other(serve, tmp_path):
    """Its queue is full, as that of a QEMU which has stopped: connecting would wait."""
    with contextlib.ExitStack() as stack:
        busy = [str(tmp_path / f"busy{number}") for number in range(20)]
        for path in busy:
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(path)
            listener.listen(0)
            stack.enter_context(socket.socket(socket.AF_UNIX)).connect(path)
        fast = serve("fast", GREETING, {"return": {}}, RUNNING)
        begin = time.monotonic()
        answers = ask([*busy, fast], timeout_s=0.5)
    assert time.monotonic() - begin < 10
    assert answers[fast].status == "running"
    assert {answers[path] for path in busy} == {Answer(why="Resource temporarily unavailable")}


def test_a_monitor_is_tried_once_without_any_time(tmp_path):
    times, path = iter([5.0, 5.0]), str(tmp_path / "missing")
    assert ask([path], timeout_s=0, now=lambda: next(times)) == {path: NOBODY}


def test_a_monitor_is_queried_once_its_socket_exists(serve, tmp_path):
    timer = threading.Timer(0.2, lambda: serve("late", GREETING, {"return": {}}, RUNNING))
    timer.start()
    path = str(tmp_path / "late")
    assert ask([path], timeout_s=10) == {path: Answer("running", os.getpid())}
    timer.join()


def test_a_monitor_that_closes_the_connection_is_queried_again(tmp_path):
    path = str(tmp_path / "restarted")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(8)

        def talk() -> None:
            for messages in ([GREETING], [GREETING, {"return": {}}, RUNNING]):
                client, _address = listener.accept()
                with client:
                    client.recv(4096)  # closing with unread data is an error for the sender
                    for message in messages:
                        client.sendall(json.dumps(message).encode() + b"\r\n")

        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        assert ask([path], timeout_s=10) == {path: Answer("running", os.getpid())}
        thread.join()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"hello\n", "its answer is not QMP: Expecting value"),
        (b"[]\n[]\n" * 2, "it does not answer"),
        (b'{"error": {"desc": "no"}}\n', "its answer is not QMP: it refused to answer: no"),
        (b'{"return": {}}\n{"return": {}}\n', "its answer is not QMP: 'status'"),
        (b"[" * 100_000 + b"\n", "its answer is not QMP: maximum recursion depth exceeded"),
        (b"x" * qmp_status._MAX_BYTES, "it does not answer"),
        (b"x" * (qmp_status._MAX_BYTES + 1), "its answer is not QMP: a line of more than 1048576 bytes"),
    ],
)
def test_an_answer_that_is_not_qmp_is_ignored(serve, said, why):
    path = serve("a", said)
    answer = ask([path], timeout_s=0.5)[path]
    assert answer.status is None
    assert answer.why.startswith(why)


def test_a_socket_of_another_user_is_not_queried(serve, tmp_path, monkeypatch):
    path = serve("a", GREETING, {"return": {}}, RUNNING)
    state = os.lstat(tmp_path)
    other = os.stat_result((*state[:4], state.st_uid + 1, *state[5:]))
    monkeypatch.setattr(os, "lstat", lambda _path: other)
    answer = ask([path], timeout_s=5)[path]
    assert (answer.status, answer.why.startswith(f"user {os.getuid()} listens at")) == (None, True)


def test_no_connection_is_left_open(serve, monkeypatch):
    paths = [
        serve("a", GREETING, {"return": {}}, RUNNING),
        serve("b", b"hello\n"),
        serve("c", GREETING),
        serve("d", hangs_up=True),
    ]
    clients = []
    connect = qmp_status.sockets.connect

    def recorded(path, *, timeout_s):
        clients.append(connect(path, timeout_s=timeout_s))
        return clients[-1]

    monkeypatch.setattr(qmp_status.sockets, "connect", recorded)
    ask(paths, timeout_s=0.5)
    assert len(clients) >= len(paths)
    monkeypatch.setattr(qmp_status, "_QUESTION", None)
    with pytest.raises(TypeError):
        ask([serve("e")], timeout_s=0.5)
    assert {client.fileno() for client in clients} == {-1}


def test_without_vms_nothing_is_queried():
    assert ask([], timeout_s=5) == {}


def test_more_monitors_than_can_be_queried_at_once_are_queried_in_turn(serve, monkeypatch):
    monkeypatch.setattr(qmp_status, "_AT_ONCE", 2)
    paths = [serve(str(number), GREETING, {"return": {}}, RUNNING) for number in range(5)]
    assert {answer.status for answer in ask(paths, timeout_s=5).values()} == {"running"}


@pytest.fixture
def qemu(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A QEMU without a guest, and its monitor. tools/setup installs it."""
    path = tmp_path / "qmp.sock"
    program = shutil.which("qemu-system-x86_64")
    assert program is not None
    argv = [program, "-nodefaults", "-display", "none", "-machine", "none", "-qmp", f"unix:{path},server=on,wait=off"]
    with subprocess.Popen(argv) as process:
        yield str(path), process
        process.kill()


def test_a_qemu_answers_until_it_is_stopped_by_a_signal(qemu):
    path, process = qemu
    assert ask([path], timeout_s=30) == {path: Answer("running", process.pid)}
    process.send_signal(signal.SIGSTOP)
    assert ask([path], timeout_s=0.3) == {path: Answer(pid=process.pid, why="it does not answer")}
    process.send_signal(signal.SIGCONT)
    assert ask([path], timeout_s=30)[path].status == "running"


def test_a_monitor_that_takes_its_time_is_asked_over_one_connection(tmp_path):
    """A monitor serves one client: a second connection would wait for the end of the first one."""
    path, accepted = str(tmp_path / "slow"), []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(8)

        def talk() -> None:
            client, _address = listener.accept()
            accepted.append(client)
            with client:
                client.sendall(json.dumps(GREETING).encode() + b"\r\n")
                client.recv(4096)
                for message in ({"return": {}}, RUNNING):
                    client.sendall(json.dumps(message).encode() + b"\r\n")

        thread = threading.Thread(target=talk)
        thread.start()
        missing = str(tmp_path / "missing")
        assert ask([path, missing], timeout_s=0.5)[path].status == "running"
        thread.join()
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_fewer_monitors_are_asked_at_once_than_a_process_may_open() -> None:
    """A process has 1,024 descriptors by default."""
    assert (qmp_status._AT_ONCE, qmp_status._MAX_BYTES, qmp_status._AGAIN_S) == (500, 1 << 20, 0.05)
