# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""QEMU's monitor: any command of QMP, the events between answers, and what the other drivers ask of it.

Drivers see the ports C(Monitor) and C(Session) alone, so tests give them a strict fake.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from ...errors import SlicesError
from . import asking
from .asking import Answer
from .sockets import connect, pid_of
from .wire import CommandError, Wire


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

    def ask(self, paths: Iterable[str]) -> Mapping[str, Answer]:
        """Return the states of VMs, by the paths of their sockets, within one time limit for all of them."""


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
        with _translated(path):
            client = connect(path, timeout_s=self._timeout_s)
        with client:
            with _translated(path):
                wire = Wire(client, self._timeout_s)
            yield SocketSession(wire, path, pid_of(client))

    def ask(self, paths: Iterable[str]) -> Mapping[str, Answer]:
        """See C(Monitor)."""
        return asking.ask(paths, timeout_s=self._timeout_s)


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
    """Turn the errors of a conversation into those of our family."""
    try:
        yield
    except CommandError as error:
        raise CommandRefused(error.command, error.error) from None
    except (OSError, ValueError) as error:
        raise MonitorUnavailable(f"QEMU does not answer at {path}: {error}") from error
