# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Workers as the inventory and the database know them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.filter import workers


def test_workers_are_known_by_their_address_and_offer_what_their_facts_say() -> None:
    hosts = [
        {"ansible_host": "10.0.10.1", "ansible_facts": {"processor_vcpus": 8, "memtotal_mb": 32000}},
        {"ansible_host": "192.0.2.2", "worker_ip": "10.0.10.2", "worker_max_vms": 3, "worker_schedulable": False},
    ]
    assert workers.worker_records(hosts) == [
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
    assert workers.worker_records([host]) == [{"ip": "10.0.10.1", **offers}]


def test_the_network_nodes_uplink_is_found_among_its_devices() -> None:
    shown = '[{"ifname": "lo", "mtu": 65536}, {"ifname": "trunk0", "mtu": 9000}, {}]'
    host = {"network_node_uplink": "trunk0", "__network_node_addresses": {"stdout": shown}}
    assert workers.trunk_mtu([host]) == 9000
    assert workers.trunk_mtu([{"network_node_uplink": "trunk0"}]) is None
    assert workers.trunk_mtu([]) is None


def test_what_the_inventory_says_counts_more_than_facts() -> None:
    host = {"ansible_host": "10.0.10.1", "ansible_facts": {"processor_vcpus": 8}, "worker_cores": 4}
    assert workers.worker_records([host])[0]["cores"] == 4


def test_a_worker_is_called_what_the_inventory_calls_it() -> None:
    hosts = [
        {"inventory_hostname": "w1", "ansible_host": "10.0.10.1"},
        {"inventory_hostname": "w2", "ansible_host": "192.0.2.2", "worker_ip": "10.0.10.2"},
        {"inventory_hostname": "10.0.10.3"},
    ]
    assert workers.worker_name(hosts, "10.0.10.2") == "w2"
    assert workers.worker_name(hosts, "10.0.10.3") == "10.0.10.3"
    assert workers.worker_name(hosts, "192.0.2.2") == ""
