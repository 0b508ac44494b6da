# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any

from ansible_collections.cloudrepo.slices.plugins.filter.outcomes import outcome_table, workflow_artifacts
from ansible_collections.cloudrepo.slices.plugins.filter.startups import startup_failures, startups_on_host

from .test_outcomes import GROUPS, hosts, planned

FIRST = {"slice_id": 1000, "vm_id": 1001, "name": "web/vm1"}
SECOND = {"slice_id": 1000, "vm_id": 1002, "name": "web/vm2"}
THIRD = {"slice_id": 1003, "vm_id": 1004, "name": "lab/a"}
PLACES = (FIRST, "10.0.10.1"), (SECOND, "10.0.10.2"), (THIRD, "10.0.10.1")
PLAN = {"startups": [{**vm, "worker_ip": worker} for vm, worker in PLACES]}


def running(*vm_ids: int, state: str = "running") -> dict[str, Any]:
    return {"vms": [{"vm_id": vm_id, "state": state, "failure": None} for vm_id in vm_ids]}


def variables(**startups: dict[str, Any]) -> dict[str, Any]:
    """Return the variables of hosts that run all VMs, with variables of their own."""
    found = hosts(w1=running(1001, 1004), w2=running(1002))
    return {name: {**said, **startups.get(name, {})} for name, said in found.items()}


def test_a_worker_gets_the_start_ups_of_the_vms_that_it_runs() -> None:
    found = variables()
    assert startups_on_host(PLAN, found["w1"]) == [FIRST, THIRD]
    assert startups_on_host(PLAN, found["w2"]) == [SECOND]
    assert startups_on_host(PLAN, hosts(w1=running(1001, state="error"))["w1"]) == []
    assert startups_on_host(PLAN, {"ansible_host": "10.0.10.1"}) == []
    assert startups_on_host({}, found["w1"]) == []


def test_in_check_mode_vms_need_not_run() -> None:
    assert startups_on_host(PLAN, {"ansible_host": "10.0.10.1"}, check_mode=True) == [FIRST, THIRD]


def told(**startups: dict[str, Any]) -> list[tuple[int, str]]:
    return [(each["slice_id"], each["failure"]) for each in startup_failures(PLAN, variables(**startups), GROUPS)]


def result(**fields: Any) -> dict[str, Any]:
    return {"apply_work_orders_startups": {"changes": [], "failed_startups": [], "missing_startups": [], **fields}}


def test_failures_of_commands_of_texts_and_of_workers() -> None:
    assert told(w1=result(), w2=result()) == []
    failed = {"vm_id": 1004, "slice_id": 1003, "failure": "VM lab/a (1004): no"}
    assert told(w1=result(failed_startups=[failed])) == [(1003, "w1: VM lab/a (1004): no")]
    assert told(w2=result(missing_startups=[1002])) == [
        (
            1000,
            "VM web/vm2 (1002): the start-up has to run, but the database does not have its files and commands; a "
            "start-up that runs must be in startups; set startup of this VM again",
        )
    ]
    assert told(w1={**result(), "apply_work_orders_startup_failure": "no python"}) == [
        (1000, "w1: start-ups of slice 1000 were not run: no python"),
        (1003, "w1: start-ups of slice 1003 were not run: no python"),
    ]
    assert told(w2={"apply_work_orders_startups": {"unreachable": True}}) == [
        (1000, "w2: start-ups of slice 1000 were not run: the host did not respond")
    ]
    assert startup_failures({"startups": []}, {}, GROUPS) == []


def test_a_slice_has_failed_if_a_start_up_has_and_is_deployed_if_one_has_run() -> None:
    failed = {"vm_id": 1004, "slice_id": 1003, "failure": "VM lab/a (1004): no"}
    ran = {"kind": "startup", "id": 1001, "slice_id": 1000}
    found = variables(w1=result(failed_startups=[failed], changes=[ran]))
    plan = {**planned(), **PLAN}
    lines = outcome_table(plan, found, GROUPS).splitlines()[1:]
    assert [line.split(maxsplit=3)[2:] for line in lines] == [["deployed"], ["failed", "w1: VM lab/a (1004): no"]]
    slices = workflow_artifacts(plan, found, GROUPS)["slices_result"]["slices"]
    assert [each["result"] for each in slices] == ["deployed", "failed"]
