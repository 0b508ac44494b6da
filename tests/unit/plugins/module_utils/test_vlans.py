# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""VLAN pools of 20 VLANs from VLAN 100 on, without the management VLAN."""

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.vlans import (
    MANAGEMENT_VLAN,
    POOL_COUNT,
    pool_number,
    pool_range,
    pool_vlans,
)


@pytest.mark.parametrize(("slice_id", "first", "last"), [(1000, 100, 119), (1015, 400, 419), (1099, 2080, 2099)])
def test_a_slice_has_the_pool_of_its_id(slice_id: int, first: int, last: int) -> None:
    assert pool_range(pool_number(slice_id)) == range(first, last + 1)


def test_pools_contain_every_vlan_once_except_the_management_vlan() -> None:
    vlans = pool_vlans(*range(POOL_COUNT))
    assert vlans == [vlan for vlan in range(100, 2100) if vlan != MANAGEMENT_VLAN]
