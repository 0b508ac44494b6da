# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Slices of a work order that a host refuses, each on its own, while it applies the others.

A slice is refused as a whole: none of its objects is adopted, started or removed. The reason is an invalid order or an
object on the host: ids are only handles, and the object with an id is not necessarily the one that an order means.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, Protocol, TypeVar

from .. import bounds
from ..errors import Refusal, Refused, SlicesError
from ..report import SliceRefusal

ANOTHER_SLICE = "another_slice"
"""The code of the refusal if the host has a slice with the same id and another UUID, and no object of this one."""

Conflict = tuple[int, Refusal]
"""A slice of an order, and why this host refuses it."""
Refusals = Mapping[int, Sequence[Refusal]]
"""Why this host refuses slices of an order, by slice."""
Failed = Mapping[int, str]
"""Why slices were not applied completely, by slice."""


class Named(Protocol):
    """A slice of a work order."""

    @property
    def slice_id(self) -> int:
        """Its id."""

    @property
    def slice_uuid(self) -> str | None:
        """Its UUID, if the order contains it."""


N = TypeVar("N", bound=Named)
H = TypeVar("H")


@dataclass(frozen=True)
class Seen(Generic[N, H]):
    """The slices of an order that a host does not refuse, and their state on the host."""

    orders: tuple[N, ...]
    have: H
    refused: Refusals

    @property
    def failure(self) -> Refused | None:
        """The error if slices were refused."""
        return self.failure_with({})

    def failure_with(self, failed: Failed) -> Refused | None:
        """Return the error if slices were refused, or have C(failed)."""
        return failure(self.refused, failed=failed) if self.refused or failed else None


def read(
    slices: Iterable[Mapping[str, Any]],
    read_one: Callable[[Mapping[str, Any]], N],
    faults: Callable[[tuple[N, ...]], Iterable[Conflict]],
) -> tuple[tuple[N, ...], Refusals]:
    """Return the slices of a work order that are valid, and by slice why the others are refused.

    Args:
        slices: the slices as the order lists them.
        read_one: parses one slice.
        faults: yields errors of slices that are each valid on their own.

    Raises:
        Refused: a slice has no valid id.
    """
    found: list[N] = []
    refused: dict[int, list[Refusal]] = defaultdict(list)
    for data in slices:
        try:
            found.append(read_one(data))
        except Refused as error:
            slice_id = data.get("slice_id")
            if not isinstance(slice_id, int) or not bounds.ID.allows(slice_id):
                raise
            refused[slice_id] += error.refusals
    for slice_id, refusal in faults(tuple(found)):
        refused[slice_id].append(refusal)
    return tuple(order for order in found if order.slice_id not in refused), dict(refused)


def whole(orders: tuple[N, ...], refused: Refusals) -> tuple[N, ...]:
    """Return the slices of a work order, for a module that applies all of it or nothing.

    Raises:
        Refused: slices were refused.
    """
    if refused:
        raise Refused(dict.fromkeys(refusal for each in refused.values() for refusal in each))
    return orders


def repeated(kind: str, held: Iterable[tuple[int, Hashable]]) -> Iterator[Conflict]:
    """Yield a conflict for each slice with a value that occurs more than once in the order.

    Args:
        kind: the kind of the values.
        held: the values, each with its slice.
    """
    held = tuple(held)
    counts = Counter(value for _slice_id, value in held)
    for slice_id, value in dict.fromkeys(held):
        if counts[value] > 1:
            figures = {"kind": kind, "name": value, "count": counts[value]}
            yield slice_id, Refusal("listed_twice", f"slice {slice_id}", figures)


def look(
    orders: Iterable[N],
    refused: Refusals,
    *,
    observe: Callable[[tuple[N, ...]], H],
    conflicts: Callable[[tuple[N, ...], H], Iterable[Conflict]],
) -> Seen[N, H]:
    """Observe a host without the slices that it refuses, so that they do not affect the others.

    Args:
        orders: the slices of an order.
        refused: the slices that are already refused, and why.
        observe: returns the state of slices on the host.
        conflicts: yields why the host refuses slices in that state.

    Raises:
        Refused: the host refuses all slices.
    """
    orders = tuple(orders)
    while True:
        left = tuple(order for order in orders if order.slice_id not in refused)
        if refused and not left:
            raise failure(refused)
        have = observe(left)
        found = by_slice(conflicts(left, have))
        if not found:
            return Seen(left, have, refused)
        refused = {**refused, **found}


def failure(
    refused: Refusals, also: str | None = None, *, failed: Failed = MappingProxyType({}), **fields: Any
) -> Refused:
    """Return the error for an order with slices that were refused or have failed.

    Args:
        refused: the reasons, by slice.
        also: the message of another failure.
        failed: the slices that have failed.
        fields: more fields of the error, in addition to C(refused), a C(SliceRefusal) for each slice, and C(failure),
            which is C(also).
    """
    refusals = dict.fromkeys(refusal for each in refused.values() for refusal in each)
    unchanged = [
        SliceRefusal(
            slice_id=slice_id,
            failure="\n".join(refusal.message for refusal in each),
            another=any(refusal.code == ANOTHER_SLICE for refusal in each),
        ).to_dict()
        for slice_id, each in refused.items()
    ]
    begun = [
        SliceRefusal(slice_id, f"slice {slice_id}: {why}", begun=True).to_dict() for slice_id, why in failed.items()
    ]
    found = Refused(refusals, **fields, refused=[*unchanged, *begun], failure=also)
    found.message = "\n".join(filter(None, (also, *(each["failure"] for each in begun), found.message)))
    return found


@contextmanager
def named_in_failure(refused: Refusals, failed: Failed = MappingProxyType({})) -> Iterator[None]:
    """Report slices that were refused or have failed in the error if the block fails."""
    try:
        yield
    except SlicesError as error:
        if not refused and not failed:
            raise
        fields = {name: value for name, value in error.fields.items() if not name.startswith("refusal")}
        raise failure(refused, error.message, failed=failed, **fields) from error


def of_slice(order: Named, where: str, held: str | None) -> Iterator[Conflict]:
    """Yield the conflict of a slice with an object with its id that belongs to the slice with the UUID C(held)."""
    if held != order.slice_uuid:
        figures = {"where": where, "held": shown(held), "got": shown(order.slice_uuid)}
        yield order.slice_id, Refusal("another_slice", f"slice {order.slice_id}", figures)


def shown(uuid: str | None) -> str:
    """Return a UUID as messages show it."""
    return uuid or "no UUID"


def by_slice(conflicts: Iterable[Conflict]) -> dict[int, list[Refusal]]:
    """Return the refusals of each slice."""
    found: dict[int, list[Refusal]] = {}
    for slice_id, refusal in conflicts:
        found.setdefault(slice_id, []).append(refusal)
    return found


def refuse(conflicts: Iterable[Conflict]) -> None:
    """Raise an error if there are conflicts.

    Raises:
        Refused: there are conflicts.
    """
    refusals = [refusal for _slice_id, refusal in conflicts]
    if refusals:
        raise Refused(refusals)
