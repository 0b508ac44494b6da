# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import history
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import SliceRef, between
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.history import Caller, Entry

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
