# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks whether the switch had the flows of a tap's port before the port: first_seen.py FILE

FILE is the output of C(ovs-ofctl monitor). Prints a sorted line for each tap that was added: its name, and C(flow) if
its port had flows already, C(none) if these had been deleted again, or nothing if there were none yet.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

FLOW_ADDED = re.compile(r"event=ADDED table=0 .*in_port=([0-9]+)")
FLOW_DELETED = re.compile(r"event=DELETED .*table=0 .*in_port=([0-9]+)")
PORT_ADDED = re.compile(r"PORT_STATUS.* ADD: ([0-9]+)\((tap_.*)\):")


def first_seen(lines: Iterable[str]) -> list[str]:
    """Return the state of each port's flows when the port was added."""
    last: dict[str, str] = {}
    found = []
    for line in lines:
        if added := FLOW_ADDED.search(line):
            last[added[1]] = "flow"
        elif deleted := FLOW_DELETED.search(line):
            last[deleted[1]] = "none"
        elif port := PORT_ADDED.search(line):
            found.append(f"{port[2]} {last.get(port[1], '')}")
    return sorted(found)


if __name__ == "__main__":
    print("\n".join(first_seen(Path(sys.argv[1]).read_text(encoding="utf-8").splitlines())))
