# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks the processes of units: servers.py new KILLED UNIT... | servers.py known UNIT...

C(new): each unit must have a process whose pid is not in the file C(KILLED). C(known): each unit must be active, and
its process must be the dnsmasq in its pid file. Prints the observed state, and fails if the condition is not met.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Server:
    """A unit with its state and pid according to systemd, the name of this process, and the content of the pid file."""

    unit: str
    state: str
    pid: str
    name: str = ""
    noted: str = ""

    @property
    def is_known(self) -> bool:
        """Whether systemd knows the process of the server."""
        return (self.state, self.name, self.pid) == ("active", "dnsmasq", self.noted)


def said(*command: str) -> str:
    """Return the output of a command, with any exit code."""
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()


def look(unit: str) -> Server:
    """Return the state of a unit, from systemd and the pid file."""
    pid = said("systemctl", "show", "--property=MainPID", "--value", unit)
    noted = Path("/run", unit, "pid")
    return Server(
        unit,
        said("systemctl", "is-active", unit),
        pid,
        said("ps", "--no-headers", "-o", "comm=", "-p", pid) if pid else "",
        noted.read_text(encoding="ascii").strip() if noted.exists() else "",
    )


def new(servers: Iterable[Server], killed: Iterable[str]) -> list[Server]:
    """Return the servers whose process is not one of the killed ones."""
    gone = {line.strip() for line in killed}
    return [server for server in servers if server.pid and server.pid not in gone]


def main(mode: str, *words: str) -> None:
    units = words[1:] if mode == "new" else words
    servers = [look(unit) for unit in units]
    print("\n".join(map(str, servers)))
    if mode == "new":
        killed = Path(words[0]).read_text(encoding="ascii").splitlines()
        sys.exit(len(new(servers, killed)) != len(units))
    sys.exit(not all(server.is_known for server in servers))


if __name__ == "__main__":
    main(*sys.argv[1:])
