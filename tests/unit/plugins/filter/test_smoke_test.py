# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The checks of the smoke test, and the presentation of their results."""

from __future__ import annotations

from ansible_collections.cloudrepo.slices.plugins.filter import smoke_test

SLICE = {
    "vms": [
        {"vm_id": 1001, "name": "vm1", "worker_ip": "10.0.10.1"},
        {"vm_id": 1002, "name": "vm2", "worker_ip": "10.0.10.2"},
    ],
    "links": [
        {"vlan_id": 100, "vm1_id": 1001, "vm1_interface": "eth1", "vm2_id": 1002, "vm2_interface": "eth2"},
    ],
}


def test_a_link_is_pinged_from_both_ends() -> None:
    first, second = smoke_test.link_pings([SLICE])
    assert first == {
        "vm_id": 1001,
        "name": "vm1",
        "worker_ip": "10.0.10.1",
        "interface": "eth1",
        "address": "192.168.100.1",
        "neighbor": "vm2",
        "neighbor_address": "192.168.100.2",
        "neighbor_worker_ip": "10.0.10.2",
        "vlan_id": 100,
    }
    assert (second["name"], second["interface"], second["neighbor_address"]) == ("vm2", "eth2", "192.168.100.1")
    first_vm, second_vm = SLICE["vms"]
    assert smoke_test.link_pings([{**SLICE, "vms": [first_vm, {**second_vm, "power": "stopped"}]}]) == []


def test_measurements_are_lines_of_text() -> None:
    ping = "3 packets transmitted, 3 packets received, 0% packet loss\nround-trip min/avg/max = 1.0/6.3/9.0 ms"
    vm = {"name": "vm1", "interfaces": [{"ip_config": {"ip": "10.60.7.101"}}]}
    host = {
        "smoke_test_link": {"results": [{"item": smoke_test.link_pings([SLICE])[0], "stdout": ping}]},
        "smoke_test_dhcp": {"results": [{"item": vm, "duration_s": 0.15, "stdout": ""}]},
        "smoke_test_nat": {"results": [{"item": vm, "duration_s": 0.09, "stdout": "client 203.0.113.2\n"}]},
        "smoke_test_isolated": {"results": [{"item": {"name": "vm2"}, "stdout_lines": ["52:54:00:03:ea:00", "0"]}]},
    }
    assert smoke_test.smoke_test_lines([host, {}]) == [
        "ping vm1 → vm2 over VLAN 100 (10.0.10.1 → 10.0.10.2): 6.3 ms on average, 0 % lost",
        "DHCP: vm1 eth0 got 10.60.7.101 in 0.15 s",
        "NAT: vm1 asked the internet, which answered in 0.09 s: client 203.0.113.2",
        "no VLAN: vm2 sees eth0 (52:54:00:03:ea:00) without a carrier",
    ]
