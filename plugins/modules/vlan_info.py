#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vlan_info
short_description: Get information about VLAN reservations
version_added: 1.0.0
description:
  - Returns reserved VLANs as they are stored in the database. A tenant gets only those of the tenant's own slices.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
  - cloudrepo.slices.part_info
"""

EXAMPLES = r"""
- name: Get the reserved VLANs of all slices
  cloudrepo.slices.vlan_info:
"""

RETURN = r"""
vlans:
  description: The reserved VLANs, each with the id and name of its slice.
  returned: success
  type: list
  elements: dict
  sample:
    - slice_id: 1000
      slice: web
      vlan_id: 103
      name: uplink
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import parts
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.control import CONTROL_ARGUMENTS, transact


def main() -> None:
    module = AnsibleModule(argument_spec={**CONTROL_ARGUMENTS, **parts.PART_INFO_ARGUMENTS}, supports_check_mode=True)
    transact(module, lambda cluster: parts.info(cluster, parts.VLAN, module.params), write=False)


if __name__ == "__main__":
    main()
