# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any

from ansible_collections.cloudrepo.slices.plugins.filter import readiness

GROUPS = {"orchestrator": ["localhost"], "workers": ["w1", "w2"], "network_node": ["netnode"]}


def vm(vm_id: int, worker: str, address: str | None = None, **more: Any) -> dict[str, Any]:
    ip_config = {"ip": address} if address else None
    return {
        "vm_id": vm_id,
        "name": f"vm{vm_id}",
        "worker_ip": worker,
        "status": "running",
        "interfaces": [{"name": "eth0", "ip_config": ip_config}],
        **more,
    }


SLICES = [
    {
        "slice_id": 1000,
        "name": "web",
        "vms": [vm(1, "10.0.10.1"), vm(2, "10.0.10.2"), vm(3, "10.0.10.1", "10.60.7.103")],
    }
]


def hostvars(**of_hosts: dict[str, Any]) -> dict[str, dict[str, Any]]:
    addresses = {"w1": "10.0.10.1", "w2": "10.0.10.2", "netnode": "10.0.10.3", "localhost": "127.0.0.1"}
    return {
        name: {"inventory_hostname": name, "ansible_host": address, **of_hosts.get(name, {})}
        for name, address in addresses.items()
    }


def test_each_host_makes_its_own_checks() -> None:
    made = {
        host: [check["vm_id"] for check in readiness.readiness_checks(SLICES, hostvars(), GROUPS, host)]
        for host in ("w1", "w2", "netnode")
    }
    assert made == {"w1": [1], "w2": [2], "netnode": [3]}
    assert [check["vm_id"] for check in readiness.readiness_checks(SLICES)] == [1, 2, 3]


def result(*, ready: dict[int, float] | None = None, waiting: dict[int, str] | None = None) -> dict[str, Any]:
    return {
        "ready": [{"vm_id": vm_id, "seconds": seconds} for vm_id, seconds in (ready or {}).items()],
        "waiting": [{"vm_id": vm_id, "seconds": 60.2, "reason": why} for vm_id, why in (waiting or {}).items()],
    }


def test_the_report_lists_the_times() -> None:
    hosts = hostvars(
        w1={"wait_for_vms_result": result(ready={1: 7.51})},
        w2={"wait_for_vms_result": result(ready={2: 3.0})},
        netnode={"wait_for_vms_result": result(ready={3: 5.0}), "wait_for_vms_consoles": {"skipped": True}},
    )
    report = readiness.readiness_report(SLICES, hosts, GROUPS)
    assert (report["ready"], report["waiting"], report["seconds"]) == (["web/vm1", "web/vm2", "web/vm3"], [], 7.51)
    assert report["text"].splitlines() == [
        "3 of 3 VMs are ready after 7.5 s",
        "VM       ID  CHECK    READY AFTER",
        "web/vm1  1   console  7.5 s",
        "web/vm2  2   console  3.0 s",
        "web/vm3  3   ping     5.0 s",
    ]


def test_the_report_names_vms_that_are_not_ready_with_the_end_of_their_consoles() -> None:
    hosts = hostvars(
        w1={
            "wait_for_vms_result": result(ready={1: 2.0}),
            "wait_for_vms_consoles": {"consoles": [{"vm_id": 3, "lines": ["Kernel panic", "---"]}]},
        },
        netnode={"wait_for_vms_result": result(waiting={3: "10.60.7.103 does not answer pings"})},
    )
    report = readiness.readiness_report(SLICES, hosts, GROUPS)
    assert (report["ready"], report["waiting"], report["seconds"]) == (["web/vm1"], ["web/vm2", "web/vm3"], 60.2)
    assert report["text"].splitlines() == [
        "1 of 3 VMs are ready after 60.2 s",
        "VM       ID  CHECK    READY AFTER",
        "web/vm1  1   console  2.0 s",
        "",
        "VM web/vm2 (2) is not ready (console): worker 10.0.10.2 could not be asked",
        "  | nothing was read from its console",
        "",
        "VM web/vm3 (3) is not ready (ping): 10.60.7.103 does not answer pings",
        "  | Kernel panic",
        "  | ---",
    ]


def test_nothing_to_wait_for_is_ready() -> None:
    report = readiness.readiness_report([], hostvars(), GROUPS)
    assert (report["waiting"], report["text"]) == ([], "0 of 0 VMs are ready after 0.0 s")
