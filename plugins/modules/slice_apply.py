#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: slice_apply
short_description: Apply a work order on a worker
version_added: 1.0.0
description:
  - Brings the listed slices to their state in the work order, and removes everything else that they have on this host,
    except disks. This combines M(cloudrepo.slices.qcow2_images), M(cloudrepo.slices.ovs_ports) and
    M(cloudrepo.slices.qemu_vms) in a single call, which observes the host only once. See their documentation for
    details.
  - Masks, drop-ins and other files that change units of these slices or of the host are removed, and owners, modes and
    access control lists of VM folders and their files are restored.
  - A disk is removed only if the work order lists it as given up. Disks that are not listed at all are kept and
    returned in RV(orphans).
  - VMs that are not listed are stopped first. Then overlays, taps, flows and ports are configured, and finally the VMs
    are started. A VM that fails does not affect the others.
  - Each slice is applied or refused on its own. One that this host refuses is not changed. It is returned in
    RV(refused), and so is one that cannot be applied. The other slices are applied, and then the module fails.
  - A slice is refused if a base image, the password of a display or user data is missing. The role
    P(cloudrepo.slices.apply_work_order#role) then provides them and calls the module again. A base image whose size or
    time has changed since M(cloudrepo.slices.base_images) verified it counts as missing. VMs on a base image that is
    damaged are not started.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.cloud
  - cloudrepo.slices.cloud.issued
  - cloudrepo.slices.work_order
  - cloudrepo.slices.datapath
  - cloudrepo.slices.running
  - cloudrepo.slices.disks
options:
  machine_mark:
    description:
      - HMAC-SHA256 of the worker's machine-id, with the UUID of the cloud as the key.
      - A host with another machine-id, which has got this worker's address, refuses the call before anything is
        changed.
    type: str
  complete:
    description:
      - Whether the order contains all slices of the database. In check mode, all that this host has of other slices is
        then returned.
    type: bool
    default: false
seealso:
  - module: cloudrepo.slices.slice_plan
  - module: cloudrepo.slices.slice_report
"""

EXAMPLES = r"""
- name: Start the only VM of slice 1000 on this worker
  cloudrepo.slices.slice_apply:
    vnc_address: 10.0.10.1
    vnc_passwords: {1001: hMr3kWpa}
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
            vnc_port: 5901
            vnc_password_id: 8b1a9953c4611296
            interfaces:
              - {name: eth0, tap: tap_1001_eth0, mac: "52:54:00:03:e9:00", vlan_id: 400, address: 10.60.7.101}
              - {name: eth1, tap: tap_1001_eth1, mac: "52:54:00:03:e9:01", vlan_id: 100, link_id: 1}

- name: Remove slice 1000 from this worker, with the disk of one of its VMs
  cloudrepo.slices.slice_apply:
    vnc_address: 10.0.10.1
    slices:
      - slice_id: 1000
        vms: []
        given_up:
          - {vm_id: 1002, path: /var/lib/cloudrepo/vms/1002/vm2_img.qcow2}
"""

RETURN = r"""
vms:
  description: The observed state of each VM of the work order.
  returned: success, and when a VM fails
  type: list
  elements: dict
  contains:
    vm_id:
      description: The VM's id.
      type: int
      sample: 1001
    state:
      description: Its observed state.
      type: str
      sample: "running"
    name:
      description: The VM's name.
      type: str
      sample: "vm1"
    slice_id:
      description: Id of its slice.
      type: int
      sample: 1000
    pid:
      description: Process id of its QEMU. Null if it does not run.
      type: str
      sample: "4821"
    failure:
      description: Why it failed. Null if it did not.
      type: str
      sample: null
    holds_given_up:
      description: Whether its QEMU has data disks open that the VM has given up. They are kept until a restart.
      type: bool
      sample: null
moment:
  description:
    - When the states were observed, as the id of the host's boot and the seconds since, for
      M(cloudrepo.slices.slice_report).
  returned: success, and when a VM fails, not in check mode
  type: str
  sample: 8a1c52f0-9d3e-4b7a-8f21-0c6d5e4b3a29 86400.250000
restart_required:
  description: Running VMs that need a restart to match the work order.
  returned: success
  type: list
  elements: dict
  contains:
    vm_id:
      description: The VM's id.
      type: int
      sample: 1001
    name:
      description: The VM's name.
      type: str
      sample: vm1
    reasons:
      description: The differences.
      type: list
      elements: str
      sample: [cores 1 → 2]
missing_images:
  description:
    - Paths of base images that are missing, or have changed since M(cloudrepo.slices.base_images) verified them.
      Slices that need one are refused, except in check mode.
  returned: success, and when slices were refused or failed
  type: list
  elements: str
  sample: []
stopped:
  description: Units that were stopped because their VM is not listed, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: []
orphans:
  description:
    - Overlays in the folders of these slices that the work order lists neither with a VM nor as given up. They are
      kept, together with their folders.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: Path of the overlay.
      type: str
      sample: /var/lib/cloudrepo/vms/1003/vm3_img.qcow2
    uuid:
      description: Its UUID. Null if the host does not know it.
      type: str
      sample: 5f0c1c5e-8a59-4c36-9d1c-6c1f8a1f0b77
    vm_id:
      description: Id of the VM whose folder contains it.
      type: int
      sample: 1003
    slice_id:
      description: Id of the slice to which the folder belongs.
      type: int
      sample: 1000
missing_user_data:
  description: Ids of VMs whose user data is missing in O(user_data). Slices with one are refused.
  returned: success, and when slices were refused or failed, not in check mode
  type: list
  elements: int
  sample: []
only_here:
  description:
    - In check mode, all that this host has of slices that are not in the work order, and all disks that the order does
      not list, each as in RV(cloudrepo.slices.worker_orphans#module:orphans).
  returned: in check mode, if the work order is O(complete)
  type: list
  elements: dict
  sample: []
missing_passwords:
  description: Ids of VMs whose display password is missing in O(vnc_passwords). Slices with one are refused.
  returned: success, and when slices were refused or failed, not in check mode
  type: list
  elements: int
  sample: [1001]
refused:
  description:
    - Slices that this host refused, because their part of the work order is invalid or lacks something, because the
      host has already applied a newer work order, or because it has another slice or VM with the same id. Nothing was
      changed for them.
    - Also slices of which a change has failed, with C(begun) true.
    - The other slices of the work order were applied.
  returned: when slices were refused or failed, in which case the module fails
  type: list
  elements: dict
  contains:
    slice_id:
      description: The slice's id.
      type: int
      sample: 1000
    failure:
      description: Why the host refused it.
      type: str
      sample: "slice 1000: run the deploy again"
    another:
      description: Whether the host has another slice with this id, and therefore nothing of this one.
      type: bool
      sample: false
    begun:
      description: Whether the host had begun to apply it and failed, so that a part of it may be applied.
      type: bool
      sample: false
failure:
  description: Other failures. Null if there are none.
  returned: when slices were refused or failed
  type: str
  sample: null
answers:
  description: The receipts of slices that give something up, for M(cloudrepo.slices.slice_report).
  returned: always
  type: list
  elements: dict
  contains:
    slice_id:
      description: The slice's id.
      type: int
      sample: 1000
    receipt:
      description: Its receipt.
      type: str
      sample: 9f1c3b5a0d7e4862a1b2c3d4e5f60718
timings_s:
  description: Duration of each stage in seconds.
  returned: success, not in check mode
  type: dict
  sample: {observe: 0.112, images: 0.031, ovs: 0.094, taps: 0.02, qemu: 1.873}
changes:
  description:
    - The objects on this host that are changed, or would be changed in check mode. All flows of a slice are one object.
    - C(action) is C(create), C(update), C(delete) or another verb such as C(restart). C(reason) gives the reason or
      lists the differences.
    - C(before) and C(after) are the attributes of the object. C(before) is null if it is created, C(after) if it is
      deleted.
    - C(slice_id) is the id of its slice; null if it belongs to no slice or to all of them.
    - If C(restart) is true, the change takes effect on a running VM only after a restart.
  returned: success
  type: list
  elements: dict
  sample:
    - kind: tap
      name: tap_1001_eth1
      id: tap_1001_eth1
      slice_id: 1000
      action: create
      before: null
      after: {state: up, group: 1000, owner: 998, mtu: 1500, arp: false}
      reason: ""
      restart: false
    - kind: unit
      name: cloudrepo-1000@1001.service
      id: cloudrepo-1000@1001.service
      slice_id: 1000
      action: restart
      before: {state: running}
      after: {state: restarted}
      reason: cores 1 → 2
      restart: true
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import CALLS, GRAMMARS
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.host import reconcile
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.worker_steps import steps
from ansible_collections.cloudrepo.slices.plugins.module_utils.report import answers


def main() -> None:
    module = AnsibleModule(**CALLS["slice_apply"], supports_check_mode=True)
    reconcile(module, steps, GRAMMARS, answers=answers(module.params["slices"]))


if __name__ == "__main__":
    main()
