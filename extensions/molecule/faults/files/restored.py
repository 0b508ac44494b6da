# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks whether a restarted worker has restored all objects of a VM: restored.py

Fails and prints the objects that are still missing: the VM's unit, the rate and carrier of its tap, its port, or the
flows that use its meter.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping

TAP = "tap_1001_eth1"
CARRIER = f"/sys/class/net/{TAP}/carrier"
QUESTIONS: Mapping[str, tuple[list[str], str]] = {
    "unit": (["systemctl", "is-active", "cloudrepo-1000@1001"], r"^active$"),
    "rate": (["tc", "qdisc", "show", "dev", TAP], r"tbf .* rate 900Kbit"),
    "port": (["ovs-vsctl", "get", "interface", TAP, "error"], r"^\[\]$"),
    "carrier": (["cat", CARRIER], r"1"),
    "flows": (["ovs-ofctl", "-O", "OpenFlow14", "dump-flows", "br-int"], r"cookie=0x636c7264000003e8.*meter:"),
}


def missing(answers: Mapping[str, str]) -> list[str]:
    """Return the objects that are missing in the answers."""
    return [name for name, (_command, wanted) in QUESTIONS.items() if not shows(answers[name], wanted)]


def shows(answer: str, wanted: str) -> bool:
    """Return whether a line of an answer matches a pattern."""
    return re.search(wanted, answer, re.MULTILINE) is not None


def ask(command: list[str]) -> str:
    """Return the output of a command."""
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout


if __name__ == "__main__":
    absent = missing({name: ask(command) for name, (command, _wanted) in QUESTIONS.items()})
    raise SystemExit(f"still missing: {', '.join(absent)}" if absent else 0)
