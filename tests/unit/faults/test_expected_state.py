# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is stored is compared with what the hosts hold."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.faults import expected_state

WORKERS = {"10.0.10.1": "worker1"}
SLICES: list[dict[str, Any]] = [
    {
        "slice_id": 1000,
        "name": "web",
        "networks": [{"gateway_ip": "192.168.100.1", "dhcp_enabled": False}],
        "vms": [
            {
                "vm_id": 1001,
                "uuid": "u1",
                "name": "vm1",
                "worker_ip": "10.0.10.1",
                "status": "running",
                "pid": "7",
                "disks": [{"path": "/vms/1001/vm1.qcow2", "uuid": "d1"}],
                "interfaces": [
                    {"name": "eth0", "vlan_id": 400, "mac": "m0", "ip_config": {"ip": "10.60.7.101"}},
                    {"name": "eth1", "vlan_id": None, "mac": "m1", "ip_config": None},
                ],
            },
            {
                "vm_id": 1002,
                "uuid": "u2",
                "name": "vm2",
                "worker_ip": "10.0.10.1",
                "status": "stopped",
                "pid": None,
                "disks": [],
                "interfaces": [],
            },
        ],
    }
]
EMPTY: dict[str, Any] = {
    **{key: {} for key in ("units", "qemus", "answers", "ports", "disks", "reservations")},
    **{key: [] for key in ("enabled", "taps", "flows", "folders", "trash", "applied", "namespaces", "drafts")},
}
UNIT = "cloudrepo-1000@1001.service"
HOSTS: dict[str, dict[str, Any]] = {
    "worker1": {
        **EMPTY,
        "units": {UNIT: {"state": "active", "pid": 7}, "cloudrepo-1000@1002.service": {"state": "inactive", "pid": 0}},
        "qemus": {"1001": [7]},
        "answers": {"1001": "running"},
        "taps": ["tap_1001_eth0", "tap_1001_eth1"],
        "ports": {"tap_1001_eth0": 400},
        "flows": [1000],
        "disks": {"/vms/1001/vm1.qcow2": {"uuid": "d1", "inode": 1}},
        "folders": ["1001", "1002"],
        "applied": ["worker/1000.json"],
    },
    "netnode": {
        **EMPTY,
        "units": {
            "slices-names@1000.service": {"state": "active", "pid": 8},
            "slices-network@1000.service": {"state": "active", "pid": 9},
        },
        "reservations": {"m0": "10.60.7.101"},
        "namespaces": ["slice-1000"],
        "applied": ["network_node/1000.json"],
    },
}


def test_hosts_that_hold_what_is_stored_have_no_difference() -> None:
    assert expected_state.compare(SLICES, HOSTS, WORKERS) == []


@pytest.mark.parametrize(
    ("host", "key", "value", "told"),
    [
        (
            "worker1",
            "units",
            {UNIT: {"state": "failed", "pid": 0}},
            ["lost on worker1: unit cloudrepo-1000@1001.service"],
        ),
        ("worker1", "taps", ["tap_1001_eth0"], ["lost on worker1: tap tap_1001_eth1"]),
        ("worker1", "taps", ["tap_1001_eth0", "tap_1001_eth1", "tap_9_eth0"], ["doubled on worker1: tap tap_9_eth0"]),
        (
            "worker1",
            "ports",
            {"tap_1001_eth0": 100},
            ["doubled on worker1: port tap_1001_eth0 100", "lost on worker1: port tap_1001_eth0 400"],
        ),
        ("worker1", "flows", [1000, 1003], ["doubled on worker1: flows of slice 1003"]),
        (
            "worker1",
            "disks",
            {"/vms/1001/vm1.qcow2": {"uuid": "d2", "inode": 1}},
            ["doubled on worker1: disk /vms/1001/vm1.qcow2 d2", "lost on worker1: disk /vms/1001/vm1.qcow2 d1"],
        ),
        ("worker1", "trash", ["1-1001"], ["doubled on worker1: deleted disk 1-1001"]),
        ("worker1", "drafts", ["/vms/1001/.a.abcdefgh"], ["doubled on worker1: temporary file /vms/1001/.a.abcdefgh"]),
        ("worker1", "qemus", {"1001": [7, 8]}, ["doubled on worker1: QEMU of VM 1001, with the pids [7, 8]"]),
        (
            "worker1",
            "qemus",
            {"1001": [8]},
            ["untrue on worker1: VM web/vm1 (1001) is stored as ('running', 7), and is ('running', 8)"],
        ),
        (
            "worker1",
            "answers",
            {"1001": "silent"},
            ["untrue on worker1: VM web/vm1 (1001) is stored as ('running', 7), and is ('silent', 7)"],
        ),
        ("netnode", "reservations", {}, ["lost on netnode: reservation m0 10.60.7.101"]),
        ("netnode", "namespaces", ["slice-1000", "slice-1003"], ["doubled on netnode: namespace slice-1003"]),
        ("netnode", "applied", [], ["lost on netnode: applied order network_node/1000.json"]),
    ],
)
def test_each_difference_is_told(host: str, key: str, value: Any, told: list[str]) -> None:
    hosts = copy.deepcopy(HOSTS)
    hosts[host][key] = value
    assert [str(one) for one in expected_state.compare(SLICES, hosts, WORKERS)] == told


def _stop(vm: dict[str, Any]) -> None:
    vm["status"] = "stopped"


def _pause(vm: dict[str, Any]) -> None:
    vm["status"], vm["power"] = "stopped", "paused"


@pytest.mark.parametrize(("change", "answer", "is_true"), [(_stop, "running", False), (_pause, "paused", True)])
def test_a_stopped_vm_has_no_qemu_unless_it_is_paused(
    change: Callable[[dict[str, Any]], None], answer: str, is_true: bool
) -> None:
    slices, hosts = copy.deepcopy(SLICES), copy.deepcopy(HOSTS)
    change(slices[0]["vms"][0])
    hosts["worker1"]["answers"]["1001"] = answer
    assert (not list(expected_state.states(slices, hosts, WORKERS))) == is_true


def test_a_vm_that_no_report_was_about_is_not_judged() -> None:
    slices = copy.deepcopy(SLICES)
    slices[0]["vms"][0]["status"] = "design"
    assert list(expected_state.states(slices, {**HOSTS, "worker1": EMPTY}, WORKERS)) == []


def test_hosts_that_were_not_observed_are_left_out() -> None:
    assert expected_state.compare(SLICES, {"netnode": HOSTS["netnode"]}, WORKERS) == []


def test_pids_are_those_of_running_vms_by_uuid() -> None:
    assert expected_state.pids(SLICES, HOSTS) == {"u1": 7}
