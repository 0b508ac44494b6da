# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter for slices that have expired."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.expiry import FIELD, is_past
from ansible_collections.cloudrepo.slices.plugins.module_utils.history import TIME


def expired_slices(slices: Iterable[Mapping[str, Any]], *, now: datetime | None = None) -> list[str]:
    """Return the ids of the slices that have expired, as names for modules.

    Args:
        slices: slices as modules return them.
        now: the time, in UTC; the present by default.
    """
    present = (now or datetime.now(timezone.utc)).strftime(TIME)
    return [str(each["slice_id"]) for each in slices if is_past(each.get(FIELD), present)]


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"expired_slices": expired_slices}
