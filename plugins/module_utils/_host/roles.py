# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The roles for which this host was prepared, in C(STATE_DIR/roles.json). A host may have both.

A host that leaves a group of the inventory keeps what its role has installed; the mark shows that to C(site).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from ..changes import Change, between
from . import files

FILE = "roles.json"
WORKER, NETWORK_NODE = "worker", "network_node"
ROLES = (WORKER, NETWORK_NODE)


@dataclass(frozen=True)
class RolesPlan:
    """The roles of this host, as they are and as they will be."""

    have: tuple[str, ...]
    want: tuple[str, ...]

    @property
    def changes(self) -> list[Change]:
        """The roles, if they differ."""
        if self.have == self.want:
            return []
        before, after = ({"roles": list(roles)} if roles else None for roles in (self.have, self.want))
        return [between("host", "roles", before, after)]


def read(state_dir: str) -> tuple[str, ...]:
    """Return the roles of this host. An unreadable file counts as none, and is written again by the next C(site)."""
    try:
        found = json.loads(files.read_text(f"{state_dir}/{FILE}") or "[]")
    except ValueError:
        return ()
    return tuple(role for role in ROLES if isinstance(found, list) and role in found)


def plan(have: tuple[str, ...], role: str | None) -> RolesPlan:
    """Return the plan for a host that is prepared for another role, or for none."""
    return RolesPlan(have, tuple(each for each in ROLES if each in (*have, role)))


def without(have: tuple[str, ...], role: str) -> RolesPlan:
    """Return the plan for a host that no longer has a role."""
    return RolesPlan(have, tuple(each for each in have if each != role))


def apply(todo: RolesPlan, *, state_dir: str) -> None:
    """Apply a plan. The folder exists."""
    if todo.changes and not todo.want:
        files.remove(f"{state_dir}/{FILE}")
    elif todo.changes:
        files.write_text(f"{state_dir}/{FILE}", json.dumps(list(todo.want)) + "\n", mode=0o600)
