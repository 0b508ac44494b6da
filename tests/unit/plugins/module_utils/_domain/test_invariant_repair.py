# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Violations of invariants are repaired with as little renumbering as possible."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.invariant_repair import repair
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.invariants import breaches
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.module_utils.vlans import FURTHER_POOLS, POOL_COUNT, pool_vlans

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
        disks.format(1) + "VM 1000/vm1 (1001), VM 1101/vm1 (1102)",
        disks.format(2) + "VM 1000/vm2 (1002), VM 1101/vm2 (1103)",
    ]
    assert held.slices[1000].to_dict() == first
    assert [each.message for each in told] == [
        "next_vm_id 1003 → 1101",
        "user student: added without a password, with a quota of 2 VMs",
        "slice 1100 (1100) of student: id → 1101, VLAN pool 100 → 120",
        "VM 1101/vm1 (1001): id → 1102",
        "VM 1101/vm2 (1002): id → 1103",
        "VM 1101/vm1 (1102): owner admin → student",
        "VM 1101/vm2 (1103): owner admin → student",
        "link 1101/1: VLAN 100 → 120",
        "link 1101/2: VLAN 400 → 121",
        "slice 1101 (1101) of student: vlan_pool_used 100 → 120, 121",
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
        "user student: slices none → 1101",
        "user student: used_vms 0 → 2",
        "worker 10.0.10.1: used_vms 7 → 2",
    ]
    assert [each.code for each in told] == [
        "counter_raised",
        "user_added",
        "slice_renumbered",
        *("vm_renumbered", "vm_renumbered", "owner_of_vm_changed", "owner_of_vm_changed"),
        *("vlan_of_link_changed", "vlan_of_link_changed", "listed_vlans_corrected"),
        *("mac_corrected", "mac_corrected", "interface_moved", "mac_corrected", "interface_moved"),
        *("mac_corrected", "mac_corrected", "interface_moved", "mac_corrected", "interface_moved"),
        *("vnc_port_changed", "vnc_port_changed", "address_changed"),
        *("used_vms_corrected", "slices_of_user_corrected", "used_vms_corrected", "worker_vms_corrected"),
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


def two_slices() -> Cluster:
    """Return slices web (VMs 1001 and 1002, link 1, network lan) and lab of alice (VMs 1004 to 1006, links 1 and 2)."""
    held = builders.cluster()
    lan = {"name": "lan", "members": ["vm1", "vm2"]}
    vms = [builders.vm(name, internet=True) for name in ("vm1", "vm2")]
    builders.put(held, builders.topology(vms=vms, networks=[lan]))
    links = [builders.link("a:eth1", "b:eth1"), builders.link("b:eth2", "c:eth1")]
    builders.put(held, builders.topology("lab", owner="alice", vms=[builders.vm(name) for name in "abc"], links=links))
    return held


WEB, LAB = ("slices", "1000"), ("slices", "1003")
LAB_EDGE = [
    Refusal("interface_moved", "VM lab/b (1005): eth2", {"vlan": 161, "link_id": 2, "new_vlan": 162, "new_link_id": 2}),
    Refusal("interface_moved", "VM lab/c (1006): eth1", {"vlan": 161, "link_id": 2, "new_vlan": 162, "new_link_id": 2}),
]
GONE = [Refusal("link_removed", "link lab/2")]
LOOSE = [
    Refusal(
        "interface_moved", "VM lab/b (1005): eth2", {"vlan": 161, "link_id": 2, "new_vlan": None, "new_link_id": None}
    ),
    Refusal(
        "interface_moved", "VM lab/c (1006): eth1", {"vlan": 161, "link_id": 2, "new_vlan": None, "new_link_id": None}
    ),
]
USED = Refusal("listed_vlans_corrected", "slice lab (1003) of alice", {"before": [160, 161], "after": [160, 161, 162]})


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (("next_vm_id",), 1006, [Refusal("counter_raised", "next_vm_id", {"before": 1006, "after": 1007})]),
        (("next_vm_id",), 1007, []),
        ((*WEB, "vms", 0, "worker_ip"), "10.0.10.9", [Refusal("worker_added", "worker 10.0.10.9")]),
        ((*WEB, "vms", 0, "worker_ip"), "", []),
        (
            (*WEB, "vms", 0, "owner"),
            "bob",
            [Refusal("owner_of_vm_changed", "VM web/vm1 (1001)", {"before": "bob", "after": "admin"})],
        ),
        ((*LAB, "vms", 1, "name"), "a", [Refusal("vm_renamed", "VM lab/a (1005)", {"after": "a-2"})]),
        (
            (*LAB, "vlan_pool_start"),
            100,
            [Refusal("pool_of_slice_corrected", "slice lab (1003) of alice", {"before": 100, "after": 160})],
        ),
        (
            (*LAB, "vlan_pool_end"),
            180,
            [Refusal("pool_of_slice_corrected", "slice lab (1003) of alice", {"before": 160, "after": 160})],
        ),
        (
            (*LAB, "links", 1, "vlan_id"),
            160,
            [Refusal("vlan_of_link_changed", "link lab/2", {"before": 160, "after": 162}), USED, *LAB_EDGE],
        ),
        (
            (*LAB, "links", 1, "vlan_id"),
            180,
            [Refusal("vlan_of_link_changed", "link lab/2", {"before": 180, "after": 162}), USED, *LAB_EDGE],
        ),
        ((*LAB, "links", 1, "link_id"), 1, [Refusal("link_renumbered", "link lab/1", {"after": 2})]),
        ((*LAB, "links", 1, "vm2_id"), 1005, [*GONE, *LOOSE]),
        ((*LAB, "links", 1, "vm2_id"), 1007, [*GONE, *LOOSE]),
        ((*LAB, "links", 1, "vm1_interface"), "eth1", [*GONE, *LOOSE]),
        ((*LAB, "links", 1, "vm1_interface"), "eth9", [*GONE, *LOOSE]),
        (
            (*LAB, "vms", 0, "interfaces", 1, "mac"),
            "52:54:00:00:00:00",
            [
                Refusal(
                    "mac_corrected",
                    "VM lab/a (1004): eth1",
                    {"before": "52:54:00:00:00:00", "after": "52:54:00:03:ec:01"},
                )
            ],
        ),
        ((*LAB, "vms", 0, "interfaces", 1, "mac"), "52:54:00:03:EC:01", []),
        ((*LAB, "vms", 0, "interfaces", 1, "mac"), None, []),
        (
            (*LAB, "vms", 0, "interfaces", 1, "link_id"),
            None,
            [
                Refusal(
                    "interface_moved",
                    "VM lab/a (1004): eth1",
                    {"vlan": 160, "link_id": None, "new_vlan": 160, "new_link_id": 1},
                )
            ],
        ),
        (
            (*LAB, "vms", 0, "interfaces", 1, "vlan_id"),
            161,
            [
                Refusal(
                    "interface_moved",
                    "VM lab/a (1004): eth1",
                    {"vlan": 161, "link_id": 1, "new_vlan": 160, "new_link_id": 1},
                )
            ],
        ),
        (
            (*LAB, "vms", 0, "interfaces", 0, "vlan_id"),
            162,
            [
                Refusal(
                    "interface_moved",
                    "VM lab/a (1004): eth0",
                    {"vlan": 162, "link_id": None, "new_vlan": None, "new_link_id": None},
                )
            ],
        ),
        ((*LAB, "vms", 0, "interfaces", 0, "vlan_id"), 161, []),
        (
            (*LAB, "vms", 0, "interfaces", 0, "link_id"),
            1,
            [
                Refusal(
                    "interface_moved",
                    "VM lab/a (1004): eth0",
                    {"vlan": None, "link_id": 1, "new_vlan": None, "new_link_id": None},
                )
            ],
        ),
        (
            (*WEB, "vms", 0, "interfaces", 0, "link_id"),
            1,
            [
                Refusal(
                    "interface_moved",
                    "VM web/vm1 (1001): eth0",
                    {"vlan": 400, "link_id": 1, "new_vlan": 400, "new_link_id": None},
                )
            ],
        ),
        (
            (*LAB, "vms", 0, "vnc_port"),
            5900,
            [Refusal("vnc_port_changed", "VM lab/a (1004)", {"before": 5900, "after": 5903})],
        ),
        (
            (*LAB, "vms", 0, "vnc_port"),
            5901,
            [Refusal("vnc_port_changed", "VM lab/a (1004)", {"before": 5901, "after": 5903})],
        ),
        ((*LAB, "vms", 0, "vnc_port"), 5906, []),
        ((*LAB, "vms", 0, "vnc_port"), 65535, []),
        (
            (*LAB, "vms", 0, "vnc_port"),
            65536,
            [Refusal("vnc_port_changed", "VM lab/a (1004)", {"before": 65536, "after": 5903})],
        ),
        (
            (*WEB, "vms", 1, "interfaces", 0, "ip_config", "ip"),
            "10.60.7.101",
            [Refusal("address_changed", "VM web/vm2 (1002)", {"before": "10.60.7.101", "after": "10.60.7.102"})],
        ),
        (
            (*WEB, "vms", 1, "interfaces", 0, "ip_config", "ip"),
            "10.60.7",
            [Refusal("address_changed", "VM web/vm2 (1002)", {"before": "10.60.7", "after": "10.60.7.102"})],
        ),
        ((*WEB, "vms", 1, "interfaces", 0, "ip_config", "ip"), "10.60.7.250", []),
        (
            (*WEB, "vlan_pool_used"),
            [101],
            [Refusal("listed_vlans_corrected", "slice web (1000) of admin", {"before": [101], "after": [101, 100]})],
        ),
        (
            (*WEB, "vlan_pool_used"),
            [100, 101, 100],
            [
                Refusal(
                    "listed_vlans_corrected",
                    "slice web (1000) of admin",
                    {"before": [100, 101, 100], "after": [100, 101]},
                )
            ],
        ),
        (
            (*WEB, "vlan_pool_used"),
            [100, 101, 120],
            [
                Refusal(
                    "listed_vlans_corrected",
                    "slice web (1000) of admin",
                    {"before": [100, 101, 120], "after": [100, 101]},
                )
            ],
        ),
        ((*WEB, "vlan_pool_used"), [100, 101, 119], []),
        (
            ("users", "alice", "username"),
            "al",
            [Refusal("username_corrected", "user alice", {"before": "al", "after": "alice"})],
        ),
        (
            ("users", "alice", "slices"),
            [1000],
            [Refusal("slices_of_user_corrected", "user alice", {"before": [1000], "after": [1003]})],
        ),
        (("users", "alice", "used_vms"), 2, [Refusal("used_vms_corrected", "user alice", {"before": 2, "after": 3})]),
        (
            ("workers", "10.0.10.1", "used_vms"),
            2,
            [Refusal("worker_vms_corrected", "worker 10.0.10.1", {"key": "used_vms", "before": 2, "after": 3})],
        ),
        (
            ("workers", "10.0.10.1", "used"),
            0,
            [Refusal("worker_vms_corrected", "worker 10.0.10.1", {"key": "used", "before": 0, "after": 3})],
        ),
    ],
)
def test_only_the_violation_is_repaired(place: tuple[str | int, ...], value: Any, told: list[Refusal]) -> None:
    document: Any = two_slices().to_dict()
    found, (*way, last) = document, place
    for step in way:
        found = found[step]
    found[last] = value
    held = Cluster.from_dict(document)
    assert repair(held) == told
    assert repair(held) == []


def test_a_copied_slice_gets_ids_of_its_own_and_keeps_its_links_and_networks() -> None:
    document: Any = two_slices().to_dict()
    document["slices"]["1007"] = {**copy.deepcopy(document["slices"]["1000"]), "slice_id": 1007, "name": "copy"}
    held = Cluster.from_dict(document)
    repair(held)
    copied = held.slices[1007]
    assert [vm.vm_id for vm in copied.vms] == [1008, 1009]
    assert [(link.vm1_id, link.vm2_id) for link in copied.links] == [(1008, 1009)]
    assert [member["vm_id"] for member in copied.networks[0].extra["members"]] == [1008, 1009]
    assert [member["vm_id"] for member in held.slices[1000].networks[0].extra["members"]] == [1001, 1002]


def test_links_and_networks_stay_with_the_first_of_two_vms_of_a_slice_with_the_same_id() -> None:
    document: Any = two_slices().to_dict()
    vms = document["slices"]["1000"]["vms"]
    vms.append({**copy.deepcopy(vms[0]), "name": "vm3"})
    held = Cluster.from_dict(document)
    repair(held)
    web = held.slices[1000]
    assert [vm.vm_id for vm in web.vms] == [1001, 1002, 1007]
    assert (web.links[0].vm1_id, web.networks[0].extra["members"][0]["vm_id"]) == (1001, 1001)


def test_invalid_and_duplicate_further_pools_are_released() -> None:
    held = builders.cluster()
    web, lab = (builders.put(held, builders.topology(name)) for name in ("web", "lab"))
    web.extra[FURTHER_POOLS] = [POOL_COUNT, -1, lab.slice_id % POOL_COUNT, 77, 77]
    assert repair(held) == [
        Refusal("further_pools_released", "slice web (1000) of admin", {"before": [100, -1, 3, 77, 77], "after": [77]})
    ]
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


def test_names_are_completed_with_the_lowest_free_number() -> None:
    held = two_slices()
    web, lab = held.slices.values()
    for vm, name in zip(lab.vms, ("a", "a", "a-2")):
        vm.name = name
    assert repair(held) == [Refusal("vm_renamed", "VM lab/a (1005)", {"after": "a-3"})]
    lab.vms[1].name = "a"
    lab.vms[0].deleting = True
    assert repair(held) == []
    web.extra["name"] = "lab"
    assert repair(held) == []
    third = builders.put(held, builders.topology("third", owner="alice", vms=[], links=[]))
    third.extra["name"] = "lab"
    assert repair(held) == [Refusal("slice_renamed", f"slice lab ({third.slice_id}) of alice", {"after": "lab-2"})]
    fourth = builders.put(held, builders.topology("fourth", owner="alice", vms=[], links=[]))
    fourth.extra["name"] = "lab"
    assert repair(held) == [Refusal("slice_renamed", f"slice lab ({fourth.slice_id}) of alice", {"after": "lab-3"})]


def test_what_cannot_be_repaired_stays_and_the_rest_is_repaired() -> None:
    held = two_slices()
    web, lab = held.slices.values()
    lab.vlan_pool_used = list(pool_vlans(3, management=400))
    lab.links[1].vlan_id = 160
    web.vms[1].interfaces[0].ip_config = {"ip": "10.60.7.101"}
    web.extra["releasing"] = {"addresses": [f"10.60.7.{last}" for last in range(102, 251)]}
    lab.vms[2].vnc_port = 80
    assert repair(held) == [replace(each, figures={**each.figures, "new_vlan": 160}) for each in LAB_EDGE] + [
        Refusal("vnc_port_changed", "VM lab/c (1006)", {"before": 80, "after": 5905})
    ]
    left = breaches(held)
    assert len([sentence for sentence in left if "several links are on VLAN 160" in sentence]) == 1
    assert len([sentence for sentence in left if "address 10.60.7.101 is allocated 2 times" in sentence]) == 1


def test_a_slice_keeps_the_pool_of_another_one_if_none_is_free() -> None:
    held = two_slices()
    web, lab = held.slices.values()
    web.extra[FURTHER_POOLS] = list(range(1, POOL_COUNT))
    del held.slices[1003]
    held.slices[1100] = lab
    lab.slice_id = 1100
    assert not [each for each in repair(held) if each.code == "slice_renumbered"]
    assert 1100 in held.slices


def test_released_addresses_that_are_in_use_or_no_addresses_are_not_released_again() -> None:
    held = two_slices()
    web = held.slices[1000]
    web.extra["releasing"] = {"addresses": ["10.60.7.101", "many", "10.60.7.140", "10.60.7.140"]}
    assert repair(held) == [
        Refusal("release_dropped", "slice web (1000) of admin", {"address": text})
        for text in ("10.60.7.101", "many", "10.60.7.140")
    ]
    assert web.extra["releasing"] == {"addresses": ["10.60.7.140"]}
    assert repair(held) == []


def test_only_the_vm_with_a_taken_id_gets_another_one_and_its_ends_follow() -> None:
    for place, ends, members in ((0, (1007, 1002), [1007, 1002]), (1, (1001, 1007), [1001, 1007])):
        document: Any = two_slices().to_dict()
        web = document["slices"]["1000"]
        old = web["vms"][place]["vm_id"]
        web["vms"][place]["vm_id"] = 1003
        web["links"][0]["vm1_id" if place == 0 else "vm2_id"] = 1003
        web["networks"][0]["members"][place]["vm_id"] = 1003
        held = Cluster.from_dict(document)
        told = repair(held)
        assert told[0] == Refusal("vm_renumbered", f"VM web/vm{place + 1} (1003)", {"after": 1007})
        found = held.slices[1000]
        assert (found.links[0].vm1_id, found.links[0].vm2_id) == ends
        assert [member["vm_id"] for member in found.networks[0].extra["members"]] == members
        assert old in (1001, 1002)
        assert breaches(held) == []


def test_vms_with_equal_blocks_of_macs_get_other_ids_one_after_another() -> None:
    held = two_slices()
    lab = held.slices[1003]
    lab.links.clear()
    for vm, more in zip(lab.vms, (0, 65_536, 131_072)):
        vm.vm_id = 1004 + more
    held.next_vm_id = 1004 + 3 * 65_536
    repair(held)
    assert [vm.vm_id for vm in lab.vms] == [1004, 1005 + 3 * 65_536, 1006 + 3 * 65_536]
    assert breaches(held) == []


def test_a_user_keeps_the_other_slices_when_one_gets_another_id() -> None:
    held = two_slices()
    other = builders.put(held, builders.topology("other", owner="alice", vms=[], links=[]))
    held.slices[1100] = held.slices.pop(1003)
    held.slices[1100].slice_id = 1100
    held.users["alice"].slices = [1100, other.slice_id]
    held.next_vm_id = 1101
    told = repair(held)
    assert held.users["alice"].slices == [1101, other.slice_id]
    assert (
        Refusal("slice_renumbered", "slice lab (1100) of alice", {"after": 1101, "old_first": 160, "first": 120})
        in told
    )
    assert not [each for each in told if each.object == "user alice"]
    assert breaches(held) == []


def test_the_names_of_slices_of_others_are_not_avoided() -> None:
    held = two_slices()
    builders.put(held, builders.topology("lab-2", vms=[], links=[]))
    third = builders.put(held, builders.topology("third", owner="alice", vms=[], links=[]))
    third.extra["name"] = "lab"
    assert repair(held) == [Refusal("slice_renamed", f"slice lab ({third.slice_id}) of alice", {"after": "lab-2"})]


def test_a_link_with_a_taken_id_gets_the_one_after_the_highest() -> None:
    held = two_slices()
    lab = held.slices[1003]
    lab.links[1].link_id = 1
    lab.links[0].link_id = 1
    for vm in lab.vms:
        for nic in vm.interfaces:
            nic.link_id = None if nic.link_id is None else 1
    assert repair(held)[0] == Refusal("link_renumbered", "link lab/1", {"after": 2})
    assert [link.link_id for link in lab.links] == [1, 2]


def test_a_missing_owner_gets_the_quota_of_what_is_owned_and_a_missing_worker_no_new_vms() -> None:
    held = two_slices()
    builders.put(held, builders.topology("more", owner="alice", vms=[builders.vm("x")], links=[]))
    del held.users["alice"]
    for vm in held.slices[1000].vms:
        vm.worker_ip = "10.0.10.9"
    told = repair(held)
    assert told[:2] == [
        Refusal("worker_added", "worker 10.0.10.9"),
        Refusal("user_added", "user alice", {"quota": 4}),
    ]
    assert not held.workers["10.0.10.9"].schedulable
    assert (held.users["alice"].quota_vms, held.users["alice"].password_hash) == (4, "!")


UUID = "9f1c2e64-6c0b-4c55-9d56-0a4f5d0a7b21"


def test_a_missing_owner_comes_back_with_the_uuid_in_the_slices() -> None:
    held = two_slices()
    uuid = held.users["alice"].uuid
    del held.users["alice"]
    assert repair(held)[0] == Refusal("user_added", "user alice", {"quota": 3})
    assert (held.users["alice"].uuid, breaches(held)) == (uuid, [])


def test_slices_of_an_earlier_user_of_a_name_stay_with_that_user() -> None:
    held = two_slices()
    builders.put(held, builders.topology("more", owner="alice", vms=[builders.vm("x")], links=[]))
    uuid = held.users["alice"].uuid
    held.users["alice"].extra["uuid"] = UUID
    mine = builders.put(held, builders.topology("mine", owner="alice", vms=[], links=[]))
    told = repair(held)
    assert told[:3] == [
        Refusal("user_added", "user alice-2", {"quota": 4}),
        Refusal("owner_of_slice_changed", "slice lab (1003) of alice", {"before": "alice", "after": "alice-2"}),
        Refusal("owner_of_slice_changed", "slice more (1007) of alice", {"before": "alice", "after": "alice-2"}),
    ]
    assert (held.users["alice-2"].uuid, held.users["alice-2"].slices) == (uuid, [1003, 1007])
    assert (held.users["alice"].uuid, held.users["alice"].slices) == (UUID, [mine.slice_id])
    assert breaches(held) == []


def test_a_slice_follows_its_owner_to_another_name() -> None:
    held = two_slices()
    held.users["bob"] = held.users.pop("alice")
    held.users["bob"].username = "bob"
    assert repair(held)[0] == Refusal(
        "owner_of_slice_changed", "slice lab (1003) of alice", {"before": "alice", "after": "bob"}
    )
    assert (held.users["bob"].slices, breaches(held)) == ([1003], [])


def test_a_user_whose_uuid_is_missing_gets_that_of_the_slices() -> None:
    held = two_slices()
    uuid = held.users["alice"].extra.pop("uuid")
    assert repair(held) == [Refusal("user_uuid_added", "user alice", {"after": uuid})]
    assert (held.users["alice"].uuid, breaches(held)) == (uuid, [])


def test_several_vms_with_one_id_get_one_each() -> None:
    held = two_slices()
    lab = held.slices[1003]
    lab.links.clear()
    for vm in lab.vms:
        vm.vm_id = 1001
    repair(held)
    assert [vm.vm_id for vm in lab.vms] == [1007, 1008, 1009]
    assert breaches(held) == []


def test_a_further_pool_belongs_to_the_first_slice_that_has_it() -> None:
    held = two_slices()
    web, lab = held.slices.values()
    web.extra[FURTHER_POOLS], lab.extra[FURTHER_POOLS] = [7, 1], [7, 8]
    assert repair(held) == [
        Refusal("further_pools_released", "slice lab (1003) of alice", {"before": [7, 8], "after": [8]})
    ]
    assert (web.further_pools, lab.further_pools) == ([7, 1], [8])
    web.extra[FURTHER_POOLS] = [POOL_COUNT - 1, POOL_COUNT]
    assert repair(held) == [
        Refusal(
            "further_pools_released",
            "slice web (1000) of admin",
            {"before": [POOL_COUNT - 1, POOL_COUNT], "after": [99]},
        )
    ]


def test_a_link_of_a_vm_with_itself_is_removed() -> None:
    held = two_slices()
    lab = held.slices[1003]
    lab.links[1].vm2_id, lab.links[1].vm2_interface = 1005, "eth0"
    told = repair(held)
    assert told[0] == Refusal("link_removed", "link lab/2")
    assert [link.link_id for link in lab.links] == [1]


@pytest.mark.parametrize(
    ("next_id", "told"), [(0, [Refusal("counter_raised", "next_vm_id", {"before": 0, "after": 1})]), (1, [])]
)
def test_without_objects_the_counter_is_above_zero(next_id: int, told: list[Refusal]) -> None:
    held = builders.cluster()
    held.next_vm_id = next_id
    assert repair(held) == told


def test_the_first_pool_may_be_a_further_one() -> None:
    held = two_slices()
    del held.slices[1000]
    held.slices[1003].extra[FURTHER_POOLS] = [0, 5]
    repair(held)
    assert held.slices[1003].further_pools == [0, 5]
