# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""VLAN pools of 20 VLANs from VLAN 100 on, without the management VLAN."""

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.vlans import (
    MANAGEMENT_VLAN,
    POOL_COUNT,
    Vlans,
    pool_number,
    pool_range,
    pool_vlans,
    ranges,
    read_pools,
)


@pytest.mark.parametrize(("slice_id", "first", "last"), [(1000, 100, 119), (1015, 400, 419), (1099, 2080, 2099)])
def test_a_slice_has_the_pool_of_its_id(slice_id: int, first: int, last: int) -> None:
    assert pool_range(pool_number(slice_id)) == range(first, last + 1)


def test_pools_contain_every_vlan_once_except_the_management_vlan() -> None:
    vlans = pool_vlans(*range(POOL_COUNT), management=MANAGEMENT_VLAN)
    assert vlans == [vlan for vlan in range(100, 2100) if vlan != MANAGEMENT_VLAN]


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        *(([], ""), ([5], "5"), ([5, 6], "5-6"), ([5, 7], "5,7"), ([7, 5, 6, 9, 10, 12], "5-7,9-10,12")),
        ([400, 101, 100, 103], "100-101,103,400"),
    ],
)
def test_ranges(numbers: list[int], text: str) -> None:
    assert ranges(numbers) == ranges(reversed(numbers)) == text


@pytest.mark.parametrize(
    ("text", "pools"),
    [
        ("0-99", list(range(100))),
        ("7", [7]),
        ("60-61,0-1", [0, 1, 60, 61]),
        ("5,3-6", [3, 4, 5, 6]),
        ("8-8", [8]),
    ],
)
def test_pools_are_read_from_ranges(text: str, pools: list[int]) -> None:
    assert list(read_pools(text)) == pools


@pytest.mark.parametrize("text", ["", "100", "0-100", "-1", "a", "1,", "1 - 2", "0-9\n", "1-2-3", "٣"])
def test_other_text_is_not_ranges_of_pools(text: str) -> None:
    with pytest.raises(ValueError, match="must be ranges of pools such as 0-49,60-79"):
        read_pools(text)


def test_a_range_ends_after_its_start() -> None:
    with pytest.raises(ValueError, match="a range must not end before it starts"):
        read_pools("0-4,9-5")


def test_the_management_vlan_is_taken_from_the_pool_that_contains_it() -> None:
    assert pool_vlans(3, 4, management=170) == [vlan for vlan in range(160, 200) if vlan != 170]
    assert pool_vlans(15, management=170) == list(range(400, 420))


def test_the_vlans_of_a_cloud_are_stored_without_defaults() -> None:
    assert (Vlans().pools_text, Vlans().to_dict()) == ("0-99", {})
    some = Vlans(pools=(0, 1, 60))
    assert some.to_dict() == {"vlan_pools": "0-1,60"}
    assert Vlans.from_dict(some.to_dict()) == some
    assert Vlans.from_dict({}) == Vlans()
    elsewhere = Vlans(management=3000)
    assert (elsewhere.to_dict(), Vlans.from_dict(elsewhere.to_dict())) == ({"management_vlan": 3000}, elsewhere)


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        (Vlans(), Vlans(), "100-2099"),
        (Vlans((0, 1), 400), Vlans((2, 3), 401), ""),
        (Vlans((0, 1), 400), Vlans((2, 3), 400), "400"),
        (Vlans((0, 1), 400), Vlans((2, 3), 110), "110"),
        (Vlans((0, 1, 5), 110), Vlans((1, 5), 3000), "120-139,200-219"),
    ],
)
def test_clouds_have_vlans_of_pools_and_management_vlans_in_common(one: Vlans, other: Vlans, shared: str) -> None:
    assert one.shared_with(other) == other.shared_with(one) == shared
