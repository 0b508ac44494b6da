#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: worker
short_description: Workers of the cluster and their room
version_added: 1.0.0
description:
  - Registers the hosts that VMs may be placed on, with what they offer. It changes the database only; the role
    C(cloudrepo.slices.worker) prepares the host itself.
  - New VMs go round the workers in the order of their registration.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
options:
  ip:
    &ip
    description:
      - The worker's IPv4 address, by which it is known and on which its VNC displays listen.
    type: str
  state:
    &state
    description:
      - Whether the worker is registered. One that holds VMs is not removed.
    type: str
    choices: [present, absent]
    default: present
  cores:
    &cores
    description:
      - Its processor cores. Where it is never given there is no limit; so for O(ram_gb), O(disk_gb) and O(max_vms).
    type: int
  ram_gb:
    &ram_gb
    description:
      - Its memory in GiB.
    type: float
  disk_gb:
    &disk_gb
    description:
      - Room for overlays in GiB.
    type: float
  max_vms:
    &max_vms
    description:
      - How many VMs may be on it.
    type: int
  cpu_overcommit:
    &cpu_overcommit
    description:
      - How many virtual cores may be promised for each real one. A new worker gets 8.
    type: float
  ram_overcommit:
    &ram_overcommit
    description:
      - How much memory may be promised for each GiB there is. A new worker gets 1.
    type: float
  schedulable:
    &schedulable
    description:
      - Whether new VMs may be placed on it. A new worker takes them.
    type: bool
  trunk_mtu:
    &trunk_mtu
    description:
      - The MTU of its uplink. Links that it is too small for are refused; where it is never given, none are.
    type: int
  netem:
    &netem
    description:
      - Whether its kernel can make delay, jitter and loss. Where it cannot, topologies that ask for them are refused;
        where this is never given, the worker itself refuses.
    type: bool
  network_node_trunk_mtu:
    description:
      - The MTU of the network node's uplink. Networks with a gateway or DHCP that it is too small for are refused;
        where it is never given, none are.
    type: int
  workers:
    description:
      - Several workers at once, instead of O(ip).
    type: list
    elements: dict
    suboptions:
      ip:
        <<: *ip
        required: true
      state: *state
      cores: *cores
      ram_gb: *ram_gb
      disk_gb: *disk_gb
      max_vms: *max_vms
      cpu_overcommit: *cpu_overcommit
      ram_overcommit: *ram_overcommit
      schedulable: *schedulable
      trunk_mtu: *trunk_mtu
      netem: *netem
"""

EXAMPLES = r"""
- name: Two workers, one of them with room for three VMs only
  cloudrepo.slices.worker:
    workers:
      - ip: 10.0.10.1
        cores: 8
        ram_gb: 32
      - ip: 10.0.10.2
        max_vms: 3

- name: Keep new VMs away from a worker
  cloudrepo.slices.worker:
    ip: 10.0.10.2
    schedulable: false
"""

RETURN = r"""
workers:
  description: The workers named, as they are stored.
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
      trunk_mtu: 1500
      netem: true
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import registries
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.control import entries, listed, transact

SPEC: dict[str, dict[str, Any]] = {
    "ip": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "cores": {"type": "int"},
    "ram_gb": {"type": "float"},
    "disk_gb": {"type": "float"},
    "max_vms": {"type": "int"},
    "cpu_overcommit": {"type": "float"},
    "ram_overcommit": {"type": "float"},
    "schedulable": {"type": "bool"},
    "trunk_mtu": {"type": "int"},
    "netem": {"type": "bool"},
}


def main() -> None:
    options = listed(SPEC, "workers", "ip")
    options["argument_spec"]["network_node_trunk_mtu"] = {"type": "int"}
    module = AnsibleModule(**options)
    wants = entries(module.params, SPEC, "workers")
    transact(
        module,
        lambda cluster: registries.register_workers(
            cluster,
            wants,
            network_node_trunk_mtu=module.params["network_node_trunk_mtu"],
            acting_user=module.params["acting_user"],
        ),
    )


if __name__ == "__main__":
    main()
