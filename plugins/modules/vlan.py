#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vlan
short_description: VLANs that a slice reserves
version_added: 1.0.0
description:
  - Takes the next VLAN of a slice's pools without putting a link on it, or gives one back. No link or network of the
    slice takes a reserved VLAN.
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
      - A name for the VLAN, unique within the slice. If a VLAN of that name is reserved nothing is changed; without a
        name every call takes another VLAN.
    type: str
  vlan_id:
    description:
      - A VLAN that is reserved.
    type: int
"""

EXAMPLES = r"""
- name: Reserve a VLAN
  cloudrepo.slices.vlan:
    slice: web
    name: uplink
  register: uplink

- name: Give it back
  cloudrepo.slices.vlan:
    slice: web
    name: uplink
    state: absent
"""

RETURN = r"""
vlan:
  description: The VLAN that is reserved, or in check mode would be; null where it was given back.
  returned: success
  type: dict
  sample:
    vlan_id: 103
    name: uplink
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
    - kind: vlan
      name: web/uplink
      id: 103
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

SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str"},
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
