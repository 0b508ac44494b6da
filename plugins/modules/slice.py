#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: slice
short_description: Slices, each a tenant's whole topology
version_added: 1.0.0
description:
  - Stores a topology of virtual machines and the layer-2 links between them, and allocates what it needs - ids,
    workers, VLANs, MACs, VNC ports and addresses. What is there already keeps everything it holds; what is not listed
    any more goes. It changes the database only; the playbook C(cloudrepo.slices.deploy) makes the hosts follow.
  - Either all of the call is stored or, if a rule refuses any of it, nothing; the message then gives every reason.
  - What hosts may have heard of is given up in two steps, for nothing may be handed out again while a host still
    holds it. A removed VM is C(deleting), and a removed link's VLAN stays reserved, until the next deploy has reported
    success. With O(state=absent) so is the whole slice, until C(cloudrepo.slices.delete) has.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
options:
  name:
    &name
    description:
      - The slice's name, unique within its owner; with O(state=absent) its id does as well.
    type: str
  owner:
    &owner
    description:
      - Who owns the slice. By default this is O(acting_user); with O(state=absent) whoever owns a slice of that name.
    type: str
  state:
    &state
    description:
      - Whether the slice exists.
    type: str
    choices: [present, absent]
    default: present
  vms:
    &vms
    description:
      - All VMs of the slice.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - The VM's name, unique within the slice.
        type: str
        required: true
      flavor:
        description:
          - Its size and base image. Cores and memory of a VM that exists follow a changed flavor when it next
            starts; its disk stays as it was made.
        type: str
        required: true
      internet:
        description:
          - Whether its first interface, eth0, is on management VLAN 400 with DHCP and internet. Otherwise eth0 is
            there without a carrier.
        type: bool
        default: false
      data_interfaces:
        description:
          - How many interfaces it has beside eth0. By default as many as it has links.
        type: int
      worker:
        description:
          - The address of the worker it must run on. By default a worker is chosen by O(placement).
        type: str
  links:
    &links
    description:
      - All links of the slice. A link that is listed again keeps its VLAN.
    type: list
    elements: dict
    default: []
    suboptions:
      endpoints:
        description:
          - The two ends, each as C(VM:INTERFACE), or C(VM) to take its lowest free data interface.
        type: list
        elements: str
        required: true
  slices:
    description:
      - Several slices at once, instead of O(name).
    type: list
    elements: dict
    suboptions:
      name:
        <<: *name
        required: true
      owner: *owner
      state: *state
      vms: *vms
      links: *links
  state_dir:
    description:
      - The folder on the workers below which disks and base images lie.
    type: path
    default: /var/lib/cloudrepo
  placement:
    description:
      - How a worker with room is chosen for a new VM. C(round_robin) takes the worker after the newest VM's,
        C(least_loaded) the one with the fewest VMs, C(pack) the first.
    type: str
    choices: [round_robin, least_loaded, pack]
    default: round_robin
  management_network:
    description:
      - The subnet of VLAN 400 and the range from which VMs get their addresses.
    type: dict
    default: {}
    suboptions:
      cidr:
        description:
          - The subnet.
        type: str
        default: 10.60.7.0/24
      gateway:
        description:
          - The network node's address in it.
        type: str
        default: 10.60.7.1
      first_address:
        description:
          - The first address for a VM.
        type: str
        default: 10.60.7.101
      last_address:
        description:
          - The last address for a VM.
        type: str
        default: 10.60.7.250
"""

EXAMPLES = r"""
- name: Two VMs with a link between them, one of them with internet
  cloudrepo.slices.slice:
    name: web
    owner: admin
    vms:
      - name: vm1
        flavor: cirros
        internet: true
      - name: vm2
        flavor: cirros
    links:
      - endpoints: ["vm1:eth1", "vm2:eth1"]

- name: A copy for each of two students
  cloudrepo.slices.slice:
    slices:
      - name: lesson1
        owner: bob
        vms: &lesson
          - name: router
            flavor: cirros
            data_interfaces: 2
      - name: lesson1
        owner: carol
        vms: *lesson

- name: Give the slice up
  cloudrepo.slices.slice:
    name: web
    state: absent
"""

RETURN = r"""
slices:
  description: The slices as they are stored, or in check mode as they would be. A slice that is gone is not listed.
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
      status: design
      vms: []
      links: []
      networks: []
      name: web
plan:
  description: What the call changes, an entry an object, with the reasons and whether a running VM must restart for it.
  returned: success
  type: dict
  sample:
    added:
      - {kind: vm, name: web/vm1, id: 1001, reasons: [not there yet], restart_required: false}
    changed:
      - {kind: vm, name: web/vm2, id: 1002, reasons: [cores 1 → 2], restart_required: true}
    removed: []
tables:
  description: Each slice as a text table.
  returned: success
  type: list
  elements: str
  sample:
    - |-
      slice web (1000) of admin: design, VLAN pool 100–119
      VM   ID    WORKER     STATE    PID  ADDRESS      INTERFACES:VLAN    VNC
      vm1  1001  10.0.10.1  pending  -    10.60.7.101  eth0:400 eth1:100  10.0.10.1:5901
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import topology
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.control import entries, listed, transact

VM = {
    "name": {"type": "str", "required": True},
    "flavor": {"type": "str", "required": True},
    "internet": {"type": "bool", "default": False},
    "data_interfaces": {"type": "int"},
    "worker": {"type": "str"},
}
SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str"},
    "owner": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "vms": {"type": "list", "elements": "dict", "default": [], "options": VM},
    "links": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"endpoints": {"type": "list", "elements": "str", "required": True}},
    },
}


def main() -> None:
    arguments = listed(SPEC, "slices", "name")
    arguments["argument_spec"].update(topology.SETTINGS_ARGUMENTS)
    module = AnsibleModule(**arguments)
    wants = entries(module.params, SPEC, "slices")
    transact(module, lambda cluster: topology.put(cluster, wants, module.params))


if __name__ == "__main__":
    main()
