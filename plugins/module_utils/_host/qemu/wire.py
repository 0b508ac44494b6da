# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""QMP on a socket: objects of JSON, one a line.

Each start of a VM that has a NIC without carrier pays for what this module imports, so it goes without typing,
dataclasses and modules of ours (docs/decisions/0016).
"""

from __future__ import annotations

import json
import socket
import time
from collections import deque

# The schema of QMP, the longest answer there is, has a quarter of that. A compromised QEMU is not to fill our memory.
_MAX_LINE_BYTES = 1 << 20
_MAX_EVENTS = 1000


class CommandError(Exception):
    """QEMU refused a command.

    Args:
        error: QMP's C(class) and C(desc).
    """

    def __init__(self, command: str, error: dict[str, object]) -> None:
        super().__init__(f"QEMU refused {command}: {error.get('desc')}")
        self.command = command
        self.error = error


class Wire:
    """A conversation with QEMU, which has greeted. It is over after any other error than C(CommandError).

    Args:
        client: a socket that is connected.
        timeout_s: seconds that QEMU has for each answer.

    Raises:
        OSError: QEMU hung up, or did not answer in time.
        ValueError: what it said is not QMP.
    """

    def __init__(self, client: socket.socket, timeout_s: float) -> None:
        self._client = client
        self._timeout_s = timeout_s
        self._heard = b""
        self._events: deque[dict[str, object]] = deque(maxlen=_MAX_EVENTS)
        if "QMP" not in self._read(time.monotonic() + timeout_s):
            raise ValueError("no greeting")
        # QEMU greets from a thread of its own, but answers only once there is a machine.
        self.execute("qmp_capabilities", {})

    def execute(self, command: str, arguments: dict[str, object], timeout_s: float | None = None) -> object:
        """Execute a command, and return its answer.

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
        """The first event that was not asked for yet and has this name and all of C(data), or nothing in time."""
        deadline = time.monotonic() + timeout_s
        while True:
            for event in self._events:
                told = event.get("data", {})
                if event.get("event") == name and isinstance(told, dict) and data.items() <= told.items():
                    self._events.remove(event)
                    return told
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
        message = json.loads(line)
        if not isinstance(message, dict):
            raise ValueError("a line is not a JSON object")
        return message
