#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: link
short_description: Manage a link of a slice
version_added: 1.0.0
description:
  - Adds, changes or removes a link between two VMs of a slice, and leaves the rest of the slice unchanged. The same
    rules apply as for M(cloudrepo.slices.slice).
  - Only the database is changed. Run the playbook C(cloudrepo.slices.deploy) to apply the change to the hosts.
  - Without O(name) and O(link_id), the link is identified by its endpoints.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
  - cloudrepo.slices.part
  - cloudrepo.slices.settings
  - cloudrepo.slices.segment
options:
  name:
    description:
      - The link's name, unique within the slice regardless of case. With O(link_id), it is the new name of the link.
    type: str
  link_id:
    description:
      - The id of an existing link.
    type: int
  new_name:
    description:
      - A new name for the link.
    type: str
  title:
    description:
      - Free text of 1 to 200 characters without control characters, which is shown in tables and graphs.
    type: str
  endpoints:
    description:
      - The two ends, each as C(VM:INTERFACE), or as C(VM) for its first free data interface. An existing link that is
        identified by name or id is moved to these ends and keeps its VLAN.
    type: list
    elements: str
  cidr:
    description:
      - The IPv4 subnet of the link. The default for a new link is taken from the slice's pool for links, if it has one.
    type: str
  cidr6:
    description:
      - As O(cidr), for IPv6.
    type: str
  addresses:
    description:
      - Addresses of single ends, in the subnets of the link. The others keep theirs, or take the lowest free ones.
    type: list
    elements: dict
    suboptions:
      vm:
        description:
          - The name of the VM.
        type: str
        required: true
      ipv4:
        description:
          - Its IPv4 address, without prefix length.
        type: str
      ipv6:
        description:
          - Its IPv6 address, without prefix length.
        type: str
"""

EXAMPLES = r"""
- name: Add a link between two VMs
  cloudrepo.slices.link:
    slice: web
    endpoints: [vm1, vm2]

- name: Add a second link between them, with a name
  cloudrepo.slices.link:
    slice: web
    name: backup
    endpoints: ["vm1:eth2", "vm2:eth2"]

- name: Move one end of the link to another VM
  cloudrepo.slices.link:
    slice: web
    name: backup
    endpoints: ["vm1:eth2", vm3]

- name: Remove the link
  cloudrepo.slices.link:
    slice: web
    name: backup
    state: absent

- name: Forward spanning tree and the VLAN tags of the guests
  cloudrepo.slices.link:
    slice: web
    name: backup
    forward_bpdu: true
    qinq: true
"""

RETURN = r"""
link:
  description:
    - The link as it is stored, or would be in check mode. Null if it is removed.
    - Interfaces to which the kind of the VM gives another name have it in C(vm1_guest_interface) and
      C(vm2_guest_interface).
  returned: success
  type: dict
  sample:
    link_id: 1
    vlan_id: 100
    vm1_id: 1001
    vm1_interface: eth1
    vm2_id: 1002
    vm2_interface: eth1
slice_id:
  description: The id of the slice. Null if there is no slice of this name.
  returned: success
  type: int
  sample: 1000
changes:
  description:
    - The objects that are changed, or would be changed in check mode.
    - C(action) is C(create), C(update), C(delete) or another verb such as C(restart). C(reason) gives the reason or
      lists the differences.
    - C(before) and C(after) are the attributes of the object. C(before) is null if it is created, C(after) if it is
      deleted.
    - C(slice_id) is the id of its slice; null if it belongs to no slice or to all of them.
    - If C(restart) is true, the change takes effect on a running VM only after a restart.
  returned: success
  type: list
  elements: dict
  sample:
    - kind: link
      name: web/1
      id: 1
      slice_id: 1000
      action: create
      before: null
      after: {name: null, vlan_id: 100, ends: "vm1:eth1–vm2:eth1", mtu: 1500, qinq: false, forward_bpdu: false}
      reason: ""
      restart: false
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import parts, topology
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.control import CONTROL_ARGUMENTS, transact
from ansible_collections.cloudrepo.slices.plugins.module_utils.names import NAME

SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": NAME},
    "link_id": {"type": "int"},
    "new_name": {"type": NAME},
    "title": {"type": NAME},
    "endpoints": {"type": "list", "elements": NAME},
    "cidr": {"type": "str"},
    "cidr6": {"type": "str"},
    "addresses": topology.ENDS_ARGUMENT,
    **topology.segment_arguments(defaults=False),
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={**CONTROL_ARGUMENTS, **parts.PART_ARGUMENTS, **SPEC, **topology.SETTINGS_ARGUMENTS},
        supports_check_mode=True,
    )
    transact(module, lambda cluster: parts.change(cluster, parts.LINK, module.params))


if __name__ == "__main__":
    main()
