# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""After each fault everything is compared, and nothing that is wrong goes unnoticed."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any, cast

import pytest

from ansible_collections.cloudrepo.slices.faults import proof
from ansible_collections.cloudrepo.slices.faults.__main__ import try_fault
from ansible_collections.cloudrepo.slices.faults.lab import Broken, Run
from ansible_collections.cloudrepo.slices.faults.proof import Fault, Turn, prove
from ansible_collections.cloudrepo.slices.faults.record import Outcome, Record
from ansible_collections.cloudrepo.slices.faults.world import World

from .test_expected_state import HOSTS, SLICES

DONE = Run(0, "localhost : ok=1 changed=0", 1.0)
CHANGED = Run(0, "worker1                    : ok=1    changed=2", 1.0)
RECORDED = Run(0, "localhost                  : ok=1    changed=1", 1.0)
FAILED = Run(2, "worker1: no", 1.0)


class FakeLab:
    """Counts how often it was removed and made again."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def down(self) -> None:
        self.calls.append("down")

    def up(self) -> None:
        self.calls.append("up")


class FakeWorld:
    """A world in which nothing is wrong, unless a test says so."""

    def __init__(self) -> None:
        self.lab = FakeLab()
        self.runs: list[Run] = []
        self.found = copy.deepcopy(HOSTS)
        self.lost_marks: list[str] = []
        self.broken_rules: list[str] = []
        self.snapshots = [{"worker1": ["a"]}]

    def deploy(self) -> Run:
        return self.runs.pop(0) if self.runs else DONE

    def snapshot(self) -> dict[str, list[str]]:
        return self.snapshots.pop(0) if len(self.snapshots) > 1 else self.snapshots[0]

    def pids(self) -> dict[str, int]:
        return {"u1": 7}

    def names(self) -> dict[str, str]:
        return {"u1": "web/vm1", "u2": "web/vm2"}

    def slices(self) -> list[dict[str, Any]]:
        return SLICES

    def hosts(self) -> dict[str, Any]:
        return self.found

    def unmarked(self) -> list[str]:
        return self.lost_marks

    def breaches(self) -> list[str]:
        return self.broken_rules


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> FakeWorld:
    monkeypatch.setattr(proof, "WORKERS", {"10.0.10.1": "worker1"})
    return FakeWorld()


def tried(world: FakeWorld, inject: proof.Step = lambda _world, _turn: None) -> Outcome:
    fault = Fault("nothing", inject, prepare=lambda _world, _turn: None)
    return replace(prove(fault, 0, 1, cast(World, world)), seconds=0)


def test_a_fault_without_consequences_is_perfect(world: FakeWorld) -> None:
    assert tried(world) == Outcome("nothing", 0, True)


def test_a_run_that_fails_again_does_not_converge(world: FakeWorld) -> None:
    world.runs = [FAILED]
    assert tried(world).notes == ("the next run failed with code 2: worker1: no",)
    assert not tried(world).converged or not world.runs


@pytest.mark.parametrize(
    ("runs", "told"),
    [
        ([DONE, CHANGED], "the deploy of all slices: code 0, changed ['worker1']"),
        ([DONE, RECORDED, CHANGED], "the run after: code 0, changed ['worker1']"),
        ([DONE, DONE, RECORDED], "the run after: code 0, changed ['localhost']"),
        ([CHANGED, FAILED], "the deploy of all slices: code 2"),
    ],
)
def test_the_runs_after_change_nothing(world: FakeWorld, runs: list[Run], told: str) -> None:
    def inject(_world: World, turn: Turn) -> None:
        turn.again = world.deploy

    world.runs = runs
    outcome = tried(world, inject)
    assert not outcome.converged
    assert outcome.notes[0].startswith(told)


def test_a_deploy_of_all_slices_is_repeated_once(world: FakeWorld) -> None:
    world.runs = [DONE, CHANGED, FAILED]
    assert tried(world).notes[0].startswith("the run after: code 0, changed ['worker1']")
    assert world.runs == [FAILED]


def test_a_change_of_hosts_that_no_run_tells_is_found(world: FakeWorld) -> None:
    world.snapshots = [{"worker1": ["a"]}, {"worker1": ["b"]}]
    assert tried(world).notes == ("worker1: - a", "worker1: + b")


def test_what_is_lost_doubled_or_untrue_is_told(world: FakeWorld) -> None:
    world.found["worker1"]["taps"] = ["tap_1001_eth0", "tap_9_eth0"]
    world.found["worker1"]["answers"] = {"1001": "silent"}
    world.lost_marks, world.broken_rules = ["the mark on d1"], ["VNC port 5902 is allocated 2 times"]
    outcome = tried(world)
    assert outcome.lost == ("lost on worker1: tap tap_1001_eth1", "the mark on d1")
    assert outcome.doubled == ("doubled on worker1: tap tap_9_eth0",)
    assert len(outcome.untrue) == 2
    assert outcome.untrue[1] == "VNC port 5902 is allocated 2 times"


def test_a_vm_that_had_no_part_in_it_keeps_its_pid(world: FakeWorld) -> None:
    world.found["worker1"]["qemus"] = {"1001": [8]}
    assert tried(world).restarted == ("web/vm1: 7 → 8",)
    assert tried(world, lambda _world, turn: turn.hit.add("u1")).restarted == ()


def test_a_run_that_has_to_fail_says_why() -> None:
    turn = Turn(0, 1)
    turn.expect(Run(2, "worker2: No space\n  left on device", 1.0), "No space left on device")
    assert turn.untrue == []
    turn.expect(Run(0, "fine", 1.0), "No space")
    assert turn.untrue[0] == "the run succeeded, and should have said ('No space',)"
    assert turn.untrue[1].startswith("the run did not say 'No space'")


def test_turns_are_spread_over_a_run() -> None:
    assert [Turn(number, 4).share for number in range(4)] == [0.125, 0.375, 0.625, 0.875]


def test_turns_that_were_not_perfect_are_tried_again_and_a_broken_lab_is_made_anew(
    tmp_path: Any, world: FakeWorld
) -> None:
    record, tried_turns = Record(tmp_path / "outcomes.jsonl"), []

    def inject(_world: World, turn: Turn) -> None:
        tried_turns.append(turn.number)
        if turn.number == 2:
            raise Broken("no such process")

    fault = Fault("nothing", inject, prepare=lambda _world, _turn: None, moments=2)
    for number, is_perfect in ((0, True), (1, False)):
        record.add(Outcome("nothing", number, is_perfect))
    try_fault(fault, 2, cast(World, world), record)
    assert tried_turns == [1, 2, 3]
    assert world.lab.calls == ["down", "up"]
    assert [one.notes for one in record.read() if not one.is_perfect] == [("no such process",)]
