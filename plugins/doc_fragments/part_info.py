# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of what the modules share that tell of one kind of thing in slices."""

from __future__ import annotations


class ModuleDocFragment:
    """The options whose argument spec is C(PART_INFO_ARGUMENTS) in C(module_utils/_module/parts.py)."""

    DOCUMENTATION = r"""
options:
  slice:
    description:
      - The slice by its name or id. Without it and O(owner), all slices that O(acting_user) may see.
    type: str
  owner:
    description:
      - Whose slices they are.
    type: str
  names:
    description:
      - The names or ids of the things to tell of. Without any, all there are.
    type: list
    elements: str
    default: []
"""
