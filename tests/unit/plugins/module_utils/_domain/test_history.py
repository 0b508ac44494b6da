# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import history
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change, SliceRef, between
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.history import Caller, Entry
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import User

from .builders import cluster
from .test_revisions import Entries

LAB = SliceRef(1003, "lab", "alice")


def entry(caller: Caller) -> Entry:
    change = between("vm", 1004, None, {"cores": 1}, name="lab/a", slice=LAB)
    return Entry.of([change], at="2026-11-26T16:20:00Z", user="alice", caller=caller, revision=None)


@pytest.mark.parametrize(
    ("caller", "told"),
    [
        (Caller(), "none   -"),
        (Caller("awx", playbook="p", module="slice", job="7", controller="c", login="l"), "awx    p, job 7, l@c"),
        (Caller("awx", module="slice", controller="c"), "awx    slice, c"),
    ],
)
def test_a_line_contains_the_user_and_the_source(caller: Caller, told: str) -> None:
    line = history.table([entry(caller)]).splitlines()[1]
    assert line == f"0       2026-11-26T16:20:00Z  -         alice  {told}"


@pytest.mark.parametrize(("user", "owner"), [("nobody", None), ("alice", "admin"), ("nobody", "nobody")])
def test_entries_beyond_the_permissions_of_a_user_are_refused(user: str, owner: str | None) -> None:
    held = cluster()
    held.history = Entries(entry(Caller()))
    with pytest.raises(Refused):
        history.find(held, [], owner=owner, everything=True, acting_user=user, limit=5)


def test_the_newest_entries_are_returned() -> None:
    held = cluster()
    held.history = Entries(*(entry(Caller(job=str(number))) for number in range(5)))
    for user in ("alice", "admin"):
        found = history.find(held, [], owner=None, everything=True, acting_user=user, limit=2)
        assert [each.caller.job for each in found] == ["3", "4"]


def about(ref: SliceRef, number: int, *changes: Change) -> Entry:
    made = changes or (between("vm", number, None, {}, slice=ref),)
    return Entry.of(made, at="2026-11-26T16:20:00Z", user="admin", caller=Caller(job=str(number)), revision=number)


WEB, SHOP = SliceRef(1000, "web", "alice"), SliceRef(1000, "shop", "alice")
OTHERS = SliceRef(1006, "web", "bob")


def jobs(*entries: Entry, names: tuple[str, ...] = (), acting_user: str = "admin", **choice: Any) -> list[str | None]:
    held = cluster()
    held.history = Entries(*entries)
    values = {"owner": None, "everything": False, "limit": 50, **choice}
    return [each.caller.job for each in history.find(held, names, acting_user=acting_user, **values)]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"names": ("shop",)}, ["1", "2"]),  # also by its former name
        ({"names": ("web",)}, ["1", "3"]),
        ({"names": ("alice/web",)}, ["1"]),
        ({"names": ("1000",)}, ["1", "2"]),
        ({"names": ("web",), "owner": "bob"}, ["3"]),
        ({"owner": "alice"}, ["1", "2"]),
        ({"everything": True}, ["1", "2", "3", "4"]),
        ({"everything": True, "limit": 1}, ["4"]),
        ({}, []),
        ({"names": ("none",)}, []),
        ({"names": ("web",), "acting_user": "alice"}, ["1"]),
        ({"everything": True, "acting_user": "alice"}, ["1", "2"]),
        ({"owner": "alice", "acting_user": "alice"}, ["1", "2"]),
        ({"acting_user": "alice"}, []),
    ],
)
def test_entries_are_found_by_slice_owner_or_all(choice: dict[str, Any], expected: list[str]) -> None:
    user = between("user", "carol", None, {})
    entries = (about(WEB, 1), about(SHOP, 2), about(OTHERS, 3), about(OTHERS, 4, user))
    assert jobs(*entries, **choice) == expected


def test_a_user_does_not_see_what_an_earlier_one_of_the_name_did() -> None:
    """Neither by all, nor by the name or the id, under which the present user has a slice as well."""
    earlier, present = "3b0e7c0e-9f63-4a39-8f0b-0d2c1f5e8a77", "9f1c2e64-6c0b-4c55-9d56-0a4f5d0a7b21"
    refs = (WEB, replace(WEB, owner_uuid=earlier), replace(WEB, owner_uuid=present))
    held = cluster()
    held.history = Entries(*(about(ref, number) for number, ref in enumerate(refs)), about(OTHERS, 3))

    def seen(user: str, uuid: str | None, *names: str, owner: str | None = None) -> list[str | None]:
        held.users["alice"].extra.clear()
        held.users["alice"].extra.update({} if uuid is None else {"uuid": uuid})
        choice: dict[str, Any] = {"owner": owner, "everything": not (names or owner), "limit": 50}
        return [each.caller.job for each in history.find(held, names, acting_user=user, **choice)]

    for uuid, expected in ((present, ["2"]), (earlier, ["1"]), (None, ["0"])):
        for names in ((), ("web",), ("alice/web",), ("1000",)):
            assert seen("alice", uuid, *names) == expected
        assert seen("alice", uuid, owner="alice") == expected
    assert seen("admin", present) == ["0", "1", "2", "3"]
    assert seen("admin", present, "1000") == ["0", "1", "2"]
    assert seen("admin", present, owner="alice") == ["0", "1", "2"]


def test_a_user_who_was_added_again_under_another_name_sees_what_happened_under_the_first() -> None:
    uuid = "9f1c2e64-6c0b-4c55-9d56-0a4f5d0a7b21"
    held = cluster()
    held.users["bob"] = User("bob", "!")
    held.users["bob"].extra["uuid"] = uuid
    held.history = Entries(about(replace(WEB, owner_uuid=uuid), 1), about(OTHERS, 2))
    found = history.find(held, [], owner=None, everything=True, acting_user="bob", limit=5)
    assert [each.caller.job for each in found] == ["1"]


def test_the_first_of_many_changes_are_listed_and_the_others_counted() -> None:
    def lines(count: int) -> list[str]:
        changes = [between("vm", number, None, {}, slice=WEB) for number in range(count)]
        return history.table([about(WEB, 1, *changes)]).splitlines()

    assert len(lines(20)) == 22
    assert (len(lines(21)), lines(21)[-1]) == (23, "  and 1 more")
    assert lines(1021)[-1] == "  and 1,001 more"
    assert history.table([]) == "no entries"
