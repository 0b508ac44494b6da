# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Outcomes are stored at once, and one that is not perfect is tried again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.faults.record import Outcome, Record, complaints, table

GOOD = Outcome("worker-off", 0, True, seconds=3)


@pytest.mark.parametrize(
    "bad", [{"converged": False}, *({kind: ("x",)} for kind in ("lost", "doubled", "untrue", "restarted"))]
)
def test_an_outcome_with_any_complaint_is_not_perfect(bad: dict[str, Any]) -> None:
    assert GOOD.is_perfect
    assert not Outcome(**{"fault": "a", "turn": 0, "converged": True, **bad}).is_perfect


def test_notes_are_no_complaint() -> None:
    assert Outcome("a", 0, True, notes=("the run was over before the signal",)).is_perfect


def test_the_last_outcome_of_a_turn_counts(tmp_path: Path) -> None:
    record = Record(tmp_path / "folder/outcomes.jsonl")
    assert record.read() == []
    record.add(Outcome("worker-off", 0, False, lost=("a disk",)))
    record.add(GOOD)
    record.add(Outcome("worker-off", 1, True))
    assert record.read() == [GOOD, Outcome("worker-off", 1, True)]
    record.forget()
    assert record.read() == []


def test_the_table_has_a_line_for_each_fault() -> None:
    outcomes = [
        GOOD,
        Outcome("worker-off", 1, False, lost=("a", "b"), restarted=("calm/one",), notes=("no end",)),
        Outcome("flows-deleted", 0, True, doubled=("c",), untrue=("d",)),
    ]
    assert table(outcomes).splitlines() == [
        "fault          times  converged  lost  doubled  untrue  pids kept",
        "worker-off     2      1          2     0        0       1 of 2",
        "flows-deleted  1      1          0     1        1       1 of 1",
    ]
    assert complaints(outcomes) == [
        *("worker-off 1: a", "worker-off 1: b", "worker-off 1: restarted calm/one", "worker-off 1: no end"),
        *("flows-deleted 0: c", "flows-deleted 0: d"),
    ]


def test_many_complaints_are_cut_and_counted() -> None:
    told = complaints([Outcome("a", 0, False, lost=tuple("abcdefghijkl"))])
    assert told[-2:] == ["a 0: j", "a 0: and 2 more"]
