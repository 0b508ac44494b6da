#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vnc_password_info
short_description: The displays of VMs, with their passwords
version_added: 1.0.0
description:
  - Tells where the displays of some slices' VMs listen, and the password that each asks for. This is the one module
    that tells a password, to an admin or the slice's owner. Call it with C(no_log) set to true.
  - Passwords follow from a key that the first M(cloudrepo.slices.slice_plan) puts into the database.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
  - cloudrepo.slices.selection
"""

EXAMPLES = r"""
- name: Learn the passwords of the displays of the slice web
  cloudrepo.slices.vnc_password_info:
    names: web
  no_log: true
  register: found
"""

RETURN = r"""
displays:
  description: The display of each VM, those apart that are being deleted.
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
      description: The worker that the VM is on.
      type: str
      sample: 10.0.10.1
    vnc_port:
      description: The port that the display listens on; 5901 is display 1.
      type: int
      sample: 5901
    password:
      description: The password; null before the first M(cloudrepo.slices.slice_plan).
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
    """Carry out what C(module) was asked for, and leave it."""
    transact(module, lambda cluster: orders.vnc_passwords(cluster, module.params), write=False)


def main() -> None:
    """Run as a module."""
    run(AnsibleModule(**arguments()))


if __name__ == "__main__":
    main()
