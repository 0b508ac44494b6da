#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: slice_plan
short_description: Create work orders for the hosts of slices
version_added: 1.0.0
description:
  - Creates a work order for each worker and one for the network node from the stored slices. Every worker gets one,
    because a host removes the objects of slices that its work order does not list.
  - The status of new VMs changes from C(pending) to C(design) in the database, so that they are not released before
    their host has removed them. With O(state=present) this is the only change.
  - Each slice is planned on its own. A name that matches no slice or several, and a slice that requires more than its
    hosts offer, such as netem or a larger MTU of a trunk, is returned in RV(refused). Such a slice has no work orders
    and is not changed, unless it is being deleted. The module fails if it can plan none of the slices.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
  - cloudrepo.slices.selection
options:
  state:
    description:
      - V(present) creates work orders with the current state of the slices.
      - V(absent) first deletes the slices, as M(cloudrepo.slices.slice) does with
        O(cloudrepo.slices.slice#module:state=absent). The work orders then remove everything that they have on the
        hosts. Names that match no slice are ignored.
    type: str
    choices: [present, absent]
    default: present
  recreate_disks:
    description:
      - VMs whose disks are created again, empty, if they were seen on their host before and are missing now. Without
        this, such a VM is an error. A disk that exists is left alone.
      - Each VM is given by its id, its name, or V(SLICE/NAME) if several of the slices have a VM of that name.
    type: list
    elements: str
    default: []
  disk_retention_h:
    description:
      - Number of hours for which M(cloudrepo.slices.deleted_slice) can restore a slice that O(state=absent) deletes. It
        should be the time for which workers keep deleted disks.
    type: int
    default: 0
  state_dir:
    description:
      - The folder for disks and base images on the workers.
    type: path
    default: /var/lib/cloudrepo
  accept_revision:
    description:
      - The highest revision that hosts have applied, see RV(cloudrepo.slices.host_info#module:highest_revision). The
        work orders then have a higher one, so that hosts apply the work orders of a restored database. Only an admin
        may set this.
    type: int
"""

EXAMPLES = r"""
- name: Create the work orders of the slice web
  cloudrepo.slices.slice_plan:
    names: web
  register: plan

- name: Delete all slices of alice, and create the work orders that remove them from the hosts
  cloudrepo.slices.slice_plan:
    owner: alice
    state: absent
  register: plan
"""

RETURN = r"""
work_orders:
  description: The work orders of the workers, by the worker's address, and that of the network node.
  returned: success
  type: dict
  sample:
    workers:
      10.0.10.1:
        worker_ip: 10.0.10.1
        images:
        - checksum: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
          path: /var/lib/cloudrepo/images/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.img
          source: /srv/images/guest.qcow2
        slices:
        - slice_id: 1000
          vms:
          - vm_id: 1001
            name: vm1
            cores: 1
            ram_mib: 512
            disks:
            - path: /var/lib/cloudrepo/vms/1001/vm1_img.qcow2
              size_bytes: 1073741824
              backing_file: /var/lib/cloudrepo/images/9f86d081884c7d65.img
              uuid: c2b2d6ac-6a1c-4d0b-8a55-0d6f9f0a7e03
              first_seen: '2026-01-31T12:00:00Z'
            - path: /var/lib/cloudrepo/vms/1001/db_3f9c1b52.qcow2
              size_bytes: 5368709120
              name: "db"
              uuid: 3f9c1b52-7d40-4f6e-9a2b-1c8e5d7f6a04
            vnc_port: 5901
            interfaces:
            - name: eth0
              tap: tap_1001_eth0
              mac: "52:54:00:03:e9:00"
              vlan_id: 400
              address: 10.60.7.101
            - name: eth1
              tap: tap_1001_eth1
              mac: "52:54:00:03:e9:01"
              vlan_id: 100
              link_id: 1
              segment: core
              mtu: 9000
              qinq: true
              forward_bpdu: true
              up: false
              tx_kbps: 2000
              rx_kbps: 8000
              delay_ms: 20.0
              jitter_ms: 2.0
              loss_percent: 0.5
              duplicate_percent: 1.0
            vm_uuid: 0b9d4f5c-52a1-4b0e-9b7e-2f6a3d1c8e02
            vnc_password_id: "8b1a9953c4611296"
            title: Web server
            seed:
            - name: meta-data
              content: '{"instance-id": "0b9d4f5c-1f2e3d4c", "local-hostname": "vm1"}'
            - name: vendor-data
              content: '#cloud-config

                {}'
            cdrom: /var/lib/cloudrepo/images/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.img
            boot: cdrom,disk
            user_data_id: "0d9c8b7a65f4e3d2c1b0a9f8e7d6c5b4"
            shutdown: acpi
            shutdown_timeout_s: 120
            state: running
          slice_uuid: 7f1c7f0e-3a52-4c8e-9d1a-5b0f6e2c4d11
          revision: 1795371735123
          peers:
          - mac: "52:54:00:03:e9:00"
            address: 10.60.7.101
          given_up:
          - vm_id: 1002
            path: /var/lib/cloudrepo/vms/1002/vm2_img.qcow2
            uuid: 5f0c1c5e-8a59-4c36-9d1c-6c1f8a1f0b77
          - vm_id: 1001
            path: /var/lib/cloudrepo/vms/1001/log_8d2e4f60.qcow2
            uuid: 8d2e4f60-1b7a-4c93-a5d8-e0f6b3c2d719
            name: log
          trunk:
          - name: link web/core
            mtu: 9004
          record: '{"next_vm_id":1003,"slice":{"slice_id":1000,"owner":"admin"},"vm_ids":[1001,1002]}'
          receipt: "9f1c3b5a0d7e4862a1b2c3d4e5f60718"
        cloud_uuid: 4c1f6a7e-8c1d-4f39-9a53-0d6f2b7e9c10
        cloud_title: lab
        cloud_incarnation: 9d2b7c31-1f0e-4a52-8b6d-6f5e3c2a1b00
        issued_revisions: 1795371735001,1795371735123
        complete: false
        machine_mark: "5f6b0c1e9d000000000000000000000000000000000000000000000000000000"
    network_node:
      slices:
      - slice_id: 1000
        slice_uuid: 7f1c7f0e-3a52-4c8e-9d1a-5b0f6e2c4d11
        revision: 1795371735123
        reservations:
        - vm_id: 1001
          name: vm1
          mac: "52:54:00:03:e9:00"
          address: 10.60.7.101
          loopback: 10.0.0.1
          loopback6: "2001:db8::1"
        networks:
        - vlan_id: 101
          name: lan
          cidr: 192.168.101.0/24
          server_ip: 192.168.101.1
          members:
          - name: vm1
            mac: "52:54:00:03:e9:01"
            address: 192.168.101.2
            address6: "2001:db8:101::2"
          gateway: true
          dhcp_range: 192.168.101.10,192.168.101.250
          nat: true
          mtu: 9000
        trunk:
        - name: link web/core
          mtu: 9004
        record: '{"next_vm_id":1003,"slice":{"slice_id":1000,"owner":"admin"},"vm_ids":[1001,1002]}'
        receipt: "9f1c3b5a0d7e4862a1b2c3d4e5f60718"
      cloud_uuid: 4c1f6a7e-8c1d-4f39-9a53-0d6f2b7e9c10
      cloud_title: lab
      cloud_incarnation: 9d2b7c31-1f0e-4a52-8b6d-6f5e3c2a1b00
      lost_machines:
      - mark: "5f6b0c1e9d000000000000000000000000000000000000000000000000000000"
      revision: 1795371735123
      issued_revisions: 1795371735001,1795371735123
      complete: false
      machine_mark: "5f6b0c1e9d000000000000000000000000000000000000000000000000000000"
startups:
  description:
    - The VMs that should run and have a start-up, with how root gets a shell in their guests. The filter
      P(cloudrepo.slices.startups_on_host#filter) makes the option O(cloudrepo.slices.guest_startup#module:vms) of them.
  returned: success
  type: list
  elements: dict
  sample:
    - slice_id: 1000
      worker_ip: 10.0.10.1
      vm_id: 1001
      vm_uuid: 0b9d4f5c-52a1-4b0e-9b7e-2f6a3d1c8e02
      name: web/vm1
      disk: /var/lib/cloudrepo/vms/1001/vm1_img.qcow2
      startup_id: 0d9c8b7a65f4e3d2c1b0a9f8e7d6c5b4
      files: 1
      commands: 2
      timeout_s: 600
      ready_when: console
lost_workers:
  description: Addresses of the lost workers, which get no work orders.
  returned: success
  type: list
  elements: str
  sample: []
refused:
  description: The selected slices that cannot be planned, and why. The other return values do not contain them.
  returned: success
  type: list
  elements: dict
  sample: []
  contains:
    slice_id:
      description: The slice's id. Null if no slice was found.
      type: int
      sample: 1000
    slice:
      description: Owner and name of the slice, or the name that was given if no slice was found.
      type: str
      sample: alice/web
    failure:
      description: Why it was refused.
      type: str
      sample: >-
        slice web (1000) was left unchanged: link web/core: the trunk needs an MTU of 9000, worker 10.0.10.2 has 1500; a
        trunk needs the MTU of what crosses it, and 4 bytes more for qinq
    codes:
      description: The codes of the reasons, each once.
      type: list
      elements: str
      sample: [trunk_mtu_too_small]
slice_ids:
  description: Ids of the planned slices.
  returned: success
  type: list
  elements: int
  sample: [1000]
slice_names:
  description: Owner and name of each of these slices, by id.
  returned: success
  type: dict
  sample: {"1000": alice/web}
changed_slices:
  description: The ids of the slices that were changed in the database, including those that were deleted from it.
  returned: success
  type: list
  elements: int
  sample: [1000]
deleting:
  description: The ids of those that are being deleted.
  returned: success
  type: list
  elements: int
  sample: []
recorded:
  description: The stored state of the VMs, in the format of a report. Null if a report is always required.
  returned: success
  type: list
  elements: dict
  sample: [{vm_id: 1001, state: running, pid: "4821"}]
vms_to_start:
  description: Ids of VMs that should run and are not known to be running. Their displays may need a password.
  returned: success
  type: list
  elements: int
  sample: [1001]
tables:
  description: Each slice as a text table.
  returned: success
  type: list
  elements: str
  sample:
    - |-
      slice web (1000) of admin: design, VLAN pool 100–119, revision 1795371735123
      VM   ID    WORKER     STATE   PID  ADDRESS      INTERFACES:VLAN    VNC
      vm1  1001  10.0.10.1  design  -    10.60.7.101  eth0:400 eth1:100  10.0.10.1:5901
changes:
  description:
    - The objects that are changed, or would be changed in check mode.
    - C(action) is C(create), C(update), C(delete) or another verb such as C(restart). C(reason) gives the reason or
      lists the differences.
    - C(before) and C(after) are the attributes of the object. C(before) is null if it is created, C(after) if it is
      deleted.
    - C(slice_id) is the id of its slice; null if it belongs to no slice or to all of them.
  returned: success
  type: list
  elements: dict
  sample:
    - kind: vm
      name: web/vm1
      id: 1001
      slice_id: 1000
      action: update
      before: {status: pending, power: running, observed: null, pid: null}
      after: {status: design, power: running, observed: null, pid: null}
      reason: status pending → design
      restart: false
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import orders
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.control import CONTROL_ARGUMENTS, transact
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Module


def arguments() -> dict[str, Any]:
    """Return keyword arguments for AnsibleModule."""
    return {
        "argument_spec": {
            **CONTROL_ARGUMENTS,
            **orders.SELECTION_ARGUMENTS,
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "recreate_disks": orders.RECREATE_DISKS,
            "disk_retention_h": {"type": "int", "default": 0},
            "state_dir": orders.STATE_DIR,
            "accept_revision": orders.ACCEPT_REVISION,
        },
        "supports_check_mode": True,
    }


def run(module: Module) -> None:
    """Run the module and exit it."""
    transact(module, lambda cluster: orders.plan(cluster, module.params), create=False)


def main() -> None:
    """Run as a module."""
    run(AnsibleModule(**arguments()))


if __name__ == "__main__":
    main()
