# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The slices of a work order one by one, after all of them together have failed: a fault of one slice stays its own.

Hosts handle all slices in one batch, which is fast and fails as a whole. A work order may be for any slices, so each
can be handled again on its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from ..errors import Refusal, Refused, SlicesError
from .ownership import N, Refusals

T = TypeVar("T")

FAILURES = (SlicesError, OSError)
"""The errors of a fault on a host, among them a file that somebody has replaced. Others are bugs."""


def faults(orders: Sequence[N], act: Callable[[tuple[N, ...]], object], error: Exception) -> dict[int, Exception]:
    """Call C(act) with each slice alone, and return the errors by slice.

    Args:
        orders: the slices.
        act: handles slices, or only what they share if there are none.
        error: why it failed with all of them.

    Raises:
        SlicesError, OSError: it also fails without slices, or for each slice for the same reason, so it is not a
            fault of one of them.
    """
    if len(orders) < 2:
        raise error
    act(())
    found: dict[int, Exception] = {}
    for order in orders:
        try:
            act((order,))
        except FAILURES as fault:
            found[order.slice_id] = fault
    if len(found) == len(orders) and len({reason(fault) for fault in found.values()}) == 1:
        raise error
    return found


def reason(error: Exception) -> str:
    """Return the message of an error.

    Raises:
        OSError: it has no path, so it may be a bug.
    """
    if isinstance(error, SlicesError):
        return error.message
    if not isinstance(error, OSError) or error.filename is None:
        raise error
    return f"{error.filename}: {error.strerror}"


def reasons(faults: Mapping[int, Exception]) -> dict[int, str]:
    """Return the messages of errors."""
    return {slice_id: reason(fault) for slice_id, fault in faults.items()}


def plan(orders: tuple[N, ...], refused: Refusals, plan_some: Callable[[tuple[N, ...], Refusals], T]) -> T:
    """Return the plan for an order without the slices of which the plan fails, which are refused.

    Args:
        orders: the slices.
        refused: the slices that are already refused, and why.
        plan_some: returns the plan for slices, given those that are refused.

    Raises:
        Refused: all slices are refused.
        SlicesError, OSError: the plan fails, and not because of one slice.
    """
    try:
        return plan_some(orders, refused)
    except FAILURES as error:
        if isinstance(error, SlicesError) and "refused" in error.fields:
            raise
        left = [order for order in orders if order.slice_id not in refused]
        found = faults(left, lambda some: plan_some(some, {}), error)
    return plan_some(orders, {**refused, **{slice_id: _refusals(slice_id, fault) for slice_id, fault in found.items()}})


def _refusals(slice_id: int, error: Exception) -> list[Refusal]:
    if isinstance(error, Refused):
        return error.refusals
    return [Refusal("slice_not_planned", f"slice {slice_id}", {"why": reason(error)})]
