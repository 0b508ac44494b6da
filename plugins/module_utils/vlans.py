# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""VLAN pools: each slice has a pool of 20 VLANs, from VLAN 100 on. The management VLAN is shared by all slices.

Clouds on the same trunk have different pools and management VLANs (docs/decisions/0026).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

MANAGEMENT_VLAN = 400
POOL_SIZE = 20
POOL_COUNT = 100
FURTHER_POOLS = "further_pools"
"""The extra field of a slice with its pools after the first one."""

ALL_POOLS = tuple(range(POOL_COUNT))

POOLS_PATTERN = r"[0-9]{1,2}(-[0-9]{1,2})?(,[0-9]{1,2}(-[0-9]{1,2})?)*"
"""The syntax of ranges of pools."""

_FIRST_VLAN = 100


class ReversedRange(ValueError):
    """A range of pools ends before it starts. C(part) is that range, such as C(9-3)."""

    def __init__(self, part: str) -> None:
        super().__init__("a range must not end before it starts")
        self.part = part


@dataclass(frozen=True)
class Vlans:
    """The VLANs of a cloud.

    Attributes:
        pools: the numbers of the pools that its slices may have, in ascending order.
        management: the management VLAN, which is not part of the pool that contains it.
    """

    pools: tuple[int, ...] = ALL_POOLS
    management: int = MANAGEMENT_VLAN

    @property
    def pools_text(self) -> str:
        """The pools as ranges, such as C(0-49,60-79)."""
        return ranges(self.pools)

    def __str__(self) -> str:
        """Return the VLANs for messages."""
        return f"pools {self.pools_text} and management VLAN {self.management}"

    def shared_with(self, other: Vlans) -> str:
        """Return the VLANs that two clouds have in common as ranges, empty if there are none."""
        mine, others = (
            {each.management, *(vlan for n in each.pools for vlan in pool_range(n))} for each in (self, other)
        )
        return ranges(mine & others)

    def to_dict(self) -> dict[str, Any]:
        """Return the stored form, without defaults."""
        pools = {} if self.pools == ALL_POOLS else {"vlan_pools": self.pools_text}
        return pools if self.management == MANAGEMENT_VLAN else {**pools, "management_vlan": self.management}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Vlans:
        """Read the stored form.

        Raises:
            ValueError: the pools are not ranges of pools.
        """
        text = data.get("vlan_pools")
        pools = ALL_POOLS if text is None else read_pools(text)
        return cls(pools, data.get("management_vlan", MANAGEMENT_VLAN))


def pool_number(slice_id: int) -> int:
    """Return the number of a slice's first pool, which no other live slice has."""
    return slice_id % POOL_COUNT


def pool_range(number: int) -> range:
    """Return all VLANs of a pool, including the management VLAN if it is one of them."""
    first = _FIRST_VLAN + number * POOL_SIZE
    return range(first, first + POOL_SIZE)


def pool_of(vlan_id: int) -> int | None:
    """Return the number of the pool that contains a VLAN, C(None) if none does."""
    number = (vlan_id - _FIRST_VLAN) // POOL_SIZE
    return number if 0 <= number < POOL_COUNT else None


def pool_vlans(*numbers: int, management: int) -> list[int]:
    """Return the VLANs of pools that can be allocated, without the management VLAN, lowest first within each pool."""
    return [vlan for number in numbers for vlan in pool_range(number) if vlan != management]


def read_pools(text: str) -> tuple[int, ...]:
    """Return the pools of ranges such as C(0-49,60-79), in ascending order.

    Raises:
        ReversedRange: a range ends before it starts.
        ValueError: these are not ranges of pools.
    """
    if re.fullmatch(POOLS_PATTERN, text) is None:
        raise ValueError("must be ranges of pools such as 0-49,60-79")
    pools: set[int] = set()
    for part in text.split(","):
        first, *others = map(int, part.split("-"))
        last = others[0] if others else first
        if last < first:
            raise ReversedRange(part)
        pools.update(range(first, last + 1))
    return tuple(sorted(pools))


def ranges(numbers: Iterable[int]) -> str:
    """Return numbers as ranges, such as C(100-103,400), which is also the notation of Open vSwitch for VLANs."""
    parts: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if parts and parts[-1][1] == number - 1:
            parts[-1] = (parts[-1][0], number)
        else:
            parts.append((number, number))
    return ",".join(f"{first}-{last}" if first != last else str(first) for first, last in parts)
