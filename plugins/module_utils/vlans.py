# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How VLANs are shared out: a pool of 20 for each slice, from VLAN 100 on, and one VLAN that is nobody's own."""

from __future__ import annotations

MANAGEMENT_VLAN = 400
POOL_SIZE = 20
POOL_COUNT = 100
FURTHER_POOLS = "further_pools"
"""The extra field of a slice that lists the pools it holds beyond its first."""

_FIRST_VLAN = 100


def pool_number(slice_id: int) -> int:
    """Return the number of a slice's first pool; no other live slice has it."""
    return slice_id % POOL_COUNT


def pool_range(number: int) -> range:
    """Return all VLANs of a pool, also the management VLAN where it is one of them."""
    first = _FIRST_VLAN + number * POOL_SIZE
    return range(first, first + POOL_SIZE)


def pool_vlans(*numbers: int) -> list[int]:
    """Return the VLANs of pools that may be leased: all but the management VLAN, lowest first within each pool."""
    return [vlan for number in numbers for vlan in pool_range(number) if vlan != MANAGEMENT_VLAN]
