# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether packet rules were ever missing: exchanged.py FILE

FILE is what C(nft monitor) told: every change, and where each transaction ends. Prints how many transactions took the
rules of VMs away or brought them, and after how many of these they were missing.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

RULES = re.compile(r" chain ip cloudrepo from_vms")
END = "# new generation"


def exchanges(lines: Iterable[str]) -> tuple[int, int, list[str]]:
    """How many transactions were about the rules, after how many they were missing, and what nft could not tell."""
    count = missing = 0
    is_there: bool | None = None
    lost = []
    for line in lines:
        if RULES.search(line):
            is_there = line.split()[0] == "add"
        if line.startswith(END):
            count += is_there is not None
            missing += is_there is False
            is_there = None
        if "lost" in line:
            lost.append(line)
    return count, missing, lost


if __name__ == "__main__":
    count, missing, lost = exchanges(Path(sys.argv[1]).read_text(encoding="utf-8").splitlines())
    print("\n".join([*lost, f"{count} exchanged, {missing} missing"]))
