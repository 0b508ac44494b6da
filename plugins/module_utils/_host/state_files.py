# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who may use what a host remembers in its state folder: only root, because it contains data of all tenants.

Anybody may read the list of lost machines, which the network node sends to every client.

These files and folders are created when they are needed, so they are not among those that a role installs.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from ..changes import Change
from . import access, applied_orders, claims, fences, revisions, roles
from .access import FILE, FOLDER, Given
from .disk import register, trash


@dataclass(frozen=True)
class Plan:
    """The current and the new owner, group and mode of files and folders, by path."""

    given: Given = field(default_factory=dict)

    @property
    def changes(self) -> list[Change]:
        """Each path that differs."""
        return access.changes(self.given)


def plan(state_dir: str) -> Plan:
    """Compare all files and folders that exist with those of a host that nobody has touched."""
    return Plan(access.wrong_permissions((path, kind, mode) for path, (kind, mode) in _wanted(state_dir).items()))


def apply(todo: Plan) -> None:
    """Apply a plan.

    Raises:
        OSError: a path is a link, which is not followed.
    """
    for path, (_old, new) in todo.given.items():
        access.give(path, new)


def _wanted(state_dir: str) -> dict[str, tuple[str, int]]:
    """Return the kind and mode of each file and folder."""
    kinds = (revisions.WORKER, revisions.NETWORK_NODE)
    folders = [trash.folder_in(state_dir), *(applied_orders.folder_in(state_dir, kind) for kind in kinds)]
    folders += [f"{state_dir}/revisions", f"{state_dir}/orphans"]
    files = [
        f"{state_dir}/{claims.FILE}",
        f"{state_dir}/{roles.FILE}",
        register.path_in(state_dir),
        trash.path_in(state_dir),
    ]
    public = f"{state_dir}/{fences.FILE}"
    # An administrator may have moved a folder, and left a link.
    moved = map(os.path.realpath, folders)
    return {**dict.fromkeys(moved, (FOLDER, 0o700)), **dict.fromkeys(files, (FILE, 0o600)), public: (FILE, 0o644)}
