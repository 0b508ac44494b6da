# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Shifts the clock of every Python that has this folder in PYTHONPATH by FAULTS_SHIFT_S seconds.

The clock of a machine cannot be set for a single host of a lab, which has no kernel of its own.
"""

from __future__ import annotations

import os
import time
from typing import SupportsIndex

_SHIFT_S = int(os.environ.get("FAULTS_SHIFT_S", "0"))
_time, _time_ns, _gmtime, _localtime = time.time, time.time_ns, time.gmtime, time.localtime


def _now(seconds: SupportsIndex | float | None) -> SupportsIndex | float:
    return time.time() if seconds is None else seconds


time.time = lambda: _time() + _SHIFT_S
time.time_ns = lambda: _time_ns() + _SHIFT_S * 10**9
time.gmtime = lambda seconds=None: _gmtime(_now(seconds))
time.localtime = lambda seconds=None: _localtime(_now(seconds))
