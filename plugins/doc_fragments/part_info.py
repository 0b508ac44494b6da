# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the common options of modules that return one kind of object of slices."""

from __future__ import annotations


class ModuleDocFragment:
    """The options whose argument spec is C(PART_INFO_ARGUMENTS) in C(module_utils/_module/parts.py)."""

    DOCUMENTATION = r"""
options:
  slice:
    description:
      - Name or id of the slice. By default, all slices that O(acting_user) may access, or those of O(owner).
    type: str
  owner:
    description:
      - Owner of the slices.
    type: str
  names:
    description:
      - Names or ids of the objects to return. If empty, all objects are returned.
    type: list
    elements: str
    default: []
  must_exist:
    description:
      - Whether to fail if no object matches one of O(names).
    type: bool
    default: false
"""
