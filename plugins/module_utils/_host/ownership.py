# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whose is what a host holds: numbers are handles, and what has one need not be what an order means by it.

A slice of which anything does not fit is refused as a whole: nothing of it is adopted, started or removed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from ..errors import Refusal, Refused, SlicesError
from ..report import SliceRefusal

ANOTHER_SLICE = "another_slice"
"""The code of refusals by hosts that hold nothing of a slice, because they hold another one of its number."""

Conflict = tuple[int, Refusal]
"""A slice of an order, and why this host refuses it."""
Refusals = Mapping[int, Sequence[Refusal]]
"""Why this host refuses slices of an order, by slice."""


class Named(Protocol):
    """A slice of a work order."""

    @property
    def slice_id(self) -> int:
        """Its number."""

    @property
    def slice_uuid(self) -> str | None:
        """Its UUID, where the order names it."""


N = TypeVar("N", bound=Named)
H = TypeVar("H")


@dataclass(frozen=True)
class Seen(Generic[N, H]):
    """What a host has of the slices of an order that it does not refuse."""

    orders: tuple[N, ...]
    have: H
    refused: Refusals


def look(
    orders: Iterable[N],
    refused: Refusals,
    *,
    observe: Callable[[tuple[N, ...]], H],
    conflicts: Callable[[tuple[N, ...], H], Iterable[Conflict]],
) -> Seen[N, H]:
    """Look at a host, and leave out the slices that it refuses, so that they do not hold up the others.

    Args:
        orders: the slices of an order.
        refused: those that are refused already.
        observe: what the host has of slices.
        conflicts: why it refuses slices, of what it has.

    Raises:
        Refused: it refuses all of them.
    """
    orders = tuple(orders)
    while True:
        left = tuple(order for order in orders if order.slice_id not in refused)
        if orders and not left:
            raise failure(refused)
        have = observe(left)
        found = by_slice(conflicts(left, have))
        if not found:
            return Seen(left, have, refused)
        refused = {**refused, **found}


def failure(refused: Refusals, also: str | None = None, **fields: Any) -> Refused:
    """Return the error of an order of which slices were refused.

    Args:
        refused: why.
        also: what else failed.
        fields: further fields of the error. It has C(refused), a C(SliceRefusal) for each slice, and C(failure), which
            is C(also).
    """
    refusals = [refusal for each in refused.values() for refusal in each]
    told = [
        SliceRefusal(
            slice_id=slice_id,
            failure="\n".join(refusal.message for refusal in each),
            another=any(refusal.code == ANOTHER_SLICE for refusal in each),
        ).to_dict()
        for slice_id, each in refused.items()
    ]
    found = Refused(refusals, **fields, refused=told, failure=also)
    found.message = "\n".join(filter(None, (also, found.message)))
    return found


@contextmanager
def told_with(refused: Refusals) -> Iterator[None]:
    """Tell of refused slices as well where the block fails."""
    try:
        yield
    except SlicesError as error:
        if not refused:
            raise
        fields = {name: value for name, value in error.fields.items() if not name.startswith("refusal")}
        raise failure(refused, error.message, **fields) from error


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
