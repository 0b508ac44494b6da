# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether units run as systemd says they do: servers.py new KILLED UNIT... | servers.py known UNIT...

C(new): each unit has a process that is not among those in the file C(KILLED). C(known): each unit is active, and its
process is the dnsmasq that its own pid file names. Prints what there is, and ends with a code other than zero if it is
not so.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Server:
    """A unit, its state and process by systemd, the name of that process, and the pid that the server has noted."""

    unit: str
    state: str
    pid: str
    name: str = ""
    noted: str = ""

    @property
    def is_known(self) -> bool:
        """Whether systemd has the process that serves."""
        return (self.state, self.name, self.pid) == ("active", "dnsmasq", self.noted)


def said(*command: str) -> str:
    """What a command prints, whatever its code is."""
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()


def look(unit: str) -> Server:
    """Ask systemd and the server."""
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
    """The servers that have a process that was not killed."""
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
