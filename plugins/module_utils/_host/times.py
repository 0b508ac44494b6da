# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The format of times in files and results of hosts."""

from __future__ import annotations

import time


def utc(seconds: float | None = None) -> str:
    """Return a time in UTC, such as C(2026-01-31T12:00:00Z): now, or C(seconds) since 1970."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
