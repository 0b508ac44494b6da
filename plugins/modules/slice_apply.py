#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: slice_apply
short_description: Carries a work order out on a worker
version_added: 1.0.0
description:
  - Makes what slices have on this host that which the order lists, and removes the rest, except disks. It is what
    M(cloudrepo.slices.qcow2_images), M(cloudrepo.slices.ovs_ports) and M(cloudrepo.slices.qemu_vms) do, in one call and
    with one look at the host; their documentation says what becomes of each kind of thing.
  - A disk goes only when the order lists it as given up. One that is not listed at all is left alone, and returned in
    RV(orphans).
  - VMs that are not listed are stopped first. Then come overlays, taps, flows and ports, and last the VMs that shall
    run. One that fails does not hold up the others.
  - Nothing is changed where a base image or the password of a display is missing; the role
    P(cloudrepo.slices.apply_work_order#role) then brings them and asks again.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.work_order
  - cloudrepo.slices.wiring
  - cloudrepo.slices.running
seealso:
  - module: cloudrepo.slices.slice_plan
  - module: cloudrepo.slices.slice_report
"""

EXAMPLES = r"""
- name: Slice 1000 has one VM on this worker, and it runs
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

- name: Slice 1000 has nothing on this worker, and the disk of a VM that it had is given up
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
  description: Every VM of the order, as it is now.
  returned: success, and when a VM failed
  type: list
  elements: dict
  contains:
    vm_id:
      description: The VM's id.
      type: int
      sample: 1001
    state:
      description: What it does.
      type: str
      sample: "running"
    name:
      description: The VM's name.
      type: str
      sample: "vm1"
    slice_id:
      description: The slice that it belongs to.
      type: int
      sample: 1000
    pid:
      description: The process id of its QEMU. Null where it does not run.
      type: str
      sample: "4821"
    failure:
      description: What is wrong with it. Null where nothing is.
      type: str
      sample: null
restart_required:
  description: VMs that run, but not as wanted, because that takes a restart.
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
      description: What differs, a phrase each.
      type: list
      elements: str
      sample: [cores 1 → 2]
missing_images:
  description: The paths of base images that are not there. Without check mode nothing is changed then.
  returned: success, and when one is missing
  type: list
  elements: str
  sample: []
stopped:
  description: The units that were or in check mode would be stopped because they are not listed.
  returned: success
  type: list
  elements: str
  sample: []
orphans:
  description:
    - The overlays in the folders of these slices that the order lists neither with a VM nor as given up. They are kept,
      and so are the folders that they are in.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: The overlay.
      type: str
      sample: /var/lib/cloudrepo/vms/1003/vm3_img.qcow2
    uuid:
      description: Its UUID; null where the host does not know one.
      type: str
      sample: 5f0c1c5e-8a59-4c36-9d1c-6c1f8a1f0b77
    vm_id:
      description: The VM whose folder it is in.
      type: int
      sample: 1003
    slice_id:
      description: The slice that the folder belongs to.
      type: int
      sample: 1000
missing_passwords:
  description: The ids of VMs whose display gets a password that O(vnc_passwords) does not have.
  returned: when there are any, and nothing is changed then
  type: list
  elements: int
  sample: [1001]
refused:
  description:
    - The slices that this host refused, because it has carried out a newer work order of them, or because what it holds
      under their numbers is another's. Nothing of them was changed; the other slices of the order were done.
  returned: when there are any; the module fails then
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
      description: Whether the host holds another slice of this id, and so nothing of this one.
      type: bool
      sample: false
failure:
  description: What failed apart from slices that were refused. Null if nothing did.
  returned: when slices were refused
  type: str
  sample: null
timings_s:
  description: The seconds that each stage took.
  returned: success, not in check mode
  type: dict
  sample: {observe: 0.112, images: 0.031, ovs: 0.094, taps: 0.02, qemu: 1.873}
changes:
  description:
    - Each object on this host that the call changes, or in check mode would change. The flows of a slice are one.
    - C(action) is C(create), C(update), C(delete), or what else is done to it, such as C(restart). C(reason) says in
      words why, or what differs.
    - C(before) and C(after) are its attributes. C(before) is null where it is created, C(after) where nothing of it is
      left.
    - With C(restart) a running VM has to restart for it.
  returned: success
  type: list
  elements: dict
  sample:
    - kind: tap
      name: tap_1001_eth1
      id: tap_1001_eth1
      action: create
      before: null
      after: {state: up, group: 1000, owner: 998, mtu: 1500, arp: false}
      reason: ""
      restart: false
    - kind: unit
      name: cloudrepo-1000@1001.service
      id: cloudrepo-1000@1001.service
      action: restart
      before: {state: running}
      after: {state: restarted}
      reason: cores 1 → 2
      restart: true
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import ownership, worker
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.accounts import find_accounts
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import (
    GRAMMARS,
    RUNNING_ARGUMENTS,
    WIRING_ARGUMENTS,
    WORK_ORDER_ARGUMENTS,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import reconcile as datapath
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import (
    apply as qemu_apply,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import (
    config as qemu_config,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.qmp import SocketMonitor
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.vnc import read_passwords
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import SubprocessRunner
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import read_slices
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Outcome, listed, run

ARGUMENTS = {
    **WORK_ORDER_ARGUMENTS,
    **WIRING_ARGUMENTS,
    **RUNNING_ARGUMENTS,
}


def main() -> None:
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        required_if=[("vnc_listen", "worker", ["vnc_address"])],
        supports_check_mode=True,
    )
    params = module.params
    tools = qemu_apply.Tools(SubprocessRunner(), SocketMonitor())

    def action() -> Outcome:
        orders = read_slices(params["slices"], state_dir=params["state_dir"])
        passwords = read_passwords(params["vnc_passwords"])
        accounts = find_accounts(params["user"], orders, missing_ok=module.check_mode)
        settings = worker.Settings(
            vms=qemu_config.read_settings(params, accounts),
            wires=datapath.read_settings(params),
        )
        if module.check_mode:
            seen = worker.look(orders, tools, settings=settings, missing_ok=True)
            todo = worker.plan(seen.orders, seen.have, settings=settings, restart=params["restart"])
            vms = qemu_apply.states(seen.orders, seen.have.vms.units.vms, {}, paused=seen.have.vms.paused)
            if seen.refused:
                raise ownership.failure(seen.refused, vms=vms, changes=listed(todo.changes))
            result: dict[str, Any] = {"vms": vms}
        else:
            todo, vms, timings_s = worker.carry_out(
                orders,
                tools,
                settings=settings,
                restart=params["restart"],
                start_timeout_s=params["start_timeout_s"],
                passwords=passwords,
            )
            result = {"vms": vms, "timings_s": timings_s}
        changes = todo.changes
        result.update(
            todo.vms.result,
            missing_images=list(todo.missing_images),
            orphans=[orphan.to_dict() for orphan in todo.disks.orphans],
            changes=listed(changes),
        )
        return Outcome(changes, result)

    run(module, action, GRAMMARS)


if __name__ == "__main__":
    main()
