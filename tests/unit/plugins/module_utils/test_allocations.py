# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values that are allocated to slices and unique in the cluster, as numbers."""

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils import allocations
from ansible_collections.cloudrepo.slices.plugins.module_utils.allocations import (
    Allocation,
    address_number,
    allocated,
    mac_number,
    show,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import VM, Interface, Link, Slice


def a_slice() -> Slice:
    """Return slice 1005 with VM 1006 (internet, a link), VM 65536 + 7 (no link), and resources that it releases."""
    slice_ = Slice(1005, "alice")
    config = {"ip": "10.60.7.101", "cidr": "10.60.7.0/24", "gateway": "10.60.7.1"}
    eth0 = Interface("eth0", 400, "52:54:00:03:ee:00", config)
    eth1 = Interface("eth1", 200, "52:54:00:03:ee:01", None, 1)
    slice_.vms = [
        VM(1006, "vm1", "alice", "10.0.10.1", 5901, [eth0, eth1]),
        VM(65543, "vm2", "alice", "10.0.10.1", 5902, [Interface("eth0", None, "52:54:00:00:07:00")]),
    ]
    slice_.vlan_pool_used = [200, 203]
    slice_.links = [Link(1, 200, 1006, "eth1", 65543, "eth1")]
    slice_.extra = {"further_pools": [7], "releasing": {"addresses": ["10.60.7.110", "nonsense"]}}
    return slice_


@pytest.mark.parametrize(
    ("kind", "held"),
    [
        (allocations.ID, [(1005, None), (1006, 1006), (65543, 65543)]),
        (allocations.MAC_BLOCK, [(1006, 1006), (7, 65543)]),
        (
            allocations.MAC,
            [(0x52540003EE00, 1006), (0x52540003EE01, 1006), (0x525400000700, 65543)],
        ),
        (allocations.VNC_PORT, [(5901, 1006), (5902, 65543)]),
        (allocations.ADDRESS, [(0x0A3C0765, 1006), (0x0A3C076E, None)]),
        (allocations.VLAN, [(200, None), (203, None)]),
        (allocations.VLAN_POOL, [(5, None), (7, None)]),
    ],
)
def test_a_slice_holds_allocations_of_each_kind(kind: str, held: list[tuple[int, int | None]]) -> None:
    assert list(allocated(a_slice(), kind)) == [Allocation(kind, number, vm_id) for number, vm_id in held]


def test_allocations_are_sorted_by_kind() -> None:
    found = list(allocated(a_slice()))
    assert found == [allocation for kind in allocations.KINDS for allocation in allocated(a_slice(), kind)]
    assert len({(allocation.kind, allocation.number) for allocation in found}) == len(found) == 16


def test_an_empty_slice_holds_its_id_and_pool() -> None:
    assert list(allocated(Slice(1015, "alice"))) == [Allocation("id", 1015, None), Allocation("vlan_pool", 15, None)]


def test_an_address_is_held_whatever_the_management_vlan_is() -> None:
    slice_ = a_slice()
    before = list(allocated(slice_, allocations.ADDRESS))
    slice_.vms[0].interfaces[0].vlan_id = 401
    assert list(allocated(slice_, allocations.ADDRESS)) == before
    slice_.vms[0].interfaces[0].ip_config = None
    assert [allocation.vm_id for allocation in allocated(slice_, allocations.ADDRESS)] == [None]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("00:00:00:00:00:00", 0),
        ("ff:ff:ff:ff:ff:ff", 2**48 - 1),
        ("52:54:00:03:E9:0a", 0x52540003E90A),
        (None, None),
        ("", None),
        ("52:54:00:03:e9", None),
        ("52:54:00:03:e9:00:01", None),
        ("52-54-00-03-e9-00", None),
        ("52:54:00:03:e9:0g", None),
        ("52:54:00:03:e9:00\n", None),
    ],
)
def test_a_mac_is_a_number(text: str | None, number: int | None) -> None:
    assert mac_number(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [("0.0.0.0", 0), ("255.255.255.255", 2**32 - 1), ("10.60.7.1", 0x0A3C0701), ("10.60.7", None), (None, None)],
)
def test_an_address_is_a_number(text: str | None, number: int | None) -> None:
    assert address_number(text) == number


def test_every_kind_has_a_description() -> None:
    assert show(allocations.MAC, 0x52540003E90A) == "MAC 52:54:00:03:e9:0a"
    assert show(allocations.MAC, 1) == "MAC 00:00:00:00:00:01"
    assert show(allocations.ADDRESS, 0x0A3C0701) == "address 10.60.7.1"
    rest = [kind for kind in allocations.KINDS if kind not in (allocations.MAC, allocations.ADDRESS)]
    said = [show(kind, 4711) for kind in rest]
    assert all(text.endswith(" 4711") for text in said)
    assert len(set(said)) == len(rest) == 5
