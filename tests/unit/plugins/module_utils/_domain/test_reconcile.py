# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Topologies become allocations: all of it or nothing, and what is held stays held."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import teardown
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.allocation import ManagementNetwork

from .builders import cluster, deployed, link, put, refusal, topology, vm

FIXTURE = Path(__file__).parents[4] / "fixtures" / "slice_1000.json"


def test_the_data_models_own_slice() -> None:
    held = cluster()
    data = put(held, topology()).to_dict()
    expected = json.loads(FIXTURE.read_text())
    for machine, wanted in zip(data["vms"], expected["vms"]):
        wanted.update(status="pending", pid=None)
        wanted["qcow_image"] = f"/var/lib/cloudrepo/vms/{wanted['vm_id']}/{wanted['name']}_img.qcow2"
        assert machine["flavor"].pop("checksum")
        assert machine["flavor"].pop("name") == "cirros"
    assert data.pop("name") == "web"
    assert data == {**expected, "status": "design"}
    assert held.next_vm_id == 1003
    assert (held.users["admin"].used_vms, held.users["admin"].slices) == (2, [1000])


def test_again_changes_nothing() -> None:
    held = cluster()
    put(held, topology())
    before = held.to_dict()
    put(held, topology())
    assert held.to_dict() == before


def test_what_hosts_know_is_held_until_they_report() -> None:
    held = cluster()
    deployed(put(held, topology()))
    slice_ = put(held, topology(vms=[vm("vm1")], links=[]))
    assert [(each.name, each.status) for each in slice_.vms] == [("vm1", "running"), ("vm2", "deleting")]
    assert slice_.links == []
    assert slice_.vlan_pool_used == [100]
    assert slice_.extra["releasing"] == {"addresses": ["10.60.7.101"], "vlan_ids": [100]}
    assert held.users["admin"].used_vms == 2
    other = put(held, topology("mail", vms=[vm("m", internet=True)], links=[]))
    assert other.vms[0].interfaces[0].ip_config == {
        "ip": "10.60.7.102",
        "cidr": "10.60.7.0/24",
        "gateway": "10.60.7.1",
    }
    assert other.vms[0].vnc_port == 5903


def test_what_no_host_knows_is_free_at_once() -> None:
    held = cluster()
    put(held, topology())
    slice_ = put(held, topology(vms=[vm("vm1")], links=[]))
    assert [each.name for each in slice_.vms] == ["vm1"]
    assert slice_.vlan_pool_used == []
    assert "releasing" not in slice_.extra
    assert held.users["admin"].used_vms == 1


def test_removing_a_slice() -> None:
    held = cluster()
    before = held.to_dict()
    teardown.remove(held, put(held, topology()))
    assert {**held.to_dict(), "next_vm_id": 1000} == before
    slice_ = deployed(put(held, topology()))
    teardown.remove(held, slice_)
    assert (slice_.status, {each.status for each in slice_.vms}) == ("deleting", {"deleting"})
    assert held.users["admin"].used_vms == 2
    assert refusal(held, topology()) == [
        f"slice web ({slice_.slice_id}) is being deleted; deploy it anew when it is gone"
    ]


def test_ids_skip_the_pools_and_macs_that_live_slices_hold() -> None:
    held = cluster()
    put(held, topology())
    held.next_vm_id = 1100
    slice_ = put(held, topology("other", vms=[], links=[]))
    assert slice_.slice_id == 1101
    held.next_vm_id = 65536 + 1001
    assert put(held, topology("third", vms=[vm("x")], links=[])).vms[0].vm_id == 65536 + 1003


def test_the_101st_slice_is_refused() -> None:
    held = cluster()
    for number in range(100):
        put(held, topology(f"s{number}", vms=[], links=[]))
    assert refusal(held, topology("more", vms=[], links=[])) == [
        "slice more: all 100 VLAN pools are held by live slices"
    ]


@pytest.mark.parametrize(
    ("want", "reasons"),
    [
        (
            topology(vms=[vm("vm1", flavor="tiny")], links=[]),
            ["slice web: flavor tiny of vm1 does not exist; flavors are cirros, ubuntu, big"],
        ),
        (
            topology(vms=[vm("vm1", flavor="ubuntu")], links=[]),
            [
                "slice web: flavor ubuntu of vm1 has no base image: /tmp/vm_images/focal-server-cloudimg-amd64.img was "
                "never registered; register the flavor with a file that exists, or with a URL and its checksum"
            ],
        ),
        (
            topology(vms=[vm("vm1", data_interfaces=1), vm("vm2")], links=[link("vm1:eth2", "vm2:eth1")]),
            ["slice web: link 1 (vm1:eth2–vm2:eth1) names interface eth2; VM vm1 has the data interface eth1"],
        ),
        (
            topology(links=[link("vm1:eth9", "vm2:eth1")]),
            [
                "VM web/vm1 is on 1 links and networks and gets one data interface for each, and eth9 is named; "
                "give data_interfaces for more"
            ],
        ),
        (
            topology(links=[link("vm1:eth0", "vm2:eth1")]),
            [
                "slice web: link 1 (vm1:eth0–vm2:eth1) takes vm1:eth0, which is the management interface; "
                "links take eth1 and up"
            ],
        ),
        (
            topology(
                vms=[vm("vm1", data_interfaces=2), vm("vm2", data_interfaces=2)],
                links=[link("vm1:eth1", "vm2:eth1"), link("vm1:eth1", "vm2:eth2")],
            ),
            ["slice web: link 2 (vm1:eth1–vm2:eth2) takes vm1:eth1 again; an interface is on one link at most"],
        ),
        (
            topology(vms=[vm("vm1", data_interfaces=2)], links=[link("vm1:eth1", "vm1:eth2")]),
            ["slice web: link 1 (vm1:eth1–vm1:eth2) joins VM vm1 to itself"],
        ),
        (
            topology(links=[link("vm1:eth1", "vm9:eth1")]),
            ["slice web: link 1 (vm1:eth1–vm9:eth1) names VM vm9, which the slice does not have; its VMs are vm1, vm2"],
        ),
        (
            topology(vms=[vm("vm1"), vm("vm1")], links=[]),
            ["slice web: 2 VMs are called vm1; names are unique within a slice"],
        ),
        (
            topology(vms=[vm("VM1"), vm("vm2"), vm("vm1")], links=[]),
            [
                "slice web: VMs VM1, vm1 are called the same but for capitals, which DNS does not tell; names are "
                "unique within a slice"
            ],
        ),
        (
            topology(
                vms=[vm("vm1", data_interfaces=1), vm("vm2"), vm("vm3")], links=[link("vm1", "vm2"), link("vm1", "vm3")]
            ),
            ["slice web: VM vm1 is on 2 links and has 1 data interfaces; each link takes one"],
        ),
        (
            topology(vms=[vm("vm1", data_interfaces=99)], links=[]),
            ["slice web: VM vm1 asks for 99 data interfaces; 0 to 20 are possible"],
        ),
        (topology(links=[{"endpoints": ["vm1"]}]), ["slice web: link 1 (vm1) has 1 endpoints; a link joins 2"]),
        (
            topology("no/slash", vms=[vm("a_b")], links=[]),
            [
                "slice 'no/slash': a name is letters, digits and hyphens, 63 at most, "
                "with a letter or digit at both ends",
                "slice no/slash: 'a_b' is not a valid name for a VM, which is letters, digits and hyphens, 63 at most, "
                "with a letter or digit at both ends",
            ],
        ),
        (
            topology(owner="bob"),
            ["slice web: its owner bob does not exist; users are admin, alice"],
        ),
        (
            topology(owner="alice", vms=[vm(f"v{number}") for number in range(7)], links=[]),
            ["alice may own 6 VMs, owns 0, asks for 7 more"],
        ),
        (
            topology(vms=[vm("vm1", worker="10.9.9.9")], links=[]),
            ["VM web/vm1: its worker 10.9.9.9 is not registered; workers are 10.0.10.1, 10.0.10.2"],
        ),
    ],
)
def test_refusals_name_the_object_the_rule_and_the_figures(want: dict[str, Any], reasons: list[str]) -> None:
    assert refusal(cluster(), want) == reasons


def test_a_refusal_lists_every_reason() -> None:
    held = cluster(workers=0)
    held.users["alice"].used_vms = 6
    want = topology(owner="alice", vms=[vm("vm1")], links=[])
    assert refusal(held, want) == [
        "VM web/vm1: the cluster has no workers; register one first",
        "alice may own 6 VMs, owns 6, asks for 1 more",
    ]


def test_who_may_act() -> None:
    held = cluster()
    held.users["bob"] = type(held.users["alice"])("bob", "!")
    put(held, topology(owner="alice"), acting_user="alice")
    assert refusal(held, topology(owner="alice"), acting_user="bob") == [
        "slice web: bob is not an admin, and only admins act for other users"
    ]
    assert refusal(held, topology(), acting_user="nobody") == ["acting user nobody does not exist"]
    assert refusal(held, topology(owner="carol"), acting_user="bob") == refusal(
        held, topology(owner="alice"), acting_user="bob"
    ), "he does not learn who exists"
    put(held, topology(owner="alice"), acting_user="admin")
    assert len(held.slices) == 1


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (ManagementNetwork(cidr="10.60.7.0/99"), "management network 10.60.7.0/99: '99' is not a valid netmask"),
        (ManagementNetwork(cidr="10.60.7.1/24"), "management network 10.60.7.1/24: 10.60.7.1/24 has host bits set"),
        (ManagementNetwork(gateway="10.60.7"), "management network: gateway: '10.60.7' is not an IPv4 address"),
        (
            ManagementNetwork(gateway="10.60.7.0"),
            "management network: gateway 10.60.7.0 is the network or broadcast address of 10.60.7.0/24",
        ),
        (
            ManagementNetwork(dhcp_server="10.60.7.255"),
            "management network: dhcp_server 10.60.7.255 is the network or broadcast address of 10.60.7.0/24",
        ),
        (
            ManagementNetwork(last_address="10.60.7.255"),
            "management network: last_address 10.60.7.255 is the network or broadcast address of 10.60.7.0/24",
        ),
        (
            ManagementNetwork(gateway="10.1.1.1"),
            "management network: gateway 10.1.1.1 is not in 10.60.7.0/24",
        ),
        (
            ManagementNetwork(first_address="10.60.7.9", last_address="10.60.7.8"),
            "management network: 10.60.7.9 comes after 10.60.7.8",
        ),
        (
            ManagementNetwork(gateway="10.60.7.110"),
            "management network: the range for VMs holds the gateway 10.60.7.110",
        ),
        (
            ManagementNetwork(dhcp_server="10.60.7.110"),
            "management network: the range for VMs holds the DHCP server 10.60.7.110",
        ),
        (
            ManagementNetwork(dhcp_server="10.60.7.1"),
            "management network: gateway and DHCP server are both 10.60.7.1",
        ),
    ],
)
def test_a_management_network_that_makes_no_sense(network: ManagementNetwork, reason: str) -> None:
    assert refusal(cluster(), topology(), network=network) == [reason]


def test_vms_that_stay_are_in_the_management_network() -> None:
    held = cluster()
    elsewhere = ManagementNetwork("10.70.0.0/24", "10.70.0.1", "10.70.0.2", "10.70.0.101", "10.70.0.250")
    deployed(put(held, topology()))
    assert refusal(held, topology(), network=elsewhere) == [
        "VM web/vm1 has the address 10.60.7.101, which is not in the management network 10.70.0.0/24; delete the slice "
        "and deploy it anew"
    ]
    put(held, topology(vms=[vm("vm2"), vm("vm3", internet=True)], links=[]), network=elsewhere)
    assert held.slices[1000].vms[1].interfaces[0].ip_config["ip"] == "10.70.0.101"
