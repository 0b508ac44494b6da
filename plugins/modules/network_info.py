#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: network_info
short_description: Get information about networks
version_added: 1.0.0
description:
  - Returns networks as they are stored in the database. A tenant gets only those of the tenant's own slices.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
  - cloudrepo.slices.part_info
"""

EXAMPLES = r"""
- name: Get all networks of a slice
  cloudrepo.slices.network_info:
    slice: web
"""

RETURN = r"""
networks:
  description:
    - The networks, each with the id and name of its slice.
    - Members to whose interface the kind of the VM gives another name have it in C(guest_interface).
  returned: success
  type: list
  elements: dict
  sample:
    - slice_id: 1000
      slice: web
      vlan_id: 101
      cidr: 192.168.101.0/24
      gateway_ip:
      dhcp_enabled: false
      dhcp_range:
      status: pending
      name: lan
      members:
        - {vm_id: 1001, interface: eth1}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import parts
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.control import CONTROL_ARGUMENTS, transact


def main() -> None:
    module = AnsibleModule(argument_spec={**CONTROL_ARGUMENTS, **parts.PART_INFO_ARGUMENTS}, supports_check_mode=True)
    transact(module, lambda cluster: parts.info(cluster, parts.NETWORK, module.params), write=False)


if __name__ == "__main__":
    main()
