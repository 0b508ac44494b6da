# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The OpenFlow numbers of ports. Flows refer to ports by number, so each port requests its number.

Those of VMs are above the range from which the switch allocates numbers to ports that request none. OpenFlow reserves
the numbers from 0xff00.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from ...errors import Refusal, Refused
from .ovsdb import Switch

INFRASTRUCTURE = range(1, 1000)
ACCESS = range(1000, 0xFF00)


def allocate(names: Iterable[str], have: Switch, numbers: range, reserved: Collection[int] = ()) -> dict[str, int]:
    """Return the OpenFlow number to request by port: the one that it has requested before, or the lowest free one.

    Args:
        names: the ports.
        have: the observed state.
        numbers: those of ports of this type, C(INFRASTRUCTURE) or C(ACCESS).
        reserved: numbers that no new port may have, because flows refer to them.

    Raises:
        Refused: no number is free.
    """
    names = tuple(names)
    asked = {name: port.number for name, port in have.ports.items() if port.number is not None}
    times = Counter(asked.values())
    found = {name: asked[name] for name in names if asked.get(name) in numbers and times[asked[name]] == 1}
    others = {port.live_number for name, port in have.ports.items() if name not in names}
    taken = {*found.values(), *asked.values(), *others, *reserved}
    free = (number for number in numbers if number not in taken)
    for name in names:
        if name not in found:
            number = next(free, None)
            if number is None:
                figures = {"first": numbers[0], "last": numbers[-1]}
                raise Refused([Refusal("openflow_numbers_exhausted", f"port {name}", figures)])
            found[name] = number
    return found
