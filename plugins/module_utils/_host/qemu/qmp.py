# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""QEMU's monitor, as far as we need it: is the machine up, is a NIC's cable plugged, what does the display ask for."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from ...errors import SlicesError
from .sockets import connect, pid_of

# No answer of QEMU's to what we ask comes near that; who has broken into one is not to fill our memory.
_LINE_BYTES = 65536


class Monitor(Protocol):
    """The monitors of the host's VMs, each known by the path of its socket."""

    def plug(self, path: str, links: Mapping[str, bool]) -> int | None:
        """Give NICs carrier, or take it.

        Args:
            path: the monitor.
            links: by NIC whether it shall have carrier; none to see only whether QEMU is up.

        Returns:
            the pid of the QEMU, nothing where none is up.

        Raises:
            SlicesError: QEMU refuses.
        """

    def set_vnc_password(self, path: str, password: str) -> None:
        """Let the display ask for another password from now on; who is connected stays.

        Raises:
            SlicesError: QEMU does not answer or refuses. The message does not hold the password.
        """


class SocketMonitor:
    """The C(Monitor) of a real host. A monitor serves one client at a time, so none is kept open.

    Args:
        timeout_s: seconds that QEMU has for each answer.
    """

    def __init__(self, *, timeout_s: float = 10) -> None:
        self._timeout_s = timeout_s

    def plug(self, path: str, links: Mapping[str, bool]) -> int | None:
        """See C(Monitor)."""
        try:
            with self._connected(path) as client:
                for name, up in links.items():
                    self._tell(client, "set_link", {"name": name, "up": up})
                return pid_of(client)
        except (OSError, ValueError):
            return None

    def set_vnc_password(self, path: str, password: str) -> None:
        """See C(Monitor)."""
        try:
            with self._connected(path) as client:
                self._tell(client, "set_password", {"protocol": "vnc", "password": password})
        except (OSError, ValueError) as error:
            raise SlicesError(f"QEMU does not answer at {path}: {error}") from error

    @contextmanager
    def _connected(self, path: str) -> Iterator[socket.socket]:
        """A monitor whose QEMU is up: it greets from a thread of its own, and answers once there is a machine."""
        with connect(path, timeout_s=self._timeout_s) as client:
            if "QMP" not in _Lines(client, self._timeout_s).read():
                raise ValueError("no greeting")
            self._tell(client, "qmp_capabilities", {})
            yield client

    def _tell(self, client: socket.socket, command: str, arguments: dict[str, Any]) -> None:
        client.sendall(json.dumps({"execute": command, "arguments": arguments}).encode("ascii") + b"\n")
        lines = _Lines(client, self._timeout_s)
        while True:
            answer = lines.read()
            if not answer:
                raise ConnectionError(f"QEMU hung up on {command}")
            if "error" in answer:
                raise SlicesError(f"QEMU refused {command}: {answer['error'].get('desc')}")
            if "return" in answer:
                return  # anything else is an event, which may come at any time


class _Lines:
    """What QEMU says, an object a line, in the time that it has for an answer."""

    def __init__(self, client: socket.socket, timeout_s: float) -> None:
        self._client = client
        self._deadline = time.monotonic() + timeout_s
        self._heard = b""

    def read(self) -> dict[str, Any]:
        """The next object; an empty one when QEMU hangs up."""
        while b"\n" not in self._heard:
            if len(self._heard) > _LINE_BYTES:
                raise ValueError(f"a line of more than {_LINE_BYTES} bytes")
            self._client.settimeout(max(self._deadline - time.monotonic(), 0.001))
            data = self._client.recv(4096)
            if not data:
                return {}
            self._heard += data
        line, _end, self._heard = self._heard.partition(b"\n")
        answer = json.loads(line)
        if not isinstance(answer, dict):
            raise ValueError("a line that is no object")
        return answer
