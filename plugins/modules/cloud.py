#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: cloud
short_description: Manage the identity of the cloud, and reserve values in use on hosts
version_added: 1.0.0
description:
  - Returns the identity of the cloud, which the first call creates. M(cloudrepo.slices.host_claim) stores it on hosts,
    and every work order contains it.
  - With O(hosts), new ids are higher than all ids in use on hosts, and values of slices that are not in the database
    are not assigned again, for example after a backup was restored.
  - RV(behind) lists the hosts that have applied newer work orders than those of this database, because the database was
    restored. They refuse its work orders.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
options:
  title:
    description:
      - The name of the cloud for messages. The default for a new cloud is the name of the controller.
    type: str
  history_entries:
    description:
      - Number of entries of the history to keep (M(cloudrepo.slices.slice_history)). With V(0), no entries are written.
        The default is the stored value, and 1000 at first.
    type: int
  history_days:
    description:
      - Number of days for which entries of the history are kept. The default is the stored value, and 365 at first.
    type: int
  vlan_pools:
    description:
      - The VLAN pools that slices of this cloud may have, as ranges of numbers from 0 to 99, such as V(0-49,60-79).
        Pool C(n) has the VLANs from 100 + 20 × C(n) to the 19th after that. Clouds on the same trunk need different
        pools.
      - A change is refused while a slice has a pool that is left out.
      - The default is the stored value, and V(0-99) at first.
    type: str
  management_vlan:
    description:
      - The VLAN of the gateway, the DHCP server and the first interfaces of VMs with internet. The pool that contains
        it has a VLAN less. Clouds on the same trunk need different ones, outside of each other's pools.
      - A change is refused while a VM is on the management VLAN, or a slice uses the new one.
      - The default is the stored value, and V(400) at first.
    type: int
  neighbours:
    description:
      - Other clouds on the same trunk. The module fails if this cloud may use a VLAN of one of them.
      - They are not stored.
    type: list
    elements: dict
    default: []
    suboptions:
      title:
        description:
          - The name of the other cloud for messages.
        type: str
        required: true
      vlan_pools:
        description:
          - Its O(vlan_pools).
        type: str
        default: 0-99
      management_vlan:
        description:
          - Its O(management_vlan).
        type: int
        default: 400
  hosts:
    description:
      - The values in use on hosts, as M(cloudrepo.slices.host_info) returns them.
    type: list
    elements: dict
    default: []
    suboptions:
      host:
        description:
          - The host's name in the inventory.
        type: str
        required: true
      highest_id:
        description:
          - The highest id of all slices and VMs with objects on the host.
        type: int
      highest_revision:
        description:
          - Time of the last change of desired or allocated state in the database, in milliseconds since 1970.
          - A host refuses an order that is older than the last one that it started to apply for this slice. An order
            without a revision is always accepted.
        type: int
      slices:
        description:
          - The slices with objects on the host.
        type: list
        elements: dict
        default: []
        suboptions:
          slice_id:
            description:
              - The slice's id.
            type: int
            required: true
          slice_uuid:
            description:
              - The slice's UUID.
              - A host that has another slice with this id refuses the order of this slice and changes neither.
            type: str
          reservations:
            description:
              - Its addresses on VLAN 400 that the network node reserves.
            type: list
            elements: dict
            default: []
            suboptions:
              address:
                description:
                  - The address.
                type: str
                required: true
          vlans:
            description:
              - The VLANs of its ports on the host, also of VMs that are off.
            type: list
            elements: dict
            default: []
            suboptions:
              vlan_id:
                description:
                  - The VLAN.
                type: int
                required: true
          vnc_ports:
            description:
              - The ports of its VMs' displays on the host, also of VMs that are off.
            type: list
            elements: dict
            default: []
            suboptions:
              vnc_port:
                description:
                  - The TCP port of a display.
                type: int
                required: true
      target:
        description:
          - "Recipient of the work orders: the worker's address, or C(network_node)."
        type: str
  expected_hosts:
    description:
      - The names of all hosts of the cloud. Values that earlier calls have reserved are only released if O(hosts)
        contains all of these hosts and all registered workers that are not lost; and the network node, if its
        machine-id is stored or addresses are among these values.
      - They are added to RV(hosts).
    type: list
    elements: str
    default: []
  network_node_machine_id:
    description:
      - The content of C(/etc/machine-id) of the network node. Another machine than the stored one is refused.
      - Work orders contain a mark of it, and another machine refuses them. The default is the stored value.
    type: str
  network_node_accept_machine:
    description:
      - The machine-id that is accepted in place of the stored one, of a network node that was replaced or reinstalled.
    type: str
  network_node_lost:
    description:
      - Whether the network node is gone for good and no other machine replaces it. Nothing waits for its reports then,
        and addresses that only it may still have are released.
      - Without it, slices and what they give up are only freed once the stored network node has released it, also if
        the inventory has no network node. The default is V(false).
    type: bool
    default: false
seealso:
  - module: cloudrepo.slices.host_claim
  - module: cloudrepo.slices.host_info
"""

EXAMPLES = r"""
- name: Identify the cloud
  cloudrepo.slices.cloud:
    title: lab
  register: identified

- name: Reserve the values in use on hosts
  cloudrepo.slices.cloud:
    hosts:
      - host: worker1
        target: 10.0.10.1
        highest_id: 1036
        highest_revision: 1795371735123
        slices:
          - slice_id: 1035
            slice_uuid: 7f1c7f0e-3a52-4c8e-9d1a-5b0f6e2c4d11
            vlans: [{vlan_id: 820}]
            vnc_ports: [{vnc_port: 5901}]
"""

RETURN = r"""
cloud:
  description:
    - The identity of the cloud, with C(controller), the machine on which the module ran, C(vlan_pools), the VLAN
      pools of its slices, and C(management_vlan).
  returned: success
  type: dict
  sample:
    uuid: 4c1f6a7e-8c1d-4f39-9a53-0d6f2b7e9c10
    title: lab
    incarnation: 9d2b7c31-1f0e-4a52-8b6d-6f5e3c2a1b00
    controller: controller1
    vlan_pools: 0-99
    management_vlan: 400
next_vm_id:
  description: The next id that a slice or VM can get.
  returned: success
  type: int
  sample: 1037
hosts:
  description: The names of all hosts that this or earlier calls have listed in O(expected_hosts).
  returned: success
  type: list
  elements: str
  sample: [netnode, worker1, worker2]
behind:
  description: A message for each of O(hosts) that has applied a newer work order than any of the database.
  returned: success
  type: list
  elements: str
  sample: []
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import clouds
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.control import CONTROL_ARGUMENTS, transact
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Module
from ansible_collections.cloudrepo.slices.plugins.module_utils.claim import Asked
from ansible_collections.cloudrepo.slices.plugins.module_utils.names import NAME
from ansible_collections.cloudrepo.slices.plugins.module_utils.vlans import ALL_POOLS, MANAGEMENT_VLAN, ranges

NEIGHBOUR_ARGUMENTS: dict[str, dict[str, Any]] = {
    "title": {"type": "str", "required": True},
    "vlan_pools": {"type": "str", "default": ranges(ALL_POOLS)},
    "management_vlan": {"type": "int", "default": MANAGEMENT_VLAN},
}


def arguments() -> dict[str, Any]:
    """Return keyword arguments for AnsibleModule."""
    return {
        "argument_spec": {
            **CONTROL_ARGUMENTS,
            "title": {"type": NAME},
            "history_entries": {"type": "int"},
            "history_days": {"type": "int"},
            "vlan_pools": {"type": "str"},
            "management_vlan": {"type": "int"},
            "neighbours": {"type": "list", "elements": "dict", "default": [], "options": NEIGHBOUR_ARGUMENTS},
            **Asked.arguments(),
            "expected_hosts": {"type": "list", "elements": "str", "default": []},
            "network_node_machine_id": {"type": "str"},
            "network_node_accept_machine": {"type": "str"},
            "network_node_lost": {"type": "bool", "default": False},
        },
        "supports_check_mode": True,
    }


def run(module: Module) -> None:
    """Run the module and exit it."""
    transact(module, lambda cluster: clouds.identify(cluster, module.params))


def main() -> None:
    """Run as a module."""
    run(AnsibleModule(**arguments()))


if __name__ == "__main__":
    main()
