# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whose is what a host holds: numbers are handles, and what has one need not be what an order means by it.

A slice of which anything does not fit is refused as a whole: nothing of it is adopted, started or removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from ..errors import Refusal, Refused

ANOTHER_SLICE = "another_slice"
"""The code of refusals by hosts that hold nothing of a slice, because they hold another one of its number."""

Conflict = tuple[int, Refusal]
"""A slice of an order, and why this host refuses it."""


class Named(Protocol):
    """A slice of a work order."""

    @property
    def slice_id(self) -> int:
        """Its number."""

    @property
    def slice_uuid(self) -> str | None:
        """Its UUID, where the order names it."""


def of_slice(order: Named, where: str, held: str | None) -> Iterator[Conflict]:
    """Yield the conflict of a slice with something of its number that belongs to the slice with the UUID C(held)."""
    if held != order.slice_uuid:
        figures = {"where": where, "held": shown(held), "got": shown(order.slice_uuid)}
        yield order.slice_id, Refusal("another_slice", f"slice {order.slice_id}", figures)


def shown(uuid: str | None) -> str:
    """Return a UUID for a message."""
    return uuid or "no UUID"


def by_slice(conflicts: Iterable[Conflict]) -> dict[int, list[Refusal]]:
    """Return the refusals of each slice."""
    found: dict[int, list[Refusal]] = {}
    for slice_id, refusal in conflicts:
        found.setdefault(slice_id, []).append(refusal)
    return found


def refuse(conflicts: Iterable[Conflict]) -> None:
    """Make sure that there is no conflict.

    Raises:
        Refused: there are some.
    """
    refusals = [refusal for _slice_id, refusal in conflicts]
    if refusals:
        raise Refused(refusals)
