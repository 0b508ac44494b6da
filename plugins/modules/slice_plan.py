#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: slice_plan
short_description: Work orders for the hosts that hold slices
version_added: 1.0.0
description:
  - Turns what the database holds of some slices into one work order per worker and one for the network node. Every
    worker gets one, for it also says what has to go.
  - VMs that no host has heard of yet become C(design) in the database, so that they are not forgotten before their
    host has let go of them; with O(state=present) that is all it changes.
  - A slice that asks for more than its hosts have said to offer by now, as netem or the MTU of a trunk, is refused,
    unless it is being deleted.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
  - cloudrepo.slices.selection
options:
  state:
    description:
      - V(present) plans what the slices have on the hosts.
      - V(absent) deletes the slices first, as M(cloudrepo.slices.slice) does with
        O(cloudrepo.slices.slice#module:state=absent); the work orders then remove what they have on the hosts. Names
        that match no slice are ignored.
    type: str
    choices: [present, absent]
    default: present
  state_dir:
    description:
      - The folder on the workers below which disks and base images lie.
    type: path
    default: /var/lib/cloudrepo
"""

EXAMPLES = r"""
- name: Plan the work orders of the slice web
  cloudrepo.slices.slice_plan:
    names: web
  register: plan

- name: Delete all slices of alice, and plan the work orders that remove them from the hosts
  cloudrepo.slices.slice_plan:
    owner: alice
    state: absent
  register: plan
"""

RETURN = r"""
work_orders:
  description: A work order for each worker by its address, and one for the network node.
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
            vm_uuid: 0b9d4f5c-52a1-4b0e-9b7e-2f6a3d1c8e02
            vnc_password_id: "8b1a9953c4611296"
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
        networks:
        - vlan_id: 101
          name: lan
          cidr: 192.168.101.0/24
          server_ip: 192.168.101.1
          members:
          - name: vm1
            mac: "52:54:00:03:e9:01"
          gateway: true
          dhcp_range: 192.168.101.10,192.168.101.250
          nat: true
          mtu: 9000
slice_ids:
  description: The ids of the slices chosen.
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
fingerprints:
  description: What tells M(cloudrepo.slices.slice_report) whether a slice was changed after its order was made.
  returned: success
  type: dict
  sample: {"1000": 3f1c5bb0d0a7e2aa}
recorded:
  description: What the database holds of the VMs, as hosts report it. Null where a report is needed in any case.
  returned: success
  type: list
  elements: dict
  sample: [{vm_id: 1001, state: running, pid: "4821"}]
vms_to_start:
  description: The ids of VMs that shall run and are not known to. Their displays may need their passwords.
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
      slice web (1000) of admin: design, VLAN pool 100–119
      VM   ID    WORKER     STATE   PID  ADDRESS      INTERFACES:VLAN    VNC
      vm1  1001  10.0.10.1  design  -    10.60.7.101  eth0:400 eth1:100  10.0.10.1:5901
changes:
  description:
    - Each object that the call changes, or in check mode would change.
    - C(action) is C(create), C(update), C(delete), or what else is done to it, such as C(restart). C(reason) says in
      words why, or what differs.
    - C(before) and C(after) are its attributes. C(before) is null where it is created, C(after) where nothing of it is
      left.
  returned: success
  type: list
  elements: dict
  sample:
    - kind: vm
      name: web/vm1
      id: 1001
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
            "state_dir": orders.STATE_DIR,
        },
        "supports_check_mode": True,
    }


def run(module: Module) -> None:
    """Carry out what C(module) was asked for, and leave it."""
    transact(module, lambda cluster: orders.plan(cluster, module.params))


def main() -> None:
    """Run as a module."""
    run(AnsibleModule(**arguments()))


if __name__ == "__main__":
    main()
