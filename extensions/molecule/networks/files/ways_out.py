# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Prints the source addresses of packets to the outside, after both pings have been sent: ways_out.py

C(/run/ways-out) is the output of tcpdump for all interfaces. Its unit C(ways-out) is stopped by this script. Prints the
number of packets, the interface and the source address for each combination.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

LOG = Path("/run/ways-out")
PINGS = 2
PATIENCE_S = 20
PAUSE_S = 0.1
PING = re.compile(r"wan0 .* echo request")
LEAVING = re.compile(r"(wan0 +Out|nat_1000 +In) ")


def count_pings(lines: Sequence[str]) -> int:
    """Return the number of pings on the external interface."""
    return sum(1 for line in lines if PING.match(line))


def sources(lines: Sequence[str]) -> list[str]:
    """Return the number of outgoing packets by interface and source address, as lines."""
    left = Counter((line.split()[0], line.split()[3]) for line in lines if LEAVING.match(line))
    return [f"{count} {interface} {source}" for (interface, source), count in sorted(left.items())]


def log_lines() -> list[str]:
    """Return the output of tcpdump so far."""
    return LOG.read_text(encoding="utf-8", errors="replace").splitlines()


def main() -> None:
    deadline = time.monotonic() + PATIENCE_S
    while count_pings(log_lines()) != PINGS:
        if time.monotonic() > deadline:
            raise SystemExit(f"{count_pings(log_lines())} of {PINGS} pings were seen")
        time.sleep(PAUSE_S)
    subprocess.run(["systemctl", "stop", "ways-out"], check=True)
    print("\n".join(sources(log_lines())))


if __name__ == "__main__":
    main()
