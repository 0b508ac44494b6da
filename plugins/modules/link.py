#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: link
short_description: One link of a slice
version_added: 1.0.0
description:
  - Adds a link between two VMs of a slice, moves its ends or takes it out, and leaves all else in the slice as it is.
    The same rules hold as for M(cloudrepo.slices.slice). It changes the database only; the playbook
    C(cloudrepo.slices.deploy) makes the hosts follow.
  - A link without a name is the one that there is between its endpoints.
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
      - A name for the link, unique within the slice. With O(link_id) it is what the link is called from now on.
    type: str
  link_id:
    description:
      - The id of a link that exists.
    type: int
  new_name:
    description:
      - What the link is called from now on.
    type: str
  endpoints:
    description:
      - The two ends, each as C(VM:INTERFACE), or C(VM) to take its lowest free data interface. Of a link that is told
        by name or id these are its ends from now on; it keeps its VLAN.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Two VMs talk to each other
  cloudrepo.slices.link:
    slice: web
    endpoints: [vm1, vm2]

- name: A second link between them, with a name
  cloudrepo.slices.link:
    slice: web
    name: backup
    endpoints: ["vm1:eth2", "vm2:eth2"]

- name: One end moves to another VM
  cloudrepo.slices.link:
    slice: web
    name: backup
    endpoints: ["vm1:eth2", vm3]

- name: Take the link out
  cloudrepo.slices.link:
    slice: web
    name: backup
    state: absent

- name: Spanning tree works over it, and so do the VLANs that the guests make
  cloudrepo.slices.link:
    slice: web
    name: backup
    forward_bpdu: true
    qinq: true
"""

RETURN = r"""
link:
  description: The link as it is stored, or in check mode as it would be; null where it is gone.
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
  description: The id of the slice; null where there is none of that name.
  returned: success
  type: int
  sample: 1000
changes:
  description:
    - Each object that the call changes, or in check mode would change.
    - C(action) is C(create), C(update), C(delete), or what else is done to it, such as C(restart). C(reason) says in
      words why, or what differs.
    - C(before) and C(after) are its attributes. C(before) is null where it is created, C(after) where nothing of it is
      left.
    - With C(restart) a running VM has to restart for it.
  returned: success
  type: list
  elements: dict
  sample:
    - kind: link
      name: web/1
      id: 1
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

SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str"},
    "link_id": {"type": "int"},
    "new_name": {"type": "str"},
    "endpoints": {"type": "list", "elements": "str"},
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
