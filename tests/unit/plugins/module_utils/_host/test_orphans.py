# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import orphans, revisions
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.orphans import DISK, SLICE, Orphan, judge
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.module_utils.holdings import KnownSlice
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import SliceOrder

from .fakes import slices, uuid

PATH = "/var/lib/cloudrepo/vms/1006/vm1_img.qcow2"
A_DISK = Orphan(DISK, 1005, uuid(1), PATH, 1006)
A_SLICE = Orphan(SLICE, 1005, uuid(5), holds=("tap tap_1006_eth0",))
SEEN = {each.key: "2026-01-31T12:00:00Z" for each in (A_DISK, A_SLICE)}


def test_nothing_is_removed_unless_it_is_named():
    verdict = judge([A_SLICE, A_DISK], [], SEEN)
    assert (verdict.remove, verdict.refusals, verdict.since) == ((), (), SEEN)


@pytest.mark.parametrize("name", [uuid(1), PATH])
def test_a_disk_is_removed_by_uuid_or_path_after_an_earlier_call_listed_it(name):
    first = judge([A_DISK], [name], {})
    assert first.remove == ()
    assert first.refusals == (Refusal("orphan_seen_once", f"disk {uuid(1)}"),)
    assert judge([A_DISK], [name], SEEN).remove == (A_DISK,)


def test_another_disk_at_the_path_of_one_that_was_seen_has_not_been_seen():
    """Without a UUID, only the time of its last change tells it from the one before."""
    nameless = Orphan(DISK, None, path="/var/lib/cloudrepo/copy.qcow2", modified="2026-01-31T12:00:00Z")
    seen = {nameless.key: "x"}
    assert judge([nameless], [nameless.name], seen).remove == (nameless,)
    another = replace(nameless, modified="2026-01-31T12:00:01Z")
    verdict = judge([another], [nameless.name], seen)
    assert (verdict.remove, verdict.since) == ((), {})
    assert [refusal.message for refusal in verdict.refusals] == [
        "disk /var/lib/cloudrepo/copy.qcow2: no earlier run has listed it, or it has changed since; an orphan is "
        "removed only if an earlier run has listed it; run cloudrepo.slices.orphans again to remove it"
    ]
    # A running VM writes to its disk, which is removed with its slice.
    used = replace(nameless, slice_id=1005, in_use="cloudrepo-1005@1006.service")
    seen = {each.key: "x" for each in (A_SLICE, used)}
    later = replace(used, modified="2026-01-31T12:00:01Z")
    assert judge([A_SLICE, later], [uuid(5), used.name], seen).remove == (A_SLICE, later)


def test_an_orphan_is_returned_with_all_of_its_details():
    again = Orphan(DISK, 1005, uuid(2), PATH, 1006)
    assert judge([again], [PATH], SEEN).remove == ()
    assert judge([again], [uuid(1)], SEEN).remove == ()


def test_a_slice_is_removed_by_its_id_only_if_it_has_no_uuid():
    assert judge([A_SLICE], ["1005"], SEEN).remove == ()
    nameless = Orphan(SLICE, 1005)
    assert judge([nameless], ["1005"], {nameless.key: "x"}).remove == (nameless,)


def test_a_disk_in_use_is_removed_only_with_its_slice():
    used = Orphan(DISK, 1005, uuid(1), PATH, 1006, in_use="cloudrepo-1005@1006.service")
    alone = judge([A_SLICE, used], [PATH], SEEN)
    assert alone.remove == ()
    assert alone.refusals == (Refusal("orphan_in_use", f"disk {uuid(1)}", {"unit": "cloudrepo-1005@1006.service"}),)
    assert judge([A_SLICE, used], [PATH, uuid(5)], SEEN).remove == (A_SLICE, used)


def test_a_uuid_that_several_orphans_have_removes_none_of_them():
    copy = Orphan(DISK, 1005, uuid(1), "/var/lib/cloudrepo/vms/9006/vm1_img.qcow2", 9006)
    seen = {each.key: "x" for each in (A_DISK, copy)}
    verdict = judge([A_DISK, copy], [uuid(1)], seen)
    assert verdict.remove == ()
    figures = {"count": 2, "found": [PATH, copy.path]}
    assert verdict.refusals == (Refusal("ambiguous_orphan", f"disk {uuid(1)}", figures),) * 2
    assert verdict.refusals[0].message == (
        f"disk {uuid(1)}: 2 orphans have this UUID: {PATH}, {copy.path}; list one by its path"
    )
    assert judge([A_DISK, copy], [PATH], seen).remove == (A_DISK,)


def test_removals_are_reported():
    verdict = judge([A_SLICE, A_DISK], [PATH], SEEN)
    assert [each.change for each in verdict.remove] == [
        Change("disk", uuid(1), "delete", before={"slice_id": 1005, "path": PATH})
    ]
    assert slices(verdict.changes) == {1005}
    assert slices([Orphan(DISK, None, uuid(1), PATH).change]) == {None}
    assert A_SLICE.change.before == {"slice_id": 1005, "holds": ["tap tap_1006_eth0"]}
    assert [(each["name"], each["since"], each["removed"]) for each in verdict.result["orphans"]] == [
        (uuid(5), "2026-01-31T12:00:00Z", False),
        (uuid(1), "2026-01-31T12:00:00Z", True),
    ]


@pytest.mark.parametrize(
    ("slice_id", "uuids", "known"),
    [
        (1000, [uuid(1)], True),
        (1000, [], True),
        (1000, [uuid(1), uuid(2)], True),
        (1000, [uuid(2)], False),
        (1001, [uuid(1)], False),
        (1002, [], True),
        (1002, [uuid(3)], False),
    ],
)
def test_a_slice_is_known_by_id_and_uuid(slice_id, uuids, known):
    database = (KnownSlice(1000, uuid(1)), KnownSlice(1002))
    assert orphans.is_known(slice_id, uuids, database) == known


def test_orphans_are_recorded_until_they_are_removed(tmp_path):
    state_dir = str(tmp_path)
    assert orphans.read(state_dir, orphans.WORKER) == {}
    orphans.note(judge([A_DISK], [], {}), state_dir=state_dir, kind=orphans.WORKER)
    noted = orphans.read(state_dir, orphans.WORKER)
    assert list(noted) == [A_DISK.key]
    assert (tmp_path / "orphans/worker").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "orphans").stat().st_mode & 0o777 == 0o700

    changed = (tmp_path / "orphans/worker").stat().st_mtime_ns
    orphans.note(judge([A_DISK], [], noted), state_dir=state_dir, kind=orphans.WORKER)
    assert (tmp_path / "orphans/worker").stat().st_mtime_ns == changed
    orphans.note(judge([A_DISK], [PATH], noted), state_dir=state_dir, kind=orphans.WORKER)
    assert orphans.read(state_dir, orphans.WORKER) == {}
    assert orphans.read(state_dir, orphans.NETWORK_NODE) == {}


def test_a_damaged_record_of_orphans_counts_as_none(tmp_path):
    (tmp_path / "orphans").mkdir()
    for text in ("{", "[]", ""):
        (tmp_path / "orphans/worker").write_text(text)
        assert orphans.read(str(tmp_path), orphans.WORKER) == {}


def test_slices_with_newer_work_orders_than_the_database_are_superseded(tmp_path):
    where = {"state_dir": str(tmp_path), "kind": orphans.WORKER}
    nameless = replace(A_DISK, slice_id=None)
    others = [replace(A_DISK, slice_id=slice_id) for slice_id in (1004, 1006)]
    found = [A_SLICE, A_DISK, nameless, *others]
    assert orphans.superseded(found, 5000, **where) == {}
    revisions.note([SliceOrder(1005, (), revision=6000), SliceOrder(1006, (), revision=5000)], **where)
    both = (5000, 6000)
    # A disk whose slice is not known may be that of any of them.
    assert orphans.superseded(found, 5000, **where) == {1005: both, None: both}
    assert orphans.superseded([A_DISK, *others], 5000, **where) == {1005: both}
    assert orphans.superseded(found, 6000, **where) == {}
    assert orphans.superseded(found, None, **where) == {}
    assert orphans.superseded(found, 5000, state_dir=str(tmp_path), kind=orphans.NETWORK_NODE).keys() == {None}


LATE = {1005: (5000, 6000)}


def test_objects_of_a_superseded_slice_are_neither_listed_nor_removed_nor_recorded(tmp_path):
    other = Orphan(DISK, 1007, uuid(7), "/vms/1008/vm1_img.qcow2", 1008)
    verdict = judge([A_SLICE, A_DISK, other], [], {A_SLICE.key: "x"}, LATE)
    assert (verdict.found, verdict.remove, verdict.refusals) == ((other,), (), ())
    message = (
        "slice 1005: this host has applied a work order of revision 6000 (1970-01-01T00:00:06.000Z), and the database "
        "was read at revision 5000 (1970-01-01T00:00:05.000Z); objects are compared with a database that is as new as "
        "the host; run cloudrepo.slices.orphans again; if the host still refuses, the database is older than the host, "
        "and cloudrepo.slices.site shows what to do"
    )
    assert verdict.result["warnings"] == [message]
    assert "warnings" not in judge([other], [], {}).result
    orphans.note(verdict, state_dir=str(tmp_path), kind=orphans.WORKER)
    noted = orphans.read(str(tmp_path), orphans.WORKER)
    # What an earlier run has seen stays seen.
    assert (noted.keys(), noted[A_SLICE.key]) == ({A_SLICE.key, other.key}, "x")

    named = judge([A_SLICE, A_DISK, other], [uuid(1), uuid(7)], {**SEEN, other.key: "x"}, LATE)
    assert (named.found, named.remove) == ((A_DISK, other), (other,))
    figures = {"got": "5000 (1970-01-01T00:00:05.000Z)", "applied": "6000 (1970-01-01T00:00:06.000Z)"}
    assert named.refusals == (Refusal("orphan_superseded", f"disk {uuid(1)}", figures),)
    assert [each["removed"] for each in named.result["orphans"]] == [False, True]


def test_a_superseded_disk_without_a_slice_is_told(tmp_path):
    nameless = replace(A_DISK, slice_id=None)
    verdict = judge([nameless], [], {}, {None: (5000, 6000)})
    assert [told.partition(":")[0] for told in verdict.result["warnings"]] == ["an unknown slice"]
    orphans.note(verdict, state_dir=str(tmp_path), kind=orphans.WORKER)
    assert orphans.read(str(tmp_path), orphans.WORKER) == {}


def test_a_verdict_without_an_orphan_says_why():
    verdict = judge([A_SLICE, A_DISK], [uuid(5), uuid(1)], SEEN)
    refusal = Refusal("orphan_open", f"disk {uuid(1)}", {"path": PATH})
    left = verdict.without({A_DISK: refusal})
    assert (left.found, left.remove, left.refusals) == (verdict.found, (A_SLICE,), (refusal,))
    assert refusal.message == (
        f"disk {uuid(1)}: a process on this host has {PATH} open; a disk in use cannot be removed; "
        f"stop the process, which fuser {PATH} shows"
    )
    assert verdict.without({}) == verdict
