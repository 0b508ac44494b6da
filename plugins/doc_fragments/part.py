# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the common options of modules that manage one part of a slice."""

from __future__ import annotations


class ModuleDocFragment:
    """The options whose argument spec is C(PART_ARGUMENTS) in C(module_utils/_module/parts.py)."""

    DOCUMENTATION = r"""
options:
  slice:
    description:
      - Name or id of the slice.
    type: str
    required: true
  owner:
    description:
      - Owner of the slice. Required if several users have a slice of this name.
    type: str
  state:
    description:
      - Whether the object should exist.
    type: str
    choices: [present, absent]
    default: present
"""
