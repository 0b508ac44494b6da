# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""QEMU's monitor, as far as we need it: does it answer, is a NIC's cable plugged, what does the display ask for."""

from __future__ import annotations

import json
import socket
from typing import Any, Protocol

from ..errors import SlicesError


class Monitor(Protocol):
    """The monitors of the host's VMs, each known by the path of its socket."""

    def greets(self, path: str) -> bool:
        """Whether QEMU's main loop answers there."""

    def set_link(self, path: str, device: str, *, up: bool) -> None:
        """Give a NIC carrier, or take it.

        Raises:
            SlicesError: QEMU does not answer or refuses.
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

    def greets(self, path: str) -> bool:
        """See C(Monitor)."""
        try:
            with self._connect(path) as client, client.makefile("rb") as stream:
                return "QMP" in json.loads(stream.readline() or b"{}")
        except (OSError, ValueError):
            return False

    def set_link(self, path: str, device: str, *, up: bool) -> None:
        """See C(Monitor)."""
        self._ask(path, "set_link", {"name": device, "up": up})

    def set_vnc_password(self, path: str, password: str) -> None:
        """See C(Monitor)."""
        self._ask(path, "set_password", {"protocol": "vnc", "password": password})

    def _ask(self, path: str, command: str, arguments: dict[str, Any]) -> None:
        try:
            with self._connect(path) as client, client.makefile("rwb") as stream:
                stream.readline()
                _ask(stream, "qmp_capabilities", {})
                _ask(stream, command, arguments)
        except (OSError, ValueError) as error:
            raise SlicesError(f"QEMU does not answer at {path}: {error}") from error

    def _connect(self, path: str) -> socket.socket:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(self._timeout_s)
        try:
            client.connect(path)
        except BaseException:
            client.close()
            raise
        return client


def _ask(stream: Any, command: str, arguments: dict[str, Any]) -> None:
    stream.write(json.dumps({"execute": command, "arguments": arguments}).encode("ascii") + b"\n")
    stream.flush()
    while True:
        line = stream.readline()
        if not line:
            raise SlicesError(f"QEMU hung up on {command}")
        answer = json.loads(line)
        if "error" in answer:
            raise SlicesError(f"QEMU refused {command}: {answer['error'].get('desc')}")
        if "return" in answer:
            return  # anything else is an event, which may come at any time
