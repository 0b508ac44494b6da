# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a guest has written on its serial console, from the log that QEMU keeps.

A guest writes what it likes, and lines of the log are shown on terminals, so control sequences are removed.
"""

from __future__ import annotations

import os
import re
import stat

from . import serial
from .config import CONSOLE

_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_LONGEST_LINE = 200


def path_of(vm_id: int, *, state_dir: str) -> str:
    """Return the path of a VM's log."""
    return f"{state_dir}/vms/{vm_id}/{CONSOLE}"


def read_end(path: str, size: int) -> str:
    """Return the last C(size) bytes of a log as plain text; it is empty if there is none.

    Raises:
        OSError: it cannot be read.
    """
    try:
        # The folder may be replaced by the VM's user; root follows no link in it.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return ""
    with os.fdopen(handle, "rb") as log:
        info = os.fstat(handle)
        if not stat.S_ISREG(info.st_mode):
            return ""
        log.seek(max(info.st_size - size, 0))
        return plain(log.read(size).decode("utf-8", "replace"))


def last_lines(path: str, count: int) -> list[str]:
    """Return the last lines of a log that are neither empty nor typed by C(serial), each cut to 200 characters.

    Raises:
        OSError: it cannot be read.
    """
    lines = [line.rstrip() for line in read_end(path, 1024 * count).split("\n")]
    return [line[:_LONGEST_LINE] for line in lines if line and not serial.DIALOGUE.search(line)][-count:]


def plain(text: str) -> str:
    """Return text without control sequences; a line ends with C(\\n)."""
    return _CONTROL.sub("", _SEQUENCE.sub("", text).replace("\r\n", "\n"))
