#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: flavor_info
short_description: Get information about flavors
version_added: 1.0.0
description:
  - Returns flavors as they are stored in the database.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
options:
  names:
    description:
      - Names of flavors. If empty, all flavors are returned.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Get all flavors
  cloudrepo.slices.flavor_info:
  register: flavors

- name: Get one flavor
  cloudrepo.slices.flavor_info:
    names: cirros
"""

RETURN = r"""
flavors:
  description: The flavors as they are stored.
  returned: success
  type: list
  elements: dict
  sample:
    - name: small
      cores: 1
      ram_gb: 0.25
      disk_gb: 1
      image: /srv/images/guest.qcow2
      checksum: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import registries
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.control import CONTROL_ARGUMENTS, transact


def main() -> None:
    module = AnsibleModule(argument_spec={**CONTROL_ARGUMENTS, **registries.INFO_ARGUMENTS}, supports_check_mode=True)
    transact(module, lambda cluster: registries.info(cluster, registries.FLAVORS, module.params), write=False)


if __name__ == "__main__":
    main()
