# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a deploy in check mode has compared."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.filter.audit import audit_lines
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import displays
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.teardown import remove
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.work_orders import work_orders
from ansible_collections.cloudrepo.slices.plugins.module_utils.workers import Worker

from ..module_utils._domain.builders import cluster, deployed, put, topology

GROUPS = {"workers": ["w1", "w2"], "network_node": ["w1"]}


def change(kind: str, name: str) -> dict[str, Any]:
    return {"kind": kind, "name": name, "id": name, "action": "update", "slice_id": 1000}


NOTHING = "VMs 0, disks 0, taps 0, ports 0, reservations 0, networks 0"


def lines(
    first: dict[str, Any] | None,
    second: dict[str, Any] | None,
    node: dict[str, Any],
    *,
    complete: bool = True,
    is_releasing: bool = False,
    groups: dict[str, list[str]] | None = None,
) -> list[str]:
    made = cluster()
    slices = [deployed(put(made, topology()))]
    if is_releasing:
        displays.make_key(made)
        remove(made, slices[0])
    hostvars = {
        "w1": {"ansible_host": "10.0.10.1", "apply_work_order_result": first, "network_node_result": node},
        "w2": {"ansible_host": "10.0.10.2", "apply_work_order_result": second},
    }
    return audit_lines(hostvars, groups or GROUPS, work_orders(made, slices, "/s", complete=complete))


def test_all_objects_are_counted_if_nothing_differs() -> None:
    same = {"changes": [], "orphans": [], "vms": [{"state": "running"}]}
    assert lines(same, same, {"changes": []}) == [
        "Compared on 2 hosts: VMs 2, disks 2, taps 4, ports 3, reservations 1, networks 0.",
        "Differences: 0. Orphans: 0. VMs with errors: 0.",
        f"Only in the database: {NOTHING}.",
        f"Only on hosts: {NOTHING}.",
    ]


def test_objects_that_only_hosts_or_only_the_database_have_are_listed_and_counted() -> None:
    disk = {"kind": "disk", "name": "d", "slice_id": 1035, "vm_id": 1036, "path": "/d", "holds": []}
    disk.update(size_bytes=1 << 20, modified="2026-01-31T12:00:00Z")
    holds = ["unit cloudrepo-1035@1036.service (active)", "template x", "port tap_1036_eth1", "tap tap_1036_eth0"]
    left = {"kind": "slice", "name": "s", "slice_id": 1035, "vm_id": None, "path": None, "holds": holds}
    created = [change(kind, kind) for kind in ("VM folder", "overlay", "tap", "port", "unit")]
    first = {"changes": [], "orphans": [{"path": "/other"}], "only_here": [left, disk, {**disk, "path": "/other"}]}
    second = {"changes": [{**each, "action": "create"} for each in created], "only_here": []}
    at_node = {**left, "holds": ["reservations /s/dhcp/hosts.d/1035", "names /s/names/1035.conf", "port net_101"]}
    node = {"changes": [{**change("slice reservation", "1000"), "action": "create"}], "only_here": [at_node]}
    told = lines(first, second, node)
    assert told[:3] == [
        f"w1: only here: slice 1035: {', '.join(holds)}",
        "w1: only here: disk /d of VM 1036 in slice 1035 (1.0 MiB, written 2026-01-31T12:00:00Z)",
        f"w1: only here: slice 1035: {', '.join(at_node['holds'])}",
    ]
    assert told[-3].endswith(" Orphans: 2. VMs with errors: 0.")
    assert told[-2:] == [
        "Only in the database: VMs 1, disks 1, taps 1, ports 1, reservations 1, networks 0.",
        "Only on hosts: VMs 1, disks 2, taps 1, ports 1, reservations 1, networks 1.",
    ]


@pytest.mark.parametrize("is_releasing", [False, True])
def test_what_a_slice_of_the_database_has_on_a_host_alone_is_counted(is_releasing: bool) -> None:
    """Unless it is being deleted, for then the database has it until it is gone."""
    gone = [
        {**change(kind, kind), "action": "delete"} for kind in ("VM folder", "overlay", "tap", "port", "unit", "tap")
    ]
    first = {"changes": [*gone, {**change("file", "x"), "action": "delete"}], "only_here": []}
    node = {"changes": [{**change("reservations", "1000"), "action": "delete"}, change("port", "net_101")]}
    same = {"changes": []}
    counted = "VMs 1, disks 1, taps 2, ports 1, reservations 1, networks 0"
    told = lines(first, same, node, is_releasing=is_releasing)
    assert told[-1] == f"Only on hosts: {NOTHING if is_releasing else counted}."


def test_an_audit_of_some_slices_says_nothing_of_what_only_hosts_have() -> None:
    same = {"changes": [], "orphans": [], "vms": []}
    assert lines(same, same, {"changes": []}, complete=False)[-1] == f"Only in the database: {NOTHING}."


def test_an_object_with_several_differences_counts_once() -> None:
    first = {
        "changes": [change("tap", "tap_1001_eth1"), change("unit", "a"), change("tap", "tap_1001_eth1")],
        "orphans": [{"path": "/disk"}],
        "vms": [{"state": "error"}],
    }
    second = {"changes": [change("tap", "tap_1002_eth1")], "vms": [{"state": "stopped"}]}
    assert lines(first, second, {"changes": [change("file", "/hosts")]})[1] == (
        "Differences: 4 (file 1, tap 2, unit 1). Orphans: 1. VMs with errors: 1."
    )


def test_hosts_that_did_not_answer_are_not_counted() -> None:
    assert lines(None, {"unreachable": True}, {"changes": []}) == [
        "Compared on 1 hosts: VMs 0, disks 0, taps 0, ports 0, reservations 1, networks 0.",
        "Differences: 0. Orphans: 0. VMs with errors: 0.",
        f"Only in the database: {NOTHING}.",
        f"Only on hosts: {NOTHING}.",
        "Not compared: w1, w2.",
    ]


@pytest.mark.parametrize("complete", [False, True])
@pytest.mark.parametrize("is_releasing", [False, True])
def test_a_worker_that_is_not_in_the_inventory_is_not_compared(complete: bool, is_releasing: bool) -> None:
    same: dict[str, Any] = {"changes": [], "orphans": [], "vms": []}
    first = {**GROUPS, "workers": ["w1"]}
    told = lines(same, same, {"changes": []}, groups=first, complete=complete, is_releasing=is_releasing)
    assert told[-1] == "Not compared: 10.0.10.2."


@pytest.mark.parametrize("complete", [False, True])
def test_a_worker_without_vms_that_is_not_in_the_inventory_may_have_orphans(complete: bool) -> None:
    made = cluster(1)
    slices = [put(made, topology())]
    made.workers["10.0.10.9"] = Worker("10.0.10.9")
    hostvars = {"w1": {"ansible_host": "10.0.10.1", "apply_work_order_result": {"changes": []}}}
    told = audit_lines(hostvars, {"workers": ["w1"]}, work_orders(made, slices, "/s", complete=complete))
    assert ("Not compared: 10.0.10.9." in told) is complete
