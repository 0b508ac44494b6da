# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every violation of an invariant is found and reported with its figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.invariants import breaches, mac_index, violations
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.lifecycle import Observed
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Disk, Interface, Network

from .builders import cluster, put, topology, vm


def two_slices() -> Cluster:
    """Return a cluster with slices web (1000: vm1 1001, vm2 1002) of admin and lab (1003: a 1004, b 1005) of alice."""
    held = cluster()
    put(held, topology())
    lab = topology("lab", owner="alice", vms=[vm("a", internet=True), vm("b")], links=[{"endpoints": ["a", "b"]}])
    put(held, lab)
    return held


def test_planned_slices_violate_no_invariant() -> None:
    assert breaches(Cluster.initial()) == []
    assert breaches(two_slices()) == []


def _vnc(held: Cluster) -> None:
    held.slices[1003].vms[0].vnc_port = 5902


def _uuid(held: Cluster) -> None:
    held.slices[1003].vms[0].extra["uuid"] = held.slices[1000].vms[1].uuid
    held.slices[1003].vms[1].disks[0].extra["uuid"] = held.slices[1000].uuid


def _vnc_range(held: Cluster) -> None:
    held.slices[1003].vms[0].vnc_port = 80


def _address(held: Cluster) -> None:
    held.slices[1003].vms[0].interfaces[0].ip_config["ip"] = "10.60.7.101"  # type: ignore[index] # it has one


def _bad_address(held: Cluster) -> None:
    held.slices[1003].vms[0].interfaces[0].ip_config["ip"] = "10.60.7"  # type: ignore[index] # it has one


def _released_address(held: Cluster) -> None:
    held.slices[1003].extra["releasing"] = {"addresses": ["10.60.7.101"]}


def _bad_released_address(held: Cluster) -> None:
    held.slices[1003].extra["releasing"] = {"addresses": ["10.60.7"]}


def _mac(held: Cluster) -> None:
    held.slices[1003].vms[0].interfaces[0].mac = "52:54:00:03:e9:00"


def _bad_mac(held: Cluster) -> None:
    held.slices[1003].vms[0].interfaces[0].mac = "52:54"


def _vm_id(held: Cluster) -> None:
    held.slices[1003].vms[1].vm_id = 1000


def _mac_block(held: Cluster) -> None:
    held.slices[1003].vms[1].vm_id = 1001 + 65536


def _counter(held: Cluster) -> None:
    held.next_vm_id = 1005


def _pool(held: Cluster) -> None:
    slice_ = held.slices.pop(1003)
    slice_.slice_id = 1100
    held.slices[1100] = slice_


def _further_pool(held: Cluster) -> None:
    held.slices[1003].extra["further_pools"] = [0, 100]


def _management_link(held: Cluster) -> None:
    held.slices[1003].links[0].vlan_id = 400


def _foreign_vlan(held: Cluster) -> None:
    held.slices[1003].vlan_pool_used = [100]


def _interface(held: Cluster) -> None:
    held.slices[1003].vms[0].interfaces[1].vlan_id = 161


def _dangling(held: Cluster) -> None:
    held.slices[1003].links.clear()


def _link_end(held: Cluster) -> None:
    held.slices[1003].vms.pop()


def _owner(held: Cluster) -> None:
    del held.users["alice"]


def _used(held: Cluster) -> None:
    held.users["alice"].used_vms = 7


def _owned(held: Cluster) -> None:
    held.users["alice"].slices = [1000]


def _vm_owner(held: Cluster) -> None:
    held.slices[1003].vms[0].owner = "admin"


def _names(held: Cluster) -> None:
    held.slices[1003].vms[0].name = "b"


def _slice_names(held: Cluster) -> None:
    put(held, topology("other"))
    slice_ = held.slices[1003]
    slice_.owner = "admin"
    slice_.extra["name"] = "web"


def _worker(held: Cluster) -> None:
    del held.workers["10.0.10.2"]


def _worker_used(held: Cluster) -> None:
    held.workers["10.0.10.1"].extra["used_vms"] = 9


def _machine(held: Cluster) -> None:
    for worker in held.workers.values():
        worker.extra["machine_id"] = "a" * 32


def _status(held: Cluster) -> None:
    held.slices[1003].vms[0].see(Observed("lost"))


def _disk(held: Cluster) -> None:
    for slice_ in held.slices.values():
        slice_.vms[0].disks = [Disk("~/vm_images/vm1_img.qcow2")]


def _kernel(held: Cluster) -> None:
    held.slices[1003].vms[0].extra["kind"] = {"name": "direct", "kernel": "/k", "firmware": "uefi", "initrd": "/i"}


def _networks(held: Cluster) -> None:
    held.slices[1003].networks = [
        Network(160, "192.168.160.0/24", "192.168.161.1"),
        Network(160, "192.168.0.0/16", None),
        Network(161, "somewhere", None),
    ]


@pytest.mark.parametrize(
    ("breaking", "sentences"),
    [
        (_vnc, ["VNC port 5902 is allocated 2 times: to VM web/vm2 (1002), VM lab/a (1004)"]),
        (_vnc_range, ["VM lab/a (1004): the VNC port must be 5901-65535, got 80"]),
        (_address, ["address 10.60.7.101 is allocated 2 times: to VM web/vm1 (1001), VM lab/a (1004)"]),
        (
            _kernel,
            [
                "VM lab/a (1004): kind direct: a kernel that is booted directly needs firmware bios, got uefi with "
                "kernel /k",
                "VM lab/a (1004): kind direct: an image at a URL needs its SHA-256 as checksum, got /k without "
                "checksum",
                "VM lab/a (1004): kind direct: an image at a URL needs its SHA-256 as checksum, got /i without "
                "checksum",
            ],
        ),
        (_bad_address, ["VM lab/a (1004): '10.60.7' is not an IPv4 address"]),
        (_bad_released_address, ["slice lab (1003) of alice: '10.60.7' in releasing is not an IPv4 address"]),
        (
            _released_address,
            ["address 10.60.7.101 is allocated 2 times: to VM web/vm1 (1001), slice lab (1003) of alice"],
        ),
        (
            _mac,
            [
                "MAC 52:54:00:03:e9:00 is allocated 2 times: to VM web/vm1 (1001), VM lab/a (1004)",
                "VM lab/a (1004): eth0 has MAC 52:54:00:03:e9:00, but the VM's id requires 52:54:00:03:ec:00",
            ],
        ),
        (_bad_mac, ["VM lab/a (1004): '52:54' of eth0 is not a MAC address"]),
        (_vm_id, ["id 1000 is allocated 2 times: to slice web (1000) of admin, VM lab/b (1000)"]),
        (
            _mac_block,
            [
                "MAC block 1001 (ids that are the same modulo 65536) is allocated 2 times: "
                "to VM web/vm1 (1001), VM lab/b (66537)",
                "next_vm_id is 1006, but id 66537 is in use",
            ],
        ),
        (_counter, ["next_vm_id is 1005, but id 1005 is in use"]),
        (
            _pool,
            [
                "VLAN pool 0 (VLANs 100 to 119) is allocated 2 times: to slice web (1000) of admin, "
                "slice lab (1100) of alice",
                "slice lab (1100) of alice: the VLAN pool is 160 to 179, but must be 100 to 119 for this id",
                "slice lab (1100) of alice: vlan_pool_used contains VLAN 160, which is not in its pool",
                "link lab/1 is on VLAN 160, which is not in its pool",
            ],
        ),
        (
            _further_pool,
            [
                "VLAN pool 0 (VLANs 100 to 119) is allocated 2 times: to slice web (1000) of admin, "
                "slice lab (1003) of alice",
                "slice lab (1003) of alice: VLAN pool 100 does not exist",
            ],
        ),
        (
            _management_link,
            [
                "link lab/1 is on VLAN 400, the management VLAN",
                "link lab/1 is on VLAN 400, but its end eth1 of VM lab/a (1004) is on VLAN 160 with link 1",
            ],
        ),
        (
            _foreign_vlan,
            [
                "VLAN 100 is allocated 2 times: to slice web (1000) of admin, slice lab (1003) of alice",
                "slice lab (1003) of alice: vlan_pool_used contains VLAN 100, which is not in its pool",
                "link lab/1 is on VLAN 160, which vlan_pool_used does not list",
            ],
        ),
        (_interface, ["link lab/1 is on VLAN 160, but its end eth1 of VM lab/a (1004) is on VLAN 161 with link 1"]),
        (_dangling, ["VM lab/a (1004): eth1 refers to link 1, which does not end there"]),
        (_link_end, ["link lab/1 ends at VM 1005, which is not in the slice"]),
        (_owner, ["user alice does not exist, but owns 1 slices: lab (1003)"]),
        (_used, ["user alice: used_vms is 7, but the slices have 2 VMs"]),
        (_owned, ["user alice: slices contains 1000, but the user owns 1003"]),
        (_vm_owner, ["VM lab/a (1004): the owner is admin, but that of the slice is alice"]),
        (_names, ["slice lab (1003) of alice: several VMs have the name b: 1004, 1005"]),
        (_slice_names, ["user admin owns several slices with the name web: 1000, 1003"]),
        (_worker, ["VM web/vm2 (1002) is on worker 10.0.10.2, which is not registered"]),
        (_worker_used, ["worker 10.0.10.1: used_vms is 9, but the worker has 2 VMs"]),
        (_machine, [f"machine-id {'a' * 32} is that of 2 workers: 10.0.10.1, 10.0.10.2"]),
        (_status, ["VM lab/a (1004): unknown status lost"]),
        (
            _disk,
            ["disk ~/vm_images/vm1_img.qcow2 on worker 10.0.10.1 belongs to 2 VMs: VM web/vm1 (1001), VM lab/a (1004)"],
        ),
        (
            _networks,
            [
                "slice lab (1003) of alice: several networks are on VLAN 160",
                "network of VLAN 160 in slice lab (1003) of alice: gateway 192.168.161.1 is not in 192.168.160.0/24",
                "network of VLAN 160 in slice lab (1003) of alice: subnet 192.168.0.0/16 overlaps "
                "192.168.160.0/24 of VLAN 160",
                "network of VLAN 161 in slice lab (1003) of alice: 'somewhere' is not an IPv4 network",
            ],
        ),
    ],
)
def test_a_violation_is_reported(breaking: Callable[[Cluster], None], sentences: list[str]) -> None:
    held = two_slices()
    breaking(held)
    found = breaches(held)
    assert [sentence for sentence in sentences if sentence not in found] == []


@pytest.mark.parametrize(
    ("breaking", "code", "figures"),
    [
        (_vnc, "allocated_twice", {"count": 2, "holders": ["VM web/vm2 (1002)", "VM lab/a (1004)"]}),
        (_vnc_range, "out_of_range", {"option": "the VNC port", "least": 5901, "most": 65535, "got": 80}),
        (_bad_address, "address_unreadable", {"got": "10.60.7"}),
        (_counter, "counter_too_low", {"got": 1005, "highest": 1005}),
        (_further_pool, "pool_unknown", {"pool": 100, "last": 99}),
        (_management_link, "on_vlan_of_management", {"vlan": 400}),
        (_foreign_vlan, "foreign_vlan_listed", {"vlan": 100}),
        (_owned, "slices_of_user_differ", {"got": [1000], "owned": [1003]}),
        (_names, "vm_name_twice", {"name": "b", "ids": [1004, 1005]}),
        (_worker_used, "worker_vms_differ", {"key": "used_vms", "got": 9, "vms": 2}),
    ],
)
def test_a_violation_has_a_code_and_figures(
    breaking: Callable[[Cluster], None], code: str, figures: dict[str, Any]
) -> None:
    held = two_slices()
    breaking(held)
    assert figures in [each.figures for each in violations(held) if each.code == code]


def test_a_duplicate_uuid_is_reported_with_both_objects() -> None:
    held = two_slices()
    _uuid(held)
    web, disk = held.slices[1000], held.slices[1003].vms[1].qcow_image
    assert breaches(held) == [
        f"UUID {web.uuid} is allocated 2 times: to slice web (1000) of admin, disk {disk} of VM lab/b (1005)",
        f"UUID {web.vms[1].uuid} is allocated 2 times: to VM web/vm2 (1002), VM lab/a (1004)",
    ]


def test_the_owner_of_a_slice_is_the_user_with_its_uuid() -> None:
    held = two_slices()
    alice, uuid = held.users["alice"], held.users["alice"].uuid
    other = "9f1c2e64-6c0b-4c55-9d56-0a4f5d0a7b21"
    told = f"slice lab (1003) of alice: the owner is the user with UUID {uuid}, but user alice has UUID {{}}"
    alice.extra["uuid"] = other
    assert breaches(held) == [told.format(other)]
    del alice.extra["uuid"]
    assert breaches(held) == [told.format("none")]
    del held.slices[1003].extra["owner_uuid"]
    assert breaches(held) == []


def test_users_with_one_uuid_are_reported() -> None:
    held = two_slices()
    uuid = held.users["admin"].extra["uuid"] = held.slices[1000].extra["owner_uuid"] = held.users["alice"].uuid
    assert breaches(held) == [f"UUID {uuid} is allocated 2 times: to user admin, user alice"]


@pytest.mark.parametrize(
    ("gateway", "is_right"),
    [("192.168.100.1", True), ("192.168.100.9", True), ("192.168.101.1", False), ("many", False), (None, True)],
)
def test_a_gateway_is_in_the_subnet_of_its_network(gateway: str | None, is_right: bool) -> None:
    held = cluster()
    slice_ = put(held, topology(links=[], networks=[{"name": "lan", "members": ["vm1"], "gateway": True}]))
    assert slice_.networks[0].cidr == "192.168.100.0/24"
    slice_.networks[0].gateway_ip = gateway
    found = breaches(held)
    where = "network of VLAN 100 in slice web (1000) of admin"
    assert found == ([] if is_right else [f"{where}: gateway {gateway} is not in 192.168.100.0/24"])


@pytest.mark.parametrize(
    ("name", "index"), [("eth0", 0), ("eth7", 7), ("eth12", 12), ("eth", 3), ("ethx", 3), ("eth²", 3), ("ens4", 3)]
)
def test_the_index_in_a_mac_is_the_number_of_the_interface_or_its_position(name: str, index: int) -> None:
    assert mac_index(Interface(name), 3) == index


def test_vms_with_the_same_id_are_named_each() -> None:
    held = two_slices()
    held.slices[1003].vms[1].vm_id = 1004
    found = breaches(held)
    assert "id 1004 is allocated 2 times: to VM lab/a (1004), VM lab/b (1004)" in found
    assert not [each for each in found if each.startswith("MAC block")], "it follows from the id"


def test_only_what_is_there_twice_is_named() -> None:
    held = two_slices()
    put(held, topology("lab", owner="alice", vms=[vm("a"), vm("b"), vm("c"), vm("d")], links=[]))
    third = held.workers["10.0.10.3"] = type(held.workers["10.0.10.1"])("10.0.10.3", cores=9, ram_gb=9)
    for ip in ("10.0.10.1", "10.0.10.2"):
        held.workers[ip].extra["machine_id"] = "a" * 32
    third.extra["machine_id"] = "b" * 32
    lab = held.slices[1003]
    lab.vms[2].name = "b"
    lab.extra["further_pools"] = [0]
    assert breaches(held) == [
        "VLAN pool 0 (VLANs 100 to 119) is allocated 2 times: to slice web (1000) of admin, slice lab (1003) of alice",
        f"machine-id {'a' * 32} is that of 2 workers: 10.0.10.1, 10.0.10.2",
        "slice lab (1003) of alice: several VMs have the name b: 1005, 1006",
    ]


def test_links_on_one_vlan_are_named() -> None:
    held = cluster()
    ends = [[f"vm1:eth{number}", f"vm2:eth{number}"] for number in (1, 2, 3)]
    slice_ = put(held, topology(links=[{"endpoints": each} for each in ends]))
    slice_.links[2].vlan_id = slice_.links[0].vlan_id
    assert "slice web (1000) of admin: several links are on VLAN 100: 1, 3" in breaches(held)


def test_an_interface_without_a_link_is_on_a_vlan_of_its_slice() -> None:
    held = two_slices()
    held.slices[1000].vms[1].interfaces[0].vlan_id = 160
    assert breaches(held) == ["VM web/vm2 (1002): eth0 is on VLAN 160, which is not allocated to the slice"]


@pytest.mark.parametrize(
    ("cidr", "address", "is_right"),
    [
        ("10.1.0.0/30", "10.1.0.1", True),
        ("10.1.0.0/30", "10.1.0.5", False),
        ("10.1.0.0/30", "somewhere", False),
        (None, "10.1.0.1", False),
        (None, "somewhere", False),
    ],
)
def test_the_address_of_an_end_is_in_the_subnet_of_its_link(cidr: str | None, address: str, is_right: bool) -> None:
    held = two_slices()
    link = held.slices[1000].links[0]
    link.extra.update(cidr=cidr, addresses=[{"vm_id": 1001, "ipv4": address}])
    sentence = f"VLAN 100 in slice web (1000) of admin: address {address} is not in subnet {cidr}"
    assert breaches(held) == ([] if is_right else [sentence])


def test_addresses_that_several_have_are_reported() -> None:
    held = two_slices()
    web = held.slices[1000]
    web.links[0].extra.update(
        cidr="10.1.0.0/30", addresses=[{"vm_id": each, "ipv4": "10.1.0.1"} for each in (1001, 1002)]
    )
    for each in web.vms:
        each.extra["loopback"] = {"ipv6": "2001:db8::1"}
    assert breaches(held) == [
        "VLAN 100 in slice web (1000) of admin: several ends have address 10.1.0.1",
        "slice web (1000) of admin: several VMs have loopback 2001:db8::1",
    ]


def test_a_member_of_a_network_has_its_interface() -> None:
    held = cluster()
    slice_ = put(held, topology(networks=[{"name": "lan", "members": ["vm1", "vm2"]}]))
    assert breaches(held) == []
    del slice_.vms[1].interfaces[-1]
    assert breaches(held) == [
        f"network of VLAN {slice_.networks[0].vlan_id} in slice web (1000) of admin: its member VM web/vm2 (1002) has "
        "no interface eth2"
    ]
    slice_.vms[1].deleting = True
    assert not any("its member" in breach for breach in breaches(held))
