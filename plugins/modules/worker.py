#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: worker
short_description: Manage workers and their capacity
version_added: 1.0.0
description:
  - Registers hosts for VMs, with their resources. Only the database is changed. The role
    P(cloudrepo.slices.worker#role) prepares the host itself.
  - With O(cloudrepo.slices.slice#module:placement=round_robin), workers are used in the order of their registration.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
options:
  ip:
    &ip
    description:
      - The worker's IPv4 address. It identifies the worker, and VNC displays listen on it.
    type: str
  state:
    &state
    description:
      - Whether the worker should be registered. A worker with VMs cannot be removed.
      - With V(lost), the machine is gone for good, or was switched off so that its VMs cannot run. It gets no work
        orders, its VMs are C(error), and nothing waits for its reports. Its VMs can be deleted, or be created again on
        other workers with O(cloudrepo.slices.slice_plan#module:recreate_disks). Once it is registered again with its
        O(machine_id), it is used again.
    type: str
    choices: [present, absent, lost]
    default: present
  cores:
    &cores
    description:
      - Number of CPU cores. The worker takes no new VMs until this and O(ram_gb) are known.
    type: int
  ram_gb:
    &ram_gb
    description:
      - Memory in GiB.
    type: float
  disk_gb:
    &disk_gb
    description:
      - Disk space for overlays in GiB. If this was never set, there is no limit.
    type: float
  max_vms:
    &max_vms
    description:
      - Maximum number of VMs. If this was never set, there is no limit.
    type: int
  cpu_overcommit:
    &cpu_overcommit
    description:
      - Maximum number of virtual CPUs per core. The default for a new worker is 8.
    type: float
  ram_overcommit:
    &ram_overcommit
    description:
      - Maximum ratio of the VMs' memory to the worker's memory. The default for a new worker is 1.
    type: float
  schedulable:
    &schedulable
    description:
      - Whether new VMs may be placed on the worker. The default for a new worker is V(true).
    type: bool
  trunk_mtu:
    &trunk_mtu
    description:
      - MTU of the uplink. Links that require a larger MTU are refused. If this was never set, there is no limit.
    type: int
  netem:
    &netem
    description:
      - Whether the kernel has netem, for faults such as a delay. If not, topologies that require them are refused. If
        this was never set, the worker itself refuses them if its kernel has no netem.
    type: bool
  machine_id:
    &machine_id
    description:
      - The content of C(/etc/machine-id) on the worker, by which it is identified. If a known worker has another
        address, its address and that of its VMs are changed in the database. No VM is moved.
    type: str
  accept_machine:
    &accept_machine
    description:
      - The new machine-id of a known worker that has kept its address and its disks, for example after its operating
        system was reinstalled. Without it, another machine at the address of a known worker is refused.
      - The former machine counts as lost from then on, so that it starts no VMs if it is switched on again. Once it is
        registered again itself, it no longer does.
    type: str
  network_node_trunk_mtu:
    description:
      - MTU of the network node's uplink. Networks with a gateway or DHCP that require a larger MTU are refused. If this
        was never set, there is no limit.
    type: int
  network_node_lost_machines:
    description:
      - The lost machines that the network node tells workers, as M(cloudrepo.slices.host_info) returns them. Those that
        the database does not know, because it was rebuilt or restored, are stored and returned as RV(lost_machines),
        until they are registered with their O(machine_id).
    type: list
    elements: dict
    default: []
    suboptions:
      mark:
        description:
          - HMAC-SHA256 of its machine-id, with the UUID of the cloud as the key.
        type: str
        required: true
  workers:
    description:
      - A list of workers, instead of O(ip).
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
      machine_id: *machine_id
      accept_machine: *accept_machine
"""

EXAMPLES = r"""
- name: Register two workers, one of them for at most three VMs
  cloudrepo.slices.worker:
    workers:
      - ip: 10.0.10.1
        cores: 8
        ram_gb: 32
      - ip: 10.0.10.2
        cores: 4
        ram_gb: 16
        max_vms: 3

- name: Declare a worker lost
  cloudrepo.slices.worker:
    ip: 10.0.10.2
    state: lost

- name: Place no new VMs on a worker
  cloudrepo.slices.worker:
    ip: 10.0.10.2
    schedulable: false
"""

RETURN = r"""
workers:
  description: The given workers as they are stored.
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
      machine_id: 0f4c1f3a6d7b4b0e9a2f6c1d8e5b7a90
      trunk_mtu: 1500
      netem: true
unfit:
  description:
    - A sentence for each feature that a stored slice requires and its hosts do not have, such as the MTU of a trunk.
      The slice is not changed, but M(cloudrepo.slices.slice_plan) refuses it.
  returned: success
  type: list
  elements: str
  sample: []
returned:
  description: The addresses of workers that were declared lost and are in use again.
  returned: success
  type: list
  elements: str
  sample: [10.0.10.2]
lost_machines:
  description:
    - The machines that must not start VMs, because they were declared lost or replaced by another machine and did not
      come back, for O(cloudrepo.slices.network_services#module:lost_machines).
  returned: success
  type: list
  elements: dict
  sample:
    - mark: 5f6b0c1e9d000000000000000000000000000000000000000000000000000000
revision:
  description:
    - The revision of the database with these machines, for O(cloudrepo.slices.network_services#module:revision). Null
      before the first change of a slice.
  returned: success
  type: int
  sample: 1795371735123
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import registries
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.control import entries, listed, transact
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Module
from ansible_collections.cloudrepo.slices.plugins.module_utils.names import NUMBER
from ansible_collections.cloudrepo.slices.plugins.module_utils.network_order import LostMachine, NetworkOrder

SPEC: dict[str, dict[str, Any]] = {
    "ip": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent", "lost"], "default": "present"},
    "cores": {"type": "int"},
    "ram_gb": {"type": NUMBER},
    "disk_gb": {"type": NUMBER},
    "max_vms": {"type": "int"},
    "cpu_overcommit": {"type": NUMBER},
    "ram_overcommit": {"type": NUMBER},
    "schedulable": {"type": "bool"},
    "trunk_mtu": {"type": "int"},
    "netem": {"type": "bool"},
    "machine_id": {"type": "str"},
    "accept_machine": {"type": "str"},
}


def arguments() -> dict[str, Any]:
    """Return keyword arguments for AnsibleModule."""
    options = listed(SPEC, "workers", "ip")
    options["argument_spec"]["network_node_trunk_mtu"] = {"type": "int"}
    options["argument_spec"]["network_node_lost_machines"] = NetworkOrder.arguments()["lost_machines"]
    return options


def run(module: Module) -> None:
    """Run the module and exit it."""
    params = module.params
    wants = entries(params, SPEC, "workers")
    transact(
        module,
        lambda cluster: registries.register_workers(
            cluster,
            wants,
            network_node_trunk_mtu=params["network_node_trunk_mtu"],
            acting_user=params["acting_user"],
            lost_marks=[LostMachine.from_dict(each).mark for each in params["network_node_lost_machines"]],
        ),
    )


def main() -> None:
    """Run as a module."""
    run(AnsibleModule(**arguments()))


if __name__ == "__main__":
    main()
