#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vnc_password_info
short_description: Get the addresses and passwords of VNC displays
version_added: 1.0.0
description:
  - Returns the address and the password of the VNC display of each VM of the selected slices, for an admin or the
    slice's owner. Use C(no_log), because the result contains passwords.
  - Ids of slices that another run has deleted are left out.
  - Passwords are derived from a key that the first M(cloudrepo.slices.slice_plan) stores in the database.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
  - cloudrepo.slices.selection
"""

EXAMPLES = r"""
- name: Get the displays of the slice web
  cloudrepo.slices.vnc_password_info:
    names: web
  no_log: true
  register: found
"""

RETURN = r"""
displays:
  description: The display of each VM, except VMs that are being deleted.
  returned: success
  type: list
  elements: dict
  contains:
    slice_id:
      description: The slice's id.
      type: int
      sample: 1000
    slice:
      description: The slice's name.
      type: str
      sample: web
    vm_id:
      description: The VM's id.
      type: int
      sample: 1001
    name:
      description: The VM's name.
      type: str
      sample: vm1
    worker_ip:
      description: The VM's worker.
      type: str
      sample: 10.0.10.1
    vnc_port:
      description: TCP port of the display. Port 5901 is display 1.
      type: int
      sample: 5901
    password:
      description: The password. Null before the first M(cloudrepo.slices.slice_plan).
      type: str
      sample: hMr3kWpa
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
    transact(module, lambda cluster: orders.vnc_passwords(cluster, module.params), write=False)


def main() -> None:
    """Run as a module."""
    run(AnsibleModule(**arguments()))


if __name__ == "__main__":
    main()
