# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The entries of the history that a user gets, and topologies that would undo later changes."""

from __future__ import annotations

from typing import Any

import pytest

from ..module_utils._domain import builders
from .module_calls import Door, Memory


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    held = builders.cluster()
    held.users["admin"].quota_vms = 30
    held.extra["revision"] = builders.AHEAD_OF_CLOCKS
    return Door(Memory(held), monkeypatch)


def ok(result: dict[str, Any]) -> dict[str, Any]:
    assert not result.get("failed"), result["msg"]
    return result


def seen(door: Door, **args: Any) -> list[tuple[str, list[str]]]:
    """Return the user of each entry, and the names of the objects that were changed."""
    entries = ok(door("slice_history", **args))["entries"]
    return [(each["user"], [change["name"] for change in each["changes"]]) for each in entries]


@pytest.fixture
def filled(door: Door) -> Door:
    ok(door("slice", name="lab", owner="alice", vms=[{"name": "a", "flavor": "cirros"}], acting_user="alice"))
    ok(door("slice", slices=[{"name": "web"}, {"name": "lab", "owner": "alice"}]))
    ok(door("user", name="bob", password="s3cret"))
    return door


def test_an_admin_gets_all_entries_and_a_tenant_only_the_tenants_own_part(filled: Door) -> None:
    everything = seen(filled, all=True)
    assert [user for user, _names in everything] == ["alice", "admin", "admin"]
    assert everything[2] == ("admin", ["bob"])
    assert "web" in everything[1][1]
    own = seen(filled, all=True, acting_user="alice")
    assert own == [("alice", ["lab", "lab/a"]), ("admin", ["lab/a"])]
    assert seen(filled, names=["web"], acting_user="alice") == []
    assert seen(filled, all=True, acting_user="bob") == []
    refused = filled("slice_history", owner="admin", acting_user="alice")
    assert [each["code"] for each in refused["refusals"]] == ["not_owner_or_admin"]
    assert "s3cret" not in str(filled("slice_history", all=True))


def test_slices_are_selected_by_name_owner_or_id(filled: Door) -> None:
    of_web, of_lab = ("admin", ["web"]), [("alice", ["lab", "lab/a"]), ("admin", ["lab/a"])]
    assert seen(filled) == []
    assert seen(filled, names=["web"]) == [of_web]
    for names in (["lab"], ["alice/lab"], ["1000"]):
        assert seen(filled, names=names) == seen(filled, names=names, acting_user="alice") == of_lab
    assert seen(filled, owner="alice") == of_lab
    assert seen(filled, names=["lab"], owner="admin") == []
    assert seen(filled, all=True, limit=1) == [("admin", ["bob"])]
    assert filled("slice_history", all=True, limit=0)["refusals"][0]["code"] == "out_of_range"


def test_entries_of_a_deleted_slice_are_found_by_its_last_name(filled: Door) -> None:
    ok(filled("slice", name="lab", new_name="old", owner="alice", state="present", append=True))
    ok(filled("slice", name="old", owner="alice", state="absent"))
    assert filled.data()["slices"].keys() == {"1002"}
    found = seen(filled, names=["old"], acting_user="alice")
    assert [user for user, _names in found] == ["alice", "admin", "admin", "admin"]


def test_a_new_user_does_not_get_entries_of_a_deleted_user_of_the_same_name(door: Door) -> None:
    ok(door("user", name="carol"))
    ok(door("slice", name="lab", owner="carol"))
    ok(door("slice", name="lab", owner="carol", state="absent"))
    assert len(seen(door, all=True, acting_user="carol")) == 2
    ok(door("user", name="carol", state="absent"))
    ok(door("user", name="carol"))
    assert seen(door, all=True, acting_user="carol") == []
    assert len(seen(door, owner="carol")) == 2


def test_the_table_contains_user_origin_and_change(door: Door) -> None:
    assert ok(door("slice_history", all=True))["table"] == "no entries"
    caller = {"proof": "awx", "playbook": "cloudrepo.slices.deploy", "job": "42", "login": "r", "controller": "c"}
    ok(door("slice", name="web", vms=[{"name": f"vm{n}", "flavor": "cirros"} for n in range(22)], caller=caller))
    ok(door("vm", slice="web", name="vm0", power="stopped"))
    lines = ok(door("slice_history", all=True))["table"].splitlines()
    assert lines[0].split() == ["NUMBER", "TIME", "REVISION", "USER", "PROOF", "FROM"]
    assert lines[1].split()[2:] == [
        str(builders.AHEAD_OF_CLOCKS + 1),
        *["admin", "awx", "cloudrepo.slices.deploy,", "job", "42,", "r@c"],
    ]
    assert lines[2:4] == ["  slice web created", "  vm web/vm0 created"]
    assert lines[22] == "  and 3 more"
    assert lines[24] == "  vm web/vm0: power running → stopped"
    assert len(lines) == 25


def topology(*vms: str, **options: Any) -> dict[str, Any]:
    return {"name": "web", "vms": [{"name": name, "flavor": "cirros"} for name in vms], **options}


def revision(door: Door) -> int:
    found: int = ok(door("slice_info", names=["web"]))["slices"][0]["revision"]
    return found


def undone(result: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return the refusals, each with the changes that would be undone."""
    return [(each["code"], each["figures"].get("changes")) for each in result["refusals"]]


def test_the_revision_of_a_slice_depends_only_on_its_topology(door: Door) -> None:
    first = ok(door("slice", **topology("vm1")))["slices"][0]["revision"]
    assert (first, revision(door)) == (builders.AHEAD_OF_CLOCKS + 1,) * 2
    ok(door("slice", name="lab"))
    planned = ok(door("slice_plan", names=["web"]))
    assert planned["changed"]
    vm = {"vm_id": 1001, "state": "running", "pid": "7"}
    reports = [{"host": "w", "target": "10.0.10.1", "vms": [vm]}, {"host": "n", "target": "network_node"}]
    assert ok(door("slice_report", names=["web"], reports=reports))["slices"][0]["revision"] == first
    ok(door("vm", slice="web", name="vm1", power="stopped"))
    assert revision(door) > first
    assert not ok(door("vm", slice="web", name="vm1", power="stopped"))["changed"]


def test_an_older_file_does_not_remove_objects_that_another_user_added(door: Door) -> None:
    base = ok(door("slice", **topology("vm1")))["slices"][0]["revision"]
    ok(door("vm", slice="web", name="vm2", flavor="cirros", acting_user="admin"))
    refused = door("slice", **topology("vm1", based_on=base))
    assert undone(refused) == [("changed_since", ["vm web/vm2 created"])]
    for part in (str(base), str(revision(door)), "admin made revision", "at 20"):
        assert part in refused["msg"]
    # Something else may be changed, and the newer file may remove it.
    ok(door("slice", **topology("vm3", based_on=base, append=True)))
    assert ok(door("slice", **topology("vm1", based_on=revision(door))))["changed"]


def test_an_older_file_is_applied_with_overwrite(door: Door) -> None:
    base = ok(door("slice", **topology("vm1")))["slices"][0]["revision"]
    ok(door("vm", slice="web", name="vm2", flavor="cirros"))
    assert ok(door("slice", **topology("vm1", based_on=base), overwrite=True))["changed"]
    assert not ok(door("slice", **topology("vm1", based_on=base)))["changed"]


@pytest.mark.parametrize(
    ("module", "change", "told"),
    [
        ("vm", {"name": "vm1", "state": "absent"}, "vm web/vm1 delete"),
        ("vm", {"vm_id": 1001, "new_name": "router"}, "vm web/router: name vm1 → router"),
        ("vm", {"name": "vm1", "data_interfaces": 3}, "vm web/vm1: "),
        ("network", {"name": "lan"}, "network web/lan created"),
        ("vlan", {"name": "spare"}, None),
    ],
)
def test_reverted_changes(door: Door, module: str, change: dict[str, Any], told: str | None) -> None:
    base = ok(door("slice", **topology("vm1", "vm2")))["slices"][0]["revision"]
    ok(door(module, slice="web", **change))
    again = door("slice", **topology("vm1", "vm2", based_on=base))
    if told is None:
        assert not again.get("failed"), "a topology does not list reserved VLANs"
        return
    assert [(code, [each.startswith(told) for each in changes]) for code, changes in undone(again)] == [
        ("changed_since", [True])
    ]


def test_a_slice_that_was_deleted_in_the_meantime_is_not_recreated(door: Door) -> None:
    base = ok(door("slice", **topology("vm1")))["slices"][0]["revision"]
    ok(door("slice", name="web", state="absent"))
    assert undone(door("slice", **topology("vm1", based_on=base))) == [("changed_since", ["slice web deleted"])]
    assert ok(door("slice", **topology("vm1", based_on=base), overwrite=True))["changed"]


def test_a_future_revision_is_refused(door: Door) -> None:
    revision = ok(door("slice", **topology("vm1")))["slices"][0]["revision"]
    refused = door("slice", **topology("vm1", based_on=revision + 1))
    assert undone(refused) == [("revision_unknown", None)]


def test_without_a_history_any_later_change_is_refused(door: Door) -> None:
    base = ok(door("slice", **topology("vm1")))["slices"][0]["revision"]
    ok(door("vm", slice="web", name="vm2", flavor="cirros"))
    door.store.entries.clear()  # type: ignore[attr-defined] # of Memory
    assert undone(door("slice", **topology("vm1", based_on=base))) == [("changed_since_unknown", None)]
