# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kinds of guests for results, registered and shipped ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from .._domain.kinds import known
from ..cluster import Cluster
from ..errors import Refusal, Refused
from ..kinds import Kind
from ..shipped_kinds import SHIPPED
from .edge import Outcome


def info(cluster: Cluster, params: Mapping[str, Any]) -> Outcome:
    """Return kinds with all their fields, by name. Every user sees all of them."""
    acting_user, names = params["acting_user"], params["names"]
    if acting_user not in cluster.users:
        raise Refused([Refusal("unknown_acting_user", f"acting user {acting_user}")])
    kinds = known(cluster)
    shown = [name for name in sorted(kinds) if not names or name in names]
    return Outcome(result={"kinds": [_described(kinds[name], name in cluster.kinds) for name in shown]})


def _described(kind: Kind, is_registered: bool) -> dict[str, Any]:
    """Return a kind with all its fields, with what is known about a shipped one."""
    shipped = None if is_registered else SHIPPED.get(kind.name)
    return {
        **asdict(kind),
        "most_data_interfaces": kind.most_data_interfaces,
        "is_registered": is_registered,
        "guest": None if shipped is None else shipped.what,
        "source": None if shipped is None else shipped.source,
        "is_tried": shipped is not None and shipped.is_tried,
    }
