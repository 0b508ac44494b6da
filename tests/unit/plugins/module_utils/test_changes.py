# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import (
    Change,
    SliceRef,
    between,
    diff,
    differences,
    is_changed,
)

TAP = between("tap", "tap_1001_eth0", None, {"state": "up", "group": 1000, "owner": None, "arp": False})
VM = Change(
    "vm",
    1001,
    "restart",
    {"ram_gb": 1.0, "links": {"eth1": "up"}, "interfaces": ("eth0 VLAN 400", "eth1 VLAN 100")},
    {"ram_gb": 0.5, "links": {}, "interfaces": ("eth0 VLAN 400",)},
    reason="ram_gb 1 → 0.5",
    restart=True,
    name="web/vm1",
)


@pytest.mark.parametrize(
    ("before", "after", "action"),
    [(None, {"group": 7}, "create"), ({"group": 7}, {"group": 8}, "update"), ({}, None, "delete")],
)
def test_the_action_depends_on_before_and_after(before, after, action):
    assert between("tap", "tap0", before, after) == Change("tap", "tap0", action, before, after)


def test_a_plan_without_changes_has_an_empty_diff():
    assert not is_changed([])
    assert is_changed([TAP])
    assert diff([]) == {"before": "", "after": ""}


def test_a_diff_has_a_line_per_object_and_per_line_of_a_list():
    assert diff([TAP, VM, between("cgroup", "cloudrepo-1000.slice", {}, None)]) == {
        "before": (
            "vm web/vm1 (1001): ram_gb 1, links eth1=up\n"
            "vm web/vm1 (1001): eth0 VLAN 400\n"
            "vm web/vm1 (1001): eth1 VLAN 100\n"
            "cgroup cloudrepo-1000.slice\n"
        ),
        "after": (
            "tap tap_1001_eth0: state up, group 1000, arp false\n"
            "vm web/vm1 (1001): ram_gb 0.5, links none (ram_gb 1 → 0.5)\n"
            "vm web/vm1 (1001): eth0 VLAN 400\n"
        ),
    }


def test_a_reason_is_shown_once():
    gone = between("vm", 1001, {"state": "running"}, None, reason="not listed")
    assert diff([gone]) == {"before": "vm 1001: state running (not listed)\n", "after": ""}
    lists = between("flows", 1000, {"flows": ["a"]}, {"flows": ["b"]}, reason="drift")
    assert diff([lists]) == {"before": "flows 1000: a\n", "after": "flows 1000 (drift)\nflows 1000: b\n"}


def test_differences_are_listed_by_attribute():
    assert differences({"a": 1, "b": 2, "c": None}, {"a": 1, "b": 3, "c": "x", "d": True}) == (
        "b 2 → 3; c none → x; d none → true"
    )
    assert differences(VM.before or {}, VM.after or {}) == (
        "ram_gb 1 → 0.5; links eth1=up → none; interfaces eth1 VLAN 100 → none"
    )


def test_modules_return_plain_data():
    assert TAP.to_dict() == {
        "kind": "tap",
        "name": "tap_1001_eth0",
        "id": "tap_1001_eth0",
        "slice_id": None,
        "action": "create",
        "before": None,
        "after": {"state": "up", "group": 1000, "owner": None, "arp": False},
        "reason": "",
        "restart": False,
    }
    plain = replace(VM, slice=SliceRef(1000, "web", "alice")).to_dict()
    assert (plain["slice_id"], replace(VM, slice=SliceRef(1003)).to_dict()["slice_id"]) == (1000, 1003)
    assert (plain["name"], plain["id"], plain["restart"]) == ("web/vm1", 1001, True)
    assert json.loads(json.dumps(plain)) == plain


def test_a_long_list_is_shown_as_its_length():
    few, many = [str(number) for number in range(4)], [str(number) for number in range(5)]
    assert differences({"a": []}, {"a": few}) == "a none → 0, 1, 2, 3"
    assert differences({"a": many}, {"a": []}) == "a 5 lines → none"
    assert differences({"a": many}, {"a": [*many, "x"]}) == "a none → x"
    assert differences({"a": {}}, {"a": {"x": 0.50, "y": False}}) == "a none → x=0.5 y=false"


def test_only_an_update_without_a_reason_is_explained_by_its_differences():
    sides = {"create": (None, {"a": 1}), "delete": ({"a": 1}, None), "update": ({"a": 1}, {"a": 2})}
    found = {action: between("vm", 1, *pair) for action, pair in sides.items()}
    assert {action: change.action for action, change in found.items()} == {action: action for action in sides}
    reasons = {action: change.to_dict()["reason"] for action, change in found.items()}
    assert reasons == {"create": "", "delete": "", "update": "a 1 → 2"}
    assert between("vm", 1, {"a": 1}, {"a": 2}, reason="asked").to_dict()["reason"] == "asked"


def test_a_change_needs_no_restart_unless_it_says_so():
    assert (Change("vm", 1, "update").restart, Change("vm", 1, "update").to_dict()["restart"]) == (False, False)
