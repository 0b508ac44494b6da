# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Changes of slices by reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import (
    lost_workers,
    machines,
    status,
    teardown,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.data_disks import TRASHED
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.displays import make_key
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.receipts import receipt
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.status import record, recorded, superseded
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.work_orders import hand_out, work_orders
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import REVISION, Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.module_utils.lifecycle import Observed
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Slice
from ansible_collections.cloudrepo.slices.plugins.module_utils.report import HostReport

from .builders import cluster, put, topology, vm

NOW = "2026-01-31T12:00:00Z"


def report(target: str, *running: int, failure: str | None = None) -> dict[str, Any]:
    vms = [{"vm_id": vm_id, "state": "running", "pid": str(vm_id * 2)} for vm_id in running]
    return {"host": f"host-{target[-1]}", "target": target, "failure": failure, "vms": vms}


def refusing(target: str, slice_id: int, failure: str, **more: bool) -> dict[str, Any]:
    """Return the report of a host that refused a slice."""
    return {**report(target), "refused": [{"slice_id": slice_id, "failure": failure, **more}]}


def order(held: Cluster) -> None:
    """Mark all slices as handed out, like work orders."""
    make_key(held)
    hand_out(list(held.slices.values()))


def answering(held: Cluster, *reports: dict[str, Any]) -> list[HostReport]:
    """Return the reports of hosts on the work orders that the database would create now."""
    found = []
    for each in reports:
        told = {slice_.slice_id: receipt(held, slice_, each["target"]) for slice_ in held.slices.values()}
        answers = [{"slice_id": slice_id, "receipt": text} for slice_id, text in told.items() if text]
        found.append(HostReport.from_dict({**each, "answers": answers}))
    return found


def tell(held: Cluster, *reports: dict[str, Any]) -> list[str]:
    """Create work orders, and record reports on them."""
    order(held)
    return record(held, list(held.slices.values()), answering(held, *reports), seen_at=NOW)


NODE = report("network_node")
BOTH = (report("10.0.10.1", 1001), report("10.0.10.2", 1002), NODE)


def test_a_report_of_success() -> None:
    held = cluster()
    slice_ = put(held, topology())
    assert tell(held, *BOTH) == []
    assert (slice_.status, [(each.status, each.pid) for each in slice_.vms]) == (
        "running",
        [("running", "2002"), ("running", "2004")],
    )


def test_a_stopped_vm_is_in_the_work_order_and_reported_as_stopped() -> None:
    held = cluster()
    slice_ = put(held, topology(vms=[vm("vm1", power="stopped"), vm("vm2")]))
    orders = work_orders(held, [slice_], "/x")["workers"]
    assert [order["slices"][0]["vms"][0].get("state") for order in orders.values()] == ["stopped", None]
    stopped = {**report("10.0.10.1"), "vms": [{"vm_id": 1001, "state": "stopped", "pid": None}]}
    assert tell(held, stopped, BOTH[1], NODE) == []
    assert (slice_.status, [(each.power, each.status) for each in slice_.vms]) == (
        "running",
        [("stopped", "stopped"), ("running", "running")],
    )
    assert recorded([slice_]) == [
        {"vm_id": 1001, "state": "stopped", "pid": None},
        {"vm_id": 1002, "state": "running", "pid": "2004"},
    ]


def test_a_report_does_not_change_the_desired_state_and_records_its_time() -> None:
    held = cluster()
    slice_ = put(held, topology(vms=[vm("vm1", power="stopped"), vm("vm2")]))
    tell(held, *BOTH)
    first = slice_.vms[0]
    assert (first.power, first.status, first.observed) == ("stopped", "running", Observed("running", "2002", NOW))
    reports = [HostReport.from_dict(each) for each in (BOTH[0], report("10.0.10.2", failure="down"), NODE)]
    record(held, [slice_], reports, seen_at="2026-02-01T12:00:00Z")
    assert [each.observed for each in slice_.vms] == [
        Observed("running", "2002", NOW),
        Observed("unknown", None, "2026-02-01T12:00:00Z"),
    ]
    assert recorded([slice_]) is None


def test_a_failed_worker_does_not_affect_the_reports_of_others() -> None:
    held = cluster()
    slice_ = put(held, topology())
    assert tell(held, BOTH[0], report("10.0.10.2", failure="disk full"), NODE) == ["host-2: disk full"]
    assert (slice_.status, [each.status for each in slice_.vms]) == ("error", ["running", "error"])
    assert tell(held, *BOTH) == []
    assert slice_.status == "running"


def test_a_report_says_nothing_of_vms_that_another_run_has_added() -> None:
    """It may be recorded after that of the run that has added them."""
    held = cluster()
    slice_ = put(held, topology())
    assert tell(held, *BOTH) == []
    assert tell(held, report("10.0.10.1", 1001), report("10.0.10.2"), NODE) == []
    assert [vm.status for vm in slice_.vms] == ["running", "running"]


def test_a_superseded_report_does_not_change_vms() -> None:
    held = cluster()
    slice_ = put(held, topology())
    tell(held, *BOTH)
    late = refusing("10.0.10.1", slice_.slice_id, "this work order is from …")
    assert tell(held, late, BOTH[1], NODE) == ["host-1: this work order is from …"]
    assert [(vm.status, vm.pid) for vm in slice_.vms] == [("running", "2002"), ("running", "2004")]


def test_a_refused_slice_does_not_affect_others() -> None:
    held = cluster()
    web, two = put(held, topology()), put(held, topology("two"))
    both = [report(f"10.0.10.{each}", 1000 + each, 1003 + each) for each in (1, 2)]
    assert tell(held, *both, NODE) == []
    for slice_ in (web, two):
        teardown.remove(held, slice_)
    one = {**refusing("10.0.10.1", web.slice_id, "late"), "vms": []}
    assert tell(held, one, report("10.0.10.2"), NODE) == ["host-1: late"]
    assert ([*held.slices], len(web.vms)) == ([web.slice_id], 2)


@pytest.mark.parametrize("vms", [{}, {1001: ("stopped", None)}])
def test_a_slice_that_a_host_began_to_apply_has_the_states_that_it_found(vms: dict[int, Any]) -> None:
    """VMs that it could not observe are unknown; those of other slices keep their states."""
    held = cluster()
    web, two = put(held, topology()), put(held, topology("two"))
    both = [report(f"10.0.10.{each}", 1000 + each, 1003 + each) for each in (1, 2)]
    assert tell(held, *both, NODE) == []
    late = refusing("10.0.10.1", web.slice_id, "no tap", begun=True)
    late["vms"] = [*both[0]["vms"][1:], *({"vm_id": vm_id, "state": state} for vm_id, (state, _pid) in vms.items())]
    assert tell(held, late, both[1], NODE) == ["host-1: no tap"]
    assert [(vm.status, vm.pid) for vm in web.vms] == [("stopped" if vms else "error", None), ("running", "2004")]
    assert {vm.status for vm in two.vms} == {"running"}


@pytest.mark.parametrize("target", ["10.0.10.1", "network_node"])
def test_a_slice_that_a_host_began_to_delete_is_kept(target: str) -> None:
    held = cluster()
    slice_ = put(held, topology())
    assert tell(held, *BOTH) == []
    teardown.remove(held, slice_)
    reports = {each["target"]: {**each, "vms": []} for each in BOTH}
    failed = {**reports, target: refusing(target, slice_.slice_id, "busy", begun=True)}
    assert tell(held, *failed.values()) == [f"host-{target[-1]}: busy"]
    assert [*held.slices] == [slice_.slice_id]
    assert tell(held, *reports.values()) == []
    assert not held.slices


@pytest.mark.parametrize("target", ["10.0.10.1", "network_node"])
def test_a_host_with_another_slice_of_the_same_id_releases_nothing(target: str) -> None:
    held = cluster()
    slice_ = put(held, topology())
    reports = {each["target"]: each for each in BOTH}
    reports[target] = refusing(target, slice_.slice_id, "this host holds another slice", another=True)
    assert tell(held, *reports.values()) == [f"host-{target[-1]}: this host holds another slice"]
    teardown.remove(held, slice_)
    assert tell(held, {**reports[target], "refused": [{**reports[target]["refused"][0], "another": False}]}) != []
    assert held.slices
    assert tell(held, *reports.values()) == []
    assert not held.slices


def test_a_worker_that_is_not_in_the_inventory_is_reported() -> None:
    held = cluster()
    slice_ = put(held, topology())
    assert tell(held, BOTH[0], NODE) == ["VM vm2 (1002): its worker 10.0.10.2 is not in the inventory"]
    assert slice_.vms[1].status == "error"


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_slice_is_removed_only_when_all_hosts_have_released_it(missing: int) -> None:
    held = cluster()
    slice_ = put(held, topology())
    tell(held, *BOTH)
    teardown.remove(held, slice_)
    reports = [report("10.0.10.1"), report("10.0.10.2"), NODE]
    tell(held, *(each if number != missing else {**each, "failure": "no"} for number, each in enumerate(reports)))
    assert (slice_.status, len(slice_.vms), held.users["admin"].used_vms) == ("deleting", 2, 2)
    assert tell(held, *reports) == []
    assert (held.slices, held.users["admin"].used_vms, held.users["admin"].slices) == ({}, 0, [])


def test_vlans_and_addresses_are_free_after_their_hosts_have_released_them() -> None:
    held = cluster()
    put(held, topology())
    tell(held, *BOTH)
    slice_ = put(held, topology(vms=[vm("vm1")], links=[]))
    tell(held, report("10.0.10.1", 1001), report("10.0.10.2", failure="down"), NODE)
    assert slice_.vlan_pool_used == [100]
    assert slice_.extra["releasing"]["addresses"] == ["10.60.7.101"]
    tell(held, report("10.0.10.1", 1001), report("10.0.10.2"), NODE)
    assert (slice_.vlan_pool_used, set(slice_.extra), len(slice_.vms)) == ([], {"name", "owner_uuid", "uuid"}, 1)
    assert held.users["admin"].used_vms == 1


def test_without_a_network_node_the_reports_of_workers_are_sufficient() -> None:
    held = cluster()
    slice_ = put(held, topology())
    tell(held, *BOTH[:2])
    teardown.remove(held, slice_)
    tell(held, report("10.0.10.1"), report("10.0.10.2"))
    assert held.slices == {}


def test_a_network_node_that_is_not_in_the_inventory_is_waited_for_until_it_is_lost() -> None:
    """It may still serve addresses and VLANs that others would get."""
    held = cluster()
    held.identify(title="lab")
    machines.note_network_node(held, "ab" * 16)
    slice_ = put(held, topology())
    tell(held, *BOTH)
    slice_ = put(held, topology(vms=[vm("vm1")], links=[]))
    tell(held, *BOTH[:2])
    assert (slice_.vlan_pool_used, slice_.extra["releasing"]["addresses"]) == ([100], ["10.60.7.101"])
    teardown.remove(held, slice_)
    tell(held, *BOTH[:2])
    assert list(held.slices) == [1000]
    machines.lose_network_node(held, None)
    tell(held, *BOTH[:2])
    assert held.slices == {}


def test_what_a_lost_worker_had_is_kept_until_the_network_node_has_the_list_of_lost_machines() -> None:
    held = cluster()
    held.identify(title="lab")
    machines.note_network_node(held, "ab" * 16)
    slice_ = put(held, topology())
    tell(held, *BOTH)
    lost_workers.declare(held, "10.0.10.2")
    teardown.remove(held, slice_)
    tell(held, report("10.0.10.1"))
    assert list(held.slices) == [1000]
    tell(held, report("10.0.10.1"), NODE)
    assert held.slices == {}


def test_a_report_on_an_older_order_releases_nothing_and_does_not_change_new_vms() -> None:
    held = cluster()
    slice_ = put(held, topology())
    tell(held, *BOTH)
    late = answering(held, *BOTH)
    slice_ = put(held, topology(vms=[vm("vm1"), vm("vm3")], links=[]))
    assert record(held, [slice_], late, seen_at=NOW) == []
    assert [(each.name, each.status) for each in slice_.vms] == [
        ("vm1", "running"),
        ("vm3", "pending"),
        ("vm2", "deleting"),
    ]
    assert (slice_.vlan_pool_used, slice_.extra["releasing"]["addresses"]) == ([100], ["10.60.7.101"])
    assert tell(held, *BOTH) == []
    assert (slice_.vlan_pool_used, [each.name for each in slice_.vms]) == ([], ["vm1", "vm3"])


def test_a_slice_that_was_deleted_after_its_order_is_kept_until_the_next_report() -> None:
    held = cluster()
    slice_ = put(held, topology())
    order(held)
    late = answering(held, *BOTH)
    teardown.remove(held, slice_)
    record(held, [slice_], late, seen_at=NOW)
    assert (slice_.status, len(slice_.vms), list(held.slices)) == ("deleting", 2, [1000])


def test_a_vlan_that_was_given_up_twice_is_released_by_the_report_on_the_second_order() -> None:
    """A VLAN is released, leased and released again, and the first report arrives late."""
    held = cluster()
    slice_ = put(held, topology())
    tell(held, *BOTH)
    slice_ = put(held, topology(links=[]))
    first = answering(held, *BOTH)
    tell(held, *BOTH)
    assert slice_.vlan_pool_used == []
    put(held, topology())
    tell(held, *BOTH)
    slice_ = put(held, topology(links=[]))
    record(held, [slice_], first, seen_at=NOW)
    assert slice_.vlan_pool_used == [100]
    tell(held, *BOTH)
    assert slice_.vlan_pool_used == []


def forged(held: Cluster, change: Callable[[dict[str, Any]], object]) -> None:
    """Record the reports of all hosts, with one forged field."""
    for each in answering(held, *BOTH):
        data = [one.to_dict() for one in answering(held, *BOTH)]
        told = next(one for one in data if one["target"] == each.target)
        change(told)
        record(held, list(held.slices.values()), [HostReport.from_dict(one) for one in data], seen_at=NOW)


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told.update(answers=[]),
        lambda told: told["answers"][0].update(receipt="0" * 32),
        lambda told: told["answers"][0].update(slice_id=1003),
    ],
)
def test_a_forged_report_of_success_frees_nothing(change: Callable[[dict[str, Any]], object]) -> None:
    held = cluster()
    slice_ = put(held, topology())
    tell(held, *BOTH)
    teardown.remove(held, slice_)
    forged(held, change)
    assert (len(slice_.vms), list(held.slices), held.users["admin"].used_vms) == (2, [1000], 2)
    tell(held, *BOTH)
    assert held.slices == {}


def test_disks_are_first_seen_when_their_vm_is_first_reported() -> None:
    held = cluster()
    slice_ = put(held, topology())
    failed = {**report("10.0.10.2"), "vms": [{"vm_id": 1002, "state": "error", "pid": None}]}
    tell(held, BOTH[0], failed, NODE)
    assert [vm.disks[0].first_seen for vm in slice_.vms] == [NOW, None]
    reports = [HostReport.from_dict(each) for each in BOTH]
    record(held, [slice_], reports, seen_at="2026-02-01T12:00:00Z")
    assert [vm.disks[0].first_seen for vm in slice_.vms] == [NOW, "2026-02-01T12:00:00Z"]
    assert Slice.from_dict(slice_.to_dict()).to_dict() == slice_.to_dict()


def test_vms_of_a_lost_worker_are_a_failure_unless_they_are_being_deleted() -> None:
    held = cluster()
    slice_ = put(held, topology())
    assert tell(held, *BOTH) == []
    held.workers["10.0.10.1"].extra["lost"] = True
    assert tell(held, *BOTH) == [
        "VM vm1 (1001): its worker 10.0.10.1 is lost; delete the VM, or deploy with -e recreate_disks=1001 to create "
        "it again on another worker"
    ]
    slice_.vms[0].deleting = True
    assert tell(held, *BOTH) == []


BOOT, OTHER_BOOT = "8a1c52f0-9d3e-4b7a-8f21-0c6d5e4b3a29", "0e7b1d5c-2f4a-4c3b-9d8e-7f6a5b4c3d2e"


def told(
    state: str, revision: int | None = None, moment: str | None = None, *, pid: str = "7", failure: str | None = None
) -> HostReport:
    """Return the report of the worker of VM 1001; without a state if it has failed."""
    vms = [] if failure else [{"vm_id": 1001, "state": state, "pid": pid if state == "running" else None}]
    data = {"host": "w1", "target": "10.0.10.1", "failure": failure, "vms": vms}
    return HostReport.from_dict({**data, "revision": revision, "moment": moment})


def one_vm() -> tuple[Cluster, Slice]:
    held = cluster()
    slice_ = put(held, {"name": "web", "vms": [vm("vm1")]})
    order(held)
    slice_.extra[REVISION] = 10
    return held, slice_


def kept(held: Cluster, slice_: Slice, *reports: HostReport) -> tuple[str, str | None]:
    """Record reports, one after another, and return the recorded state."""
    for each in reports:
        record(held, [slice_], [each], seen_at=NOW)
    observed = slice_.vms[0].observed
    assert observed is not None
    return observed.state, observed.pid


FAILED = told("", 20, failure="unreachable")


@pytest.mark.parametrize(
    ("first", "second", "state"),
    [
        (told("stopped", 30), told("running", 20), ("stopped", None)),
        (told("running", 20), told("stopped", 30), ("stopped", None)),
        (told("running", 30), FAILED, ("running", "7")),
        (FAILED, told("running", 20), ("running", "7")),
        (told("running", 20), told("error", 20), ("error", None)),
        # Of the same order, the host says which report is older, whatever its clock says.
        (told("running", 20, f"{BOOT} 9.500000", pid="8"), told("running", 20, f"{BOOT} 8.250000"), ("running", "8")),
        (told("running", 20, f"{BOOT} 8.250000"), told("running", 20, f"{BOOT} 9.500000", pid="8"), ("running", "8")),
        (
            told("running", 20, f"{BOOT} 99.000000"),
            told("running", 20, f"{BOOT} 100.000000", pid="8"),
            ("running", "8"),
        ),
        (told("running", 20, f"{BOOT} 9.500000"), told("stopped", 20, f"{OTHER_BOOT} 8.250000"), ("stopped", None)),
        # A report on a newer order counts, although its host was started again.
        (told("running", 20, f"{BOOT} 9.500000"), told("stopped", 30, f"{BOOT} 1.000000"), ("stopped", None)),
        (told("running", 20), told("stopped"), ("stopped", None)),
    ],
)
def test_a_late_report_does_not_change_a_newer_state(
    first: HostReport, second: HostReport, state: tuple[str, str | None]
) -> None:
    held, slice_ = one_vm()
    assert kept(held, slice_, first, second) == state


def test_a_superseded_report_is_told_with_both_revisions() -> None:
    held, slice_ = one_vm()
    kept(held, slice_, told("stopped", 1795371735123))
    late = told("running", 1795371735000)
    (refusal,) = superseded(held, [slice_], [late])
    assert refusal == Refusal(
        "report_superseded",
        "slice web",
        {
            "got": "1795371735000 (2026-11-22T18:22:15.000Z)",
            "recorded": "1795371735123 (2026-11-22T18:22:15.123Z)",
            "vms": ["vm1 (1001)"],
        },
    )
    assert refusal.message == (
        "slice web: this run's report is for revision 1795371735000 (2026-11-22T18:22:15.000Z), but one for "
        "revision 1795371735123 (2026-11-22T18:22:15.123Z) has already been recorded; the recorded "
        "states of vm1 (1001) are kept"
    )
    assert superseded(held, [slice_], [told("stopped", 1795371735000)]) == [], "it would change nothing"
    assert superseded(held, [slice_], [told("running", 1795371735124)]) == []


def test_a_failure_of_an_older_order_says_nothing_of_a_vm_that_it_does_not_contain() -> None:
    held, slice_ = one_vm()
    slice_.extra[REVISION] = 30
    record(held, [slice_], [FAILED], seen_at=NOW)
    assert slice_.vms[0].observed is None
    slice_.extra[REVISION] = 20
    assert kept(held, slice_, FAILED) == ("unknown", None)


def test_the_first_report_after_a_change_is_always_recorded() -> None:
    """Otherwise a late report on an order from before the change would find none that is newer."""
    held, slice_ = one_vm()
    kept(held, slice_, told("stopped", 10))
    assert recorded([slice_]) == [{"vm_id": 1001, "state": "stopped", "pid": None}]
    slice_.extra[REVISION] = 30
    assert recorded([slice_]) is None
    assert kept(held, slice_, told("stopped", 30), told("running", 20)) == ("stopped", None)
    assert recorded([slice_]) is not None


def test_a_report_of_the_same_state_keeps_its_time() -> None:
    held, slice_ = one_vm()
    kept(held, slice_, told("running", 20))
    record(held, [slice_], [told("running", 30, f"{BOOT} 1.000000")], seen_at="2026-02-01T12:00:00Z")
    assert slice_.vms[0].observed == Observed("running", "7", NOW, 30, f"{BOOT} 1.000000")
    assert Slice.from_dict(slice_.to_dict()).vms[0].observed == slice_.vms[0].observed


def test_a_late_report_creates_no_disk_for_a_newer_state() -> None:
    held, slice_ = one_vm()
    kept(held, slice_, told("error", 30), told("running", 20))
    assert slice_.vms[0].disks[0].first_seen is None


def with_disks() -> tuple[Cluster, Slice]:
    held = cluster()
    disks = [{"name": name, "size_gb": 1} for name in ("db", "log")]
    slice_ = put(held, topology(vms=[vm("vm1", data_disks=disks), vm("vm2", data_disks=disks[:1])]))
    return held, slice_


def test_given_up_disks_are_in_the_trash_for_as_long_as_it_is_said() -> None:
    held, slice_ = with_disks()
    tell(held, *BOTH)
    for one in slice_.vms:
        one.disks[1].extra["given_up"] = True
    order(held)
    holding = {**BOTH[1], "vms": [{**BOTH[1]["vms"][0], "holds_given_up": True}]}
    assert record(held, [slice_], answering(held, BOTH[0], holding, NODE), seen_at=NOW) == []
    assert [len(one.given_up_disks) for one in slice_.vms] == [0, 1]
    assert [TRASHED in one.extra for one in slice_.vms] == [False, False], "the trash keeps nothing"
    assert record(held, [slice_], answering(held, *BOTH), seen_at=NOW, retention_h=2) == []
    assert [len(one.given_up_disks) for one in slice_.vms] == [0, 0]
    assert [len(one.extra.get(TRASHED, ())) for one in slice_.vms] == [0, 1]


def test_a_report_on_disks_that_no_host_has_reported_is_never_skipped() -> None:
    held, slice_ = with_disks()
    tell(held, *BOTH)
    assert recorded([slice_]) == [{"vm_id": vm_id, "state": "running", "pid": str(vm_id * 2)} for vm_id in (1001, 1002)]
    del slice_.vms[1].disks[1].extra["first_seen"]
    assert recorded([slice_]) is None


def test_a_given_up_disk_is_not_seen_for_the_first_time() -> None:
    held, slice_ = with_disks()
    slice_.vms[1].disks[1].extra["given_up"] = True
    order(held)
    holding = {**BOTH[1], "vms": [{**BOTH[1]["vms"][0], "holds_given_up": True}]}
    record(held, [slice_], answering(held, BOTH[0], holding, NODE), seen_at=NOW)
    assert [disk.first_seen for disk in slice_.vms[0].disks] == [NOW] * 3
    assert [disk.first_seen for disk in slice_.vms[1].disks] == [NOW, None]


def test_a_slice_without_a_revision_has_not_changed_since_its_report() -> None:
    held = cluster()
    slice_ = put(held, topology())
    tell(held, *BOTH)
    slice_.extra.pop(REVISION, None)
    for one in slice_.vms:
        one.see(Observed("running", "1"))
    assert recorded([slice_]) == [{"vm_id": vm_id, "state": "running", "pid": "1"} for vm_id in (1001, 1002)]


def test_vms_that_were_not_in_an_order_are_not_in_its_report() -> None:
    held = cluster()
    slice_ = put(held, topology())
    assert record(held, [slice_], answering(held, report("10.0.10.9")), seen_at=NOW) == []
    assert [one.observed for one in slice_.vms] == [None, None]
    assert superseded(held, [slice_], answering(held, *BOTH)) == []


def test_the_refusal_of_a_slice_says_nothing_of_another_one() -> None:
    held = cluster()
    web, lab = put(held, topology()), put(held, topology("lab"))
    order(held)
    running = {**report("10.0.10.1", 1001, 1004), "refused": [{"slice_id": lab.slice_id, "failure": "no"}]}
    record(held, [web, lab], answering(held, running), seen_at=NOW)
    assert [one.status for one in (web.vms[0], lab.vms[0])] == ["running", "design"]


def test_a_vm_without_a_report_of_its_worker_has_the_newest_revision_of_all() -> None:
    held = cluster()
    slice_ = put(held, topology())
    order(held)
    slice_.extra.pop(REVISION, None)
    told_ = [replace(each, revision=number) for number, each in enumerate(answering(held, BOTH[0], NODE), 1)]
    record(held, [slice_], told_, seen_at=NOW)
    seen = slice_.vms[1].observed
    assert seen is not None
    assert (seen.state, seen.revision, slice_.vms[0].observed and slice_.vms[0].observed.revision) == ("unknown", 2, 1)


def test_a_host_has_not_done_what_it_has_no_receipt_for() -> None:
    held = cluster()
    slice_ = put(held, topology())
    order(held)
    slice_.extra["releasing"] = {"vlan_ids": []}
    plain = [HostReport.from_dict(each) for each in BOTH]
    record(held, [slice_], plain, seen_at=NOW)
    assert "releasing" in slice_.extra
    assert status._has_done(held, plain[0], slice_) is False
    (answered, *_others) = answering(held, *BOTH)
    assert status._has_done(held, answered, slice_) is True
