# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of what the modules share that change one part of a slice."""

from __future__ import annotations


class ModuleDocFragment:
    """The options whose argument spec is C(PART_ARGUMENTS) in C(module_utils/_module/parts.py)."""

    DOCUMENTATION = r"""
options:
  slice:
    description:
      - The slice by its name or id.
    type: str
    required: true
  owner:
    description:
      - Who owns the slice, where several slices have its name.
    type: str
  state:
    description:
      - Whether the thing is there.
    type: str
    choices: [present, absent]
    default: present
"""
