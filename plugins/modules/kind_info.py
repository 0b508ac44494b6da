#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: kind_info
short_description: Get information about kinds of guests
version_added: 1.0.0
description:
  - Returns the kinds that are registered and those that are shipped with this collection, with all their fields.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
options:
  names:
    description:
      - Names of kinds. If empty, all kinds are returned.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Get all kinds
  cloudrepo.slices.kind_info:
  register: kinds

- name: Get one kind
  cloudrepo.slices.kind_info:
    names: cumulus-vx
"""

RETURN = r"""
kinds:
  description: The kinds, by name.
  returned: success
  type: list
  elements: dict
  contains:
    most_data_interfaces:
      description: The number of data interfaces that a VM of this kind can have.
      type: int
      sample: 128
    is_registered:
      description: Whether it is registered. Otherwise it is shipped with this collection.
      type: bool
      sample: false
    guest:
      description: The guest in words, for a shipped kind.
      type: str
      sample: Cumulus VX
    source:
      description: Where the facts of a shipped kind are from.
      type: str
      sample: https://docs.nvidia.com/networking-ethernet-software/cumulus-vx
    is_tried:
      description: Whether the tests of this collection run such a guest.
      type: bool
      sample: false
  sample:
    - name: cumulus-vx
      image: null
      firmware: bios
      kernel: null
      kernel_checksum: null
      initrd: null
      initrd_checksum: null
      kernel_arguments: null
      disk_bus: virtio
      nic_model: virtio-net-pci
      max_data_interfaces: null
      interface_pattern: swp{n}
      first_interface: 1
      management_interface: eth0
      set_up: none
      ready_when: console
      shutdown: acpi
      shutdown_timeout_s: 60
      console: none
      console_user: root
      console_password: null
      console_shell: null
      startup_via: console
      most_data_interfaces: 128
      is_registered: false
      guest: Cumulus VX
      source: https://docs.nvidia.com/networking-ethernet-software/cumulus-vx
      is_tried: false
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import kinds, registries
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.control import CONTROL_ARGUMENTS, transact


def main() -> None:
    module = AnsibleModule(argument_spec={**CONTROL_ARGUMENTS, **registries.INFO_ARGUMENTS}, supports_check_mode=True)
    transact(module, lambda cluster: kinds.info(cluster, module.params), write=False)


if __name__ == "__main__":
    main()
