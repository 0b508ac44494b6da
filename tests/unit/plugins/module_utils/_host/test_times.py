# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import time

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.times import utc
from ansible_collections.cloudrepo.slices.plugins.module_utils.bounds import UTC_TIME


def test_times_are_in_utc():
    assert utc(0) == "1970-01-01T00:00:00Z"
    assert UTC_TIME.allows(utc())
    assert utc(time.time() - 60) < utc()
