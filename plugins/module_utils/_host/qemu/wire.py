# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""QMP on a socket: one JSON object per line.

Imports of this module slow down each start of a VM that has a NIC without carrier. So it imports neither typing nor
dataclasses nor other modules of the collection (docs/decisions/0016).
"""

from __future__ import annotations

import json
import socket
import time
from collections import deque

# Four times the size of the QMP schema, the longest answer. A compromised QEMU must not fill the memory.
_MAX_LINE_BYTES = 1 << 20
_MAX_EVENTS = 1000


class CommandError(Exception):
    """QEMU refused a command.

    Args:
        error: C(class) and C(desc) of the QMP error.
    """

    def __init__(self, command: str, error: dict[str, object]) -> None:
        super().__init__(f"QEMU refused {command}: {error.get('desc')}")
        self.command = command
        self.error = error


class Wire:
    """A connection to QEMU after its greeting. It is unusable after any error other than C(CommandError).

    Args:
        client: a connected socket.
        timeout_s: seconds to wait for each answer.

    Raises:
        OSError: QEMU closed the connection, or did not respond in time.
        ValueError: the answer is not QMP.
    """

    def __init__(self, client: socket.socket, timeout_s: float) -> None:
        self._client = client
        self._timeout_s = timeout_s
        self._heard = b""
        self._events: deque[dict[str, object]] = deque(maxlen=_MAX_EVENTS)
        if "QMP" not in self._read(time.monotonic() + timeout_s):
            raise ValueError("no greeting")
        # The greeting comes from a separate thread. Commands are answered only once the machine exists.
        self.execute("qmp_capabilities", {})

    def execute(self, command: str, arguments: dict[str, object], timeout_s: float | None = None) -> object:
        """Execute a command and return its result.

        Raises:
            CommandError: QEMU refused it.
        """
        deadline = time.monotonic() + (self._timeout_s if timeout_s is None else timeout_s)
        message = json.dumps({"execute": command, "arguments": arguments})
        self._client.settimeout(max(deadline - time.monotonic(), 0.001))
        self._client.sendall(message.encode("ascii") + b"\n")
        while True:
            answer = self._read(deadline)
            if "return" in answer:
                return answer["return"]
            error = answer.get("error")
            if isinstance(error, dict):
                raise CommandError(command, error)
            self._events.append(answer)

    def next_event(self, name: str, data: dict[str, object], timeout_s: float) -> dict[str, object] | None:
        """Return the next event with this name that contains C(data), C(None) after the timeout."""
        deadline = time.monotonic() + timeout_s
        while True:
            for event in self._events:
                details = event.get("data", {})
                if event.get("event") == name and isinstance(details, dict) and data.items() <= details.items():
                    self._events.remove(event)
                    return details
            try:
                self._events.append(self._read(deadline))
            except socket.timeout:
                return None

    def _read(self, deadline: float) -> dict[str, object]:
        while b"\n" not in self._heard:
            if len(self._heard) > _MAX_LINE_BYTES:
                raise ValueError(f"a line is longer than {_MAX_LINE_BYTES} bytes")
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise socket.timeout("timed out")
            self._client.settimeout(left_s)
            data = self._client.recv(65536)
            if not data:
                raise ConnectionError("connection closed")
            self._heard += data
        line, _end, self._heard = self._heard.partition(b"\n")
        try:
            message = json.loads(line)
        except RecursionError:
            raise ValueError("a line is nested too deeply") from None
        if not isinstance(message, dict):
            raise ValueError("a line is not a JSON object")
        return message
