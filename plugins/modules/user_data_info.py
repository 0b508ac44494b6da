#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: user_data_info
short_description: Get the user data and start-ups of guests
version_added: 1.0.0
description:
  - Returns the user data and the start-up of each VM of the selected slices that has one of them, for an admin or the
    slice's owner. Use C(no_log), because both may contain secrets.
  - They are set with O(cloudrepo.slices.slice#module:vms[].cloud_init.user_data) and
    O(cloudrepo.slices.slice#module:vms[].startup). Slices, work orders and the history only contain their ids.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
  - cloudrepo.slices.selection
"""

EXAMPLES = r"""
- name: Get the user data of the guests of the slice web
  cloudrepo.slices.user_data_info:
    names: web
  no_log: true
  register: found
"""

RETURN = r"""
guests:
  description: The VMs with user data or a start-up, except VMs that are being deleted.
  returned: success
  type: list
  elements: dict
  contains:
    slice_id:
      description: The slice's id.
      type: int
      sample: 1000
    vm_id:
      description: The VM's id.
      type: int
      sample: 1001
    name:
      description: The VM's name.
      type: str
      sample: vm1
    user_data:
      description: The user data. Null if the VM has none, or if the database lacks it, because it was rebuilt.
      type: str
      sample: "#cloud-config\npackages: [frr]\n"
    startup:
      description: The files and commands of the start-up as JSON. Null if the VM has none, or if the database lacks it.
      type: str
      sample: '{"commands": ["ip link set eth1 up"], "files": []}'
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import orders
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.control import CONTROL_ARGUMENTS, transact
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Module


def arguments() -> dict[str, Any]:
    """Return keyword arguments for AnsibleModule."""
    return {"argument_spec": {**CONTROL_ARGUMENTS, **orders.SELECTION_ARGUMENTS}, "supports_check_mode": True}


def run(module: Module) -> None:
    """Run the module and exit it."""
    transact(module, lambda cluster: orders.guests_user_data(cluster, module.params), write=False)


def main() -> None:
    """Run as a module."""
    run(AnsibleModule(**arguments()))


if __name__ == "__main__":
    main()
