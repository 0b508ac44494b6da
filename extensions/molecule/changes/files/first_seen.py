# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the switch had first of each tap that was plugged in, the port or its flows: first_seen.py FILE

FILE is what C(ovs-ofctl monitor) told. Prints a line for each tap, sorted: its name, and C(flow) where there were flows
of its port already, C(none) where they had been taken away again, nothing where there were none yet.
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
    """What was there of each port when it came."""
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
