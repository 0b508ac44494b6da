# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the options of modules that find orphans."""

from __future__ import annotations


class ModuleDocFragment:
    """The options whose argument spec is C(ARGUMENTS) in C(module_utils/_host/orphans.py)."""

    DOCUMENTATION = r"""
options:
  known:
    description:
      - Every slice of the database, from M(cloudrepo.slices.holdings_info).
    type: list
    elements: dict
    required: true
    suboptions:
      slice_id:
        description:
          - The slice's id.
        type: int
        required: true
      slice_uuid:
        description:
          - The slice's UUID.
        type: str
      disks:
        description:
          - Its disks on this host, including those of VMs that are being deleted.
        type: list
        elements: dict
        default: []
        suboptions:
          path:
            description:
              - Path of the disk.
            type: str
            required: true
          uuid:
            description:
              - Its UUID.
            type: str
  revision:
    description:
      - The revision of the database, from M(cloudrepo.slices.holdings_info).
      - Objects of slices for which this host has applied a newer work order are not judged, because the database was
        read before it. They are neither recorded nor removed.
    type: int
  remove:
    description:
      - Orphans to remove, each by its UUID, or a disk by its path. If an orphan has no UUID, use the path of the disk
        or the id of the slice. Orphans on other hosts are ignored.
      - An orphan is removed only if an earlier call has returned it, which is recorded in C(STATE_DIR/orphans).
    type: list
    elements: str
    default: []
  state_dir:
    description:
      - The folder for VM folders, saved flows and files of network services.
    type: str
    default: /var/lib/cloudrepo
"""
