# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The history of the database, as the result of a module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import bounds
from .._domain import history
from ..cluster import Cluster
from ..errors import Refused
from .edge import Outcome


def info(cluster: Cluster, params: Mapping[str, Any]) -> Outcome:
    """Return the last entries about the selected slices."""
    refusals = list(bounds.HISTORY_LIMIT.problems("history", "limit", params["limit"]))
    if refusals:
        raise Refused(refusals)
    entries = history.find(
        cluster,
        params["names"],
        owner=params["owner"],
        everything=params["all"],
        acting_user=params["acting_user"],
        limit=params["limit"],
    )
    return Outcome(result={"entries": [entry.to_dict() for entry in entries], "table": history.table(entries)})
