# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import host_units
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import SlicesError

from .fakes import MORE, FakeRunner

FLOWS, TAPS, LOGS = "slices-flows.service", "slices-taps.service", "slices-logs.timer"
SHOW = ("systemctl", "show", "--property=Id,ActiveState,UnitFileState,NeedDaemonReload", "--")
ENABLE = ("systemctl", "enable", "--quiet", "--now", "--")


def shown(unit: str, active: str, startup: str, outdated: str = "no") -> str:
    return f"Id={unit}\nActiveState={active}\nUnitFileState={startup}\nNeedDaemonReload={outdated}\n"


def test_running_and_enabled_units_are_not_changed() -> None:
    runner = FakeRunner().tell(*SHOW, FLOWS, stdout=shown(FLOWS, "active", "enabled"))
    todo = host_units.plan([FLOWS], runner)
    host_units.apply(todo, runner)
    assert (todo.changes, len(runner.argvs)) == ([], 1)


def test_other_units_are_enabled_and_started_in_one_call() -> None:
    # The last one does not exist.
    told = "\n".join([shown(FLOWS, "active", "disabled"), shown(TAPS, "failed", "enabled", "yes")])
    runner = FakeRunner().tell(*SHOW, FLOWS, TAPS, LOGS, stdout=told)
    runner.tell("systemctl", "daemon-reload").tell(*ENABLE, FLOWS, TAPS, LOGS)
    todo = host_units.plan([FLOWS, TAPS, LOGS], runner)
    host_units.apply(todo, runner)

    assert runner.argvs[1:] == [["systemctl", "daemon-reload"], [*ENABLE, FLOWS, TAPS, LOGS]]
    assert {change.id: change.before for change in todo.changes} == {
        FLOWS: {"state": "running", "startup": "disabled"},
        TAPS: {"state": "stopped", "startup": "enabled"},
        LOGS: {"state": "stopped", "startup": "disabled"},
    }
    assert [change.after for change in todo.changes] == [{"state": "running", "startup": "enabled"}] * 3


def test_a_unit_that_does_not_start_is_reported_with_the_reason() -> None:
    said = json.dumps({"_SYSTEMD_UNIT": TAPS, "MESSAGE": "Cannot open /dev/net/tun"})
    runner = FakeRunner().tell(*SHOW, TAPS, stdout=shown(TAPS, "inactive", "enabled"))
    runner.tell(*ENABLE, TAPS, rc=1, stderr="Job for slices-taps.service failed.").tell("journalctl", MORE, stdout=said)
    with pytest.raises(SlicesError, match=f"{TAPS}: Cannot open /dev/net/tun"):
        host_units.apply(host_units.plan([TAPS], runner), runner)


def test_without_units_nothing_is_queried_or_reloaded() -> None:
    runner = FakeRunner()
    todo = host_units.plan([], runner)
    host_units.apply(todo, runner)
    assert (todo.changes, runner.argvs) == ([], [])


def test_units_are_observed_without_being_changed() -> None:
    told = "\n".join([shown(FLOWS, "activating", "disabled"), shown(TAPS, "failed", "enabled")])
    runner = FakeRunner().tell(*SHOW, FLOWS, TAPS, LOGS, stdout=told)
    found = host_units.observe([FLOWS, TAPS, LOGS], runner)
    assert found == {FLOWS: (True, False), TAPS: (False, True), LOGS: (False, False)}
