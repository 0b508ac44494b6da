#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: applied_orders_info
short_description: Get the work orders that a host has applied
version_added: 1.0.0
description:
  - Returns the record that a worker or a network node has stored of the last work order that it has applied for each
    slice. M(cloudrepo.slices.database_rebuild) rebuilds a lost database from these records.
  - A folder without a claim is refused if the host was prepared with it, or with another folder. Its file system may
    not be mounted, and a database that is rebuilt without its records would not have the slices of this host.
  - Nothing is changed.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
options:
  displays:
    description:
      - Whether to return the passwords of displays instead of the work orders. Use C(no_log) for such a task.
    type: bool
    default: false
  state_dir:
    description:
      - The folder for the state of the host.
    type: str
    default: /var/lib/cloudrepo
seealso:
  - module: cloudrepo.slices.database_rebuild
"""

EXAMPLES = r"""
- name: Get the work orders that this host has applied
  cloudrepo.slices.applied_orders_info:
  register: applied
"""

RETURN = r"""
worker:
  description: The work orders that the host has applied as a worker, one for each slice with objects on it.
  returned: when O(displays=false)
  type: list
  elements: dict
  sample:
    - slice_id: 1000
      record: '{"next_vm_id":1003,"slice":{"slice_id":1000,"owner":"admin"},"vm_ids":[1001,1002]}'
      slice_uuid: 7f1c7f0e-3a52-4c8e-9d1a-5b0f6e2c4d11
      revision: 1795371735123
      vms:
      - vm_id: 1001
        state: running
        pid: "4821"
network_node:
  description: The work orders that the host has applied as the network node.
  returned: when O(displays=false)
  type: list
  elements: dict
  sample:
    - slice_id: 1000
      record: '{"next_vm_id":1003,"slice":{"slice_id":1000,"owner":"admin"},"vm_ids":[1001,1002]}'
      slice_uuid: 7f1c7f0e-3a52-4c8e-9d1a-5b0f6e2c4d11
      revision: 1795371735123
      vms:
      - vm_id: 1001
        state: running
        pid: "4821"
displays:
  description: The passwords of the displays of VMs on the host.
  returned: when O(displays=true)
  type: list
  elements: dict
  sample:
    - vm_id: 1001
      password_id: 8b1a9953c4611296
      password: hMr3kWpa
      vm_uuid: 3f9c1b52-7d40-4f6e-9a2b-1c8e5d7f6a04
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import applied_orders, claims, revisions
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import GRAMMARS
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Outcome, run
from ansible_collections.cloudrepo.slices.plugins.module_utils.defaults import STATE_DIR

ARGUMENTS: dict[str, Any] = {
    "displays": {"type": "bool", "default": False},
    "state_dir": {"type": "str", "default": STATE_DIR},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    state_dir = module.params["state_dir"]

    def action() -> Outcome:
        claims.require_state(state_dir)
        if module.params["displays"]:
            return Outcome(result={"displays": [each.to_dict() for each in applied_orders.passwords(state_dir)]})
        kinds = (revisions.WORKER, revisions.NETWORK_NODE)
        return Outcome(
            result={kind: [each.to_dict() for each in applied_orders.read(state_dir, kind)] for kind in kinds}
        )

    run(module, action, GRAMMARS)


if __name__ == "__main__":
    main()
