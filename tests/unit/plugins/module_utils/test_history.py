# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change, SliceRef, between
from ansible_collections.cloudrepo.slices.plugins.module_utils.history import (
    LEFT_OUT,
    Caller,
    Entry,
    Kept,
    NoHistory,
    noted,
    oldest_time,
)

WEB, LAB = SliceRef(1000, "web", "alice"), SliceRef(1003, "lab", "bob")


def entry(*changes: Change) -> Entry:
    return Entry.of(changes, at="2026-11-26T16:20:00Z", user="admin", caller=Caller("awx", job="42"), revision=7)


def test_an_update_contains_only_differing_attributes() -> None:
    change = between("vm", 1001, {"cores": 1, "ram_gb": 2}, {"cores": 2, "ram_gb": 2}, name="web/vm1", slice=WEB)
    assert noted(change) == {
        "kind": "vm",
        "id": 1001,
        "name": "web/vm1",
        "action": "update",
        "before": {"cores": 1},
        "after": {"cores": 2},
        "slice_id": 1000,
    }


def test_a_created_or_deleted_object_is_complete_except_nulls() -> None:
    assert noted(between("user", "bob", None, {"quota_vms": 3, "role": None}))["after"] == {"quota_vms": 3}
    gone = noted(between("user", "bob", {"quota_vms": 3}, None, reason="left"))
    assert (gone["before"], gone["after"], gone["reason"], gone["slice_id"]) == ({"quota_vms": 3}, None, "left", None)


@pytest.mark.parametrize(
    ("attribute", "is_left_out"),
    [
        ({"password": "s3cret"}, True),
        ({"password_hash": "s3cret"}, True),
        ({"user_data": {"runcmd": "s3cret"}}, True),
        ({"vms": [{"name": "x", "userdata": "s3cret"}]}, True),
        ({"api_token": ["s3cret"]}, True),
        ({"password_set": True}, False),
        ({"vnc_password_version": 2}, False),
    ],
)
def test_secrets_are_left_out(attribute: dict[str, Any], is_left_out: bool) -> None:
    text = json.dumps(noted(between("user", "bob", None, attribute)))
    assert ("s3cret" in text, LEFT_OUT in text) == (False, is_left_out)


def test_an_entry_is_read_back() -> None:
    made = entry(
        between("vm", 1001, None, {"cores": 1}, slice=WEB),
        between("link", 1, {"ends": ("a", "b")}, None, slice=WEB),
        between("user", "bob", None, {}),
        between("vm", 1004, None, {"cores": 1}, slice=LAB),
    )
    assert Entry.from_dict(json.loads(json.dumps(made.to_dict()))).to_dict() == made.to_dict()
    assert made.slices == (WEB, LAB)
    assert (made.to_dict()["proof"], made.to_dict()["job"]) == ("awx", "42")


def test_a_partial_entry_contains_nothing_of_other_slices() -> None:
    changes = [between("vm", 1001, None, {}, slice=WEB), between("vm", 1004, None, {}, slice=LAB)]
    part = entry(*changes, between("user", "bob", None, {})).only([1003])
    assert ([each["id"] for each in part.changes], part.slices) == ([1004], (LAB,))


def test_a_missing_caller_has_no_proof() -> None:
    assert Caller.from_dict(None) == Caller() == Caller(proof="none")


def test_an_unstored_cluster_has_no_history() -> None:
    assert list(NoHistory().newest_first()) == []


def test_entries_older_than_the_limit_are_not_kept() -> None:
    assert oldest_time(Kept(days=2)) < oldest_time(Kept(days=1)) < oldest_time(Kept(days=0))


def test_a_year_and_a_thousand_entries_are_kept_by_default() -> None:
    assert Kept() == Kept(entries=1000, days=365)
    assert Entry.of([], at="", user="", caller=Caller(), revision=None).number == 0


@pytest.mark.parametrize("value", [True, 2, 0.5, None])
def test_numbers_and_flags_are_not_escaped(value: Any) -> None:
    told = noted(between("vm", 1001, None, {"outer": {"value": value, "list": [value]}}))["after"]
    assert told == {"outer": {"value": value, "list": [value]}}
    assert type(told["outer"]["value"]) is type(value)
