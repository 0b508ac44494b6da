# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ids, ports and addresses: the lowest free one is allocated, each once."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.allocation import (
    Allocator,
    ManagementNetwork,
    link_prefix,
    mac_address,
    pool_text,
    server_ip,
    tap_name,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import VM, Interface, Slice


def with_slices(*slice_ids: int, next_id: int = 1000) -> Cluster:
    held = Cluster.initial()
    for slice_id in slice_ids:
        held.slices[slice_id] = Slice(slice_id, "admin")
    held.next_vm_id = next_id
    return held


def add_vm(held: Cluster, vm_id: int, port: int = 5901, address: str | None = None) -> None:
    config = {"ip": address} if address else None
    nic = Interface("eth0", 400 if address else None, mac_address(vm_id, 0), config)
    held.slices[next(iter(held.slices))].vms.append(VM(vm_id, f"vm{vm_id}", "admin", "10.0.10.1", port, [nic]))


def allocator(held: Cluster, **network: Any) -> Allocator:
    return Allocator(held, ManagementNetwork(**network))


@pytest.mark.parametrize(
    ("taken", "next_id", "given"),
    [
        ((), 1000, [1000, 1001]),
        ((900,), 1000, [1001, 1002]),
        ((900, 901), 1000, [1002, 1003]),
        ((999,), 1098, [1098, 1100]),
        ((901,), 1000, [1000, 1002]),
    ],
)
def test_a_slice_gets_the_next_id_whose_pool_is_free(taken: tuple[int, ...], next_id: int, given: list[int]) -> None:
    hands_out = allocator(with_slices(*taken, next_id=next_id))
    assert [hands_out.slice_id() for _each in given] == given
    assert hands_out.next_id == given[-1] + 1


def test_there_are_a_hundred_pools() -> None:
    hands_out = allocator(with_slices(*range(1000, 1098), next_id=1200))
    assert hands_out.slice_id() == 1298
    assert hands_out.further_pool() == 99
    assert (hands_out.slice_id(), hands_out.further_pool()) == (None, None)
    assert hands_out.next_id == 1299


def test_further_pools_are_the_lowest_that_no_slice_holds() -> None:
    held = with_slices(1000, 1002)
    held.slices[1002].extra["further_pools"] = [1]
    hands_out = allocator(held)
    assert [hands_out.further_pool() for _each in range(2)] == [3, 4]
    assert hands_out.slice_id() == 1005


def test_the_cluster_is_not_changed() -> None:
    held = with_slices(1000)
    before = held.to_dict()
    hands_out = allocator(held)
    hands_out.slice_id(), hands_out.vm_id(), hands_out.vnc_port(), hands_out.address(), hands_out.further_pool()
    assert held.to_dict() == before


def test_a_vm_does_not_get_an_id_whose_macs_another_vm_has() -> None:
    held = with_slices(1000)
    for vm_id in (1001, 1003, 1279, 1280):
        add_vm(held, vm_id)
    held.next_vm_id = 65536 + 1000
    hands_out = allocator(held)
    assert [hands_out.vm_id() - 65536 for _each in range(3)] == [1000, 1002, 1004]
    hands_out.next_id = 65536 + 1278
    assert [hands_out.vm_id() - 65536 for _each in range(2)] == [1278, 1281], "over the edge of what is looked up"


def test_ids_of_slices_and_vms_come_from_one_counter() -> None:
    hands_out = allocator(with_slices())
    taken = [take() for take in (hands_out.slice_id, hands_out.vm_id, hands_out.vm_id, hands_out.slice_id)]
    assert taken == [1000, 1001, 1002, 1003]


def test_vnc_ports_start_at_5901_and_fill_gaps() -> None:
    held = with_slices(1000)
    for vm_id, port in ((1001, 5902), (1002, 5904)):
        add_vm(held, vm_id, port)
    hands_out = allocator(held)
    assert [hands_out.vnc_port() for _each in range(3)] == [5901, 5903, 5905]


def test_vnc_ports_are_limited_by_the_highest_tcp_port() -> None:
    held = with_slices(1000)
    for port in range(5901, 65535):
        add_vm(held, port, port)
    hands_out = allocator(held)
    assert [hands_out.vnc_port() for _each in range(2)] == [65535, None]


def test_addresses_are_allocated_from_the_range_until_it_is_exhausted() -> None:
    held = with_slices(1000)
    add_vm(held, 1001, address="10.60.7.102")
    hands_out = allocator(held, first_address="10.60.7.101", last_address="10.60.7.103")
    assert [hands_out.address() for _each in range(3)] == ["10.60.7.101", "10.60.7.103", None]


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({}, 0),
        ({"cidr": "10.60.7.1/24"}, 1),
        ({"cidr": "x"}, 1),
        ({"gateway": "10.60.8.1"}, 1),
        ({"gateway": "10.60.7.0"}, 1),
        ({"gateway": "10.60.7.255"}, 1),
        ({"gateway": "10.60.7.254"}, 0),
        ({"gateway": "10.60.7.2"}, 1),
        ({"gateway": "10.60.7.101"}, 1),
        ({"gateway": "10.60.7.250"}, 1),
        ({"gateway": "10.60.7.100"}, 0),
        ({"gateway": "10.60.7.251"}, 0),
        ({"dhcp_server": "10.60.7.101"}, 1),
        ({"dhcp_server": "10.60.7.250"}, 1),
        ({"dhcp_server": "10.60.7.251"}, 0),
        ({"first_address": "10.60.7.250"}, 0),
        ({"first_address": "10.60.7.251"}, 1),
        ({"first_address": "10.60.7.1"}, 2),
        ({"first_address": "10.60.7.2"}, 1),
        ({"first_address": "10.60.7.3"}, 0),
        ({"first_address": "x", "last_address": "10.60.7.255", "gateway": "y"}, 3),
        ({"cidr": "10.60.7.0/25"}, 1),
    ],
)
def test_each_invalid_setting_of_vlan_400_is_reported(changes: dict[str, str], count: int) -> None:
    assert len(list(ManagementNetwork(**changes).problems())) == count


@pytest.mark.parametrize(
    ("vm_id", "index", "mac"),
    [
        (1001, 0, "52:54:00:03:e9:00"),
        (1001, 20, "52:54:00:03:e9:14"),
        (255, 1, "52:54:00:00:ff:01"),
        (256, 1, "52:54:00:01:00:01"),
        (65535, 0, "52:54:00:ff:ff:00"),
        (65536, 0, "52:54:00:00:00:00"),
    ],
)
def test_a_mac_identifies_its_vm(vm_id: int, index: int, mac: str) -> None:
    assert mac_address(vm_id, index) == mac


@pytest.mark.parametrize(
    ("vm_id", "interface", "name"),
    [
        (1001, "eth1", "tap_1001_eth1"),
        (100001, "eth10", "tap_100001_10"),
        (100001, "eth9", "tap_100001_eth9"),
        (9999999, "eth20", "tap_9999999_20"),
    ],
)
def test_tap_names_fit_the_kernel(vm_id: int, interface: str, name: str) -> None:
    assert tap_name(vm_id, interface) == name
    assert len(name) <= 15


def test_each_vlan_has_a_different_subnet() -> None:
    assert [link_prefix(vlan) for vlan in (0, 100, 255, 256, 4095)] == [
        *("192.168.0", "192.168.100", "192.168.255"),
        *("172.17.0", "172.31.255"),
    ]
    assert len({link_prefix(vlan) for vlan in range(4096)}) == 4096


def test_the_network_nodes_address_is_the_gateway_or_the_first() -> None:
    assert server_ip("10.0.0.0/24", "10.0.0.254") == "10.0.0.254"
    assert server_ip("10.0.0.0/24", None) == server_ip("10.0.0.0/24", "") == "10.0.0.1"
    with pytest.raises(Refused):
        server_ip("10.0.0.1/24", None)


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "100–119"), (14, "380–399"), (15, "400–419 without 400"), (16, "420–439"), (99, "2080–2099")],
)
def test_a_pool_in_messages(number: int, text: str) -> None:
    assert pool_text(number, 400) == text


def test_values_left_behind_on_hosts_by_a_restore_are_not_allocated() -> None:
    held = with_slices(next_id=1100)
    addresses = [int(ipaddress.IPv4Address(f"10.60.7.{each}")) for each in (101, 103)]
    held.extra["left_behind"] = {"vlan_pool": [0, 2], "vnc_port": [5901, 5902], "address": addresses}
    allocator = Allocator(held, ManagementNetwork())
    assert [allocator.slice_id(), allocator.slice_id(), allocator.further_pool()] == [1101, 1103, 4]
    assert [allocator.vnc_port(), allocator.vnc_port()] == [5903, 5904]
    assert [allocator.address(), allocator.address()] == ["10.60.7.102", "10.60.7.104"]
    held.extra["left_behind"] = {"vlan_pool": list(range(100))}
    assert Allocator(held, ManagementNetwork()).slice_id() is None


@pytest.mark.parametrize(("next_id", "is_possible"), [(9_999_999, True), (10_000_000, False)])
def test_ids_end_with_the_names_of_taps(next_id: int, is_possible: bool) -> None:
    allocator = Allocator(Cluster(next_vm_id=next_id), ManagementNetwork())
    if is_possible:
        assert (allocator.vm_id(), allocator.next_id) == (next_id, next_id + 1)
    else:
        with pytest.raises(Refused) as refused:
            allocator.vm_id()
        assert [(each.code, each.figures) for each in refused.value.refusals] == [("no_free_id", {"most": 9_999_999})]
