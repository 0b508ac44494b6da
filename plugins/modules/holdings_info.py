#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: holdings_info
short_description: What hosts may hold of all slices
version_added: 1.0.0
description:
  - Tells each worker and the network node which slices the database holds, and which disks of theirs belong on the
    host, so that M(cloudrepo.slices.worker_orphans) and M(cloudrepo.slices.network_orphans) find what else is there.
  - For admins only, because what a tenant does not see would be taken for unknown. Nothing is changed.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
"""

EXAMPLES = r"""
- name: Read what hosts may hold
  cloudrepo.slices.holdings_info:
  register: holdings
"""

RETURN = r"""
workers:
  description: By the address of each worker the slices, with their disks on that worker.
  returned: success
  type: dict
  sample:
    10.0.10.1:
    - slice_id: 1000
      slice_uuid: 7f1c7f0e-3a52-4c8e-9d1a-5b0f6e2c4d11
      disks:
      - path: /var/lib/cloudrepo/vms/1001/vm1_img.qcow2
        uuid: c2b2d6ac-6a1c-4d0b-8a55-0d6f9f0a7e03
network_node:
  description: The slices.
  returned: success
  type: list
  elements: dict
  sample:
    - slice_id: 1000
      slice_uuid: 7f1c7f0e-3a52-4c8e-9d1a-5b0f6e2c4d11
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
