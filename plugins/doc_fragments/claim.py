# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of how modules of hosts claim a host."""

from __future__ import annotations


class ModuleDocFragment:
    """The options whose argument spec is C(CLAIM_ARGUMENTS) in C(module_utils/_host/arguments.py)."""

    DOCUMENTATION = r"""
options:
  controller:
    description:
      - The name of the controller, for the messages of refused calls.
    type: str
  claim:
    description:
      - Whether to take the host over from another cloud, or from another copy of this cloud's database.
    type: bool
    default: false
  vlan_pools:
    description:
      - The VLAN pools of the cloud's slices, as ranges.
    type: str
    default: 0-99
  management_vlan:
    description:
      - The management VLAN of the cloud.
    type: int
    default: 400
"""
