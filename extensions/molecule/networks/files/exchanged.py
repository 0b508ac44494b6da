# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks whether packet rules were missing at any time: exchanged.py FILE

FILE is the output of C(nft monitor), with all changes and the end of each transaction. Prints the number of
transactions that added or deleted the rules for VMs, and the number of these after which the rules were missing.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

RULES = re.compile(r" chain ip cloudrepo from_vms")
END = "# new generation"


def exchanges(lines: Iterable[str]) -> tuple[int, int, list[str]]:
    """Return the numbers of transactions, and of those after which the rules were missing, and lost events."""
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
