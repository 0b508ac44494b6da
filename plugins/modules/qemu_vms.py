#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: qemu_vms
short_description: Manage VMs as systemd units that run QEMU
version_added: 1.0.0
description:
  - Writes the QEMU configuration of each VM of a work order, starts the VMs, and waits until their QMP monitors
    respond. A VM that fails does not affect the others.
  - Each VM is a unit C(cloudrepo-SLICE@VM.service), which systemd restarts after a crash and starts after a reboot. The
    unit's settings are installed by the role P(cloudrepo.slices.worker#role).
  - An interface without a VLAN has no carrier in the guest. If an interface is connected to a VLAN or disconnected from
    it, the carrier of a running VM changes accordingly.
  - VMs of a listed slice that are not in the work order are stopped and their units disabled. Their guests are not
    asked to shut down, unlike those of listed VMs that are stopped or restarted.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.cloud
  - cloudrepo.slices.work_order
  - cloudrepo.slices.running
options:
  state:
    description:
      - V(pruned) only stops VMs that are not listed.
      - V(running) also brings all listed VMs to their state in the work order. Requires O(vnc_address).
    type: str
    choices: [pruned, running]
    default: running
"""

EXAMPLES = r"""
- name: Stop all VMs of slice 1000
  cloudrepo.slices.qemu_vms:
    state: pruned
    slices:
      - {slice_id: 1000, vms: []}

- name: Start the VMs of slice 1000 on this worker
  cloudrepo.slices.qemu_vms:
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
              - {name: eth0, tap: tap_1001_eth0, mac: "52:54:00:03:e9:00", vlan_id: 400}
              - {name: eth1, tap: tap_1001_eth1, mac: "52:54:00:03:e9:01", vlan_id: 100, link_id: 1}
"""

RETURN = r"""
vms:
  description: The observed state of each VM of the work order.
  returned: when O(state=running), even if a VM fails
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
restart_required:
  description: Running VMs that need a restart to match the work order.
  returned: when O(state=running)
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
stopped:
  description: Units that were stopped because their VM is not listed, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [cloudrepo-1000@1002.service]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import claims
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.accounts import find_accounts
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import (
    GRAMMARS,
    RUNNING_ARGUMENTS,
    WORK_ORDER_ARGUMENTS,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import bases, lost, overlays
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import apply as qemu_apply
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import plan as qemu_plan
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.config import read_settings
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.qmp import SocketMonitor
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.seed import read_user_data
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.vm_plan import VmPlan
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.vnc import read_passwords
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import SubprocessRunner, observed
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import read_slices
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.host import reconcile
from ansible_collections.cloudrepo.slices.plugins.module_utils.steps import Steps

ARGUMENTS = {
    **WORK_ORDER_ARGUMENTS,
    **RUNNING_ARGUMENTS,
    "state": {"type": "str", "default": "running", "choices": ["pruned", "running"]},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        required_if=[("state", "running", ["vnc_address"])],
        supports_check_mode=True,
    )
    reconcile(module, steps, GRAMMARS)


def _options(params: dict[str, Any]) -> dict[str, Any]:
    secrets = {"passwords": read_passwords(params["vnc_passwords"]), "user_data": read_user_data(params["user_data"])}
    return {**secrets, "start_timeout_s": params["start_timeout_s"]}


def steps(params: dict[str, Any], missing_ok: bool) -> Steps[Any]:
    """Return how VMs are started, or those that are not listed are stopped."""
    claims.require(params, missing_ok=missing_ok)
    orders = read_slices(params["slices"], state_dir=params["state_dir"])
    options = _options(params)
    settings = read_settings(params, find_accounts(params["user"], orders, missing_ok=missing_ok))
    tools = qemu_apply.Tools(SubprocessRunner(), SocketMonitor())
    have = observed(
        lambda: qemu_plan.observe(orders, settings=settings, runner=tools.runner, monitor=tools.monitor),
        nothing=qemu_plan.Host(),
        missing_ok=missing_ok,
    )
    if params["state"] == "pruned":
        return Steps(
            plan=lambda: qemu_plan.plan_prune(orders, have),
            apply=lambda todo: qemu_apply.prune(todo, tools),
            result=lambda todo: {"stopped": [unit.name for unit in todo.stop]},
        )
    disks = overlays.observe(orders, state_dir=params["state_dir"])
    pids = {vm_id: unit.pid for vm_id, unit in have.units.vms.items()}
    missing = lost.find(orders, disks.overlays, disks.known, pids)
    barred = {**bases.barred(orders, disks.overlays, disks.bases), **missing.barred}
    constraints = qemu_plan.Constraints(barred=barred, held=missing.held)

    def apply(todo: VmPlan) -> dict[str, Any]:
        late: list[str] = []
        done = qemu_apply.apply(todo, orders, tools, settings=settings, warn=late.append, **options)
        return {"vms": done, **({"warnings": late} if late else {})}

    return Steps(
        plan=lambda: qemu_plan.plan(
            orders, have, settings=settings, restart=params["restart"], constraints=constraints
        ),
        apply=apply,
        result=lambda todo: {
            "vms": qemu_apply.states(orders, have.units.vms, todo.faults, paused=have.paused),
            **todo.result,
        },
    )


if __name__ == "__main__":
    main()
