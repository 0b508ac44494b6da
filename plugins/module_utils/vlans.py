# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""VLAN pools: each slice has a pool of 20 VLANs, from VLAN 100 on. The management VLAN is shared by all slices."""

from __future__ import annotations

MANAGEMENT_VLAN = 400
POOL_SIZE = 20
POOL_COUNT = 100
FURTHER_POOLS = "further_pools"
"""The extra field of a slice with its pools after the first one."""

_FIRST_VLAN = 100


def pool_number(slice_id: int) -> int:
    """Return the number of a slice's first pool, which no other live slice has."""
    return slice_id % POOL_COUNT


def pool_range(number: int) -> range:
    """Return all VLANs of a pool, including the management VLAN if it is one of them."""
    first = _FIRST_VLAN + number * POOL_SIZE
    return range(first, first + POOL_SIZE)


def pool_vlans(*numbers: int) -> list[int]:
    """Return the VLANs of pools that can be allocated, without the management VLAN, lowest first within each pool."""
    return [vlan for number in numbers for vlan in pool_range(number) if vlan != MANAGEMENT_VLAN]
