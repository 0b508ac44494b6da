# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The reports of hosts that have applied their work orders."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.filter.reports import (
    has_news,
    host_reports,
    image_notes,
    orphan_notes,
    report_failures,
    restart_notes,
)


def vms(*running: int) -> dict[str, Any]:
    return {"vms": [{"vm_id": vm_id, "name": "x", "state": "running", "pid": "7"} for vm_id in running]}


def orders(*addresses: str, **fields: Any) -> dict[str, Any]:
    """Return the work orders of workers, each with a slice that has these fields."""
    return {address: {"slices": [{"slice_id": 1000, "vms": [], **fields}]} for address in addresses}


SEEN = {"vm_id": 1001, "state": "running", "name": "x", "slice_id": None, "pid": "7", "failure": None}


MOMENT = "8a1c52f0-9d3e-4b7a-8f21-0c6d5e4b3a29 86400.250000"
ANSWER = {"slice_id": 1000, "receipt": "0123456789abcdef" * 2}


def test_reports_of_successful_failed_and_unreachable_hosts() -> None:
    hostvars = {
        "w1": {
            "ansible_host": "10.0.10.1",
            "apply_work_order_result": {**vms(1001), "answers": [ANSWER], "moment": MOMENT},
        },
        "w2": {
            "ansible_host": "10.0.10.2",
            "apply_work_orders_worker_failure": "disk full",
            "apply_work_order_result": vms(),
        },
        "w3": {"ansible_host": "10.0.10.3"},
        "w4": {"ansible_host": "10.0.10.4"},
        "n": {"ansible_host": "10.0.10.9", "network_node_result": {"changed": False, "answers": [ANSWER]}},
    }
    groups = {"workers": ["w1", "w2", "w3", "w4"], "network_node": ["n"]}
    order = {"slices": [{"slice_id": 1000, "revision": 7}]}
    reports = host_reports(hostvars, groups, orders("10.0.10.1", "10.0.10.2", "10.0.10.3"), network_node=order)
    assert {report.pop("revision") for report in reports} == {7}
    assert [report.pop("moment") for report in reports] == [MOMENT, None, None, None, None]
    assert reports == [
        {
            "host": "w1",
            "target": "10.0.10.1",
            "failure": None,
            "refused": [],
            "vms": [SEEN],
            "answers": [ANSWER],
        },
        {"host": "w2", "target": "10.0.10.2", "failure": "disk full", "refused": [], "vms": [], "answers": []},
        {
            "host": "w3",
            "target": "10.0.10.3",
            "failure": "the host did not respond, or was not part of the run",
            "refused": [],
            "vms": [],
            "answers": [],
        },
        {
            "host": "w4",
            "target": "10.0.10.4",
            "failure": (
                "worker 10.0.10.4 is not registered; run cloudrepo.slices.site, which registers the workers of the "
                "inventory"
            ),
            "refused": [],
            "vms": [],
            "answers": [],
        },
        {"host": "n", "target": "network_node", "failure": None, "refused": [], "vms": [], "answers": [ANSWER]},
    ]


@pytest.mark.parametrize("failure", [None, "VM 1004 (a): it ended"])
def test_refused_slices_are_separate_from_failures(failure: str | None) -> None:
    refused = {"slice_id": 1000, "failure": "slice 1000: this work order is from …", "another": False, "begun": True}
    late = {"failed": True, "msg": "all of it", "refused": [refused], "failure": failure, "vms": [SEEN]}
    hostvars = {
        "w1": {
            "ansible_host": "10.0.10.1",
            "apply_work_order_result": late,
            "apply_work_orders_worker_failure": late["msg"],
        },
        "n": {"network_node_result": {**late, "vms": None}, "apply_work_orders_network_node_failure": late["msg"]},
    }
    reports = host_reports(hostvars, {"workers": ["w1"], "network_node": ["n"]}, orders("10.0.10.1"))
    assert [(each["failure"], each["refused"], each["vms"]) for each in reports] == [
        (failure, [refused], [SEEN]),
        (failure, [refused], []),
    ]
    assert has_news(reports, [SEEN])


def test_each_failure_is_one_sentence() -> None:
    another = {"slice_id": 1000, "failure": "slice 1000: this host holds another slice", "another": True}
    reports = [
        {"host": "w1", "target": "10.0.10.1", "failure": None, "refused": [another]},
        {"host": "w2", "target": "10.0.10.2", "failure": "disk full"},
        {"host": "n", "target": "network_node", "refused": [{**another, "another": False, "failure": "late"}]},
    ]
    told = ["w1: slice 1000: this host holds another slice", "w2: disk full", "n: late"]
    assert report_failures(reports) == told
    assert report_failures(reports, [1000]) == told[1:]
    assert report_failures(reports, [1003]) == told


def test_errors_of_vms_are_reported_if_their_host_did_not_fail() -> None:
    vm = {"vm_id": 1001, "state": "error", "failure": "VM 1001 (vm1): its disk is missing"}
    report = {"host": "w1", "target": "10.0.10.1", "failure": None, "vms": [vm, SEEN]}
    assert report_failures([report]) == ["w1: VM 1001 (vm1): its disk is missing"]
    assert report_failures([{**report, "failure": vm["failure"]}]) == ["w1: VM 1001 (vm1): its disk is missing"]


def test_a_host_with_both_roles_reports_the_role_that_failed() -> None:
    hostvars = {
        "a": {
            "ansible_host": "10.0.10.1",
            "apply_work_orders_network_node_failure": "no route",
            "apply_work_order_result": vms(1001),
        }
    }
    reports = host_reports(hostvars, {"workers": ["a"], "network_node": ["a"]}, orders("10.0.10.1"))
    assert [(report["target"], report["failure"]) for report in reports] == [
        ("10.0.10.1", None),
        ("network_node", "no route"),
    ]


def test_an_unreachable_host_is_a_failure() -> None:
    lost = {"unreachable": True, "changed": False, "msg": "Failed to connect to the host via ssh"}
    hostvars = {
        "w1": {"ansible_host": "10.0.10.1", "apply_work_order_result": lost},
        "w2": {"ansible_host": "10.0.10.2", "apply_work_order_result": {"failed": True, "msg": "no space left"}},
        "n": {"network_node_result": lost},
    }
    groups = {"workers": ["w1", "w2"], "network_node": ["n"]}
    failures = [one["failure"] for one in host_reports(hostvars, groups, orders("10.0.10.1", "10.0.10.2"))]
    unanswered = "the host did not respond, or was not part of the run"
    assert failures == [unanswered, "no space left", unanswered]


def test_reports_are_news_when_they_differ_from_what_is_recorded() -> None:
    vm = {"vm_id": 1001, "state": "running", "pid": "7"}
    reports: list[dict[str, Any]] = [{"host": "w1", "target": "10.0.10.1", "failure": None, "refused": [], "vms": [vm]}]
    assert not has_news(reports, [dict(vm)])
    assert has_news(reports, None)
    assert has_news(reports, [{**vm, "pid": "8"}])
    assert has_news(reports, [])
    assert has_news([{**reports[0], "vms": []}], [vm])
    assert has_news([{**reports[0], "failure": "the host did not answer"}], [vm])


def test_vms_that_need_a_restart_are_listed() -> None:
    old = {"vm_id": 1001, "name": "vm1", "reasons": ["cores 1 → 2", "ram_mib 512 → 1024"]}
    hostvars = {
        "w1": {"apply_work_order_result": {"restart_required": [old]}},
        "w2": {"apply_work_order_result": {}},
        "w3": {},
    }
    assert restart_notes(hostvars, {"workers": ["w1", "w2", "w3"]}) == [
        "VM vm1 (1001) needs a restart (apply_work_order_restart=true) for: cores 1 → 2, ram_mib 512 → 1024"
    ]


def test_orphaned_overlays_are_listed_with_their_host() -> None:
    orphan = {"path": "/var/lib/cloudrepo/vms/1003/vm3_img.qcow2", "uuid": None, "vm_id": 1003, "slice_id": 1000}
    hostvars: dict[str, Any] = {"w1": {"apply_work_order_result": {"orphans": [orphan]}}, "w2": {}}
    assert orphan_notes(hostvars, {"workers": ["w1", "w2"]}) == [
        "w1: overlay /var/lib/cloudrepo/vms/1003/vm3_img.qcow2 of VM 1003 in slice 1000 is an orphan: no VM has it, "
        "and it was not given up; it is kept"
    ]


@pytest.mark.parametrize("needs", [{"reservations": [{"vm_name": "vm1"}]}, {"networks": [{"vlan_id": 100}]}])
def test_a_missing_network_node_is_a_failure_of_slices_that_need_it(needs: dict[str, Any]) -> None:
    services = [{"slice_id": 1000, "trunk": [{"vlan_id": 101}]}, {"slice_id": 1001, **needs}]
    [report] = host_reports({}, {"workers": []}, {}, network_node={"slices": services})
    [failure] = report_failures([report])
    assert "the group network_node of the inventory has no host" in failure
    assert "run cloudrepo.slices.site" in failure
    assert host_reports({}, {"workers": []}, {}, network_node={"slices": services[:1]}) == []


def test_a_known_network_node_that_is_missing_is_a_failure_of_slices_that_give_something_up() -> None:
    """Otherwise a delete would free what the network node still serves."""
    deleting = {"slice_id": 1000, "revision": 7, "receipt": ANSWER["receipt"]}
    order = {"slices": [deleting], "machine_mark": "1" * 64}
    [report] = host_reports({}, {"workers": []}, {}, network_node=order)
    assert (report["target"], report["revision"]) == ("network_node", 7)
    assert report_failures([report]) == [
        "network_node: the group network_node of the inventory has no host, but the network node of the database may "
        "still serve what slices give up; add it to the group again and repeat the run; if it is gone for good or was "
        "retired, run cloudrepo.slices.site with -e network_node_lost=true first"
    ]
    assert host_reports({}, {"workers": []}, {}, network_node={**order, "machine_mark": None}) == []
    assert host_reports({}, {"workers": []}, {}, network_node={**order, "slices": [{"slice_id": 1003}]}) == []
    [report] = host_reports({"n": {}}, {"network_node": ["n"]}, {}, network_node=order)
    assert report_failures([report]) == ["n: the host did not respond, or was not part of the run"]


def test_workers_without_all_base_images_are_listed_with_the_reasons() -> None:
    hostvars = {"w1": {"apply_work_order_images_failure": "base image /a: full\nbase image /b: gone"}, "w2": {}}
    assert image_notes(hostvars, {"workers": ["w1", "w2"]}) == ["w1: base image /a: full\nbase image /b: gone"]
    assert image_notes(hostvars, {}) == []


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ({"vms": [{"vm_id": 1001, "state": "up"}]}, "VM 1001: state must be one of running, stopped, paused, error"),
        ({"vms": 7}, "vms must be a list, got 7"),
        ({**vms(1001), "moment": "noon"}, "moment must be the id of a boot"),
        ({"refused": [{"slice_id": 0, "failure": "x"}], "failure": None}, "slice 0: slice_id must be 1-9999999"),
        ({**vms(1001), "answers": [{"slice_id": 1000, "receipt": "x"}]}, "slice 1000: receipt must be 32"),
    ],
)
def test_a_malformed_report_is_a_failure_of_its_host_alone(result: dict[str, Any], told: str) -> None:
    hostvars = {
        "w1": {"ansible_host": "10.0.10.1", "apply_work_order_result": result},
        "w2": {"ansible_host": "10.0.10.2", "apply_work_order_result": vms(1002)},
    }
    bad, good = host_reports(hostvars, {"workers": ["w1", "w2"]}, orders("10.0.10.1", "10.0.10.2"))
    assert (good["failure"], good["vms"]) == (None, [{**SEEN, "vm_id": 1002}])
    assert bad["failure"].startswith("its report is malformed: host w1")
    assert told in bad["failure"]
    assert (bad["vms"], bad["refused"], bad["answers"], bad["moment"]) == ([], [], [], None)


@pytest.mark.parametrize(
    ("fields", "held"),
    [
        ({"vms": [{"vm_id": 1001}]}, "1 VM"),
        ({"vms": [{"vm_id": 1001}, {"vm_id": 1002}]}, "2 VMs"),
        ({"given_up": [{"path": "/d"}]}, "1 disk to delete"),
        ({"vms": [{"vm_id": 1001}], "given_up": [{"path": "/d"}] * 2}, "1 VM and 2 disks to delete"),
    ],
)
def test_a_worker_with_vms_that_is_not_in_the_inventory_has_failed(fields: dict[str, Any], held: str) -> None:
    hostvars = {"w1": {"ansible_host": "10.0.10.1", "apply_work_order_result": vms()}}
    wanted = {**orders("10.0.10.1"), **orders("10.0.10.2", **fields), **orders("10.0.10.3")}
    reports = host_reports(hostvars, {"workers": ["w1"]}, wanted)
    assert [(each["host"], each["target"]) for each in reports] == [("w1", "10.0.10.1"), ("10.0.10.2",) * 2]
    assert report_failures(reports) == [
        f"10.0.10.2: worker 10.0.10.2 has {held} and is not in the inventory; add it to the group workers, or "
        "declare it lost if the machine is gone for good (cloudrepo.slices.worker with state=lost)"
    ]
    assert has_news(reports, [])
