#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ovs_bridge
short_description: An Open vSwitch bridge and its infrastructure ports
version_added: 1.0.0
description:
  - Makes, changes or removes a bridge with those of its ports that belong to no tenant, such as the uplink to other
    hosts and the gateway, in one transaction.
  - These ports are marked with C(external_ids:cloudrepo-infrastructure), whose value is their O(owner). A port on the
    bridge that this owner has and does not list is removed; ports of others and ports without the mark are left alone.
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
      - The datapath, V(system) for the kernel's and V(netdev) for the one in user space.
      - Not given, a bridge keeps the one that it has, and a new one gets V(system).
    type: str
    choices: [system, netdev]
  fail_mode:
    description:
      - What the bridge does where no flow says otherwise, V(standalone) to switch and V(secure) to drop.
      - Not given, a bridge keeps what it has, and a new one is V(standalone).
    type: str
    choices: [standalone, secure]
  prune_vlans:
    description:
      - Whether a trunk that is there keeps the VLANs that it carries, for M(cloudrepo.slices.ovs_ports) prunes them.
    type: bool
    default: false
  owner:
    description:
      - Who lists the ports, where several share a bridge, as a worker and a network node on one host do. A port that
        two of them list stays its first owner's.
      - Not given, the ports are nobody's, and go when whoever comes next does not list them.
    type: str
  ports:
    description:
      - All infrastructure ports that the owner has on the bridge.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - The port's name, which is also its network device's.
        type: str
        required: true
      type:
        description:
          - Whether the device exists (V(system)) or the switch makes it (V(internal)).
        type: str
        choices: [system, internal]
        default: system
      vlan_id:
        description:
          - Makes it an access port of this VLAN.
          - Not given, it is a trunk that lists VLANs 1 to 4094 one by one. An open trunk would carry untagged frames as
            VLAN 0 as well; one with a list drops them, so there is no native VLAN.
        type: int
  state:
    description:
      - Whether the bridge shall be there. Without it all its ports are gone, whoever made them.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: The integration bridge with its uplink and the gateway of VLAN 400
  cloudrepo.slices.ovs_bridge:
    name: br-int
    ports:
      - name: trunk0
      - name: gw400
        type: internal
        vlan_id: 400

- name: No integration bridge
  cloudrepo.slices.ovs_bridge:
    name: br-int
    state: absent
"""

RETURN = r"""
commands:
  description: The commands of the transaction that made it so, or in check mode would.
  returned: success
  type: list
  elements: list
  sample: [["add-br", "br-int"], ["add-port", "br-int", "trunk0"]]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import GRAMMARS
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import ovs, ovsdb
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import SubprocessRunner, observed
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Outcome, run

PORT_ARGUMENTS = {
    "name": {"type": "str", "required": True},
    "type": {"type": "str", "default": "system", "choices": ["system", "internal"]},
    "vlan_id": {"type": "int"},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "owner": {"type": "str"},
            "datapath_type": {"type": "str", "choices": ["system", "netdev"]},
            "fail_mode": {"type": "str", "choices": ["standalone", "secure"]},
            "prune_vlans": {"type": "bool", "default": False},
            "ports": {"type": "list", "elements": "dict", "default": [], "options": PORT_ARGUMENTS},
            "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
        },
        supports_check_mode=True,
    )
    runner = SubprocessRunner()

    def action() -> Outcome:
        todo = ovs.plan_bridge(
            name=module.params["name"],
            owner=module.params["owner"] or ovs.UNOWNED,
            datapath_type=module.params["datapath_type"],
            fail_mode=module.params["fail_mode"],
            prune_vlans=module.params["prune_vlans"],
            ports=module.params["ports"],
            have=observed(lambda: ovsdb.observe(runner), nothing=ovsdb.Switch(), missing_ok=module.check_mode),
            present=module.params["state"] == "present",
        )
        if not module.check_mode:
            ovs.apply(todo.commands, runner)
        return Outcome(todo.changes, {"commands": todo.commands})

    run(module, action, GRAMMARS)


if __name__ == "__main__":
    main()
