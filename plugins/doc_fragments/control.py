# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation that every control-plane module shares."""

from __future__ import annotations


class ModuleDocFragment:
    """The common options, whose argument spec is C(CONTROL_ARGUMENTS) in C(module_utils/_module/control.py)."""

    DOCUMENTATION = r"""
options:
  database:
    description:
      - The YAML file that holds the cluster. It is made, with mode 0600, by the first change.
    type: path
    default: /var/lib/cloudrepo/database.yaml
  acting_user:
    description:
      - The user on whose behalf the module acts. It must own the slices it changes, or be an admin.
    type: str
    default: admin
  lock_timeout_s:
    description:
      - How many seconds to wait for another process that is changing the database.
    type: float
    default: 30.0
requirements:
  - PyYAML, for the Python that runs the module
"""
