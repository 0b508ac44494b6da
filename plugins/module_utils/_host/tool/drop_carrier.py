# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Takes the carrier from NICs of a VM that is starting, beside QEMU and as its user (C(vm-run)).

A guest must not see a carrier that it has not got, so a QEMU that does not obey is ended, and its unit starts it again.
Of one that has ended by itself nothing is said: its own words in the journal are to be the last.
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
    """Drop the carriers.

    Args:
        file: names the NICs, one a line.
        path: the monitor of the VM's QEMU.
        pid: its process.
    """
    try:
        with open(file, encoding="ascii") as names:
            drop(names.read().split(), path, int(pid))
    except (CommandError, OSError, ValueError) as error:
        if _end(int(pid)):
            sys.stderr.write(f"slices-host: QEMU is ended, because NICs keep a carrier: {error}\n")
            return 1
    except BaseException:
        _end(int(pid))
        raise
    return 0


def _end(pid: int) -> bool:
    """End a QEMU, and return whether there was one."""
    try:
        os.kill(pid, signal.SIGKILL)  # not SIGTERM: systemd takes that for a good end
    except ProcessLookupError:
        return False
    return True


def drop(names: list[str], path: str, pid: int, *, patience_s: float = _PATIENCE_S) -> None:
    """Take the carrier from the NICs.

    Raises:
        CommandError: QEMU refuses.
        OSError: QEMU does not answer.
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
            os.kill(pid, 0)  # raises once QEMU has ended
            time.sleep(_PAUSE_S)
