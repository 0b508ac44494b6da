# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the options for deleted disks."""

from __future__ import annotations


class ModuleDocFragment:
    """The options whose argument spec is C(DISK_ARGUMENTS) in C(module_utils/_host/arguments.py)."""

    DOCUMENTATION = r"""
options:
  disk_retention_h:
    description:
      - Number of hours for which disks that this call deletes are kept in C(STATE_DIR/trash), or in
        C(STATE_DIR/vms/trash) if C(STATE_DIR/vms) is another file system. With V(0) they are removed at once.
      - Each call removes disks whose retention time, which is that of their deletion, is over. If the file system is
        nearly full, the oldest disks are removed earlier.
    type: int
    default: 24
"""
