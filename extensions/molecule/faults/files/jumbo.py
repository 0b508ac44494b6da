# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks that jumbo frames passed unfragmented: jumbo.py <TOLD

TOLD is JSON: C(before) and C(after), the content of C(/proc/net/snmp) of the guest that sent pings, and C(pinged), the
output of C(ping). Fails if no answer came, or if the kernel created fragments.
"""

from __future__ import annotations

import json
import re
import sys


def fragments(snmp: str) -> int:
    """Return the number of IP fragments that the kernel has created.

    Raises:
        ValueError: this counter is missing.
    """
    names, values = [line.split()[1:] for line in snmp.splitlines() if line.startswith("Ip: ")]
    return int(values[names.index("FragCreates")])


def faults(before: str, pinged: str, after: str) -> list[str]:
    """Return why the pings did not pass unfragmented."""
    wrong = []
    if not re.search(r"\b[1-9]\d* packets received", pinged):
        wrong.append(f"no answer: {pinged}")
    created = fragments(after) - fragments(before)
    if created:
        wrong.append(f"{created} fragments were created")
    return wrong


if __name__ == "__main__":
    raise SystemExit("\n".join(faults(**json.load(sys.stdin))) or 0)
