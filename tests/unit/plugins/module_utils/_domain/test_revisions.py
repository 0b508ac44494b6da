# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.revisions import problems, sentence
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change, SliceRef, between
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.module_utils.history import Caller, Entry, noted

from .builders import cluster, put, topology

WEB = SliceRef(1000, "web", "admin")
OWNER = "9f1c2e64-6c0b-4c55-9d56-0a4f5d0a7b21"


class Entries:
    """A history."""

    def __init__(self, *entries: Entry) -> None:
        self.entries = entries

    def newest_first(self) -> Iterator[Entry]:
        return reversed(self.entries)


def entry(revision: int, *changes: Change) -> Entry:
    return Entry.of(changes, at="2026-11-26T16:20:00Z", user="bob", caller=Caller(), revision=revision)


def vm(before: dict[str, Any] | None, after: dict[str, Any] | None, vm_id: int = 1001, name: str = "web/vm1") -> Change:
    return between("vm", vm_id, before, after, name=name, slice=WEB)


def held(*entries: Entry, revision: int = 9) -> Cluster:
    made = cluster()
    made.users["admin"].extra["uuid"] = OWNER
    put(made, topology()).extra["revision"] = revision
    made.extra["revision"] = revision
    made.history = Entries(*entries)
    return made


def found(made: Cluster, changes: Sequence[Change], based_on: int = 5) -> list[Refusal]:
    return list(problems(made, ("admin", "web"), based_on, made.slices[1000], changes))


OLD = entry(5, vm(None, {"cores": 1}))
CORES = vm({"cores": 1}, {"cores": 2})


@pytest.mark.parametrize(
    ("theirs", "mine", "is_undone"),
    [
        (CORES, vm({"cores": 2}, {"cores": 1}), True),
        (CORES, vm({"ram_gb": 2}, {"ram_gb": 1}), False),
        (CORES, vm({"cores": 2}, None), True),
        (vm(None, {"cores": 1}), CORES, True),
        (CORES, vm({"cores": 2}, None, 1002, "web/vm2"), False),
        (vm(None, {"cores": 1}), vm({"cores": 1}, None), True),
        (vm({"cores": 1}, None), vm(None, {"cores": 1}, 1009), True),
        (vm({"cores": 1}, None), vm(None, {"cores": 1}, 1009, "web/vm9"), False),
        (vm({"status": "design"}, {"status": "running"}), vm({"cores": 1}, None), False),
        (CORES, vm({"status": "running"}, {"status": "design"}), False),
        (vm({"interfaces": ["eth1 a"]}, {"interfaces": ["eth1 b"]}), vm({"interfaces": ["eth1 b"]}, {}), True),
        (vm({"interfaces": ["eth1 a"]}, {"interfaces": []}), vm({"interfaces": []}, {"interfaces": ["eth2 a"]}), False),
    ],
)
def test_the_same_attribute_of_the_same_object(theirs: Change, mine: Change, is_undone: bool) -> None:
    refusals = found(held(OLD, entry(9, theirs)), [mine])
    assert [each.code for each in refusals] == (["changed_since"] if is_undone else [])
    assert all(each.message for each in refusals)


def test_later_changes_are_listed_oldest_first_without_those_of_other_slices() -> None:
    other = between("vm", 1001, {"cores": 3}, {"cores": 4}, name="lab/vm1", slice=SliceRef(1003, "lab", "alice"))
    made = held(OLD, entry(7, CORES), entry(8, other), entry(9, CORES, other))
    figures = {"got": 5, "user": "bob", "at": "2026-11-26T16:20:00Z", "changes": ["vm web/vm1: cores 1 → 2"]}
    assert found(made, [CORES]) == [Refusal("changed_since", "slice web", {**figures, "revision": n}) for n in (7, 9)]


@pytest.mark.parametrize(("based_on", "codes"), [(9, []), (10, ["revision_unknown"]), (4, ["changed_since_unknown"])])
def test_revisions(based_on: int, codes: list[str]) -> None:
    assert [each.code for each in found(held(), [CORES], based_on)] == codes


def test_a_slice_without_a_revision_was_not_changed() -> None:
    made = held(OLD, entry(9, CORES))
    del made.slices[1000].extra["revision"]
    assert found(made, [CORES]) == []


def test_changes_as_phrases() -> None:
    assert [sentence(noted(each)) for each in (vm(None, {}), vm({}, None), CORES)] == [
        "vm web/vm1 created",
        "vm web/vm1 deleted",
        "vm web/vm1: cores 1 → 2",
    ]
    assert sentence(noted(Change("worker", "10.0.10.2", "renumber", {"ip": "a"}, {"ip": "b"}))) == (
        "worker 10.0.10.2 renumber"
    )
    password = between("user", "bob", {}, {}, reason="password changed")
    assert sentence(noted(password)) == "user bob: password changed"


def test_a_slice_that_was_deleted_since_is_not_created_again() -> None:
    def deleted(owner_uuid: str | None) -> Change:
        return between("slice", 1000, {"name": "web"}, None, name="web", slice=replace(WEB, owner_uuid=owner_uuid))

    gone, of_earlier, of_unknown = deleted(OWNER), deleted(OWNER.replace("9", "8")), deleted(None)
    other = between("slice", 1000, {"name": "web"}, None, name="web", slice=SliceRef(1000, "web", "alice"))

    def codes(made: Cluster, based_on: int) -> list[str]:
        return [each.code for each in problems(made, ("admin", "web"), based_on, None, [])]

    assert codes(held(OLD, entry(7, gone), entry(8, CORES)), 5) == ["changed_since"]
    assert codes(held(OLD, entry(7, gone), entry(8, CORES)), 7) == []
    assert codes(held(OLD, entry(7, CORES)), 5) == []
    assert codes(held(OLD, entry(7, other)), 5) == []
    # Neither does an earlier user of the name concern the present one.
    assert codes(held(OLD, entry(7, of_earlier), entry(8, of_unknown)), 5) == []
    assert codes(held(OLD, entry(6, gone), entry(7, gone)), 5) == ["changed_since"]


def test_what_changes_nothing_undoes_nothing() -> None:
    assert found(held(OLD, entry(9, CORES)), []) == []
    assert found(held(OLD, entry(9, CORES)), [CORES], 9) == []


def test_an_entry_without_a_revision_is_older_than_any_with_one() -> None:
    old = Entry.of([CORES], at="2026-11-26T16:20:00Z", user="bob", caller=Caller(), revision=None)
    assert found(held(old), [CORES], 0) == []
    assert [each.figures["revision"] for each in found(held(old, entry(9, CORES)), [CORES], 0)] == [9]


def test_a_revision_that_the_database_does_not_have_is_refused_with_its_newest() -> None:
    made = held(revision=9)
    (refusal,) = problems(made, ("admin", "web"), 10, None, [])
    assert (refusal.code, refusal.figures) == ("revision_unknown", {"got": 10, "newest": 9})
    made.extra = {}
    (refusal,) = problems(made, ("admin", "web"), 1, None, [])
    assert refusal.figures == {"got": 1, "newest": "none"}
    assert list(problems(made, ("admin", "web"), 0, None, [])) == []
