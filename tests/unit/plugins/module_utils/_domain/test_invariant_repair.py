# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Violations of invariants are repaired with as little renumbering as possible."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.invariant_repair import repair
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.invariants import breaches
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.vlans import FURTHER_POOLS, POOL_COUNT

from . import builders

SLICE = json.loads((Path(__file__).parents[4] / "fixtures" / "slice_1000.json").read_text(encoding="utf-8"))


def old_file() -> dict[str, Any]:
    """Return a file of Cloud Repositorio with violations: slice 1100 is a copy of 1000 with another id and owner."""
    second = copy.deepcopy(SLICE)
    second["slice_id"], second["owner"] = 1100, "student"
    second["links"].append({**second["links"][0], "link_id": 2, "vlan_id": 400})
    second["vms"][1]["interfaces"].append(
        {"name": "eth2", "vlan_id": 400, "mac": "52:54:00:03:ea:02", "ip_config": None, "link_id": 2}
    )
    second["vms"][0]["interfaces"].append(
        {"name": "eth2", "vlan_id": 400, "mac": "52:54:00:03:e9:02", "ip_config": None, "link_id": 2}
    )
    second["links"][1].update(vm1_interface="eth2", vm2_interface="eth2")
    return copy.deepcopy(
        {
            "workers_list": ["10.0.10.1", "10.0.10.2", "10.0.10.3"],
            "users": {
                "admin": {"username": "admin", "password_hash": "!", "quota_vms": 10, "used_vms": 5, "slices": [1000]}
            },
            "workers": {"10.0.10.1": {"max_vms": 10, "used_vms": 7}, "10.0.10.2": {"max_vms": 10, "used_vms": 2}},
            "slices": {"1000": SLICE, "1100": second},
            "next_vm_id": 1003,
            "next_vlan_id": 101,
        }
    )


def test_a_valid_database_is_unchanged() -> None:
    data = old_file()
    del data["slices"]["1100"]
    data["users"]["admin"]["used_vms"] = 2
    data["workers"] = {}
    held = Cluster.from_dict(data)
    assert (breaches(held), repair(held)) == ([], [])
    assert held.to_dict() == data


def test_an_old_file_is_repaired() -> None:
    held = Cluster.from_dict(old_file())
    first = copy.deepcopy(held.slices[1000].to_dict())
    assert len(breaches(held)) > 10
    told = repair(held)
    disks = "disk ~/vm_images/vm{0}_img.qcow2 on worker 10.0.10.{0} belongs to 2 VMs: "
    assert breaches(held) == [
        disks.format(1) + "VM 1000/vm1 (1001) and VM 1101/vm1 (1102)",
        disks.format(2) + "VM 1000/vm2 (1002) and VM 1101/vm2 (1103)",
    ]
    assert held.slices[1000].to_dict() == first
    assert told == [
        "next_vm_id 1003 → 1101",
        "user student: added without a password, with a quota of 2 VMs",
        "slice 1100 (1100) of student: id → 1101, VLAN pool 100 → 120",
        "VM 1101/vm1 (1001): id → 1102",
        "VM 1101/vm2 (1002): id → 1103",
        "VM 1101/vm1 (1102): owner admin → student",
        "VM 1101/vm2 (1103): owner admin → student",
        "link 1101/1: VLAN 100 → 120",
        "link 1101/2: VLAN 400 → 121",
        "slice 1101 (1101) of student: vlan_pool_used [100] → [120, 121]",
        "VM 1101/vm1 (1102): eth0: MAC 52:54:00:03:e9:00 → 52:54:00:04:4e:00",
        "VM 1101/vm1 (1102): eth1: MAC 52:54:00:03:e9:01 → 52:54:00:04:4e:01",
        "VM 1101/vm1 (1102): eth1: VLAN 100, link 1 → VLAN 120, link 1",
        "VM 1101/vm1 (1102): eth2: MAC 52:54:00:03:e9:02 → 52:54:00:04:4e:02",
        "VM 1101/vm1 (1102): eth2: VLAN 400, link 2 → VLAN 121, link 2",
        "VM 1101/vm2 (1103): eth0: MAC 52:54:00:03:ea:00 → 52:54:00:04:4f:00",
        "VM 1101/vm2 (1103): eth1: MAC 52:54:00:03:ea:01 → 52:54:00:04:4f:01",
        "VM 1101/vm2 (1103): eth1: VLAN 100, link 1 → VLAN 120, link 1",
        "VM 1101/vm2 (1103): eth2: MAC 52:54:00:03:ea:02 → 52:54:00:04:4f:02",
        "VM 1101/vm2 (1103): eth2: VLAN 400, link 2 → VLAN 121, link 2",
        "VM 1101/vm1 (1102): VNC port 5901 → 5903",
        "VM 1101/vm2 (1103): VNC port 5902 → 5904",
        "VM 1101/vm1 (1102): address 10.60.7.101 → 10.60.7.102",
        "user admin: used_vms 5 → 2",
        "user student: slices [] → [1101]",
        "user student: used_vms 0 → 2",
        "worker 10.0.10.1: used_vms 7 → 2",
    ]
    assert repair(held) == []


PLACES = [
    ("next_vm_id",),
    *(("slices", "1000", key) for key in ("owner", "vlan_pool_start", "vlan_pool_used", "status")),
    *(("slices", "1000", "vms", at, key) for at in (0, 1) for key in ("vm_id", "name", "owner", "worker_ip", "status")),
    *(("slices", "1000", "vms", at, "vnc_port") for at in (0, 1)),
    *(("slices", "1000", "vms", at, "interfaces", 1, key) for at in (0, 1) for key in ("vlan_id", "mac", "link_id")),
    *(("slices", "1100", "links", at, key) for at in (0, 1) for key in ("vlan_id", "vm1_id", "vm2_interface")),
    ("users", "admin", "used_vms"),
    ("users", "admin", "slices"),
]
NUMBERS = st.sampled_from([0, 1, 2, 100, 119, 120, 400, 1000, 1001, 1002, 1100, 5901, 5902, 66537])


@pytest.mark.parametrize("count", [1, 4])
@given(data=st.data())
def test_all_violations_are_repaired_in_one_run(count: int, data: st.DataObject) -> None:
    document: Any = old_file()
    for _each in range(count):
        *way, last = data.draw(st.sampled_from(PLACES))
        place = document
        for step in way:
            place = place[step]
        old = place[last]
        if isinstance(old, list):
            place[last] = data.draw(st.lists(NUMBERS, max_size=4))
        elif isinstance(old, str):
            place[last] = data.draw(st.sampled_from(["admin", "vm1", "vm2", "10.0.10.9", "running", "eth1", "odd"]))
        else:
            place[last] = data.draw(NUMBERS)
    held = Cluster.from_dict(document)
    repair(held)
    assert [sentence for sentence in breaches(held) if not sentence.startswith("disk ")] == []
    assert repair(held) == []


def test_invalid_and_duplicate_further_pools_are_released() -> None:
    held = builders.cluster()
    web, lab = (builders.put(held, builders.topology(name)) for name in ("web", "lab"))
    web.extra[FURTHER_POOLS] = [POOL_COUNT, -1, lab.slice_id % POOL_COUNT, 77, 77]
    assert repair(held) == ["slice web (1000) of admin: further_pools [100, -1, 3, 77, 77] → [77]"]
    assert breaches(held) == []


def test_networks_with_a_foreign_vlan_get_free_ones() -> None:
    held = builders.cluster()
    nets = [{"name": name, "members": [f"vm{number}"]} for number, name in enumerate("abc", 1)]
    vms = [builders.vm(f"vm{number}") for number in (1, 2, 3)]
    web = builders.put(held, builders.topology(vms=vms, links=[], networks=nets))
    for network, strange in zip(web.networks[1:], (900, 901)):
        for each in (each for vm in web.vms for each in vm.interfaces if each.vlan_id == network.vlan_id):
            each.vlan_id = strange
        network.vlan_id = strange
    repair(held)
    assert breaches(held) == []
    vlans = [network.vlan_id for network in web.networks]
    assert len(set(vlans)) == len(vlans)
    assert {each.vlan_id for vm in web.vms for each in vm.interfaces if each.vlan_id} == set(vlans)
