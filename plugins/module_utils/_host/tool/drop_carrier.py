# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sets the link of NICs down while a VM is starting. C(vm-run) runs it beside QEMU, as the same user.

A guest must never see a carrier on these NICs, so QEMU is killed after an error, and its unit starts it again. If QEMU
has exited by itself, nothing is logged, so that QEMU's own error is the last message in the journal.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time

from ..qemu.wire import CommandError, Wire

_PATIENCE_S = 20.0
_PAUSE_S = 0.01


def main(file: str, path: str, pid: str) -> int:
    """Set the links down.

    Args:
        file: a file with the names of the NICs, one per line.
        path: the QMP socket of QEMU.
        pid: the process id of QEMU.
    """
    try:
        with open(file, encoding="ascii") as names:
            drop(names.read().split(), path, int(pid))
    except (CommandError, OSError, ValueError) as error:
        # QEMU closes the connection when it exits; its own message is more useful.
        if not (isinstance(error, ConnectionError) and _exits(int(pid))) and _end(int(pid)):
            sys.stderr.write(f"slices-host: QEMU was killed, because links could not be set down: {error}\n")
            return 1
    except BaseException:
        _end(int(pid))
        raise
    return 0


def _exits(pid: int, *, patience_s: float = 1.0) -> bool:
    """Return whether QEMU exits by itself within a moment. It is a zombie until systemd has noticed."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
                state = stat.read().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state in "ZX":
            return True
        time.sleep(_PAUSE_S)
    return False


def _end(pid: int) -> bool:
    """Kill QEMU, and return whether it was running."""
    try:
        os.kill(pid, signal.SIGKILL)  # systemd treats SIGTERM as a clean exit, without a restart
    except ProcessLookupError:
        return False
    return True


def drop(names: list[str], path: str, pid: int, *, patience_s: float = _PATIENCE_S) -> None:
    """Set the links of NICs down.

    Raises:
        CommandError: QEMU returned an error.
        OSError: QEMU does not respond.
    """
    with _connect(path, pid, patience_s) as client:
        wire = Wire(client, patience_s)
        for name in names:
            wire.execute("set_link", {"name": name, "up": False})


def _connect(path: str, pid: int, patience_s: float) -> socket.socket:
    deadline = time.monotonic() + patience_s
    while True:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(patience_s)
        try:
            client.connect(path)
            return client
        except OSError:
            client.close()
            if time.monotonic() >= deadline:
                raise
            os.kill(pid, 0)  # raises once QEMU has exited
            time.sleep(_PAUSE_S)
