# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What slices have of a worker's network, in traces: traces.py SLICE_ID...

Prints lines such as C(1000 tap tap_1001_eth0), sorted: flows, files of flows and limits, ports, taps, and meters, which
are all of the first slice, for nobody else has limits.
"""

from __future__ import annotations

import glob
import os
import subprocess
import sys
from collections.abc import Iterable

FOLDER = "/var/lib/cloudrepo/flows"
COOKIE = 0x636C7264 << 32


def said(*command: str) -> list[str]:
    """The lines that a command prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def flows(slice_id: int, dumped: Iterable[str]) -> list[str]:
    """From C(priority) on, for the table and what is counted change by themselves."""
    return [f"{slice_id} flow {line.rpartition('priority=')[2]}" for line in dumped if "priority=" in line]


def saved(slice_id: int, folder: str) -> list[str]:
    """The kinds of files that are there for when the switch starts anew."""
    return [f"{slice_id} {path.rpartition('.')[2]}" for path in glob.glob(f"{folder}/{slice_id}.*")]


def ports(slice_id: int, names: Iterable[str]) -> list[str]:
    """The switch's ports."""
    return [f"{slice_id} port {name}" for name in names if name]


def taps(slice_id: int, sys_net: str) -> list[str]:
    """The taps, which have their slice for a group."""
    found = []
    for path in glob.glob(f"{sys_net}/tap_*"):
        with open(f"{path}/netdev_group", encoding="ascii") as file:
            if int(file.read()) == slice_id:
                found.append(f"{slice_id} tap {os.path.basename(path)}")
    return found


def meters(slice_id: int, dumped: Iterable[str]) -> list[str]:
    """The switch's meters."""
    return [f"{slice_id} meter {line.lstrip(' ')[6:]}" for line in dumped if line.lstrip(" ").startswith("meter=")]


def main(slice_ids: list[int]) -> None:
    ofctl = ("ovs-ofctl", "-O", "OpenFlow14")
    lines = meters(slice_ids[0], said(*ofctl, "dump-meters", "br-int"))
    for slice_id in slice_ids:
        cookie = f"cookie={COOKIE | slice_id:#x}/-1"
        lines += flows(slice_id, said(*ofctl, "--no-stats", "dump-flows", "br-int", cookie))
        lines += saved(slice_id, FOLDER)
        mark = f"external_ids:cloudrepo-slice={slice_id}"
        lines += ports(slice_id, said("ovs-vsctl", "--bare", "--columns=name", "find", "port", mark))
        lines += taps(slice_id, "/sys/class/net")
    print("\n".join(sorted(lines)))


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]])
