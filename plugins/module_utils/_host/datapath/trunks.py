# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The MTU of the host's trunks, which may have changed since it was registered, for example by a reboot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from ...errors import Refusal
from ...work_order import Crossing
from ..files import read_text
from ..ownership import Conflict
from .ovs import INFRASTRUCTURE
from .ovsdb import Switch
from .taps import SYS_NET


class Crosses(Protocol):
    """A slice of a work order, with the links and networks that use the trunk."""

    @property
    def slice_id(self) -> int:
        """Its id."""

    @property
    def trunk(self) -> tuple[Crossing, ...]:
        """Its links and networks that need more than the default MTU."""


def mtus(switch: Switch, root: str = SYS_NET) -> dict[str, int]:
    """Return the MTUs of our trunks by name, except for ports without a device of their name, such as bonds."""
    trunks = [port for port in switch.ports.values() if INFRASTRUCTURE in port.external_ids]
    found = {port.name: read_text(f"{root}/{port.name}/mtu") for port in trunks if port.vlan_mode == "trunk"}
    return {name: int(text) for name, text in found.items() if text is not None}


def conflicts(orders: Iterable[Crosses], found: Mapping[str, int]) -> Iterator[Conflict]:
    """Yield a conflict for each link or network that needs a larger MTU than a trunk has."""
    for order in orders:
        for each in order.trunk:
            for name, mtu in found.items():
                if mtu < each.mtu:
                    figures = {"needed": each.mtu, "host": name, "trunk_mtu": mtu}
                    yield order.slice_id, Refusal("trunk_mtu_too_small", each.name, figures)
