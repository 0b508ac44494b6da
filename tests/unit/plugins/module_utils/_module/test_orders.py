# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work orders and reports as results: VMs are marked as handed out, and a change increases the revision."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import (
    displays,
    lost_workers,
    slice_changes,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.receipts import receipt
from ansible_collections.cloudrepo.slices.plugins.module_utils._module import orders
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import between
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.lifecycle import Observed
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Slice
from ansible_collections.cloudrepo.slices.plugins.module_utils.report import answers
from ansible_collections.cloudrepo.slices.plugins.module_utils.workers import Worker

from ....fragments import documented, specified
from .._domain.builders import cluster, put, topology, vm


def held() -> Cluster:
    """Return a cluster with slices web (1000) of admin and lab (1003) of alice."""
    made = cluster()
    put(made, topology())
    put(made, topology("lab", owner="alice", vms=[vm("a")], links=[]))
    return made


def params(**changes: Any) -> dict[str, Any]:
    usual = {"names": [], "owner": None, "all": False, "acting_user": "admin", "state_dir": "/s", "state": "present"}
    return {**usual, "recreate_disks": [], "accept_revision": None, "disk_retention_h": 0, **changes}


def plan(made: Cluster, **changes: Any) -> Any:
    return orders.plan(made, params(**changes))


def test_planning_a_slice_is_idempotent() -> None:
    made = held()
    done = plan(made, names=["web"])
    assert done.result["slice_ids"] == [1000]
    assert done.result["vms_to_start"] == [1001, 1002]
    assert done.result["changes"] == [change.to_dict() for change in done.changes]
    assert {change.kind for change in done.changes} >= {"VNC key"}
    assert [each.status for each in made.slices[1000].vms] == ["design"] * 2
    assert [each.status for each in made.slices[1003].vms] == ["pending"]
    assert set(done.result["work_orders"]["workers"]) == {"10.0.10.1", "10.0.10.2"}
    assert [table.count("vm1") for table in done.result["tables"]] == [1]
    revision = made.revision
    again = plan(made, names=["web"])
    assert (again.changes, made.revision) == ([], revision)
    assert again.result["work_orders"] == done.result["work_orders"]


def test_orders_have_the_revision_of_the_plan() -> None:
    made = held()
    before = made.revision or 0
    told = plan(made, all=True).result["work_orders"]
    (revisions,) = {tuple(each["revision"] for each in order["slices"]) for order in told["workers"].values()}
    assert set(revisions) == {made.revision}
    assert (made.revision or 0) > before


@pytest.mark.parametrize(
    ("choice", "chosen"),
    [
        ({"names": ["web", "1003"]}, [1000, 1003]),
        ({"owner": "alice"}, [1003]),
        ({"all": True}, [1000, 1003]),
        ({}, []),
        ({"all": True, "acting_user": "alice"}, [1003]),
    ],
)
def test_slices_are_selected_by_name_owner_or_all(choice: dict[str, Any], chosen: list[int]) -> None:
    assert [slice_.slice_id for slice_ in orders.choose(held(), params(**choice))] == chosen


@pytest.mark.parametrize(
    ("choice", "complete"),
    [
        ({"all": True}, True),
        ({"names": ["web"]}, False),
        ({"owner": "alice"}, False),
        ({"all": True, "acting_user": "alice"}, False),
    ],
)
def test_orders_of_all_slices_are_complete_for_admins(choice: dict[str, Any], complete: bool) -> None:
    """Then hosts list in check mode what the database does not have, which is no business of tenants."""
    made = held()
    if choice.get("acting_user") == "alice":
        made.users["admin"].slices.remove(1000)
        del made.slices[1000]
    made_orders = plan(made, **choice).result["work_orders"]
    told = [*made_orders["workers"].values(), made_orders["network_node"]]
    assert {each.get("complete", False) for each in told} == {complete}


def test_only_stopped_vms_that_should_run_are_to_be_started() -> None:
    made = held()
    first, second = made.slices[1000].vms
    first.see(Observed("running"))
    assert plan(made, names=["web"]).result["vms_to_start"] == [1002]
    second.power = "stopped"
    assert plan(made, names=["web"]).result["vms_to_start"] == []
    first.see(Observed("stopped"))
    assert plan(made, names=["web"]).result["vms_to_start"] == [1001]


def test_a_key_is_created_once_with_the_first_display() -> None:
    made = cluster()
    put(made, topology("empty", vms=[], links=[]))
    assert [change.kind for change in plan(made, all=True).changes if change.kind == "VNC key"] == []
    assert not displays.has_key(made)
    put(made, topology())
    assert [change.kind for change in plan(made, all=True).changes].count("VNC key") == 1
    assert plan(made, all=True).changes == []
    assert str(made.extra["vnc_key"]) not in str(plan(made, all=True))


def test_a_slice_that_hosts_no_longer_support_is_refused_before_it_is_planned() -> None:
    made = held()
    put(made, topology(links=[{"endpoints": ["vm1", "vm2"], "mtu": 9000}]))
    for worker in made.workers.values():
        worker.extra["trunk_mtu"] = 1500
    with pytest.raises(Refused) as caught:
        plan(made, names=["web"])
    assert len(caught.value.refusals) == 2, "one for each worker"
    done = plan(made, all=True)
    (refused,) = done.result["refused"]
    assert refused["slice_id"] == 1000
    assert refused["failure"].startswith("slice web (1000) was left unchanged: link web/1: the trunk needs an MTU of")
    assert {each.status for each in made.slices[1000].vms} == {"pending"}
    assert {each.status for each in made.slices[1003].vms} == {"design"}
    assert done.result["slice_ids"] == [1003]
    told = done.result["work_orders"]
    for order in (*told["workers"].values(), told["network_node"]):
        assert [each["slice_id"] for each in order["slices"]] == [1003]
    made.slices[1000].deleting = True
    assert plan(made, all=True).result["refused"] == []


@pytest.mark.parametrize("lost", ["checksum", "disk", "mac"])
def test_an_incomplete_stored_slice_does_not_affect_the_others(lost: str) -> None:
    made = held()
    web = made.slices[1000].vms[0]
    if lost == "checksum":
        del web.flavor["checksum"]
    elif lost == "mac":
        web.interfaces[0].mac = None
    else:
        web.disks = []
    done = plan(made, all=True)
    assert [each["slice_id"] for each in done.result["refused"]] == [1000]
    assert done.result["slice_ids"] == [1003]


@pytest.mark.parametrize("state", ["present", "absent"])
def test_an_ambiguous_name_does_not_affect_the_others(state: str) -> None:
    made = held()
    put(made, topology("web", owner="alice", vms=[vm("a")], links=[]))
    plan(made, all=True)
    done = plan(made, state=state, names=["web", "lab"])
    assert (done.result["slice_ids"], done.result["slice_names"]) == ([1003], {"1003": "alice/lab"})
    (refused,) = done.result["refused"]
    assert (refused["slice_id"], refused["slice"]) == (None, "web")
    assert "1000 of admin" in refused["failure"]
    assert [slice_.slice_id for slice_ in made.slices.values() if slice_.deleting] == [1003] * (state == "absent")
    with pytest.raises(Refused):
        plan(made, state=state, names=["web"])


def test_a_name_that_matches_no_slice_does_not_affect_the_others() -> None:
    done = plan(held(), names=["wbe", "lab"])
    assert [each["slice"] for each in done.result["refused"]] == ["wbe"]
    assert done.result["slice_ids"] == [1003]


def test_slices_that_the_plan_changes_are_listed() -> None:
    made = held()
    assert plan(made, names=["web"]).result["changed_slices"] == [1000]
    assert plan(made, all=True).result["changed_slices"] == [1003]
    assert plan(made, all=True).result["changed_slices"] == []
    assert plan(made, state="absent", names=["lab"]).result["changed_slices"] == [1003]


def test_deleting_slices_creates_their_work_orders() -> None:
    made = held()
    plan(made, all=True)
    done = plan(made, state="absent", names=["web", "none"])
    assert ([each.status for each in made.slices[1000].vms], done.result["slice_ids"]) == (["deleting"] * 2, [1000])
    assert done.result["deleting"] == [1000]
    assert plan(made, all=True).result["deleting"] == [1000], "lab is not deleted"
    assert all(order["slices"] == [_without(1000, order)] for order in done.result["work_orders"]["workers"].values())
    assert done.changes
    again = plan(made, state="absent", names=["web"])
    assert (again.changes, again.result["slice_ids"]) == ([], [1000])
    assert list(made.slices) == [1000, 1003]


def test_deleting_a_slice_again_keeps_its_first_deleted_version() -> None:
    made = held()
    plan(made, all=True)
    for _time in range(2):
        plan(made, state="absent", names=["web"], disk_retention_h=24)
    (kept,) = made.extra["deleted_slices"]
    assert [each["name"] for each in kept["slice"]["vms"]] == ["vm1", "vm2"]
    assert len(kept["slice"]["links"]) == 1


def _without(slice_id: int, order: dict[str, Any]) -> dict[str, Any]:
    """Return the slice's entry in an order, without VMs."""
    (one,) = order["slices"]
    assert (one["slice_id"], one["vms"]) == (slice_id, [])
    found: dict[str, Any] = one
    return found


@pytest.mark.parametrize(
    ("choice", "left"),
    [({"names": ["none"]}, [1000, 1003]), ({"names": ["web"]}, [1003]), ({"owner": "alice"}, [1000])],
)
def test_unknown_names_do_not_delete_other_slices(choice: dict[str, Any], left: list[int]) -> None:
    made = held()
    plan(made, state="absent", **choice)
    assert list(made.slices) == left


def report(made: Cluster, *reports: dict[str, Any], **changes: Any) -> Any:
    """Record reports that answer the work orders of this moment."""
    told = [{**each, "answers": answers_of(made, each["target"])} for each in reports]
    return orders.report(made, params(all=True, reports=told, **changes))


def answers_of(made: Cluster, target: str) -> list[dict[str, Any]]:
    slices = ({"slice_id": each.slice_id, "receipt": receipt(made, each, target)} for each in made.slices.values())
    return answers(slices)


def from_worker(number: int, *running: int, failure: str | None = None) -> dict[str, Any]:
    vms = [{"vm_id": vm_id, "state": "running", "pid": "7"} for vm_id in running]
    return {"host": f"w{number}", "target": f"10.0.10.{number}", "failure": failure, "vms": vms}


NODE = {"host": "node", "target": "network_node", "failure": None, "vms": []}


def test_reports_are_recorded_and_changes_are_returned() -> None:
    made = held()
    plan(made, all=True)
    reports = (from_worker(1, 1001, 1004), from_worker(2, 1002), NODE)
    done = report(made, *reports)
    assert done.result["failures"] == []
    assert [each["status"] for each in done.result["slices"]] == ["running"] * 2
    assert len(done.changes) > 0
    assert report(made, *reports).changes == []
    assert report(made, from_worker(1, failure="disk full"), *reports[1:]).result["failures"] == ["w1: disk full"]


def test_a_slice_released_by_all_hosts_is_not_returned() -> None:
    made = held()
    plan(made, all=True)
    plan(made, state="absent", names=["web"])
    done = report(made, from_worker(1, 1004), from_worker(2), NODE)
    assert [each["slice_id"] for each in done.result["slices"]] == [1003]
    assert list(made.slices) == [1003]


def test_slices_are_described_in_four_formats() -> None:
    made = held()
    told = orders.described(list(made.slices.values()))
    assert {key: len(value) for key, value in told.items()} == {"slices": 2, "tables": 2, "mermaid": 2, "dot": 2}
    assert told["slices"][0] == made.slices[1000].to_dict()


def test_displays_of_the_selected_slices_are_returned() -> None:
    made = held()
    plan(made, all=True)
    told = orders.vnc_passwords(made, params(names=["web"])).result["displays"]
    assert [each["vm_id"] for each in told] == [1001, 1002]
    # Another run may delete a slice while this one asks for the passwords of several.
    made.slices.pop(1000)
    told = orders.vnc_passwords(made, params(names=["1000", "1003"])).result["displays"]
    assert [each["vm_id"] for each in told] == [1004]
    with pytest.raises(Refused):
        orders.vnc_passwords(made, params(names=["web"]))


def test_user_data_of_the_selected_slices_is_returned() -> None:
    made = held()
    for name, owner in (("web", "admin"), ("lab", "alice")):
        vms = [vm("vm1", cloud_init={"user_data": f"#!/bin/sh\necho {name}\n"})]
        put(made, topology(name, owner=owner, vms=vms, links=[]))
    told = orders.guests_user_data(made, params(names=["web"])).result["guests"]
    assert [(each["name"], each["user_data"]) for each in told] == [("vm1", "#!/bin/sh\necho web\n")]


def test_the_time_of_a_report_is_in_utc() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", orders.utc_now())


@pytest.mark.parametrize("revision", [0, -1, 10**18])
def test_a_revision_out_of_range_is_refused(revision: int) -> None:
    with pytest.raises(Refused, match="accept_revision"):
        plan(held(), names=["web"], accept_revision=revision)


def test_accepting_a_revision_is_a_change_and_orders_get_a_higher_one() -> None:
    made = held()
    plan(made, names=["web"])
    known = (made.revision or 0) + 5
    done = plan(made, names=["web"], accept_revision=known)
    assert len(done.changes) == 1
    assert (made.revision or 0) >= known
    with pytest.raises(Refused):
        plan(made, owner="alice", acting_user="alice", accept_revision=known)


def on_lost_worker(made: Cluster) -> str:
    """Return the address of the worker of vm2, which is lost after its deployment."""
    plan(made, names=["web"])
    lost = made.slices[1000].vms[1].worker_ip
    lost_workers.declare(made, lost)
    return lost


def test_moving_a_vm_from_a_lost_worker_is_a_change() -> None:
    made = held()
    lost = on_lost_worker(made)
    done = plan(made, names=["web"], recreate_disks=["web/vm2"])
    (change,) = (change for change in done.changes if (change.before or {}).get("worker") == lost)
    assert (change.kind, change.id, change.reason) == ("vm", 1002, "its worker is lost")


def test_the_move_of_a_vm_is_listed_beside_the_change_of_its_state() -> None:
    made = held()
    lost = on_lost_worker(made)
    moved = made.slices[1000].vms[1]
    done = orders.dispatch(
        made,
        [made.slices[1000]],
        params(),
        lambda: {1000: [between("vm", moved.vm_id, {"status": "error"}, {"status": "design"})]},
        frozenset({1002}),
    )
    told = [change.after for change in done.changes if (change.kind, change.id) == ("vm", 1002)]
    assert told == [{"status": "design"}, {"worker": moved.worker_ip}]
    assert moved.worker_ip != lost


def test_a_vm_moved_from_a_lost_worker_is_listed_once() -> None:
    made = held()
    lost = on_lost_worker(made)
    slice_ = made.slices[1000]
    before = Slice.from_dict(slice_.to_dict())
    done = orders.dispatch(
        made,
        [slice_],
        params(),
        lambda: {1000: slice_changes.changes(before, slice_)},
        frozenset({1002}),
    )
    (change,) = (change for change in done.changes if (change.kind, change.id) == ("vm", 1002))
    assert (change.before or {})["worker"] == lost != (change.after or {})["worker"]


def all_on_lost_worker(*sizes: str) -> Cluster:
    """Return a cluster with a slice of one VM for each flavor, all on a worker that was lost; another has 18 GiB."""
    made = cluster(1)
    for number, flavor in enumerate(sizes):
        put(made, topology(f"s{number}", vms=[vm("a", flavor=flavor)], links=[]))
    plan(made, all=True)
    lost_workers.declare(made, "10.0.10.1")
    made.workers["10.0.10.2"] = Worker("10.0.10.2", cores=1000, ram_gb=18)
    return made


def test_a_slice_that_has_no_room_elsewhere_does_not_affect_the_others() -> None:
    """It takes no room from them either."""
    made = all_on_lost_worker("big", "cirros", "big", "big", "cirros")
    done = plan(made, all=True, recreate_disks=[str(each.vms[0].vm_id) for each in made.slices.values()])
    assert [each["slice"] for each in done.result["refused"]] == ["admin/s3"]
    assert done.result["refused"][0]["failure"].startswith(
        "slice s3 (1006) was left unchanged: VM s3/a: no worker has room: worker 10.0.10.1: state is lost"
    )
    assert {slice_.vms[0].worker_ip for slice_ in made.slices.values() if slice_.slice_id != 1006} == {"10.0.10.2"}
    assert made.slices[1006].vms[0].worker_ip == "10.0.10.1"


def test_slices_on_a_lost_worker_that_have_no_room_are_all_refused() -> None:
    made = all_on_lost_worker("big")
    made.workers["10.0.10.2"].ram_gb = 1
    with pytest.raises(Refused) as caught:
        plan(made, all=True, recreate_disks=["a"])
    assert [refusal.code for refusal in caught.value.refusals] == ["no_room"]


def test_a_vm_of_a_refused_slice_may_be_named_with_those_of_the_others() -> None:
    made = held()
    plan(made, all=True)
    flavor = made.slices[1000].vms[0].flavor
    assert flavor is not None
    del flavor["checksum"]
    done = plan(made, all=True, recreate_disks=["web/vm1", "lab/a"])
    assert [each["slice_id"] for each in done.result["refused"]] == [1000]
    (order,) = (each for each in done.result["work_orders"]["workers"].values() if each["slices"][0]["vms"])
    assert [disk.get("recreate") for disk in order["slices"][0]["vms"][0]["disks"]] == [True]


def test_new_uuids_of_a_slice_are_one_change() -> None:
    made = held()
    plan(made, all=True)
    slice_ = made.slices[1000]
    slice_.vms[0].extra.pop("uuid")
    before = Slice.from_dict(slice_.to_dict())
    done = orders.dispatch(made, [slice_], params(), lambda: {1000: slice_changes.changes(before, slice_)})
    assert [(change.kind, change.id) for change in done.changes] == [("slice", 1000)]
    slice_.vms[0].extra.pop("uuid")
    assert [change.kind for change in plan(made, names=["web"]).changes] == ["slice"]


def test_the_identity_of_the_cloud_is_created_once() -> None:
    made = held()
    assert [change.kind for change in plan(made, names=["web"]).changes].count("cloud") == 1
    assert [change.kind for change in plan(made, names=["lab"]).changes].count("cloud") == 0


def test_a_slice_waits_until_all_hosts_have_released_it() -> None:
    made = held()
    plan(made, all=True)
    plan(made, state="absent", names=["web"])
    assert report(made, from_worker(1, 1004)).result["waiting"] == [1000]
    assert report(made, from_worker(1, 1004), from_worker(2), NODE).result["waiting"] == []


def test_types_and_defaults_are_those_of_the_documentation() -> None:
    assert specified(orders.SELECTION_ARGUMENTS) == documented("selection")


def test_a_slice_that_no_host_knows_is_deleted_without_orders() -> None:
    made = held()
    plan(made, names=["lab"])
    done = plan(made, state="absent", all=True)
    assert (done.result["slice_ids"], list(made.slices)) == ([1003], [1003])
    assert set(done.result["changed_slices"]) == {1000, 1003}
    for order in done.result["work_orders"]["workers"].values():
        assert [each["slice_id"] for each in order["slices"]] == [1003]


@pytest.mark.parametrize("hours", [-1, 8761])
def test_a_retention_out_of_range_deletes_nothing(hours: int) -> None:
    made = held()
    with pytest.raises(Refused, match="disk_retention_h"):
        plan(made, state="absent", all=True, disk_retention_h=hours)
    assert list(made.slices) == [1000, 1003]


def test_a_slice_that_is_being_deleted_is_no_change_when_it_is_deleted_again() -> None:
    made = held()
    plan(made, all=True)
    plan(made, state="absent", names=["web"])
    done = plan(made, state="absent", all=True)
    assert done.result["changed_slices"] == [1003]
    assert {change.slice.slice_id for change in done.changes if change.slice} == {1003}


def test_a_slice_that_was_deleted_meanwhile_does_not_affect_the_report_of_others() -> None:
    """Another run has deleted it, and its hosts have reported that, since this one planned."""
    made = held()
    names = [str(slice_id) for slice_id in plan(made, all=True).result["slice_ids"]]
    plan(made, state="absent", names=["web"])
    report(made, from_worker(1, 1004), from_worker(2), NODE)
    assert list(made.slices) == [1003]
    done = report(made, from_worker(1, 1001, 1004), from_worker(2, 1002), NODE, names=names)
    assert (done.result["failures"], done.result["gone"]) == ([], [1000])
    assert [(each["slice_id"], each["status"]) for each in done.result["slices"]] == [(1003, "running")]


def test_two_runs_that_delete_the_same_slices_both_succeed() -> None:
    made = held()
    plan(made, all=True)
    names = [str(slice_id) for slice_id in plan(made, state="absent", all=True).result["slice_ids"]]
    for gone in ([], [1000, 1003]):
        done = report(made, from_worker(1), from_worker(2), NODE, names=names)
        assert (done.result["failures"], done.result["gone"], done.result["slices"]) == ([], gone, [])


def test_the_report_of_a_user_who_was_removed_meanwhile_is_refused_and_not_taken_for_one_on_deleted_slices() -> None:
    made = held()
    plan(made, all=True)
    with pytest.raises(Refused) as refused:
        report(made, from_worker(1, 1001, 1004), NODE, names=["1000"], acting_user="carol")
    assert [each.code for each in refused.value.refusals] == ["unknown_acting_user"]


@pytest.mark.parametrize("names", [["1000", "wbe"], ["wbe"]])
def test_a_name_that_is_no_id_must_be_that_of_a_slice(names: list[str]) -> None:
    made = held()
    plan(made, all=True)
    with pytest.raises(Refused) as refused:
        report(made, from_worker(1, 1001, 1004), from_worker(2, 1002), NODE, names=names)
    assert [(each.code, each.object) for each in refused.value.refusals] == [("not_found", "slice wbe")]


def test_objects_that_another_run_has_changed_do_not_affect_the_report_of_others() -> None:
    """A VM, a link, a network, a worker and the slice's name, all at once."""
    made = held()
    names = [str(slice_id) for slice_id in plan(made, all=True).result["slice_ids"]]
    reports = from_worker(1, 1001, 1004), from_worker(2, 1002), from_worker(3, 9999), NODE
    web = made.slices[1000]
    web.vms, web.links, web.networks = [vm for vm in web.vms if vm.vm_id != 1002], [], []
    web.extra["name"] = "shop"
    made.workers["10.0.10.3"] = Worker("10.0.10.3")
    done = report(made, *reports, names=names)
    assert (done.result["failures"], done.result["gone"]) == ([], [])
    assert [(each["name"], each["status"]) for each in done.result["slices"]] == [
        ("shop", "running"),
        ("lab", "running"),
    ]
