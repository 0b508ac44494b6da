# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.modules import host_units

from ..module_utils._host import modules
from ..module_utils._host.fakes import FakeRunner
from ..module_utils._host.test_host_units import ENABLE, FLOWS, SHOW, TAPS, shown


@pytest.mark.parametrize("check_mode", [True, False])
def test_units_are_enabled_and_started(monkeypatch, check_mode):
    told = "\n".join([shown(FLOWS, "active", "enabled"), shown(TAPS, "inactive", "disabled")])
    runner = FakeRunner().tell(*SHOW, FLOWS, TAPS, stdout=told)
    if not check_mode:
        runner.tell(*ENABLE, TAPS)
    done = modules.run(monkeypatch, host_units, runner, units=[FLOWS, TAPS], _ansible_check_mode=check_mode)
    assert (done["changed"], done["units"]) == (True, [TAPS])
    assert TAPS in done["diff"]["after"]
    assert FLOWS not in done["diff"]["after"]
