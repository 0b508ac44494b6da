# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the options that select slices."""

from __future__ import annotations


class ModuleDocFragment:
    """The options whose argument spec is C(SELECTION_ARGUMENTS) in C(module_utils/_module/orders.py)."""

    DOCUMENTATION = r"""
options:
  names:
    description:
      - The slices, each by name, by C(OWNER/NAME) or by id.
    type: list
    elements: str
    default: []
  owner:
    description:
      - The owner of the slices. Without O(names), all slices of this owner.
    type: str
  all:
    description:
      - Whether to select all slices that O(acting_user) may act on.
    type: bool
    default: false
"""
