# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Removes overlays from the trash after their retention time, and the oldest ones if the file system is almost full."""

from __future__ import annotations

import sys

from .. import files
from ..datapath import flows
from ..disk import trash
from . import process


def main(state_dir: str, hours: str) -> int:
    """Remove the overlays that are due from the trash."""
    return process.exit_code(lambda: _empty(state_dir, float(hours) * 3600))


def _empty(state_dir: str, retention_s: float) -> None:
    # All changes of a host's disks hold this lock.
    with files.locked(flows.folder_in(state_dir)):
        removed = trash.empty(state_dir, retention_s=retention_s)
    for entry in removed:
        whose = trash.owner(entry.slice_id)
        sys.stdout.write(f"slices-host: removed {entry.path} of {whose} from the trash {_why(entry, retention_s)}\n")


def _why(entry: trash.Entry, retention_s: float) -> str:
    """Return how long a folder was kept, and why no longer."""
    kept, left_s = f"after {entry.age_s / 3600:.1f} h", entry.left_s(retention_s)
    if left_s <= 0:
        return kept
    return f"{kept} of {(entry.age_s + left_s) / 3600:g} h: the file system is nearly full"
