# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state of VMs as QEMU reports it. All monitors are asked at the same time, with one time limit for all of them.

systemd only knows that the process exists, which is also the case if it was stopped by a signal or waits for a disk.
"""

from __future__ import annotations

import json
import selectors
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Callable

from ...errors import SlicesError
from . import sockets

# QEMU reads one command after the other, so both can be sent before its greeting.
_QUESTION = b'{"execute": "qmp_capabilities"}\n{"execute": "query-status"}\n'
_MAX_BYTES = 1 << 20
_AGAIN_S = 0.05
# Each needs a file descriptor, and a process has 1,024 by default.
_AT_ONCE = 500


@dataclass(frozen=True)
class Answer:
    """The answer of a monitor.

    Attributes:
        status: the state of the VM in QMP, such as C(running); C(None) if there was no answer.
        pid: the process id of QEMU, if it listens.
        why: why there was no answer.
    """

    status: str | None = None
    pid: int | None = None
    why: str = ""


class _Connection:
    """The connection to one monitor, on a non-blocking socket."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.client = sockets.connect(path, timeout_s=0)
        try:
            self.pid = sockets.pid_of(self.client)
            self.client.sendall(_QUESTION)
        except BaseException:
            self.client.close()
            raise
        self._received = b""
        self._returns: list[Any] = []

    def receive(self) -> Answer | None:
        """Read what is available, and return the answer when it is complete.

        Raises:
            OSError: QEMU closed the connection.
            ValueError: the answer is not QMP.
        """
        data = self.client.recv(65536)
        if not data:
            raise ConnectionError("it hung up")
        self._received += data
        if len(self._received) > _MAX_BYTES:
            raise ValueError(f"a line of more than {_MAX_BYTES} bytes")
        *lines, self._received = self._received.split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "error" in message:
                raise ValueError(f"it refused to answer: {message['error'].get('desc')}")
            if "return" in message:
                self._returns.append(message["return"])
        if len(self._returns) < 2:
            return None
        return Answer(str(self._returns[1]["status"]), self.pid)


def ask(paths: Iterable[str], *, timeout_s: float, now: Callable[[], float] = time.monotonic) -> dict[str, Answer]:
    """Return the answers of the monitors at these sockets by path, within C(timeout_s) for all of them."""
    waiting = list(dict.fromkeys(paths))
    found: dict[str, Answer] = {}
    deadline = now() + timeout_s
    while waiting:
        found.update(_ask(waiting[:_AT_ONCE], deadline, now))
        waiting = waiting[_AT_ONCE:]
    return found


def _ask(paths: list[str], deadline: float, now: Callable[[], float]) -> dict[str, Answer]:
    found: dict[str, Answer] = {}
    late = dict.fromkeys(paths, Answer(why="nobody listens"))
    with selectors.DefaultSelector() as selector:
        try:
            while True:
                left_s = deadline - now()
                connected = {key.data.path for key in selector.get_map().values()}
                for path in (path for path in paths if path not in found and path not in connected):
                    _begin(path, selector, found, late)
                if left_s <= 0 or len(found) == len(paths):
                    break
                silent = len(paths) - len(found) > len(selector.get_map())
                # A socket that does not exist yet is tried again.
                for key, _events in selector.select(min(left_s, _AGAIN_S) if silent else left_s):
                    _receive(key.data, selector, found)
        finally:
            for key in list(selector.get_map().values()):
                key.data.client.close()
    return {path: found.get(path, late[path]) for path in paths}


def _begin(path: str, selector: selectors.BaseSelector, found: dict[str, Answer], late: dict[str, Answer]) -> None:
    try:
        connection = _Connection(path)
    except OSError as error:
        late[path] = Answer(why=error.strerror or str(error))
    except SlicesError as error:
        found[path] = Answer(why=error.message)
    else:
        late[path] = Answer(pid=connection.pid, why="it does not answer")
        selector.register(connection.client, selectors.EVENT_READ, connection)


def _receive(connection: _Connection, selector: selectors.BaseSelector, found: dict[str, Answer]) -> None:
    try:
        answer = connection.receive()
    except (BlockingIOError, InterruptedError):
        return
    except OSError:
        pass  # QEMU is being stopped or restarted. In the second case, the new process is queried.
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        found[connection.path] = Answer(pid=connection.pid, why=f"its answer is not QMP: {error}")
    else:
        if answer is None:
            return
        found[connection.path] = answer
    selector.unregister(connection.client)
    connection.client.close()
