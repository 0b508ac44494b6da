# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Prints the status of a VM according to QEMU, such as C(running) or C(paused): run_state.py VM_ID"""

from __future__ import annotations

import json
import socket
import sys
from typing import IO, Any


def ask(stream: IO[str], command: str) -> Any:
    """Return the result of a command; events before it are skipped."""
    stream.write(json.dumps({"execute": command}) + "\n")
    stream.flush()
    return next(answer["return"] for answer in map(json.loads, stream) if "return" in answer)


def run_state(path: str) -> str:
    """Return the status from the QMP socket C(path)."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(path)
        with client.makefile("rw", encoding="ascii") as stream:
            ask(stream, "qmp_capabilities")
            return str(ask(stream, "query-status")["status"])


def main() -> None:
    print(run_state(f"/run/cloudrepo/{int(sys.argv[1])}/qmp.sock"))


if __name__ == "__main__":
    main()
