#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: worker_info
short_description: Get information about workers
version_added: 1.0.0
description:
  - Returns workers and their resources as they are stored in the database. Only admins can see them.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
options:
  names:
    description:
      - Addresses of workers. If empty, all workers are returned.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Get all workers
  cloudrepo.slices.worker_info:
  register: workers

- name: Get one worker
  cloudrepo.slices.worker_info:
    names: 10.0.10.1
"""

RETURN = r"""
workers:
  description: The workers as they are stored.
  returned: success
  type: list
  elements: dict
  sample:
    - ip: 10.0.10.1
      cores: 8
      ram_gb: 32.0
      disk_gb:
      max_vms:
      cpu_overcommit: 8.0
      ram_overcommit: 1.0
      schedulable: true
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import registries
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.control import CONTROL_ARGUMENTS, transact


def main() -> None:
    module = AnsibleModule(argument_spec={**CONTROL_ARGUMENTS, **registries.INFO_ARGUMENTS}, supports_check_mode=True)
    transact(module, lambda cluster: registries.info(cluster, registries.WORKERS, module.params), write=False)


if __name__ == "__main__":
    main()
