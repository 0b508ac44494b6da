# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The format of times in files and results of hosts."""

from __future__ import annotations

import time

from . import files

_BOOT_ID = "/proc/sys/kernel/random/boot_id"


def utc(seconds: float | None = None) -> str:
    """Return a time in UTC, such as C(2026-01-31T12:00:00Z): now, or C(seconds) since 1970."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def boot_id() -> str:
    """Return the UUID of this boot of the host."""
    return (files.read_text(_BOOT_ID) or "").strip()


def uptime_s() -> float:
    """Return the seconds since this boot, including those in which the host was suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def moment() -> str:
    """Return the present moment as the id of this boot and the seconds since, which do not depend on the clock."""
    return f"{boot_id()} {uptime_s():.6f}"
