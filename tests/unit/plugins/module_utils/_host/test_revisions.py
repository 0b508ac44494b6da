# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import revisions
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import SliceOrder, revision_text

LOCKS = Path("/proc/locks")
TIME = 1_795_371_735_123


def place(tmp_path: Path, kind: str = revisions.WORKER) -> dict[str, Any]:
    return {"state_dir": str(tmp_path), "kind": kind}


def dated(found: dict[int, int]) -> list[SliceOrder]:
    """Orders of slices, by their revisions."""
    return [SliceOrder(slice_id=slice_id, vms=(), revision=revision) for slice_id, revision in found.items()]


def test_a_superseded_order_is_refused(tmp_path):
    revisions.note(dated({1000: TIME + 1000, 1003: TIME}), **place(tmp_path))
    figures = {
        "got": "1795371735123 (2026-11-22T18:22:15.123Z)",
        "applied": "1795371736123 (2026-11-22T18:22:16.123Z)",
    }
    older = revisions.older(dated({1000: TIME, 1003: TIME, 1006: TIME}), **place(tmp_path))
    assert older == {1000: [Refusal("order_superseded", "slice 1000", figures)]}
    assert revisions.older(dated({1000: TIME}), **place(tmp_path, revisions.NETWORK_NODE)) == {}


def test_the_highest_revision_is_stored_and_readable_only_by_root(tmp_path):
    revisions.note(dated({1000: TIME}), **place(tmp_path))
    file = tmp_path / "revisions/worker"
    before = file.stat().st_mtime_ns
    revisions.note(dated({1000: TIME - 1}), **place(tmp_path))
    revisions.note(dated({1000: TIME}), **place(tmp_path))

    assert json.loads(file.read_text()) == {"1000": TIME}
    assert file.stat().st_mtime_ns == before
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_what_belongs_to_no_slice_has_a_revision_of_its_own(tmp_path):
    assert not revisions.is_older(TIME, **place(tmp_path))
    revisions.note(dated({1000: TIME + 9}), **place(tmp_path))
    assert not revisions.is_older(TIME, **place(tmp_path))
    revisions.note((), whole=TIME, **place(tmp_path))
    revisions.note((), whole=TIME - 1, **place(tmp_path))
    older = [revisions.is_older(each, **place(tmp_path)) for each in (TIME - 1, TIME, TIME + 1, None)]
    assert older == [True, False, False, False]
    assert revisions.older(dated({1003: TIME - 1}), **place(tmp_path)) == {}
    revisions.note((), whole=TIME + 99, **place(tmp_path))
    assert revisions.highest(str(tmp_path)) == TIME + 99


def test_the_newest_thousand_revisions_are_kept(tmp_path):
    revisions.note(dated({number: number for number in range(1, 1002)}), **place(tmp_path))
    revisions.note(dated({1: TIME}), **place(tmp_path))

    kept = json.loads((tmp_path / "revisions/worker").read_text())
    assert (len(kept), kept["1"], "2" in kept, "3" in kept) == (1000, TIME, False, True)


@pytest.mark.parametrize("text", ["[]", "{", '{"1000": null}'])
def test_an_unreadable_file_of_revisions_is_an_error(tmp_path, text):
    (tmp_path / "revisions").mkdir()
    (tmp_path / "revisions/worker").write_text(text)
    with pytest.raises(
        Refused,
        match=r"revisions/worker cannot be read as a list of applied work orders .*; remove it and deploy again$",
    ) as refused:
        revisions.older(dated({1000: TIME}), **place(tmp_path))
    assert [each.code for each in refused.value.refusals] == ["revisions_unreadable"]


def test_the_first_revision_is_accepted(tmp_path):
    revisions.note(dated({1000: 1}), **place(tmp_path))
    assert revisions.older(dated({1000: 1}), **place(tmp_path)) == {}
    assert revisions.highest(str(tmp_path)) == 1
    revisions.note(dated({1000: 2}), **place(tmp_path))
    assert list(revisions.older(dated({1000: 1}), **place(tmp_path))) == [1000]


def test_an_order_without_a_revision_is_accepted(tmp_path):
    revisions.note(dated({1000: TIME}), **place(tmp_path))
    orders = (SliceOrder(slice_id=1000, vms=()), SliceOrder(slice_id=1003, vms=()))
    assert revisions.older(orders, **place(tmp_path)) == {}
    revisions.note(orders, **place(tmp_path))
    assert json.loads((tmp_path / "revisions/worker").read_text()) == {"1000": TIME}


@pytest.mark.parametrize("revision", [0, 1 << 60])
def test_a_revision_is_a_time(revision):
    with pytest.raises(Refused) as refused:
        SliceOrder.from_dict({"slice_id": 1000, "vms": [], "revision": revision})
    figures = {"field": "revision", "allowed": "1-253402300799999", "got": revision}
    assert refused.value.refusals == [Refusal("field_not_allowed", "slice 1000", figures)]


def _take(place: dict[str, Any], slice_ids: set[int], entered: Any) -> None:
    with revisions.turn(slice_ids, **place):
        entered.set()


def test_orders_of_one_slice_are_serialized_and_others_are_not(tmp_path):
    context = multiprocessing.get_context("fork")
    same, other = context.Event(), context.Event()
    waiting = context.Process(target=_take, args=(place(tmp_path), {1003, 1000}, same))
    passing = context.Process(target=_take, args=(place(tmp_path), {1001}, other))
    with revisions.turn({1000}, **place(tmp_path)):
        waiting.start()
        passing.start()
        assert other.wait(30)
        passing.join()
        deadline = time.monotonic() + 30
        while f"{waiting.pid} " not in "".join(line for line in LOCKS.read_text().splitlines() if "->" in line):
            assert time.monotonic() < deadline
        assert not same.is_set()
    assert same.wait(30)
    waiting.join()


def test_the_highest_revision_covers_both_kinds_until_all_are_removed(tmp_path):
    assert revisions.highest(str(tmp_path)) is None
    revisions.note(dated({1000: 5}), **place(tmp_path))
    revisions.note(dated({1003: 7}), **place(tmp_path, revisions.NETWORK_NODE))
    assert revisions.highest(str(tmp_path)) == 7
    revisions.forget(str(tmp_path))
    assert revisions.highest(str(tmp_path)) is None


def test_the_revisions_of_slices_are_those_of_one_kind(tmp_path):
    assert revisions.of_slices(str(tmp_path), revisions.WORKER) == {}
    revisions.note(dated({1000: 5, 1003: 6}), **place(tmp_path))
    revisions.note(dated({1003: 7}), **place(tmp_path, revisions.NETWORK_NODE))
    assert revisions.of_slices(str(tmp_path), revisions.WORKER) == {1000: 5, 1003: 6}


def test_the_file_of_turns_is_for_root_alone(tmp_path):
    old = os.umask(0)
    try:
        with revisions.turn({1000}, **place(tmp_path)):
            pass
    finally:
        os.umask(old)
    folder = tmp_path / "revisions"
    assert [each.stat().st_mode & 0o777 for each in (folder, folder / "worker.lock")] == [0o700, 0o600]


FIRST, LOST, NEXT = TIME, TIME + 10, TIME + 20


@pytest.mark.parametrize(
    ("applied", "got", "issued", "refuses"),
    [
        (LOST, NEXT, (FIRST, NEXT), True),
        (LOST, NEXT, (FIRST, LOST, NEXT), False),
        (LOST, NEXT, (NEXT,), False),  # it is older than what the database remembers
        (LOST, FIRST, (FIRST,), False),  # a late order, which is refused for its slices
        (LOST, LOST, (FIRST, LOST), False),
        (LOST, NEXT, None, False),
        (LOST, None, (FIRST, NEXT), False),
        (None, NEXT, (FIRST, NEXT), False),
    ],
)
@pytest.mark.parametrize("kind", [revisions.WORKER, revisions.NETWORK_NODE])
def test_an_order_of_a_database_that_was_put_back_is_refused(
    tmp_path: Path, kind: str, applied: int | None, got: int | None, issued: tuple[int, ...] | None, refuses: bool
) -> None:
    revisions.note(dated({1000: FIRST}), **place(tmp_path))
    revisions.note((), whole=applied, **place(tmp_path, kind))
    told = None if issued is None else ",".join(map(str, issued))
    found: list[Refusal] = []
    try:
        revisions.require_issued([None, got], told, state_dir=str(tmp_path))
    except Refused as error:
        found = error.refusals
    figures = {"applied": revision_text(LOST), "got": revision_text(NEXT)}
    assert found == ([Refusal("database_put_back", "this host", figures)] if refuses else [])
