# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The seconds of each stage are added up, even if it fails."""

from __future__ import annotations

import time

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.stopwatch import Stopwatch


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_durations_of_stages_are_summed(clock: list[float]) -> None:
    watch = Stopwatch()
    for name, seconds in (("ovs", 1.5), ("taps", 0.25), ("ovs", 2.0)):
        with watch.stage(name):
            clock[0] += seconds
        clock[0] += 7
    assert watch.seconds == {"ovs": 3.5, "taps": 0.25}


def test_a_failed_stage_is_measured(clock: list[float]) -> None:
    watch = Stopwatch()

    def fail() -> None:
        with watch.stage("ovs"):
            clock[0] += 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert watch.seconds == {"ovs": 1.0}


def test_nested_stages_count_for_both_and_durations_are_in_milliseconds(clock: list[float]) -> None:
    watch = Stopwatch()
    with watch.stage("all"):
        clock[0] += 1
        with watch.stage("part"):
            clock[0] += 0.12349
    assert watch.seconds == {"all": 1.123, "part": 0.123}
