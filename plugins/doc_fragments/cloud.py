# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the options that say for which cloud a module of hosts is called."""

from __future__ import annotations


class ModuleDocFragment:
    """The options whose argument spec is C(CLOUD_ARGUMENTS) in C(module_utils/_host/arguments.py)."""

    DOCUMENTATION = r"""
options:
  cloud_uuid:
    description:
      - The UUID of the cloud.
      - A host that another cloud has claimed refuses the call before anything is changed.
    type: str
  cloud_title:
    description:
      - The name of the cloud for messages.
    type: str
  cloud_incarnation:
    description:
      - The UUID of the cloud's database. A copy of the database has another one.
    type: str
"""

    # For modules that apply the work order of a host as a whole.
    ISSUED = r"""
options:
  issued_revisions:
    description:
      - The last revisions of the database, oldest first, separated by commas.
      - A host refuses the call before anything is changed if the last revision that it has applied is higher than the
        first of these and is not among them, because the database was reverted to an earlier state.
    type: str
"""
