# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import SlicesError
from ansible_collections.cloudrepo.slices.plugins.module_utils.steps import Steps


@dataclass(frozen=True)
class Plan:
    changes: tuple[Change, ...] = ()


class Recorder:
    """Steps that record when they are called, one of which may fail."""

    def __init__(self, failing: str = "") -> None:
        self.heard: list[str] = []
        self.failing = failing

    def step(self, name: str, result: Any) -> Any:
        self.heard.append(name)
        if name == self.failing:
            raise SlicesError(f"{name} failed")
        return result

    @contextmanager
    def held(self, name: str) -> Iterator[None]:
        self.heard.append(name)
        try:
            yield
        finally:
            self.heard.append(f"end of {name}")

    @property
    def steps(self) -> Steps[Plan]:
        return Steps(
            plan=lambda: self.step("plan", Plan()),
            apply=lambda _todo: self.step("apply", {"applied": 1, "vms": 1}),
            finish=lambda _todo: self.step("finish", {"vms": 2}),
            lock=lambda: self.held("lock"),
            turn=lambda: self.held("turn"),
            ahead=lambda: self.step("ahead", None),
        )


def test_the_results_of_all_steps_are_returned_and_later_ones_take_precedence() -> None:
    recorder = Recorder()
    assert recorder.steps.run() == (Plan(), {"applied": 1, "vms": 2})
    assert recorder.heard == ["turn", "ahead", "lock", "plan", "apply", "end of lock", "finish", "end of turn"]


def test_steps_need_no_results() -> None:
    steps = Steps(plan=Plan, apply=lambda _todo: None)
    assert steps.run() == (Plan(), {})
    assert (steps.result(Plan()), steps.failure(Plan())) == ({}, None)


@pytest.mark.parametrize(
    ("failing", "heard"),
    [
        ("ahead", ["turn", "ahead", "end of turn"]),
        ("plan", ["turn", "ahead", "lock", "plan", "end of lock", "end of turn"]),
        ("apply", ["turn", "ahead", "lock", "plan", "apply", "end of lock", "end of turn"]),
        ("finish", ["turn", "ahead", "lock", "plan", "apply", "end of lock", "finish", "end of turn"]),
    ],
)
def test_a_failing_step_ends_the_others_and_releases_the_locks(failing: str, heard: list[str]) -> None:
    recorder = Recorder(failing)
    with pytest.raises(SlicesError, match=f"^{failing} failed$"):
        recorder.steps.run()
    assert recorder.heard == heard
