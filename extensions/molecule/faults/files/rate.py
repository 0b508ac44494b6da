# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Computes the rate of a download, and compares it with a limit: rate.py MOST_KBPS <TOLD

TOLD is what a guest printed: C(/proc/uptime) before and after the download. Prints the rate, and fails if it is above
MOST_KBPS.
"""

from __future__ import annotations

import re
import sys

# The file, of which the first part does not count, because the bucket of a meter is full when it arrives.
SIZE_KBIT = 384 * 1024 * 8 / 1000
BUCKET_KBIT = 600
# Of /proc/uptime, and therefore the shortest time.
TICK_S = 0.01
UPTIME = re.compile(r"^(\d+\.\d+) \d+\.\d+\s*$", re.MULTILINE)


def rate_kbps(output: str) -> int:
    """Return the rate in kbit/s.

    Raises:
        ValueError: there are not two times, so the download failed.
    """
    times = [float(time) for time in UPTIME.findall(output)]
    if len(times) != 2:
        raise ValueError(f"the output has {len(times)} times, expected 2: {output}")
    return int((SIZE_KBIT - BUCKET_KBIT) / max(times[1] - times[0], TICK_S))


def main(most_kbps: int, output: str) -> None:
    rate = rate_kbps(output)
    print(f"received {rate} kbit/s")
    if rate > most_kbps:
        raise SystemExit(f"received {rate} kbit/s, expected at most {most_kbps} kbit/s")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.stdin.read())
