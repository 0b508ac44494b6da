# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Slices that a call refuses while it continues with the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..cluster import slice_label
from ..errors import Refusal, Refused
from ..models import Slice


@dataclass(frozen=True)
class RefusedSlice:
    """A slice that a call leaves unchanged.

    Attributes:
        name: the name by which it was given.
        refusals: the reasons.
        stored: the slice as it is stored; None for one that is new or was not found.
    """

    name: str
    refusals: Sequence[Refusal]
    stored: Slice | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return C({slice_id, slice, failure, codes}) for a result."""
        slice_, message = self.stored, Refused(self.refusals).message
        codes = list(dict.fromkeys(each.code for each in self.refusals))
        if slice_ is None:
            return {"slice_id": None, "slice": self.name, "failure": message, "codes": codes}
        where = f"slice {slice_label(slice_)} ({slice_.slice_id})"
        name = f"{slice_.owner}/{slice_label(slice_)}"
        failure = f"{where} was left unchanged: {message}"
        return {"slice_id": slice_.slice_id, "slice": name, "failure": failure, "codes": codes}


def to_result(refused: Iterable[RefusedSlice]) -> list[dict[str, Any]]:
    """Return the slices for a result."""
    return [each.to_dict() for each in refused]


def error(refused: Sequence[RefusedSlice]) -> Refused | None:
    """Return the failure of a module that did everything except for these slices; None if there are none."""
    return Refused(_all(refused), refused=to_result(refused)) if refused else None


def require_some(refused: Sequence[RefusedSlice], left: Sequence[Any]) -> None:
    """Refuse a call of which nothing is left.

    Raises:
        Refused: for the reasons of all slices.
    """
    if refused and not left:
        raise Refused(_all(refused), refused=to_result(refused))


def _all(refused: Iterable[RefusedSlice]) -> Iterator[Refusal]:
    """Yield each reason once."""
    yield from dict.fromkeys(refusal for each in refused for refusal in each.refusals)
