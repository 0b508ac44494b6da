# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""QEMU's monitor: any command of QMP, the events between answers, and what the other drivers ask of it.

Drivers see the ports C(Monitor) and C(Session) alone, so tests give them a strict fake.
"""

from __future__ import annotations

import json
import socket
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from ...errors import SlicesError
from .sockets import connect, pid_of

# The schema of QMP, the longest answer there is, has a quarter of that. A compromised QEMU is not to fill our memory.
_MAX_LINE_BYTES = 1 << 20
_MAX_EVENTS = 1000


class MonitorUnavailable(SlicesError):
    """QEMU is not up, hung up, or did not answer in time."""


class CommandRefused(SlicesError):
    """QEMU refused a command; C(error_class) is QMP's, such as C(DeviceNotFound)."""

    def __init__(self, command: str, error: Mapping[str, Any]) -> None:
        self.error_class = str(error.get("class", "GenericError"))
        super().__init__(f"QEMU refused {command}: {error.get('desc')}", qmp_command=command)


@dataclass(frozen=True)
class Event:
    """Something that happened in a VM, such as C(DEVICE_DELETED) with the C(device) in its data."""

    name: str
    data: Mapping[str, Any] = field(default_factory=dict)

    def matches(self, name: str, data: Mapping[str, Any]) -> bool:
        """Whether it has that name and all of C(data)."""
        return self.name == name and all(self.data.get(key) == value for key, value in data.items())


class Session(Protocol):
    """A connection to the monitor of one VM. After C(MonitorUnavailable) it serves no more."""

    @property
    def pid(self) -> int:
        """The process of the QEMU."""

    def execute(
        self, command: str, arguments: Mapping[str, Any] | None = None, *, timeout_s: float | None = None
    ) -> Any:
        """Execute a command of QMP and return its answer.

        Args:
            command: its name, such as C(query-status).
            arguments: in the shapes of QMP.
            timeout_s: seconds that QEMU has for the answer, if not those of the monitor.

        Raises:
            CommandRefused: QEMU refuses. The message does not hold the arguments.
            MonitorUnavailable: QEMU does not answer.
        """

    def wait_for(self, name: str, data: Mapping[str, Any] | None = None, *, timeout_s: float) -> Event | None:
        """Return the first event since the connection that has this name and this data, once.

        Args:
            name: such as C(DEVICE_DELETED).
            data: what the event's data must have, any if not given.
            timeout_s: seconds to wait for it.

        Returns:
            the event, or nothing if none came in time.

        Raises:
            MonitorUnavailable: QEMU hung up.
        """


class Monitor(Protocol):
    """The monitors of the host's VMs, each known by the path of its socket."""

    def connect(self, path: str) -> AbstractContextManager[Session]:
        """Connect to a monitor whose QEMU has made its machine; it serves one client at a time, so be brief.

        Raises:
            MonitorUnavailable: no QEMU is up there.
            SlicesError: somebody else than the VM's user listens there; nothing was sent.
        """


def plug(monitor: Monitor, path: str, links: Mapping[str, bool]) -> int | None:
    """Give NICs carrier, or take it.

    Args:
        monitor: the host's.
        path: the VM's socket.
        links: by NIC whether it shall have carrier; none to see only whether QEMU is up.

    Returns:
        the pid of the QEMU, nothing where none is up.

    Raises:
        SlicesError: QEMU refuses.
    """
    try:
        with monitor.connect(path) as session:
            for name, up in links.items():
                session.execute("set_link", {"name": name, "up": up})
            return session.pid
    except MonitorUnavailable:
        return None


def set_vnc_password(monitor: Monitor, path: str, password: str) -> None:
    """Let the display ask for another password from now on; who is connected stays.

    Raises:
        SlicesError: QEMU does not answer or refuses. The message does not hold the password.
    """
    with monitor.connect(path) as session:
        session.execute("set_password", {"protocol": "vnc", "password": password})


class SocketMonitor:
    """The C(Monitor) of a real host.

    Args:
        timeout_s: seconds that QEMU has for each answer.
    """

    def __init__(self, *, timeout_s: float = 10) -> None:
        self._timeout_s = timeout_s

    @contextmanager
    def connect(self, path: str) -> Iterator[Session]:
        """See C(Monitor)."""
        with _unavailable(path):
            client = connect(path, timeout_s=self._timeout_s)
        with client:
            session = SocketSession(client, path, self._timeout_s)
            # QEMU greets from a thread of its own, but answers only once there is a machine.
            session.execute("qmp_capabilities")
            yield session


class SocketSession:
    """The C(Session) of a real host."""

    def __init__(self, client: socket.socket, path: str, timeout_s: float) -> None:
        self._client = client
        self._path = path
        self._timeout_s = timeout_s
        self._heard = b""
        self._events: deque[Event] = deque(maxlen=_MAX_EVENTS)
        with _unavailable(path):
            if "QMP" not in self._read(time.monotonic() + timeout_s):
                raise ValueError("no greeting")

    @property
    def pid(self) -> int:
        """See C(Session)."""
        return pid_of(self._client)

    def execute(
        self, command: str, arguments: Mapping[str, Any] | None = None, *, timeout_s: float | None = None
    ) -> Any:
        """See C(Session)."""
        message = {"execute": command, "arguments": dict(arguments or {})}
        deadline = time.monotonic() + (self._timeout_s if timeout_s is None else timeout_s)
        with _unavailable(self._path):
            self._client.settimeout(max(deadline - time.monotonic(), 0.001))
            self._client.sendall(json.dumps(message).encode("ascii") + b"\n")
            while True:
                answer = self._read(deadline)
                if "error" in answer:
                    raise CommandRefused(command, answer["error"])
                if "return" in answer:
                    return answer["return"]
                self._note(answer)

    def wait_for(self, name: str, data: Mapping[str, Any] | None = None, *, timeout_s: float) -> Event | None:
        """See C(Session)."""
        deadline = time.monotonic() + timeout_s
        while True:
            event = next((each for each in self._events if each.matches(name, data or {})), None)
            if event is not None:
                self._events.remove(event)
                return event
            with _unavailable(self._path):
                try:
                    self._note(self._read(deadline))
                except socket.timeout:
                    return None

    def _note(self, message: Mapping[str, Any]) -> None:
        if "event" in message:
            self._events.append(Event(str(message["event"]), message.get("data", {})))

    def _read(self, deadline: float) -> dict[str, Any]:
        """The next object, one a line.

        Raises:
            OSError: QEMU hung up, or said none in time.
            ValueError: what it said is no such line.
        """
        while b"\n" not in self._heard:
            if len(self._heard) > _MAX_LINE_BYTES:
                raise ValueError(f"a line of more than {_MAX_LINE_BYTES} bytes")
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise socket.timeout("timed out")
            self._client.settimeout(left_s)
            data = self._client.recv(65536)
            if not data:
                raise ConnectionError("it hung up")
            self._heard += data
        line, _end, self._heard = self._heard.partition(b"\n")
        message = json.loads(line)
        if not isinstance(message, dict):
            raise ValueError("a line that is no object")
        return message


@contextmanager
def _unavailable(path: str) -> Iterator[None]:
    """Turn what a socket says into one error."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise MonitorUnavailable(f"QEMU does not answer at {path}: {error}") from error
