#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vlan
short_description: Manage VLAN reservations of a slice
version_added: 1.0.0
description:
  - Reserves the next free VLAN of a slice's pools, or releases one. Links and networks of the slice do not use reserved
    VLANs.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
  - cloudrepo.slices.part
  - cloudrepo.slices.settings
options:
  name:
    description:
      - A name for the VLAN, unique within the slice. If a VLAN with this name is already reserved, nothing is changed.
        Without a name, every call reserves another VLAN.
    type: str
  vlan_id:
    description:
      - A reserved VLAN.
    type: int
"""

EXAMPLES = r"""
- name: Reserve a VLAN
  cloudrepo.slices.vlan:
    slice: web
    name: uplink
  register: uplink

- name: Release the VLAN
  cloudrepo.slices.vlan:
    slice: web
    name: uplink
    state: absent
"""

RETURN = r"""
vlan:
  description: The reserved VLAN, also in check mode. Null if it is released.
  returned: success
  type: dict
  sample:
    vlan_id: 103
    name: uplink
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
    - kind: vlan
      name: web/uplink
      id: 103
      slice_id: 1000
      action: create
      before: null
      after: {name: uplink, vlan_id: 103}
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
    "vlan_id": {"type": "int"},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={**CONTROL_ARGUMENTS, **parts.PART_ARGUMENTS, **SPEC, **topology.SETTINGS_ARGUMENTS},
        supports_check_mode=True,
    )
    transact(module, lambda cluster: parts.change(cluster, parts.VLAN, module.params))


if __name__ == "__main__":
    main()
