#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: deleted_slice
short_description: Restore a deleted slice
version_added: 1.0.0
description:
  - Stores a slice again that M(cloudrepo.slices.slice_plan) has deleted with
    O(cloudrepo.slices.slice_plan#module:disk_retention_h), for an admin or the slice's owner. The next deployment
    restores its disks from the trash of their workers. The playbook C(undelete) does both.
  - The slice keeps its ids, UUIDs, VLANs and MAC addresses. VNC ports and addresses on VLAN 400 that have been assigned
    to other slices are replaced by free ones.
  - A slice whose owner was removed is refused, also if there is a user of the same name again. Add the removed user
    again with O(cloudrepo.slices.user#module:uuid), under any name; the message contains the UUID.
  - The slice is refused if its ids, VLANs or name have been assigned to another slice, or if it exceeds the owner's
    quota or the capacity of its workers.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
options:
  name:
    description:
      - The slice's name, V(OWNER/NAME) or id. If there is none, the message lists the deleted slices that can be
        restored.
    type: str
    required: true
  owner:
    description:
      - The owner of the slice, if several owners have deleted a slice with this name.
    type: str
  management_network:
    description:
      - The subnet of VLAN 400 and the range of the VMs' addresses.
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
      dhcp_server:
        description:
          - The DHCP server's address in it.
        type: str
        default: 10.60.7.2
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
- name: Restore the slice web of alice
  cloudrepo.slices.deleted_slice:
    name: web
    owner: alice
"""

RETURN = r"""
slice_id:
  description: The id of the slice.
  returned: success
  type: int
  sample: 1000
slice:
  description: The slice as it is stored, or would be in check mode.
  returned: success
  type: dict
  sample: {slice_id: 1000, owner: alice, name: web}
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

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import topology
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.control import CONTROL_ARGUMENTS, transact
from ansible_collections.cloudrepo.slices.plugins.module_utils.names import NAME, NAME_OR_ID


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **CONTROL_ARGUMENTS,
            "name": {"type": NAME_OR_ID, "required": True},
            "owner": {"type": NAME},
            "management_network": topology.SETTINGS_ARGUMENTS["management_network"],
        },
        supports_check_mode=True,
    )
    transact(module, lambda cluster: topology.restore(cluster, module.params))


if __name__ == "__main__":
    main()
