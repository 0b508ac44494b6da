#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: holdings_info
short_description: Get the objects of all slices that hosts should have
version_added: 1.0.0
description:
  - Returns, for each worker and the network node, the slices in the database and the disks that should be on the host.
    M(cloudrepo.slices.worker_orphans) and M(cloudrepo.slices.network_orphans) use this to find all other objects.
  - The acting user must be an admin, because objects that a tenant cannot access would be returned as orphans.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
"""

EXAMPLES = r"""
- name: Get the objects that hosts should have
  cloudrepo.slices.holdings_info:
  register: holdings
"""

RETURN = r"""
workers:
  description: The slices with their disks on a worker, by the worker's address.
  returned: success
  type: dict
  sample:
    10.0.10.1:
    - slice_id: 1000
      slice_uuid: 7f1c7f0e-3a52-4c8e-9d1a-5b0f6e2c4d11
      disks:
      - path: /var/lib/cloudrepo/vms/1001/vm1_img.qcow2
        uuid: c2b2d6ac-6a1c-4d0b-8a55-0d6f9f0a7e03
machines:
  description: Each worker's address with the mark of its machine, which is missing if it is not known.
  returned: success
  type: list
  elements: dict
  sample:
    - address: 10.0.10.1
      mark: "5f6b0c1e9d000000000000000000000000000000000000000000000000000000"
network_node:
  description: The slices.
  returned: success
  type: list
  elements: dict
  sample:
    - slice_id: 1000
      slice_uuid: 7f1c7f0e-3a52-4c8e-9d1a-5b0f6e2c4d11
cloud:
  description: The identity of the cloud, empty if it has none yet.
  returned: success
  type: dict
  sample:
    uuid: 4c1f6a7e-8c1d-4f39-9a53-0d6f2b7e9c10
    title: lab
    incarnation: 9d2b7c31-1f0e-4a52-8b6d-6f5e3c2a1b00
revision:
  description: The revision of the database, null if nothing was planned yet.
  returned: success
  type: int
  sample: 1795371735123
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.holdings import holdings
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.control import CONTROL_ARGUMENTS, transact
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Outcome


def main() -> None:
    module = AnsibleModule(argument_spec=CONTROL_ARGUMENTS, supports_check_mode=True)
    acting_user = module.params["acting_user"]
    transact(module, lambda cluster: Outcome(result=holdings(cluster, acting_user)), write=False)


if __name__ == "__main__":
    main()
