# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import threading

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import readiness
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.probes import Check


def check(vm_id: int) -> Check:
    return Check(vm_id, f"web/vm{vm_id}", "ping", address="10.60.7.101")


class Clock:
    """A clock that only pauses advance."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds


def test_a_guest_is_asked_until_it_is_ready() -> None:
    clock, answers = Clock(), ["no", "not yet", None]
    [outcome] = readiness.wait([check(1)], lambda _check: answers.pop(0), timeout_s=60, now=clock, pause=clock.pause)
    assert outcome.to_dict() == {"vm_id": 1, "name": "web/vm1", "check": "ping", "seconds": 1.0}
    assert answers == []


def test_the_last_reason_is_told_when_the_time_is_up() -> None:
    clock = Clock()
    reasons = iter(f"no {number}" for number in range(100))
    [outcome] = readiness.wait([check(1)], lambda _check: next(reasons), timeout_s=2, now=clock, pause=clock.pause)
    assert outcome.to_dict() == {
        "vm_id": 1,
        "name": "web/vm1",
        "check": "ping",
        "seconds": 2.0,
        "reason": "no 4",
    }


def test_guests_are_asked_at_the_same_time() -> None:
    together = threading.Barrier(30, timeout=10)

    def probe(_check: Check) -> None:
        together.wait()

    outcomes = readiness.wait([check(number) for number in range(30)], probe, timeout_s=5)
    assert [(each.check.vm_id, each.reason) for each in outcomes] == [(number, None) for number in range(30)]


def test_there_may_be_nothing_to_wait_for() -> None:
    assert readiness.wait([], lambda _check: "no", timeout_s=5) == []
