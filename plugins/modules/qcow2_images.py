#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: qcow2_images
short_description: Manage the disks of VMs as overlays on base images
version_added: 1.0.0
description:
  - Creates a folder for each VM of a work order and, in it, a qcow2 overlay on the VM's base image, which
    M(cloudrepo.slices.base_images) has verified.
  - An existing overlay is never changed, even if the size or base image in the work order differs, because it contains
    a tenant's data. An overlay with another base image is returned in RV(kept_backing).
  - An overlay that was seen before and is missing is not created again unless C(recreate) is set in the work order.
    Otherwise the module fails.
  - Overlays that the work order lists as given up are removed. The folder of a VM that is not listed is removed when it
    contains no more overlays. Any other overlay in the folders of a listed slice is kept and returned in RV(orphans).
    Run M(cloudrepo.slices.qemu_vms) with O(cloudrepo.slices.qemu_vms#module:state=pruned) before, to stop the VMs whose
    disks are removed.
  - The owner of a folder is root, its group is that of the slice's user. QEMU runs as this user, who can write only to
    the overlay and the console log. Users of other slices have no access. Wrong owners are corrected.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.cloud
  - cloudrepo.slices.work_order
  - cloudrepo.slices.disks
"""

EXAMPLES = r"""
- name: Create the disks of slice 1000 on this worker
  cloudrepo.slices.qcow2_images:
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
            interfaces:
              - {name: eth0, tap: tap_1001_eth0, mac: "52:54:00:03:e9:00", vlan_id: 400}
              - {name: eth1, tap: tap_1001_eth1, mac: "52:54:00:03:e9:01", vlan_id: 100, link_id: 1}
"""

RETURN = r"""
created:
  description: Overlays that are created, also in check mode.
  returned: success
  type: list
  elements: str
  sample: [/var/lib/cloudrepo/vms/1001/vm1_img.qcow2]
removed:
  description: Ids of VMs whose folder is removed, also in check mode.
  returned: success
  type: list
  elements: int
  sample: [1002]
orphans:
  description: Overlays in the folders of these slices that the work order lists neither with a VM nor as given up.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: Path of the overlay, which is kept.
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
kept_backing:
  description: Overlays that were not changed although their base image differs from the work order.
  returned: success
  type: list
  elements: dict
  contains:
    vm_id:
      description: The VM's id.
      type: int
      sample: 1001
    overlay:
      description: Path of the VM's disk.
      type: str
      sample: /var/lib/cloudrepo/vms/1001/vm1_img.qcow2
    backing_file:
      description: The base image of the overlay. Null if it has none.
      type: str
      sample: /var/lib/cloudrepo/images/2c26b46b68ffc68f.img
    wanted:
      description: The base image in the work order.
      type: str
      sample: /var/lib/cloudrepo/images/9f86d081884c7d65.img
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import claims
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.accounts import find_accounts
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import (
    DISK_ARGUMENTS,
    GRAMMARS,
    WORK_ORDER_ARGUMENTS,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import growth, lost, overlays, trash
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.qmp import SocketMonitor
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import SubprocessRunner
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import read_slices
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.host import reconcile
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused, SlicesError
from ansible_collections.cloudrepo.slices.plugins.module_utils.steps import Steps


def main() -> None:
    def steps(params: dict[str, Any], missing_ok: bool) -> Steps[overlays.DiskPlan]:
        claims.require(params, missing_ok=missing_ok)
        state_dir = params["state_dir"]
        orders = read_slices(params["slices"], state_dir=state_dir)
        have = overlays.observe(orders, state_dir=state_dir)
        accounts = find_accounts(params["user"], orders, missing_ok=missing_ok)

        def apply(todo: overlays.DiskPlan) -> dict[str, list[str]]:
            overlays.need_bases(todo, have)
            removed = list[trash.Early]()
            overlays.apply(
                todo, have, state_dir=state_dir, accounts=accounts, runner=SubprocessRunner(), removed=removed
            )
            faults = growth.opened(todo.grow, SocketMonitor())
            if faults:
                raise SlicesError("\n".join(faults.values()), warnings=trash.warnings(removed))
            return {"warnings": trash.warnings(removed)} if removed else {}

        def plan() -> overlays.DiskPlan:
            missing = lost.find(orders, have.overlays, have.known, {})
            if missing.refusals:
                raise Refused(list(missing.refusals.values()))
            return overlays.plan(orders, have, accounts=accounts, retention_h=params["disk_retention_h"])

        return Steps(
            plan=plan,
            apply=apply,
            result=to_result,
        )

    arguments = {**WORK_ORDER_ARGUMENTS, **DISK_ARGUMENTS}
    reconcile(AnsibleModule(argument_spec=arguments, supports_check_mode=True), steps, GRAMMARS)


def to_result(todo: overlays.DiskPlan) -> dict[str, Any]:
    """Return the results of a plan."""
    return {
        "created": [disk.path for _vm, disk in todo.create],
        "removed": [vm_id for vm_id, _slice_id in todo.remove],
        "orphans": [orphan.to_dict() for orphan in todo.orphans],
        "kept_backing": [
            {
                "vm_id": vm.vm_id,
                "overlay": disk.path,
                "backing_file": image.backing_file,
                "wanted": disk.backing_file,
            }
            for vm, disk, image in todo.kept
        ],
    }


if __name__ == "__main__":
    main()
