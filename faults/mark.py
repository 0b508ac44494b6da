# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Writes a mark into the disks of VMs, or checks it: mark.py write VM=BYTE... | mark.py check DISK=BYTE...

A mark is written by the running QEMU, as a guest would, and read from the file. Prints the disks without their mark.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterable
from typing import IO, Any

# Behind everything that is in the base images.
OFFSET, LENGTH = "512M", "64k"


def execute(stream: IO[str], command: str, **arguments: Any) -> Any:
    """Execute a QMP command and return its result; events before it are skipped."""
    stream.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
    stream.flush()
    return next(answer["return"] for answer in map(json.loads, stream) if "return" in answer)


def write(vm_id: str, byte: str) -> None:
    """Write the mark through the monitor of a VM."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(f"/run/cloudrepo/{int(vm_id)}/qmp.sock")
        with client.makefile("rw", encoding="ascii") as stream:
            execute(stream, "qmp_capabilities")
            for line in (f"write -P {byte} {OFFSET} {LENGTH}", "flush"):
                execute(stream, "human-monitor-command", **{"command-line": f'qemu-io disk "{line}"'})


def has_mark(path: str, byte: str) -> bool:
    """Return whether a disk has the mark, even if a VM uses it."""
    command = ["qemu-io", "-r", "-U", "-f", "qcow2", "-c", f"read -P {byte} {OFFSET} {LENGTH}", path]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.returncode == 0 and "failed" not in done.stdout


def main(mode: str, words: Iterable[str]) -> None:
    pairs = [word.rpartition("=")[::2] for word in words]
    if mode == "write":
        for vm_id, byte in pairs:
            write(vm_id, byte)
    else:
        print("\n".join(path for path, byte in pairs if not has_mark(path, byte)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
