# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The time at which a slice expires: the playbook C(expire) then deletes it (docs/decisions/0037)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timezone

from ..errors import Refusal
from ..history import TIME
from ..models import Slice

FIELD = "expires"
# YAML reads the last three as times, which reach modules as text with a space and an offset.
_FORM = re.compile(r"2\d{3}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?)?")


def moment(text: str) -> str | None:
    """Return a date or time, in UTC unless it has an offset, in the stored form; null if it is none."""
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00")) if _FORM.fullmatch(text) else None
    except ValueError:
        return None
    if found is None:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).astimezone(timezone.utc).strftime(TIME)


def problems(where: str, text: str | None) -> Iterator[Refusal]:
    """Yield a refusal for what is neither a time nor empty."""
    if text and moment(text) is None:
        yield Refusal("invalid_time", where, {"option": FIELD, "got": text})


def has_expired(slice_: Slice, now: str) -> bool:
    """Return whether a slice has expired at a time in the stored form."""
    return is_past(slice_.extra.get(FIELD), now)


def is_past(expires: str | None, now: str) -> bool:
    """Return whether a stored time has passed at a time in the stored form.

    One that somebody has edited so that it is none, such as an empty text, never passes: a slice would be deleted.
    """
    found = None if expires is None else moment(expires)
    return found is not None and found <= now
