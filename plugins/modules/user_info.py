#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: user_info
short_description: Get information about users
version_added: 1.0.0
description:
  - Returns users as they are stored in the database, with their quotas. A tenant gets only the tenant's own entry.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
options:
  names:
    description:
      - Names of users. If empty, all users are returned.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Get all users
  cloudrepo.slices.user_info:
  register: users

- name: Get one user
  cloudrepo.slices.user_info:
    names: alice
"""

RETURN = r"""
users:
  description: The users as they are stored, without their password hashes.
  returned: success
  type: list
  elements: dict
  sample:
    - name: alice
      username: alice
      quota_vms: 6
      used_vms: 4
      slices: [1000]
      uuid: 9f1c2e64-6c0b-4c55-9d56-0a4f5d0a7b21
      password_set: false
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import registries
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.control import CONTROL_ARGUMENTS, transact


def main() -> None:
    module = AnsibleModule(argument_spec={**CONTROL_ARGUMENTS, **registries.INFO_ARGUMENTS}, supports_check_mode=True)
    transact(module, lambda cluster: registries.info(cluster, registries.USERS, module.params), write=False)


if __name__ == "__main__":
    main()
