# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Removes deleted overlays that have waited long enough, and of a file system that runs full the oldest of them."""

from __future__ import annotations

import sys

from .. import files
from ..datapath import flows
from ..disk import trash


def main(state_dir: str, hours: str) -> int:
    """Empty the trash as far as it is due."""
    # Whoever changes a host's disks holds this lock.
    with files.locked(flows.folder_in(state_dir)):
        for entry in trash.empty(state_dir, retention_s=float(hours) * 3600):
            sys.stdout.write(f"slices-host: removed {entry.path} from the trash\n")
    return 0
