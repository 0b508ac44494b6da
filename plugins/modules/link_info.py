#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: link_info
short_description: Get information about links
version_added: 1.0.0
description:
  - Returns links as they are stored in the database. A tenant gets only those of the tenant's own slices.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
  - cloudrepo.slices.part_info
"""

EXAMPLES = r"""
- name: Get all links of a slice
  cloudrepo.slices.link_info:
    slice: web
"""

RETURN = r"""
links:
  description:
    - The links, each with the id and name of its slice.
    - Interfaces to which the kind of the VM gives another name have it in C(vm1_guest_interface) and
      C(vm2_guest_interface).
  returned: success
  type: list
  elements: dict
  sample:
    - slice_id: 1000
      slice: web
      link_id: 1
      vlan_id: 100
      vm1_id: 1001
      vm1_interface: eth1
      vm2_id: 1002
      vm2_interface: eth1
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import parts
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.control import CONTROL_ARGUMENTS, transact


def main() -> None:
    module = AnsibleModule(argument_spec={**CONTROL_ARGUMENTS, **parts.PART_INFO_ARGUMENTS}, supports_check_mode=True)
    transact(module, lambda cluster: parts.info(cluster, parts.LINK, module.params), write=False)


if __name__ == "__main__":
    main()
