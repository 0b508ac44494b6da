# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks how many answers pings got, and how late: answers.py <TOLD

TOLD is JSON: C(pinged), the output of C(ping), and C(expected), with any of C(fewest) and C(most), the limits of the
number of answers, duplicates among them, C(least_ms), the shortest time of an answer, and C(varies), whether the
longest time is another number of milliseconds. Prints what is wrong, and fails if anything is.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass

TIMES = re.compile(r"^round-trip .*= (\d+)[.\d]*/[.\d]+/(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Expected:
    """The expected number of answers, and the whole milliseconds that they took."""

    fewest: int = 0
    most: int | None = None
    least_ms: int | None = None
    varies: bool = False


def faults(pinged: str, expected: Expected) -> list[str]:
    """Return how the answers differ from what is expected."""
    count = pinged.count("bytes from")
    wrong = []
    if not re.search("packets transmitted", pinged):
        wrong.append("the pings did not end")
    if count < expected.fewest:
        wrong.append(f"{count} answers, expected at least {expected.fewest}")
    if expected.most is not None and count > expected.most:
        wrong.append(f"{count} answers, expected at most {expected.most}")
    if expected.least_ms is None and not expected.varies:
        return wrong
    times = TIMES.search(pinged)
    if times is None:
        return [*wrong, "no times of answers"]
    least_ms, most_ms = int(times[1]), int(times[2])
    if expected.least_ms is not None and least_ms < expected.least_ms:
        wrong.append(f"an answer after {least_ms} ms, expected at least {expected.least_ms} ms")
    if expected.varies and least_ms == most_ms:
        wrong.append(f"all answers after {least_ms} ms")
    return wrong


if __name__ == "__main__":
    given = json.load(sys.stdin)
    wrong = faults(given["pinged"], Expected(**given["expected"]))
    raise SystemExit("\n".join([*wrong, given["pinged"]]) if wrong else 0)
