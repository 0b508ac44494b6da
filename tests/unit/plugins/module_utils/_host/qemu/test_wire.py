# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""QMP on a socket: lines of JSON, however they are split, and within the time limit."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import wire
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.wire import CommandError, Wire

GREETING = {"QMP": {"version": {}}}
DONE: dict[str, Any] = {"return": {}}


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a connection, ours and QEMU's."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def say(theirs: socket.socket, *messages: object) -> None:
    theirs.sendall(b"".join(json.dumps(message).encode() + b"\r\n" for message in messages))


def greeted(ends: tuple[socket.socket, socket.socket], *messages: object, timeout_s: float = 5) -> Wire:
    say(ends[1], GREETING, DONE, *messages)
    return Wire(ends[0], timeout_s)


def heard(theirs: socket.socket) -> list[Any]:
    theirs.settimeout(1)
    return [json.loads(line) for line in theirs.recv(65536).splitlines()]


def test_the_greeting_is_answered(ends: tuple[socket.socket, socket.socket]) -> None:
    session = greeted(ends, {"return": 7})
    assert session.execute("query", {"a": [1, "ä"]}) == 7
    assert heard(ends[1]) == [
        {"execute": "qmp_capabilities", "arguments": {}},
        {"execute": "query", "arguments": {"a": [1, "ä"]}},
    ]


@pytest.mark.parametrize("first", [DONE, {"event": "STOP"}, {"error": {}}])
def test_without_a_greeting_it_is_not_qemu(ends: tuple[socket.socket, socket.socket], first: object) -> None:
    say(ends[1], first)
    with pytest.raises(ValueError, match="greeting"):
        Wire(ends[0], 5)


@pytest.mark.parametrize("line", [b"[]\n", b"5\n", b"nonsense\n", b"\n", b"[" * 100_000 + b"\n"])
def test_messages_other_than_objects_are_invalid_qmp(ends: tuple[socket.socket, socket.socket], line: bytes) -> None:
    ends[1].sendall(line)
    with pytest.raises(ValueError, match=r"object|Expecting|nested too deeply"):
        Wire(ends[0], 5)


def test_a_refused_command_is_reported_and_the_next_one_is_executed(ends: tuple[socket.socket, socket.socket]) -> None:
    session = greeted(ends, {"error": {"class": "GenericError", "desc": "no"}}, {"return": 1})
    with pytest.raises(CommandError, match=r"refused stop: no$") as caught:
        session.execute("stop", {})
    assert (caught.value.command, caught.value.error["class"]) == ("stop", "GenericError")
    assert session.execute("cont", {}) == 1


def test_a_null_answer_is_accepted(ends: tuple[socket.socket, socket.socket]) -> None:
    assert greeted(ends, {"return": None}).execute("x", {}) is None


def test_a_silent_monitor_is_awaited_until_the_timeout(ends: tuple[socket.socket, socket.socket]) -> None:
    session = greeted(ends, timeout_s=0.2)
    for timeout_s in (None, 0.05, 0.0):
        with pytest.raises(socket.timeout):
            session.execute("x", {}, timeout_s)


def test_a_monitor_that_reads_nothing_is_awaited_until_the_timeout(ends: tuple[socket.socket, socket.socket]) -> None:
    session = greeted(ends, timeout_s=20)
    before = time.monotonic()
    with pytest.raises(socket.timeout):
        session.execute("query", {"a": "x" * 10_000_000}, timeout_s=0.05)
    assert time.monotonic() - before < 10


def test_an_event_is_awaited_until_the_timeout(ends: tuple[socket.socket, socket.socket]) -> None:
    session = greeted(ends, timeout_s=20)
    before = time.monotonic()
    assert session.next_event("SHUTDOWN", {}, 0.05) is None
    assert time.monotonic() - before < 10


def test_split_lines_and_several_lines_at_once(ends: tuple[socket.socket, socket.socket]) -> None:
    session = greeted(ends)
    ends[1].sendall(b'{"event": "A"}\n{"return"')
    assert session.next_event("A", {}, 1) == {}
    ends[1].sendall(b": 5}\n")
    assert session.execute("x", {}) == 5


def test_a_monitor_that_closes_the_connection(ends: tuple[socket.socket, socket.socket]) -> None:
    session = greeted(ends, {"event": "A"})
    ends[1].close()
    with pytest.raises((ConnectionError, BrokenPipeError)):
        session.execute("x", {})


@pytest.mark.parametrize(
    ("size", "is_too_long"), [(wire._MAX_LINE_BYTES - 200_000, False), (wire._MAX_LINE_BYTES + 200_000, True)]
)
def test_an_endless_line_is_an_error(size: int, is_too_long: bool) -> None:
    class Endless:
        """A socket with endless output."""

        def __init__(self) -> None:
            self.rest = b'{"QMP": "' + b"x" * size + b'"}\n{"return": {}}\n'

        def settimeout(self, _timeout_s: float) -> None:
            pass

        def sendall(self, _data: bytes) -> None:
            pass

        def recv(self, count: int) -> bytes:
            data, self.rest = self.rest[:count], self.rest[count:]
            return data

    def talk() -> None:
        Wire(Endless(), 5)  # type: ignore[arg-type] # all that is asked of a socket

    if is_too_long:
        with pytest.raises(ValueError, match=str(wire._MAX_LINE_BYTES)):
            talk()
    else:
        talk()


def event(name: str, **data: Any) -> dict[str, Any]:
    return {"event": name, "data": data}


def test_events_are_matched_by_name_and_all_of_their_data(ends: tuple[socket.socket, socket.socket]) -> None:
    session = greeted(ends, event("A", x=1, y=1), event("A", x=1, y=2), event("B"), {"event": "C"})
    assert session.next_event("A", {"x": 1, "y": 2}, 1) == {"x": 1, "y": 2}
    assert session.next_event("C", {}, 1) == {}
    assert session.next_event("A", {"x": 1}, 1) == {"x": 1, "y": 1}
    assert session.next_event("A", {}, 0.01) is None, "it is told once"
    assert session.next_event("B", {"x": 1}, 0.01) is None
    assert session.next_event("B", {}, 0.01) == {}


def test_only_the_newest_events_are_kept(ends: tuple[socket.socket, socket.socket]) -> None:
    session = greeted(ends, *(event("A", number=number) for number in range(1001)), DONE)
    session.execute("x", {})
    assert session.next_event("A", {"number": 0}, 0.01) is None
    assert session.next_event("A", {}, 0.01) == {"number": 1}


def test_the_longest_line_is_a_mebibyte_and_1000_events_are_kept(ends: tuple[socket.socket, socket.socket]) -> None:
    assert (wire._MAX_LINE_BYTES, wire._MAX_EVENTS) == (1_048_576, 1000)
    session = greeted(ends)
    session._heard = b"x" * wire._MAX_LINE_BYTES
    theirs = ends[1]
    theirs.sendall(b"\n")
    with pytest.raises(ValueError, match="Expecting value"):
        session._read(time.monotonic() + 5)
    session._heard = b"x" * (wire._MAX_LINE_BYTES + 1)
    with pytest.raises(ValueError, match="a line is longer than 1048576 bytes"):
        session._read(time.monotonic() + 5)


class Recorded:
    """A connection that answers at once, and records what it is told."""

    def __init__(self) -> None:
        self.limits: list[float] = []
        self.sent: list[bytes] = []
        self._said = [b'{"QMP": {}}\n', b'{"return": {}}\n']

    def settimeout(self, seconds: float) -> None:
        self.limits.append(seconds)

    def sendall(self, data: bytes) -> None:
        self.sent.append(data)

    def recv(self, _size: int) -> bytes:
        return self._said.pop(0)


def test_a_command_without_any_time_left_is_sent_and_not_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    """A timeout of 0 s would make the socket non-blocking, whose error is no timeout."""
    client: Any = Recorded()
    monkeypatch.setattr(wire.time, "monotonic", lambda: 100.0)
    session = Wire(client, 5)
    with pytest.raises(socket.timeout, match="timed out"):
        session.execute("query-status", {}, 0)
    assert b"query-status" in client.sent[-1]
    assert client.limits == [5, 5, 5, 0.001]
    assert session.next_event("STOP", {}, 0) is None
