#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_info
short_description: Get information about VMs
version_added: 1.0.0
description:
  - Returns VMs as they are stored in the database. A tenant gets only those of the tenant's own slices.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
  - cloudrepo.slices.part_info
"""

EXAMPLES = r"""
- name: Get all VMs of a slice
  cloudrepo.slices.vm_info:
    slice: web

- name: Get two VMs, one by name and one by id
  cloudrepo.slices.vm_info:
    slice: web
    names: [vm1, "1002"]
"""

RETURN = r"""
vms:
  description: The VMs, each with the id and name of its slice.
  returned: success
  type: list
  elements: dict
  sample:
    - slice_id: 1000
      slice: web
      vm_id: 1001
      name: vm1
      owner: admin
      worker_ip: 10.0.10.1
      vnc_port: 5901
      status: pending
      pid:
      qcow_image: /var/lib/cloudrepo/vms/1001/vm1_img.qcow2
      flavor: {cores: 1, ram_gb: 0.5, disk_gb: 1, image: /srv/images/guest.qcow2}
      interfaces:
        - {name: eth0, vlan_id: 400, mac: "52:54:00:03:e9:00", ip_config: {ip: 10.60.7.101}, link_id: null}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import parts
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.control import CONTROL_ARGUMENTS, transact


def main() -> None:
    module = AnsibleModule(argument_spec={**CONTROL_ARGUMENTS, **parts.PART_INFO_ARGUMENTS}, supports_check_mode=True)
    transact(module, lambda cluster: parts.info(cluster, parts.VM, module.params), write=False)


if __name__ == "__main__":
    main()
