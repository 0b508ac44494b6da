# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The faults themselves, as far as they need no lab."""

from __future__ import annotations

import re

import pytest

from ansible_collections.cloudrepo.slices.faults.kinds import FAULTS, databases, interruptions
from ansible_collections.cloudrepo.slices.faults.proof import Turn
from ansible_collections.cloudrepo.slices.faults.topologies import LARGE, PEOPLE, SMALL, pair

OLD = {"uuid": "u1", "name": "web", "owner": "alice", "status": "running"}


def test_faults_are_known_by_their_names() -> None:
    names = [fault.name for fault in FAULTS]
    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch(r"[a-z0-9-]+", name)] == []


def test_an_interrupted_deploy_alternates_between_two_topologies() -> None:
    wanted = [interruptions.wanted(Turn(number, 4)) for number in range(4)]
    assert wanted == [LARGE, SMALL, LARGE, SMALL]


@pytest.mark.parametrize(
    ("after", "told"),
    [
        ([OLD], []),
        ([{**OLD, "status": "error"}], []),  # not one of the fields
        ([{**OLD, "owner": "bob"}], ["web: owner alice → bob"]),
        ([], ["web is gone"]),
        ([OLD, {**OLD, "uuid": "u2", "name": "new"}], ["new was not there"]),
    ],
)
def test_a_rebuilt_database_is_compared_by_uuid(after: list[dict[str, str]], told: list[str]) -> None:
    assert databases.differences([OLD], after, ("owner",)) == told


def test_slices_have_vms_on_both_workers() -> None:
    for topology in (SMALL, LARGE, *(pair(number) for number in range(1, 21))):
        assert len({vm["worker"] for vm in topology["vms"]}) == 2
    assert PEOPLE["vms"][0]["flavor"] == "guest"


def test_numbered_slices_differ() -> None:
    slices = [pair(number) for number in range(1, 21)]
    assert len({one["name"] for one in slices}) == 20
    assert {one["owner"] for one in slices} == {"alice", "bob"}
    assert {one["vms"][1].get("power", "running") for one in slices} == {"running", "stopped"}
