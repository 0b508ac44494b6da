# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The QEMU monitor: QMP commands and events, and the functions that other drivers use.

Drivers depend only on the interfaces C(Monitor) and C(Session), which tests replace by a strict fake.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from ...errors import SlicesError
from . import qmp_status
from .qmp_status import Answer
from .sockets import connect, pid_of
from .wire import CommandError, Wire


class MonitorUnavailable(SlicesError):
    """QEMU is not running, closed the connection, or did not respond in time."""


class CommandRefused(SlicesError):
    """QEMU refused a command; C(error_class) is the class of the QMP error, such as C(DeviceNotFound)."""

    def __init__(self, command: str, error: Mapping[str, Any]) -> None:
        self.error_class = str(error.get("class", "GenericError"))
        super().__init__(f"QEMU refused {command}: {error.get('desc')}", qmp_command=command)


@dataclass(frozen=True)
class Event:
    """A QMP event, such as C(DEVICE_DELETED) with C(device) in its data."""

    name: str
    data: Mapping[str, Any] = field(default_factory=dict)


class Session(Protocol):
    """A connection to the monitor of one VM. It cannot be used after C(MonitorUnavailable)."""

    @property
    def pid(self) -> int:
        """The process id of QEMU."""

    def execute(
        self, command: str, arguments: Mapping[str, Any] | None = None, *, timeout_s: float | None = None
    ) -> Any:
        """Execute a QMP command and return its result.

        Args:
            command: its name, such as C(query-status).
            arguments: the arguments as in the QMP schema.
            timeout_s: seconds to wait for the result, by default the timeout of the monitor.

        Raises:
            CommandRefused: QEMU refused the command. The message does not contain the arguments.
            MonitorUnavailable: QEMU does not respond.
        """

    def wait_for(self, name: str, data: Mapping[str, Any] | None = None, *, timeout_s: float) -> Event | None:
        """Return the first event since the start of the session with this name and data. An event is returned once.

        Args:
            name: the name, such as C(DEVICE_DELETED).
            data: items that the event's data must contain.
            timeout_s: seconds to wait for the event.

        Returns:
            The event, or C(None) after the timeout.

        Raises:
            MonitorUnavailable: QEMU closed the connection.
        """


class Monitor(Protocol):
    """The monitors of the VMs on a host, by the path of their socket."""

    def connect(self, path: str) -> AbstractContextManager[Session]:
        """Connect to a monitor once QEMU has created the machine. It has one client at a time, so keep sessions short.

        Raises:
            MonitorUnavailable: QEMU is not running.
            SlicesError: a process of another user listens on the socket; nothing was sent.
        """

    def ask(self, paths: Iterable[str]) -> Mapping[str, Answer]:
        """Return the states of VMs, by the path of their socket, within one time limit for all of them."""


def plug(monitor: Monitor, path: str, links: Mapping[str, bool]) -> int | None:
    """Set the carrier of NICs.

    Args:
        monitor: the monitors of the host.
        path: the socket of the VM.
        links: whether the carrier is up, by NIC; may be empty, to check only whether QEMU is running.

    Returns:
        The pid of QEMU, C(None) if it is not running.

    Raises:
        SlicesError: QEMU refused the command.
    """
    try:
        with monitor.connect(path) as session:
            for name, up in links.items():
                session.execute("set_link", {"name": name, "up": up})
            return session.pid
    except MonitorUnavailable:
        return None


def set_vnc_password(monitor: Monitor, path: str, password: str) -> None:
    """Change the password of a display. Existing connections are kept.

    Raises:
        SlicesError: QEMU does not respond or refused the command. The message does not contain the password.
    """
    with monitor.connect(path) as session:
        session.execute("set_password", {"protocol": "vnc", "password": password})


class SocketMonitor:
    """The C(Monitor) of a real host.

    Args:
        timeout_s: seconds to wait for each result.
    """

    def __init__(self, *, timeout_s: float = 10) -> None:
        self._timeout_s = timeout_s

    @contextmanager
    def connect(self, path: str) -> Iterator[Session]:
        """See C(Monitor)."""
        with _translated(path):
            client = connect(path, timeout_s=self._timeout_s)
        with client:
            with _translated(path):
                wire = Wire(client, self._timeout_s)
            yield SocketSession(wire, path, pid_of(client))

    def ask(self, paths: Iterable[str]) -> Mapping[str, Answer]:
        """See C(Monitor)."""
        return qmp_status.ask(paths, timeout_s=self._timeout_s)


@dataclass(frozen=True)
class SocketSession:
    """The C(Session) of a real host."""

    _wire: Wire
    _path: str
    pid: int

    def execute(
        self, command: str, arguments: Mapping[str, Any] | None = None, *, timeout_s: float | None = None
    ) -> Any:
        """See C(Session)."""
        with _translated(self._path):
            return self._wire.execute(command, dict(arguments or {}), timeout_s)

    def wait_for(self, name: str, data: Mapping[str, Any] | None = None, *, timeout_s: float) -> Event | None:
        """See C(Session)."""
        with _translated(self._path):
            found = self._wire.next_event(name, dict(data or {}), timeout_s)
        return None if found is None else Event(name, found)


@contextmanager
def _translated(path: str) -> Iterator[None]:
    """Convert the errors of a connection to C(SlicesError)."""
    try:
        yield
    except CommandError as error:
        raise CommandRefused(error.command, error.error) from None
    except (OSError, ValueError) as error:
        raise MonitorUnavailable(f"QEMU does not answer at {path}: {error}") from error
