# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is usual and what is possible for interfaces, links and networks: tenants are told, and hosts check again.

An MTU is the largest packet that passes, in bytes, without the Ethernet header and VLAN tags.
"""

from __future__ import annotations

from collections.abc import Iterator

from .errors import Refusal

DEFAULT_MTU = 1500
LEAST_MTU = 68
"""The least that IPv4 allows."""
MOST_MTU = 65521
"""The most that a tap can have."""
MOST_TRUNK_MTU = 65535
"""The most that any Ethernet device can have."""
MOST_KBPS = 100_000_000
"""Of a limit on what an interface sends or receives."""
MOST_MS = 60_000
"""Of a delay, and of its jitter."""


def out_of_range(where: str, option: str, value: float | None, least: int, most: int) -> Iterator[Refusal]:
    """Yield the refusal of an option's value that is set and neither C(least), C(most) nor between them."""
    if value is not None and not least <= value <= most:
        yield Refusal("out_of_range", where, {"option": option, "got": value, "least": least, "most": most})
