# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The outcome of each slice of a run."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.filter.outcomes import (
    deletion_notes,
    failure_lines,
    outcome_table,
    workflow_artifacts,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.slice_changes import changes
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Slice

from ..module_utils._domain.builders import cluster, put, topology, vm
from ..module_utils._module.test_orders import plan

GROUPS = {"workers": ["w1", "w2"], "network_node": ["n"]}
UNPLANNED = {"slice_id": None, "slice": "bob/shop", "failure": "slice shop: quota\nslice shop: pool"}


def planned(names: tuple[str, ...] = ("web", "lab"), *, again: bool = True, state: str = "present") -> dict[str, Any]:
    """Return a plan for web (1000, with VM 1001 on w1 and 1002 on w2) and lab (1003, VM 1004 on w1 and VLAN 160)."""
    held = cluster()
    put(held, topology())
    net = {"name": "lan", "members": ["a"], "gateway": True}
    put(held, topology("lab", owner="alice", vms=[vm("a")], links=[], networks=[net]))
    if again:
        plan(held, all=True)
    found: dict[str, Any] = plan(held, names=list(names), state=state).result
    return found


def hosts(**results: dict[str, Any]) -> dict[str, Any]:
    """Return the variables of hosts, whose results have no changes unless they are given."""
    given = {"w1": {}, "w2": {}, "n": {}, **results}
    return {
        "w1": {"ansible_host": "10.0.10.1", "apply_work_order_result": {"changes": [], "vms": [], **given["w1"]}},
        "w2": {"ansible_host": "10.0.10.2", "apply_work_order_result": {"changes": [], "vms": [], **given["w2"]}},
        "n": {"network_node_result": {"changes": [], **given["n"]}},
    }


def outcomes(plan: dict[str, Any], hostvars: dict[str, Any], **options: Any) -> list[list[str]]:
    """Return the cells of the table, without its head."""
    _head, *lines = outcome_table(plan, hostvars, GROUPS, **options).splitlines()
    return [line.split(maxsplit=3) for line in lines]


def test_one_slice_needs_no_table_unless_it_was_refused() -> None:
    assert outcome_table(planned(("web",)), hosts(), GROUPS) == ""
    nothing = {**planned(("web",)), "slice_ids": [], "refused": [UNPLANNED]}
    assert outcomes(nothing, hosts()) == [["bob/shop", "-", "refused", "slice shop: quota (and 1 more)"]]


def test_the_outcome_of_each_slice() -> None:
    assert outcomes(planned(), hosts()) == [["admin/web", "1000", "unchanged"], ["alice/lab", "1003", "unchanged"]]
    new = planned(again=False)
    assert [cells[2] for cells in outcomes(new, hosts())] == ["deployed", "deployed"]
    assert [" ".join(cells[2:]) for cells in outcomes(new, hosts(), check_mode=True)] == ["to be deployed"] * 2
    mixed = {**planned(("web",)), "refused": [UNPLANNED]}
    assert [cells[2] for cells in outcomes(mixed, hosts())] == ["unchanged", "refused"]


@pytest.mark.parametrize("host", ["w1", "w2", "n"])
@pytest.mark.parametrize(("slice_id", "changed"), [(1000, ["web"]), (1003, ["lab"]), (None, []), (1007, [])])
def test_a_slice_is_deployed_if_a_host_changed_an_object_of_it(
    host: str, slice_id: int | None, changed: list[str]
) -> None:
    # The names of objects say nothing: these are those of another slice.
    named = [{"kind": "tap", "id": f"tap_{vm_id}_eth1", "slice_id": slice_id} for vm_id in (1001, 1004)]
    told = outcomes(planned(), hosts(**{host: {"changes": named}}))
    assert [cells[0].partition("/")[2] for cells in told if cells[2] == "deployed"] == changed


def test_slices_that_were_refused_or_failed_on_a_host_have_the_reason() -> None:
    refused = {"slice_id": 1003, "failure": "slice 1003: late", "another": False}
    failed = {"vm_id": 1001, "name": "vm1", "state": "error", "slice_id": 1000, "failure": "VM vm1: it ended"}
    told = outcomes(planned(), hosts(w1={"refused": [refused], "failure": None, "vms": [failed]}))
    assert told == [
        ["admin/web", "1000", "failed", "w1: VM vm1: it ended"],
        ["alice/lab", "1003", "refused", "w1: slice 1003: late"],
    ]


def test_a_slice_that_a_host_could_not_apply_has_failed_alone() -> None:
    begun = {"slice_id": 1000, "failure": "slice 1000: unit slices-names@1000.service did not start", "begun": True}
    told = outcomes(planned(), hosts(n={"refused": [begun], "failure": None}))
    assert told == [["admin/web", "1000", "failed", f"n: {begun['failure']}"], ["alice/lab", "1003", "unchanged"]]


def test_a_failed_host_affects_only_the_slices_on_it() -> None:
    told = outcomes(planned(), hosts(w2={"failed": True, "msg": "no space"}))
    assert told == [["admin/web", "1000", "failed", "w2: no space"], ["alice/lab", "1003", "unchanged"]]
    told = outcomes(planned(), hosts(n={"failed": True, "msg": "no nft"}))
    assert told[1] == ["alice/lab", "1003", "failed", "n: no nft"]


def test_vms_that_no_host_reports_are_a_failure() -> None:
    vms = [{"name": name, "vm_id": 1004, "worker_ip": "10.0.10.9", "status": name} for name in ("running", "error")]
    told = outcomes(planned(), hosts(), recorded=[{"slice_id": 1003, "vms": vms}, {"slice_id": 1000, "vms": vms[:1]}])
    assert told == [
        ["admin/web", "1000", "unchanged"],
        ["alice/lab", "1003", "failed", "VM error (1004) on worker 10.0.10.9 has the state error"],
    ]


@pytest.mark.parametrize("check_mode", [False, True])
def test_the_slices_of_a_worker_that_is_not_in_the_inventory_have_failed(check_mode: bool) -> None:
    told = outcome_table(planned(), hosts(), {**GROUPS, "workers": ["w1"]}, check_mode=check_mode).splitlines()
    assert "failed" in told[1]
    assert "10.0.10.2: worker 10.0.10.2 has 1 VM and is not in the inventory" in told[1]
    assert "unchanged" in told[2]


def test_deleted_slices_are_deleting_as_long_as_they_exist() -> None:
    gone = planned(state="absent")
    told = outcomes(gone, hosts(), recorded=[{"slice_id": 1003, "vms": []}])
    assert [cells[2] for cells in told] == ["deleted", "deleting"]
    assert [cells[2] for cells in outcomes(gone, hosts())] == ["deleting", "deleting"]
    assert [" ".join(cells[2:]) for cells in outcomes(gone, hosts(), check_mode=True)] == ["to be deleted"] * 2
    another = {"slice_id": 1003, "failure": "slice 1003: another", "another": True}
    told = outcomes(gone, hosts(w1={"refused": [another], "failure": None}), recorded=[])
    assert [cells[2] for cells in told] == ["deleted", "deleted"]


def test_a_deletion_that_an_earlier_run_has_begun_is_reported() -> None:
    plan = {**planned(("web",), state="absent")}
    assert outcome_table(plan, hosts(), GROUPS, recorded=()) == ""
    continued = {**plan, "changes": [], "changed_slices": []}
    assert [cells[2] for cells in outcomes(continued, hosts(), recorded=())] == ["deleted"]


def test_a_slice_that_another_run_has_deleted_is_neither_deployed_nor_unchanged() -> None:
    rows = outcomes(planned(), hosts(), recorded=[{"slice_id": 1003, "vms": []}])
    assert [" ".join(cells[2:]) for cells in rows] == ["deleted by another run", "unchanged"]


def test_failures_have_at_most_twenty_lines() -> None:
    assert failure_lines([]) == ""
    assert failure_lines(["a\nb", "c"]) == "a\nb\nc"
    lines = failure_lines(["\n".join("abc")] * 7).splitlines()
    assert (len(lines), lines[-1]) == (21, "… and 1 more")


def test_deleted_slices_are_listed() -> None:
    lines = deletion_notes(planned(("lab",), state="absent"))
    assert lines == ["Deleted: slice lab (1003)", "Deleted: VM lab/a (1004)", "Deleted: network lab/lan (160)"]
    assert deletion_notes(planned(("lab",))) == []
    made = [{"kind": "vm", "name": f"web/vm{n}", "id": n, "action": "delete"} for n in range(22)]
    told = deletion_notes({"changes": [*made, {**made[0], "action": "create"}]}, check_mode=True)
    assert (told[0], told[20:]) == ("To be deleted: VM web/vm0 (0)", ["… and 2 more"])


def test_lost_data_disks_are_listed() -> None:
    held = cluster()
    disks = [{"name": "db", "size_gb": 5.0}, {"name": "log", "size_gb": 1.0}]
    put(held, topology(vms=[vm("vm1", data_disks=disks), vm("vm2", data_disks=disks[:1])], links=[]))
    plan(held, all=True)
    before = Slice.from_dict(held.slices[1000].to_dict())
    grown = [{"name": "log", "size_gb": 2.0}]
    after = put(held, topology(vms=[vm("vm1", data_disks=grown)], links=[]))
    told = [change.to_dict() for change in changes(before, after)]
    assert deletion_notes({"changes": told}, check_mode=True) == [
        "To be deleted: VM web/vm2 (1002)",
        "To be deleted: data disk db 5 GiB of VM web/vm1 (1001)",
        "To be deleted: data disk db 5 GiB of VM web/vm2 (1002)",
    ]


def test_the_next_job_of_a_workflow_gets_outcomes_and_a_selection() -> None:
    plan = planned(again=False)
    revision = plan["work_orders"]["network_node"]["slices"][0]["revision"]
    found = workflow_artifacts({**plan, "refused": [UNPLANNED]}, hosts(), GROUPS)
    assert found["slice_name"] == [1000, 1003]
    result = found["slices_result"]
    assert result["changes"] == len(plan["changes"]) > 0
    assert result["slices"][0] == {"id": 1000, "name": "admin/web", "result": "deployed", "revision": revision}
    assert result["slices"][2] == {"id": None, "name": "bob/shop", "result": "refused", "revision": None}


def test_the_next_job_does_not_select_slices_that_are_not_there() -> None:
    checked = workflow_artifacts(planned(again=False), hosts(), GROUPS, check_mode=True)
    assert [each["result"] for each in checked["slices_result"]["slices"]] == ["to be deployed"] * 2
    assert "slice_name" not in checked
    deleted = workflow_artifacts(planned(("web",), state="absent"), hosts(), GROUPS, recorded=[])
    assert [each["result"] for each in deleted["slices_result"]["slices"]] == ["deleted"]
    assert "slice_name" not in deleted
