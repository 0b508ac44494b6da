#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ovs_bridge
short_description: Manage an Open vSwitch bridge and its infrastructure ports
version_added: 1.0.0
description:
  - Creates, changes or removes a bridge and its infrastructure ports, such as the uplink to other hosts and the
    gateway, in one transaction.
  - Infrastructure ports are marked with C(external_ids:cloudrepo-infrastructure), whose value is their O(owner). Ports
    of this owner that are not listed are removed. Ports of other owners and ports without the mark are not touched.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.bridge
options:
  name:
    description:
      - The bridge's name.
    type: str
    required: true
  prune_vlans:
    description:
      - Whether an existing trunk keeps its list of VLANs, because M(cloudrepo.slices.ovs_ports) prunes it.
    type: bool
    default: false
  state:
    description:
      - Whether the bridge should exist. With V(absent), all its ports are removed as well, whoever owns them.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Create the integration bridge with its uplink and the gateway of VLAN 400
  cloudrepo.slices.ovs_bridge:
    name: br-int
    ports:
      - name: trunk0
      - name: gw400
        type: internal
        vlan_id: 400

- name: Remove the integration bridge
  cloudrepo.slices.ovs_bridge:
    name: br-int
    state: absent
"""

RETURN = r"""
commands:
  description: The commands of the C(ovs-vsctl) transaction, also in check mode.
  returned: success
  type: list
  elements: list
  sample: [["add-br", "br-int"], ["add-port", "br-int", "trunk0"]]
"""

import dataclasses
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import BRIDGE_ARGUMENTS, GRAMMARS
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import ovs
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import SubprocessRunner
from ansible_collections.cloudrepo.slices.plugins.module_utils._module import datapath_steps
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.host import reconcile
from ansible_collections.cloudrepo.slices.plugins.module_utils.steps import Steps

ARGUMENTS = {
    "name": {"type": "str", "required": True},
    **BRIDGE_ARGUMENTS,
    "prune_vlans": {"type": "bool", "default": False},
    "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
}


def main() -> None:
    reconcile(AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True), steps, GRAMMARS)


def steps(params: dict[str, Any], missing_ok: bool) -> Steps[ovs.BridgePlan]:
    """Return how the bridge is configured."""
    present = params["state"] == "present"
    how = datapath_steps.bridge(params["name"], params, SubprocessRunner(), missing_ok=missing_ok, present=present)
    return dataclasses.replace(how, result=lambda todo: {"commands": todo.commands})


if __name__ == "__main__":
    main()
