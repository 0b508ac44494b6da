# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Workers in the inventory and in the database."""

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.filter import workers
from ansible_collections.cloudrepo.slices.plugins.module_utils._module import registries
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused

MACHINE = "0f4c1f3a6d7b4b0e9a2f6c1d8e5b7a90"
INFO = {
    "machine_id": MACHINE,
    "cores": 8,
    "ram_gb": 31.2,
    "netem": False,
    "trunk_mtu": 1500,
    "interfaces": [],
    "changed": False,
}

READ = {"machine_id": MACHINE, "cores": 8, "ram_gb": 31.2, "netem": False}


def test_workers_have_their_address_and_the_resources_that_were_read() -> None:
    hosts = [
        {"ansible_host": "10.0.10.1", "worker_host_info": INFO},
        {"ansible_host": "10.0.10.2", "worker_host_info": {**INFO, "trunk_mtu": None}},
        {
            "ansible_host": "192.0.2.2",
            "worker_ip": "10.0.10.3",
            "worker_max_vms": 3,
            "worker_schedulable": False,
            "worker_accept_machine": MACHINE,
            "worker_host_info": {**INFO, "trunk_mtu": None},
        },
    ]
    assert workers.worker_records(hosts) == [
        {**READ, "ip": "10.0.10.1", "trunk_mtu": 1500},
        {**READ, "ip": "10.0.10.2"},
        {**READ, "ip": "10.0.10.3", "max_vms": 3, "schedulable": False, "accept_machine": MACHINE},
    ]


def test_a_worker_without_a_machine_id_is_refused() -> None:
    """Its next address would be that of another, empty worker."""
    cluster = Cluster.initial()
    host = {"ansible_host": "10.0.10.1", "worker_host_info": {**INFO, "machine_id": None}}
    wants = [{**each, "state": "present"} for each in workers.worker_records([host])]
    with pytest.raises(Refused) as refused:
        registries.register_workers(cluster, wants, network_node_trunk_mtu=None, acting_user="admin")
    assert refused.value.message.startswith(
        "worker 10.0.10.1: a machine-id must be 32 hexadecimal digits, got 'none'; run systemd-machine-id-setup"
    )
    assert cluster.workers == {}


def test_unreachable_workers_are_not_registered_and_reported() -> None:
    hosts = [
        {"inventory_hostname": "w1", "ansible_host": "10.0.10.1", "worker_host_info": INFO},
        {
            "inventory_hostname": "w2",
            "ansible_host": "10.0.10.2",
            "worker_cores": 8,
            "worker_host_info": {"unreachable": True, "msg": "no route"},
        },
        {"inventory_hostname": "w3", "ansible_host": "192.0.2.3", "worker_ip": "10.0.10.3"},
    ]
    assert [each["ip"] for each in workers.worker_records(hosts)] == ["10.0.10.1"]
    assert workers.unreached_workers(hosts) == ["w2 (10.0.10.2)", "w3 (10.0.10.3)"]


def test_variables_take_precedence_over_read_values() -> None:
    host = {"ansible_host": "10.0.10.1", "worker_host_info": INFO, "worker_cores": 4, "worker_netem": True}
    [record] = workers.worker_records([host])
    assert (record["cores"], record["netem"]) == (4, True)


def test_the_trunk_mtu_of_the_network_node_is_that_of_its_uplink() -> None:
    assert workers.trunk_mtu([{"network_node_host_info": {**INFO, "trunk_mtu": 9000}}]) == 9000
    assert workers.trunk_mtu([{"network_node_host_info": {**INFO, "trunk_mtu": None}}, {}]) is None
    assert workers.trunk_mtu([]) is None


def test_the_inventory_name_of_a_worker() -> None:
    hosts = [
        {"inventory_hostname": "w1", "ansible_host": "10.0.10.1"},
        {"inventory_hostname": "w2", "ansible_host": "192.0.2.2", "worker_ip": "10.0.10.2"},
        {"inventory_hostname": "10.0.10.3"},
    ]
    assert workers.worker_name(hosts, "10.0.10.2") == "w2"
    assert workers.worker_name(hosts, "10.0.10.3") == "10.0.10.3"
    assert workers.worker_name(hosts, "192.0.2.2") == ""


def test_values_in_use_are_collected_from_reachable_hosts() -> None:
    held = {"highest_id": 1001, "highest_revision": None, "slices": [{"slice_id": 1000}]}
    infos = {"worker_host_info": {**INFO, **held}, "network_node_host_info": {**INFO, **held, "highest_revision": 5}}
    hostvars = {
        "w1": {"ansible_host": "10.0.10.1", **infos},
        "w2": {"worker_host_info": {"unreachable": True}},
        "w3": {},
    }
    found = workers.hosts_in_use(hostvars, {"workers": ["w1", "w2", "w3"], "network_node": ["w1"]})
    told = {"host": "w1", "highest_id": 1001, "slices": [{"slice_id": 1000}]}
    assert found == [{**told, "target": "10.0.10.1"}, {**told, "target": "network_node", "highest_revision": 5}]
    assert workers.hosts_in_use({"w1": {}}, {"workers": ["w1"]}) == []
