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
    return process.told(lambda: _empty(state_dir, float(hours) * 3600))


def _empty(state_dir: str, retention_s: float) -> None:
    # All changes of a host's disks hold this lock.
    with files.locked(flows.folder_in(state_dir)):
        for entry in trash.empty(state_dir, retention_s=retention_s):
            sys.stdout.write(f"slices-host: removed {entry.path} from the trash\n")
