#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: slice_info
short_description: Get information about slices
version_added: 1.0.0
description:
  - Returns slices as they are stored in the database, with a table and graphs of each. Select them by name, by owner,
    or all that O(acting_user) may access.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
  - cloudrepo.slices.selection
"""

EXAMPLES = r"""
- name: Get all slices
  cloudrepo.slices.slice_info:
    all: true
  register: cluster

- name: Get all slices of bob, acting as bob
  cloudrepo.slices.slice_info:
    owner: bob
    acting_user: bob
"""

RETURN = r"""
slices:
  description: The selected slices as they are stored.
  returned: success
  type: list
  elements: dict
  sample:
    - slice_id: 1000
      owner: admin
      topology_type: custom
      vlan_pool_start: 100
      vlan_pool_end: 119
      vlan_pool_used: [100]
      status: running
      vms: []
      links: []
      networks: []
      name: web
      revision: 1795371735123
tables:
  description: Each slice as a text table.
  returned: success
  type: list
  elements: str
  sample:
    - |-
      slice web (1000) of admin: running, VLAN pool 100–119, revision 1795371735123
      VM   ID    WORKER     STATE    PID   ADDRESS      INTERFACES:VLAN    VNC
      vm1  1001  10.0.10.1  running  4821  10.60.7.101  eth0:400 eth1:100  10.0.10.1:5901
management_vlan:
  description: The management VLAN of the cloud, on which VMs with internet are.
  returned: success
  type: int
  sample: 400
refused:
  description: The names that match no slice, or several. The module fails if there are any, and returns the others.
  returned: success, and when names were refused
  type: list
  elements: dict
  sample: []
  contains:
    slice_id:
      description: Null.
      type: int
      sample: null
    slice:
      description: The name.
      type: str
      sample: wbe
    failure:
      description: Why it was refused.
      type: str
      sample: "slice wbe does not exist; existing: web (1000)"
    codes:
      description: The codes of the reasons, each once.
      type: list
      elements: str
      sample: [not_found]
mermaid:
  description: Each slice as a Mermaid flowchart.
  returned: success
  type: list
  elements: str
  sample:
    - |-
      ---
      title: web
      ---
      flowchart LR
        vm1001["vm1"]
        vm1002["vm2"]
        vm1001 ---|"eth1 VLAN 100 eth1"| vm1002
dot:
  description: Each slice as a graph in DOT.
  returned: success
  type: list
  elements: str
  sample:
    - |-
      graph "web" {
        vm1001 [shape=box, label="vm1"];
        vm1002 [shape=box, label="vm2"];
        vm1001 -- vm1002 [label="eth1 VLAN 100 eth1"];
      }
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import orders, topology
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.control import CONTROL_ARGUMENTS, transact
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Module


def arguments() -> dict[str, Any]:
    """Return keyword arguments for AnsibleModule."""
    return {"argument_spec": {**CONTROL_ARGUMENTS, **orders.SELECTION_ARGUMENTS}, "supports_check_mode": True}


def run(module: Module) -> None:
    """Run the module and exit it."""
    transact(module, lambda cluster: topology.info(cluster, module.params), write=False)


def main() -> None:
    """Run as a module."""
    run(AnsibleModule(**arguments()))


if __name__ == "__main__":
    main()
