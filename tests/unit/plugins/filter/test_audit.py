# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a deploy in check mode has compared."""

from __future__ import annotations

from typing import Any

from ansible_collections.cloudrepo.slices.plugins.filter.audit import audit_lines
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.work_orders import work_orders

from ..module_utils._domain.builders import cluster, deployed, put, topology

GROUPS = {"workers": ["w1", "w2"], "network_node": ["w1"]}


def change(kind: str, name: str) -> dict[str, Any]:
    return {"kind": kind, "name": name, "id": name, "action": "update"}


def lines(first: dict[str, Any] | None, second: dict[str, Any] | None, node: dict[str, Any]) -> list[str]:
    made = cluster()
    slices = [deployed(put(made, topology()))]
    hostvars = {
        "w1": {"ansible_host": "10.0.10.1", "apply_work_order_result": first, "network_node_result": node},
        "w2": {"ansible_host": "10.0.10.2", "apply_work_order_result": second},
    }
    return audit_lines(hostvars, GROUPS, work_orders(made, slices, "/s"))


def test_all_objects_are_counted_if_nothing_differs() -> None:
    same = {"changes": [], "orphans": [], "vms": [{"state": "running"}]}
    assert lines(same, same, {"changes": []}) == [
        "Compared on 2 hosts: VMs 2, disks 2, taps 4, ports 3, reservations 1, networks 0.",
        "Differences: 0. Orphans: 0. VMs with errors: 0.",
    ]


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
        "Not compared: w1, w2.",
    ]
