# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a host is claimed for a cloud and gets a role."""

from __future__ import annotations

from typing import Any

from .._host import claims, roles
from .._host.times import utc
from ..steps import Steps


def claim(params: dict[str, Any], called_by: claims.Caller) -> Steps[claims.ClaimPlan]:
    """Return how the host is claimed, given the arguments C(controller), C(claim) and C(state_dir)."""
    return Steps(
        plan=lambda: claims.plan_for(params, called_by, now=utc()),
        apply=lambda todo: claims.apply(todo, state_dir=params["state_dir"]),
        result=lambda todo: {
            "claim": todo.wanted.to_dict(),
            "orphans": list(todo.orphans),
            **({"warnings": todo.warnings} if todo.warnings else {}),
        },
    )


def role(name: str | None, *, state_dir: str) -> Steps[roles.RolesPlan]:
    """Return how the role is added to those of the host; C(None) adds none."""
    return Steps(
        plan=lambda: roles.plan(roles.read(state_dir), name),
        apply=lambda todo: roles.apply(todo, state_dir=state_dir),
        result=lambda todo: {"roles": list(todo.want)},
    )
