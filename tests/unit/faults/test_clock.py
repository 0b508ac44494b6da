# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A Python with the shim has another time, and no other."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from ansible_collections.cloudrepo.slices.faults.kinds.clock import DAY_S, SHIM

ASK = "import json, time; print(json.dumps([time.time(), time.time_ns() / 1e9, time.mktime(time.localtime())]))"


@pytest.mark.parametrize("days", [-1, 0, 1])
def test_the_clock_is_shifted(days: int) -> None:
    environment = {"PYTHONPATH": str(SHIM.parent), "FAULTS_SHIFT_S": str(days * DAY_S)}
    before = time.time()
    done = subprocess.run([sys.executable, "-c", ASK], env=environment, check=True, capture_output=True, text=True)
    after = time.time()
    for told in json.loads(done.stdout):
        assert before - 1 <= told - days * DAY_S <= after
