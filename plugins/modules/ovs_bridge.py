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
options:
  name:
    description:
      - The bridge's name.
    type: str
    required: true
  datapath_type:
    description:
      - The datapath type, V(system) for the kernel datapath or V(netdev) for the userspace datapath.
      - If omitted, an existing bridge keeps its type, and a new bridge gets V(system).
    type: str
    choices: [system, netdev]
  fail_mode:
    description:
      - Default behavior of the bridge without flows, V(standalone) for a learning switch or V(secure) to drop
        everything.
      - If omitted, an existing bridge keeps its mode, and a new bridge gets V(standalone).
    type: str
    choices: [standalone, secure]
  prune_vlans:
    description:
      - Whether an existing trunk keeps its list of VLANs, because M(cloudrepo.slices.ovs_ports) prunes it.
    type: bool
    default: false
  owner:
    description:
      - Owner of the ports, if a bridge is shared, for example by a worker and a network node on the same host. A port
        that two owners list belongs to the first one.
      - If omitted, the ports have no owner, and any later task that does not list them removes them.
    type: str
  ports:
    description:
      - All infrastructure ports of the owner on the bridge.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - Name of the port and of its network device.
        type: str
        required: true
      type:
        description:
          - V(system) for an existing network device, V(internal) for a device that Open vSwitch creates.
        type: str
        choices: [system, internal]
        default: system
      vlan_id:
        description:
          - The VLAN of an access port.
          - If omitted, the port is a trunk of VLANs 1 to 4094, listed one by one. A trunk without a list would also
            carry untagged frames as VLAN 0. With a list they are dropped, so there is no native VLAN.
        type: int
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

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import GRAMMARS
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import ovs, ovsdb
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import SubprocessRunner, observed
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.host import Steps, reconcile

PORT_ARGUMENTS = {
    "name": {"type": "str", "required": True},
    "type": {"type": "str", "default": "system", "choices": ["system", "internal"]},
    "vlan_id": {"type": "int"},
}
ARGUMENTS = {
    "name": {"type": "str", "required": True},
    "owner": {"type": "str"},
    "datapath_type": {"type": "str", "choices": ["system", "netdev"]},
    "fail_mode": {"type": "str", "choices": ["standalone", "secure"]},
    "prune_vlans": {"type": "bool", "default": False},
    "ports": {"type": "list", "elements": "dict", "default": [], "options": PORT_ARGUMENTS},
    "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
}


def main() -> None:
    def steps(params: dict[str, Any], missing_ok: bool) -> Steps[ovs.BridgePlan]:
        runner = SubprocessRunner()
        return Steps(
            plan=lambda: ovs.plan_bridge(
                name=params["name"],
                owner=params["owner"] or ovs.UNOWNED,
                datapath_type=params["datapath_type"],
                fail_mode=params["fail_mode"],
                prune_vlans=params["prune_vlans"],
                ports=params["ports"],
                have=observed(lambda: ovsdb.observe(runner), nothing=ovsdb.Switch(), missing_ok=missing_ok),
                present=params["state"] == "present",
            ),
            apply=lambda todo: ovs.apply(todo.commands, runner),
            result=lambda todo: {"commands": todo.commands},
        )

    reconcile(AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True), steps, GRAMMARS)


if __name__ == "__main__":
    main()
