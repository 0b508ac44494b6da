# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Prints the objects of slices in a worker's datapath: traces.py SLICE_ID...

The output is sorted lines such as C(1000 tap tap_1001_eth0) for flows, files of flows and limits, ports, taps and
meters. All meters are printed for the first slice, because the others have no limits.
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
    """Return the lines that a command prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def flows(slice_id: int, dumped: Iterable[str]) -> list[str]:
    """Return the flows, from C(priority) on, without table and counters."""
    return [f"{slice_id} flow {line.rpartition('priority=')[2]}" for line in dumped if "priority=" in line]


def saved(slice_id: int, folder: str) -> list[str]:
    """Return the kinds of files from which the switch is restored after a restart."""
    return [f"{slice_id} {path.rpartition('.')[2]}" for path in glob.glob(f"{folder}/{slice_id}.*")]


def ports(slice_id: int, names: Iterable[str]) -> list[str]:
    """Return the ports of the switch."""
    return [f"{slice_id} port {name}" for name in names if name]


def taps(slice_id: int, sys_net: str) -> list[str]:
    """Return the taps, whose netdev group is the slice."""
    found = []
    for path in glob.glob(f"{sys_net}/tap_*"):
        with open(f"{path}/netdev_group", encoding="ascii") as file:
            if int(file.read()) == slice_id:
                found.append(f"{slice_id} tap {os.path.basename(path)}")
    return found


def meters(slice_id: int, dumped: Iterable[str]) -> list[str]:
    """Return the meters of the switch."""
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
