# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any

from ansible_collections.cloudrepo.slices.plugins.filter.orphans import orphan_lines, orphan_problems

DISK = {
    "kind": "disk",
    "name": "5f0c",
    "slice_id": 1005,
    "path": "/vms/1006/vm1_img.qcow2",
    "vm_id": 1006,
    "holds": [],
    "size_bytes": 13631488,
    "modified": "2026-01-30T08:00:00Z",
    "since": None,
    "removed": False,
}
SLICE = {
    **DISK,
    "kind": "slice",
    "name": "7f1c",
    "path": None,
    "holds": ["tap tap_1006_eth0", "flows 1005"],
    "since": "2026-01-31T12:00:00Z",
}
GROUPS = {"workers": ["w1", "w2"], "network_node": ["n"]}


def told(*orphans: dict[str, Any], refusals: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"orphans": list(orphans), "refusals": [{"message": message} for message in refusals]}


def test_orphans_are_listed_with_their_hosts() -> None:
    hostvars = {
        "w1": {"apply_work_order_orphans": told(SLICE, DISK)},
        "w2": {"apply_work_order_orphans": told({**DISK, "slice_id": None, "removed": True})},
        "n": {"network_node_orphans": told()},
    }
    disk = "disk /vms/1006/vm1_img.qcow2 of VM 1006 in"
    size = "(13.0 MiB, written 2026-01-30T08:00:00Z)"
    assert orphan_lines(hostvars, GROUPS) == [
        "w1: 7f1c: slice 1005: tap tap_1006_eth0, flows 1005; seen since 2026-01-31T12:00:00Z",
        f"w1: 5f0c: {disk} slice 1005 {size}; seen first now",
        f"w2: 5f0c: {disk} an unknown slice {size}; removed",
    ]
    assert orphan_problems(hostvars, GROUPS, ["7f1c", "/vms/1006/vm1_img.qcow2"]) == []
    assert orphan_problems(hostvars, GROUPS, ["1005"]) == [
        "orphan 1005: no host has an orphan with this name; orphans: 5f0c, 7f1c"
    ]


def test_copies_and_deleted_disks_are_listed() -> None:
    copied = {**DISK, "name": "/vms/old/vm1_img.qcow2", "path": "/vms/old/vm1_img.qcow2", "vm_id": None}
    trash = [
        {"path": "/trash/1-1001/a.qcow2", "uuid": "5f0c", "slice_id": 1000, "left_s": 79200},
        {"path": "/trash/2-1002/b.qcow2", "uuid": None, "slice_id": None, "left_s": 0},
    ]
    hostvars = {
        "w1": {"apply_work_order_orphans": {**told({**copied, "twin": "/vms/1006/vm1_img.qcow2"}), "trash": trash}},
        "n": {"network_node_orphans": told()},
    }
    assert orphan_lines(hostvars, {**GROUPS, "workers": ["w1"]}) == [
        "w1: /vms/old/vm1_img.qcow2: disk /vms/old/vm1_img.qcow2 of an unknown VM in slice 1005 "
        "(13.0 MiB, written 2026-01-30T08:00:00Z); its UUID is that of /vms/1006/vm1_img.qcow2; seen first now",
        "w1: in the trash: disk /trash/1-1001/a.qcow2 (5f0c) of slice 1000; kept for 22.0 h while the host runs",
        "w1: in the trash: disk /trash/2-1002/b.qcow2 (no UUID) of an unknown slice; about to be removed",
    ]


def test_hosts_without_an_answer_are_listed() -> None:
    hostvars: dict[str, Any] = {
        "w1": {"apply_work_order_orphans": {"failed": True, "msg": "no switch"}},
        "w2": {"apply_work_order_orphans": told(DISK, refusals=("disk 5f0c: no earlier run has listed it",))},
        "n": {},
    }
    assert orphan_problems(hostvars, GROUPS, []) == [
        "w1: no switch",
        "n: the host did not respond, or was not part of the run",
        "w2: disk 5f0c: no earlier run has listed it",
    ]
