#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: database_rebuild
short_description: Rebuild a lost database from the hosts
version_added: 1.0.0
description:
  - Creates the database from the work orders that the hosts have applied. Slices, VMs, links, networks, addresses,
    VLANs, ports and disks are as on the hosts. RV(unknown) lists the settings that hosts do not know.
  - An existing database is never changed.
  - The new database is another incarnation of the cloud. Claim the hosts for it with M(cloudrepo.slices.host_claim), as
    the playbook C(cloudrepo.slices.rebuild) does. They then refuse the lost database if it reappears.
  - All hosts have to be read and must not contradict each other, except those in O(without). If two hosts have a record
    of the same VM, the newer record is used.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
options:
  hosts:
    description:
      - All workers and the network node. A host that is both is listed twice.
    type: list
    elements: dict
    required: true
    suboptions:
      host:
        description:
          - Name of the host in the inventory.
        type: str
        required: true
      target:
        description:
          - "Recipient of the work orders: the worker's address, or C(network_node)."
        type: str
        required: true
      failure:
        description:
          - Why the host could not be read. Null if it was read.
        type: str
      cloud_uuid:
        description:
          - The UUID of the cloud that claimed the host.
        type: str
      cloud_title:
        description:
          - The name of the cloud for messages.
        type: str
      vlan_pools:
        description:
          - The VLAN pools of the cloud's slices, as ranges.
        type: str
        default: 0-99
      management_vlan:
        description:
          - The management VLAN of the cloud.
        type: int
        default: 400
      machine_id:
        description:
          - The content of C(/etc/machine-id).
        type: str
      cores:
        description:
          - Number of CPU cores.
        type: int
      ram_gb:
        description:
          - Memory in GiB.
        type: float
      trunk_mtu:
        description:
          - MTU of the uplink.
        type: int
      netem:
        description:
          - Whether the kernel has netem.
        type: bool
      highest_id:
        description:
          - The highest id of all slices and VMs with objects on the host.
        type: int
      highest_revision:
        description:
          - Time of the last change of desired or allocated state in the database, in milliseconds since 1970.
          - A host refuses an order that is older than the last one that it started to apply for this slice. An order
            without a revision is always accepted.
        type: int
      slices:
        description:
          - The slices with objects on the host.
        type: list
        elements: dict
        default: []
        suboptions:
          slice_id:
            description:
              - The slice's id.
            type: int
            required: true
          slice_uuid:
            description:
              - The slice's UUID.
              - A host that has another slice with this id refuses the order of this slice and changes neither.
            type: str
          reservations:
            description:
              - Its addresses on VLAN 400 that the network node reserves.
            type: list
            elements: dict
            default: []
            suboptions:
              address:
                description:
                  - The address.
                type: str
                required: true
          vlans:
            description:
              - The VLANs of its ports on the host, also of VMs that are off.
            type: list
            elements: dict
            default: []
            suboptions:
              vlan_id:
                description:
                  - The VLAN.
                type: int
                required: true
          vnc_ports:
            description:
              - The ports of its VMs' displays on the host, also of VMs that are off.
            type: list
            elements: dict
            default: []
            suboptions:
              vnc_port:
                description:
                  - The TCP port of a display.
                type: int
                required: true
      lost_machines:
        description:
          - The lost machines that the network node tells workers.
        type: list
        elements: dict
        default: []
        suboptions:
          mark:
            description:
              - HMAC-SHA256 of its machine-id, with the UUID of the cloud as the key.
            type: str
            required: true
      applied:
        description:
          - The work orders that the host has applied, from M(cloudrepo.slices.applied_orders_info).
        type: list
        elements: dict
        default: []
        suboptions:
          slice_id:
            description:
              - The slice's id.
            type: int
            required: true
          record:
            description:
              - What the database contains of the slice, without observed states and secrets, as JSON. A worker gets its
                own VMs and their links, the network node gets everything.
              - The host stores it after it has applied the order, so that a lost database can be rebuilt, and removes
                it if an order has none.
            type: str
            required: true
          slice_uuid:
            description:
              - The slice's UUID.
              - A host that has another slice with this id refuses the order of this slice and changes neither.
            type: str
          revision:
            description:
              - Time of the last change of desired or allocated state in the database, in milliseconds since 1970.
              - A host refuses an order that is older than the last one that it started to apply for this slice. An
                order without a revision is always accepted.
            type: int
          vms:
            description:
              - The states of its VMs on this host after the order was applied.
            type: list
            elements: dict
            default: []
            suboptions:
              vm_id:
                description:
                  - The VM's id.
                type: int
                required: true
              state:
                description:
                  - Its observed state.
                type: str
                choices: [running, stopped, paused, error]
                required: true
              pid:
                description:
                  - Process id of its QEMU. Null if it was not running.
                type: str
  without:
    description:
      - Names of hosts to leave out because they cannot be read, belong to another cloud, or contradict others.
      - It may also contain UUIDs of slices. Their objects on the hosts then become orphans.
    type: list
    elements: str
    default: []
  displays:
    description:
      - The passwords of displays, from M(cloudrepo.slices.applied_orders_info). Displays of VMs with the same id, UUID
        and worker keep these until O(cloudrepo.slices.vm#module:vnc_password_version) is increased. Other displays get
        new ones.
    type: list
    elements: dict
    default: []
    suboptions:
      vm_id:
        description:
          - The VM's id.
        type: int
        required: true
      password_id:
        description:
          - The id of the password in work orders.
        type: str
        required: true
      password:
        description:
          - The password.
        type: str
        required: true
      vm_uuid:
        description:
          - The VM's UUID.
        type: str
      worker_ip:
        description:
          - The address of the worker that has the password.
        type: str
seealso:
  - module: cloudrepo.slices.applied_orders_info
  - module: cloudrepo.slices.database
"""

EXAMPLES = r"""
- name: Rebuild the database of a cloud with one worker and no network node
  cloudrepo.slices.database_rebuild:
    hosts:
      - host: worker1
        target: 10.0.10.1
        cloud_uuid: "{{ host.claim.uuid }}"
        cloud_title: "{{ host.claim.title }}"
        machine_id: "{{ host.machine_id }}"
        cores: "{{ host.cores }}"
        ram_gb: "{{ host.ram_gb }}"
        highest_id: "{{ host.highest_id }}"
        highest_revision: "{{ host.highest_revision }}"
        slices: "{{ host.slices }}"
        applied: "{{ orders.worker }}"
"""

RETURN = r"""
cloud:
  description: Identity of the database, with the name of this controller, for M(cloudrepo.slices.host_claim).
  returned: success
  type: dict
  sample:
    uuid: 4c1f6a7e-8c1d-4f39-9a53-0d6f2b7e9c10
    title: lab
    incarnation: 9d2b7c31-1f0e-4a52-8b6d-6f5e3c2a1b00
    controller: controller1
counts:
  description: Number of objects in the database.
  returned: success
  type: dict
  sample: {users: 3, workers: 2, flavors: 2, slices: 4, vms: 18}
unknown:
  description: The settings that hosts do not know, one phrase each.
  returned: success
  type: list
  elements: str
  sample: ["passwords, quotas and roles of the users admin, alice"]
changes:
  description: The objects that are created, or would be created in check mode.
  returned: success
  type: list
  elements: dict
  sample: []
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import database_rebuild, edge
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.control import CONTROL_ARGUMENTS
from ansible_collections.cloudrepo.slices.plugins.module_utils.applied import AllOrders, KnownDisplays

ARGUMENTS: dict[str, Any] = {
    **CONTROL_ARGUMENTS,
    **AllOrders.arguments(),
    "without": {"type": "list", "elements": "str", "default": []},
    **KnownDisplays.arguments(),
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    edge.run(module, lambda: database_rebuild.rebuild(module))


if __name__ == "__main__":
    main()
