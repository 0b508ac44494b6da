# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of what becomes of disks that are given up."""

from __future__ import annotations


class ModuleDocFragment:
    """The options whose argument spec is C(DISK_ARGUMENTS) in C(module_utils/_host/arguments.py)."""

    DOCUMENTATION = r"""
options:
  disk_retention_h:
    description:
      - For how many hours a disk waits in C(STATE_DIR/trash) after it was removed. With V(0) none waits.
      - Each call empties the trash of what has waited long enough. If the file system is nearly full, what is oldest
        goes earlier.
    type: int
    default: 24
"""
