# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What playbooks pass on between hosts and modules."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.filter import playbooks


def test_workers_are_known_by_their_address_and_offer_what_their_facts_say() -> None:
    hosts = [
        {"ansible_host": "10.0.10.1", "ansible_facts": {"processor_vcpus": 8, "memtotal_mb": 32000}},
        {"ansible_host": "192.0.2.2", "worker_ip": "10.0.10.2", "worker_max_vms": 3, "worker_schedulable": False},
    ]
    assert playbooks.worker_records(hosts) == [
        {"ip": "10.0.10.1", "cores": 8, "ram_gb": 31.2},
        {"ip": "10.0.10.2", "max_vms": 3, "schedulable": False},
    ]


@pytest.mark.parametrize(
    ("stdout", "offers"),
    [
        ("netem no\ntrunk_mtu 1500", {"netem": False, "trunk_mtu": 1500}),
        ("netem yes\n", {"netem": True}),
        ("netem yes\ntrunk_mtu ", {"netem": True}),
        ("", {}),
    ],
)
def test_workers_tell_what_their_network_offers(stdout: str, offers: dict[str, Any]) -> None:
    host = {"ansible_host": "10.0.10.1", "__worker_offers": {"stdout": stdout}}
    assert playbooks.worker_records([host]) == [{"ip": "10.0.10.1", **offers}]


def test_the_network_nodes_uplink_is_found_among_its_devices() -> None:
    shown = '[{"ifname": "lo", "mtu": 65536}, {"ifname": "trunk0", "mtu": 9000}, {}]'
    host = {"network_node_uplink": "trunk0", "__network_node_addresses": {"stdout": shown}}
    assert playbooks.trunk_mtu([host]) == 9000
    assert playbooks.trunk_mtu([{"network_node_uplink": "trunk0"}]) is None
    assert playbooks.trunk_mtu([]) is None


def test_what_the_inventory_says_counts_more_than_facts() -> None:
    host = {"ansible_host": "10.0.10.1", "ansible_facts": {"processor_vcpus": 8}, "worker_cores": 4}
    assert playbooks.worker_records([host])[0]["cores"] == 4


def test_a_worker_is_called_what_the_inventory_calls_it() -> None:
    hosts = [
        {"inventory_hostname": "w1", "ansible_host": "10.0.10.1"},
        {"inventory_hostname": "w2", "ansible_host": "192.0.2.2", "worker_ip": "10.0.10.2"},
        {"inventory_hostname": "10.0.10.3"},
    ]
    assert playbooks.worker_called(hosts, "10.0.10.2") == "w2"
    assert playbooks.worker_called(hosts, "10.0.10.3") == "10.0.10.3"
    assert playbooks.worker_called(hosts, "192.0.2.2") == ""


def test_the_infrastructure_is_the_inventorys_hosts_and_the_networks_they_share_with_a_host() -> None:
    hostvars = {
        "localhost": {"ansible_host": "127.0.0.1"},
        "w1": {"ansible_host": "worker1.example", "worker_ip": "10.0.10.1"},
        "w2": {"ansible_host": "10.0.10.2"},
        "n": {"ansible_host": "192.0.2.9"},
        "other": {"ansible_host": "192.0.2.1"},
    }
    groups = {"orchestrator": ["localhost"], "workers": ["w1", "w2"], "network_node": ["n"], "all": list(hostvars)}
    assert playbooks.infrastructure_networks(hostvars, groups) == ["10.0.10.1/32", "10.0.10.2/32", "192.0.2.9/32"]
    addresses = [
        {"addr_info": [{"family": "inet", "local": "10.0.10.3", "prefixlen": 24}, {"family": "inet6", "local": "::1"}]},
        {"addr_info": [{"family": "inet", "local": "203.0.113.2", "prefixlen": 24}]},
        {},
    ]
    assert playbooks.infrastructure_networks(hostvars, groups, addresses) == ["10.0.10.0/24", "192.0.2.9/32"]
    own = [
        {"ifname": name, "addr_info": [{"family": "inet", "local": local, "prefixlen": 24}]}
        for name, local in {
            "lo": "127.0.0.1",
            "eth0": "203.0.113.7",
            "gw400": "10.60.7.1",
            "nat_1000": "10.9.9.9",
        }.items()
    ]
    found = playbooks.infrastructure_networks(hostvars, groups, addresses, own)
    assert found == ["10.0.10.0/24", "192.0.2.9/32", "203.0.113.7/32"]


OWN = ["10.0.10.1/32", "192.0.2.9/32"]


def test_settings_of_the_network_node_that_make_sense() -> None:
    given = {"cidr": "10.70.0.0/16", "gateway": "10.70.0.1", "dhcp_server": "10.70.0.2"}
    given |= {"first_address": "10.70.1.0", "last_address": "10.70.1.255", "of_the_argument_spec": "not_of_this"}
    for network in ({}, given):
        assert playbooks.management_problems(network, ["10.0.0.0/24"], OWN, ["192.0.2.53"], "169.254.64.0/24") == []


def test_settings_of_the_network_node_that_make_none_are_all_told() -> None:
    network = {"cidr": "10.0.10.0/24"}
    found = playbooks.management_problems(network, ["10.0.0.0/16"], OWN, ["192.0.2.53", "dns", "::1"], "10.0.0.0/24")
    assert found == [
        *(f"management network: {name} is not in 10.0.10.0/24" for name in INSIDE),
        "management network 10.0.10.0/24 overlaps 10.0.10.1/32 of the infrastructure",
        "network_node_dns_servers: 'dns' is not an IPv4 address",
        "network_node_dns_servers: '::1' is not an IPv4 address",
        "network_node_nat_links: 10.0.0.0/24 is not in 169.254.0.0/16, where no network of a slice can be",
    ]


INSIDE = ("gateway 10.60.7.1", "dhcp_server 10.60.7.2", "first_address 10.60.7.101", "last_address 10.60.7.250")


def test_settings_of_the_network_node_that_are_no_networks() -> None:
    assert playbooks.management_problems({"cidr": "10.60.7.0/33"}, ["10.0.10.3/24"], OWN, [], "169.254.0.0") == [
        "management network 10.60.7.0/33: '33' is not a valid netmask",
        "infrastructure network '10.0.10.3/24' is not an IPv4 network: 10.0.10.3/24 has host bits set",
    ]
    assert playbooks.management_problems({}, [], [], [], "link") == [
        "network_node_nat_links: 'link' is not an IPv4 network: Expected 4 octets in 'link'"
    ]


def test_a_host_whose_address_nobody_knows_is_told() -> None:
    own = [{"ifname": "eth0", "addr_info": [{"family": "inet", "local": "203.0.113.7", "prefixlen": 24}]}]
    hostvars = {
        "localhost": {},
        "w1": {"ansible_host": "worker1.example"},
        "w2": {"ansible_host": "worker2.example", "worker_ip": "10.0.10.2"},
        "10.0.10.3": {},
    }
    groups = {"orchestrator": ["localhost"], "workers": ["w1", "w2", "10.0.10.3"], "network_node": ["w1"]}
    assert playbooks.unknown_hosts(hostvars, groups) == ["localhost", "w1"]
    assert playbooks.unknown_hosts(hostvars, groups, own) == ["w1"]
    assert playbooks.unknown_hosts({**hostvars, "w1": hostvars["w2"]}, groups, own) == []


def vms(*running: int) -> dict[str, Any]:
    return {"vms": [{"vm_id": vm_id, "name": "x", "state": "running", "pid": "7"} for vm_id in running]}


SEEN = {"vm_id": 1001, "state": "running", "name": "x", "slice_id": None, "pid": "7", "failure": None}


def test_reports_tell_success_failure_and_silence() -> None:
    hostvars = {
        "w1": {"ansible_host": "10.0.10.1", "apply_work_order_result": vms(1001)},
        "w2": {
            "ansible_host": "10.0.10.2",
            "apply_work_orders_worker_failure": "disk full",
            "apply_work_order_result": vms(),
        },
        "w3": {"ansible_host": "10.0.10.3"},
        "w4": {"ansible_host": "10.0.10.4"},
        "n": {"ansible_host": "10.0.10.9", "network_node_result": {"changed": False}},
    }
    groups = {"workers": ["w1", "w2", "w3", "w4"], "network_node": ["n"]}
    reports = playbooks.host_reports(hostvars, groups, ["10.0.10.1", "10.0.10.2", "10.0.10.3"])
    assert reports == [
        {
            "host": "w1",
            "target": "10.0.10.1",
            "failure": None,
            "superseded": False,
            "vms": [SEEN],
        },
        {"host": "w2", "target": "10.0.10.2", "failure": "disk full", "superseded": False, "vms": []},
        {
            "host": "w3",
            "target": "10.0.10.3",
            "failure": "it did not answer, or was not part of the run",
            "superseded": False,
            "vms": [],
        },
        {
            "host": "w4",
            "target": "10.0.10.4",
            "failure": (
                "worker 10.0.10.4 is not registered; run cloudrepo.slices.site, which registers the workers of the "
                "inventory"
            ),
            "superseded": False,
            "vms": [],
        },
        {"host": "n", "target": "network_node", "failure": None, "superseded": False, "vms": []},
    ]


def test_a_host_that_was_superseded_says_so() -> None:
    late = {"failed": True, "msg": "slice 1000: this work order is as of …", "superseded": True}
    hostvars = {
        "w1": {
            "ansible_host": "10.0.10.1",
            "apply_work_order_result": late,
            "apply_work_orders_worker_failure": late["msg"],
        }
    }
    [report] = playbooks.host_reports(hostvars, {"workers": ["w1"]}, ["10.0.10.1"])
    assert (report["failure"], report["superseded"], report["vms"]) == (late["msg"], True, [])


def test_one_host_that_is_both_fails_at_what_failed_alone() -> None:
    hostvars = {
        "a": {
            "ansible_host": "10.0.10.1",
            "apply_work_orders_network_node_failure": "no route",
            "apply_work_order_result": vms(1001),
        }
    }
    reports = playbooks.host_reports(hostvars, {"workers": ["a"], "network_node": ["a"]}, ["10.0.10.1"])
    assert [(report["target"], report["failure"]) for report in reports] == [
        ("10.0.10.1", None),
        ("network_node", "no route"),
    ]


def test_a_host_that_cannot_be_reached_has_not_done_its_part() -> None:
    lost = {"unreachable": True, "changed": False, "msg": "Failed to connect to the host via ssh"}
    hostvars = {
        "w1": {"ansible_host": "10.0.10.1", "apply_work_order_result": lost},
        "w2": {"ansible_host": "10.0.10.2", "apply_work_order_result": {"failed": True, "msg": "no space left"}},
        "n": {"network_node_result": lost},
    }
    groups = {"workers": ["w1", "w2"], "network_node": ["n"]}
    failures = [one["failure"] for one in playbooks.host_reports(hostvars, groups, ["10.0.10.1", "10.0.10.2"])]
    unanswered = "it did not answer, or was not part of the run"
    assert failures == [unanswered, "no space left", unanswered]


def test_reports_are_news_when_they_differ_from_what_is_recorded() -> None:
    vm = {"vm_id": 1001, "state": "running", "pid": "7"}
    reports: list[dict[str, Any]] = [{"host": "w1", "target": "10.0.10.1", "failure": None, "vms": [vm]}]
    assert not playbooks.is_news(reports, [dict(vm)])
    assert playbooks.is_news(reports, None)
    assert playbooks.is_news(reports, [{**vm, "pid": "8"}])
    assert playbooks.is_news(reports, [])
    assert playbooks.is_news([{**reports[0], "vms": []}], [vm])
    assert playbooks.is_news([{**reports[0], "failure": "it did not answer"}], [vm])


def test_vms_that_run_on_as_they_were_started_are_named() -> None:
    old = {"vm_id": 1001, "name": "vm1", "reasons": ["cores 1 → 2", "ram_mib 512 → 1024"]}
    hostvars = {
        "w1": {"apply_work_order_result": {"restart_required": [old]}},
        "w2": {"apply_work_order_result": {}},
        "w3": {},
    }
    assert playbooks.restart_notes(hostvars, {"workers": ["w1", "w2", "w3"]}) == [
        "VM vm1 (1001) needs a restart (apply_work_order_restart=true) for: cores 1 → 2, ram_mib 512 → 1024"
    ]


def test_base_images_are_listed_once_and_only_with_a_checksum() -> None:
    flavors = [
        {"name": "a", "image": "/i", "checksum": "ab"},
        {"name": "b", "image": "/i", "checksum": "ab"},
        {"name": "c", "image": "/j"},
    ]
    assert playbooks.base_images(flavors, "/state") == [
        {"checksum": "ab", "path": "/state/images/ab.img", "source": "/i"}
    ]


DISPLAY = {
    "slice": "web",
    "name": "vm1",
    "vm_id": 1001,
    "worker_ip": "10.0.10.1",
    "vnc_port": 5901,
    "password": "hMr3kWpa",
}


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        ({}, "10.0.10.1:5901 hMr3kWpa"),
        ({"apply_work_order_vnc_listen": "worker"}, "10.0.10.1:5901 hMr3kWpa"),
        ({"apply_work_order_vnc_listen": "loopback"}, "127.0.0.1:5901 on 10.0.10.1 hMr3kWpa"),
        ({"apply_work_order_vnc_listen": "unix"}, "/run/cloudrepo/1001/vnc.sock on 10.0.10.1"),
        ({"apply_work_order_vnc_listen": "none"}, "no display"),
    ],
)
def test_displays_are_where_their_worker_lets_them_listen(variables: dict[str, str], place: str) -> None:
    workers = [
        {"ansible_host": "10.0.10.2", "apply_work_order_vnc_listen": "none"},
        {"ansible_host": "10.0.10.1", **variables},
    ]
    assert playbooks.display_lines([DISPLAY], workers) == [f"web/vm1 {place}"]


def test_a_display_is_told_though_the_inventory_does_not_know_its_worker() -> None:
    assert playbooks.display_lines([DISPLAY], []) == ["web/vm1 10.0.10.1:5901 hMr3kWpa"]


def test_netmask() -> None:
    assert playbooks.netmask("10.60.7.0/24") == "255.255.255.0"


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
    first, second = playbooks.link_pings([SLICE])
    assert first == {
        "vm_id": 1001,
        "name": "vm1",
        "worker_ip": "10.0.10.1",
        "interface": "eth1",
        "address": "192.168.100.1",
        "neighbour": "vm2",
        "neighbour_address": "192.168.100.2",
        "neighbour_worker_ip": "10.0.10.2",
        "vlan_id": 100,
    }
    assert (second["name"], second["interface"], second["neighbour_address"]) == ("vm2", "eth2", "192.168.100.1")
    first_vm, second_vm = SLICE["vms"]
    assert playbooks.link_pings([{**SLICE, "vms": [first_vm, {**second_vm, "power": "stopped"}]}]) == []


def test_measurements_are_lines_of_text() -> None:
    ping = "3 packets transmitted, 3 packets received, 0% packet loss\nround-trip min/avg/max = 1.0/6.3/9.0 ms"
    vm = {"name": "vm1", "interfaces": [{"ip_config": {"ip": "10.60.7.101"}}]}
    host = {
        "smoke_test_link": {"results": [{"item": playbooks.link_pings([SLICE])[0], "stdout": ping}]},
        "smoke_test_dhcp": {"results": [{"item": vm, "duration_s": 0.15, "stdout": ""}]},
        "smoke_test_nat": {"results": [{"item": vm, "duration_s": 0.09, "stdout": "client 203.0.113.2\n"}]},
        "smoke_test_isolated": {"results": [{"item": {"name": "vm2"}, "stdout_lines": ["52:54:00:03:ea:00", "0"]}]},
    }
    assert playbooks.smoke_test_lines([host, {}]) == [
        "ping vm1 → vm2 over VLAN 100 (10.0.10.1 → 10.0.10.2): 6.3 ms on average, 0 % lost",
        "DHCP: vm1 eth0 got 10.60.7.101 in 0.15 s",
        "NAT: vm1 asked the internet, which answered in 0.09 s: client 203.0.113.2",
        "no VLAN: vm2 sees eth0 (52:54:00:03:ea:00) without a carrier",
    ]
