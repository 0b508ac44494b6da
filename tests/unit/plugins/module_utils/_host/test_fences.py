# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The network node's list of lost machines, and its answers to workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import fences, revisions

from .fakes import uuid

ONE, TWO = "1" * 64, "2" * 64


def told(tmp_path: Path, *marks: str, cloud: str | None = uuid(1), revision: int | None = None) -> fences.FencePlan:
    """Apply the list of an order, as the network node does, and return the plan."""
    lost = [{"mark": mark} for mark in marks]
    wanted = fences.wanted({"cloud_uuid": cloud, "lost_machines": lost, "revision": revision})
    todo = fences.plan(wanted, str(tmp_path))
    revisions.note((), state_dir=str(tmp_path), kind=revisions.NETWORK_NODE, whole=todo.revision)
    fences.apply(todo)
    return todo


def test_an_order_replaces_the_list_of_lost_machines_and_reports_the_changes(tmp_path: Path) -> None:
    assert told(tmp_path).changes == []
    assert list(tmp_path.iterdir()) == []
    assert [change.action for change in told(tmp_path, TWO, ONE).changes] == ["create", "create"]
    assert told(tmp_path, ONE, TWO).changes == []
    assert [(change.id, change.action) for change in told(tmp_path, TWO).changes] == [(ONE, "delete")]
    assert fences.read(str(tmp_path)) == (TWO,)


def test_a_forgotten_list_is_empty(tmp_path: Path) -> None:
    told(tmp_path, ONE)
    for _each in range(2):
        fences.forget(str(tmp_path))
        assert fences.read(str(tmp_path)) == ()


def test_without_a_cloud_the_list_of_lost_machines_is_kept(tmp_path: Path) -> None:
    told(tmp_path, ONE)
    assert told(tmp_path, cloud=None).changes == []
    assert fences.read(str(tmp_path)) == (ONE,)


@pytest.mark.parametrize(("revision", "left"), [(1_999, (ONE,)), (2_000, (TWO,)), (2_001, (TWO,)), (None, (TWO,))])
def test_a_list_that_is_older_than_the_last_one_is_ignored(
    tmp_path: Path, revision: int | None, left: tuple[str, ...]
) -> None:
    told(tmp_path, ONE, revision=2_000)
    assert (told(tmp_path, TWO, revision=revision).changes == []) is (left == (ONE,))
    assert fences.read(str(tmp_path)) == left
    assert told(tmp_path, revision=1_999).changes == []


def test_the_list_of_another_cloud_is_replaced_whatever_its_revision(tmp_path: Path) -> None:
    told(tmp_path, ONE, revision=2_000)
    revisions.forget(str(tmp_path))
    told(tmp_path, TWO, cloud=uuid(2), revision=1_000)
    assert fences.read(str(tmp_path)) == (TWO,)


def test_an_order_without_a_cloud_does_not_count_as_the_last_list(tmp_path: Path) -> None:
    told(tmp_path, ONE, revision=2_000)
    assert told(tmp_path, cloud=None, revision=3_000).revision is None
    told(tmp_path, TWO, revision=2_500)
    assert fences.read(str(tmp_path)) == (TWO,)


def test_a_worker_reads_the_list_of_lost_machines_and_notices_truncation(tmp_path: Path) -> None:
    assert fences.read_answer(fences.list_text(str(tmp_path))) == ()
    told(tmp_path, ONE, TWO)
    answer = fences.list_text(str(tmp_path))
    assert fences.read_answer(answer) == (ONE, TWO)
    cut = [answer[:length] for length in range(len(answer) - 1)]
    assert {fences.read_answer(each) for each in cut} == {None}


@pytest.mark.parametrize("text", ["", "garbage\n", f"{ONE}x\n", "end of lost machines\n"])
def test_invalid_entries_are_skipped(tmp_path: Path, text: str) -> None:
    (tmp_path / fences.FILE).write_text(f"{text}{TWO}\n")
    assert fences.read_answer(fences.list_text(str(tmp_path))) == (TWO,)


def test_the_list_of_lost_machines_is_readable_for_all_and_in_order(tmp_path: Path) -> None:
    told(tmp_path, TWO, ONE)
    file = tmp_path / fences.FILE
    assert (file.read_text(), file.stat().st_mode & 0o777) == (f"{ONE}\n{TWO}\n", 0o644)


def test_an_empty_plan_changes_nothing(tmp_path: Path) -> None:
    fences.apply(fences.FencePlan(str(tmp_path / fences.FILE)))
    assert list(tmp_path.iterdir()) == []
    assert fences.FencePlan().changes == []
