#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: slice_report
short_description: Record the hosts' reports on slices
version_added: 1.0.0
description:
  - Stores the hosts' reports in the database. VMs get the state and process id that their worker observed. VMs of a
    worker that failed get the status C(error).
  - VMs that are being deleted, and the VLANs and addresses of removed objects, are released if all hosts that may use
    them report success, and each report contains the receipt of the work order with which exactly these were given up.
    Everything else is kept until the next deploy, and RV(waiting) lists the slices.
  - A report that answers an older work order than the recorded one, because another run was faster, does not change the
    state of VMs. RV(superseded) lists the slices.
  - A failure in a report is recorded and returned, but does not make the module fail.
  - Slices that are selected by their ids and no longer exist, because another run has deleted them, do not affect the
    others. RV(gone) lists them.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
  - cloudrepo.slices.selection
options:
  disk_retention_h:
    description:
      - Number of hours for which workers keep deleted disks in the trash. During this time, data disks that VMs have
        given up are listed with them, and can be restored.
    type: int
    default: 24
  reports:
    description:
      - A report for each host that has a work order.
    type: list
    elements: dict
    required: true
    suboptions:
      host:
        description:
          - Name of the host in the inventory, for messages.
        type: str
        required: true
      target:
        description:
          - "Recipient of the work order: the worker's address, or C(network_node)."
        type: str
        required: true
      failure:
        description:
          - Why the work order was not applied completely. Null if it was applied.
        type: str
      refused:
        description:
          - Slices of the work order that the host refused or failed to apply. The others were applied. The recorded
            state of the VMs of refused slices is kept.
        type: list
        elements: dict
        default: []
        suboptions:
          slice_id:
            description:
              - The slice's id.
            type: int
            required: true
          failure:
            description:
              - Why the host refused it.
            type: str
            required: true
          another:
            description:
              - Whether the host has another slice with this id, and therefore nothing of this one.
            type: bool
            default: false
          begun:
            description:
              - Whether the host had begun to apply it and failed, so that a part of it may be applied.
            type: bool
            default: false
      vms:
        description:
          - The VMs on the host.
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
          name:
            description:
              - The VM's name.
            type: str
          slice_id:
            description:
              - Id of its slice.
            type: int
          pid:
            description:
              - Process id of its QEMU. Null if it does not run.
            type: str
          failure:
            description:
              - Why it failed. Null if it did not.
            type: str
          holds_given_up:
            description:
              - Whether its QEMU has data disks open that the VM has given up. They are kept until a restart.
            type: bool
            default: false
      answers:
        description:
          - The receipts of slices in the work order. Without the right one, nothing that the slice has given up is
            freed.
        type: list
        elements: dict
        default: []
        suboptions:
          slice_id:
            description:
              - The slice's id.
            type: int
            required: true
          receipt:
            description:
              - Its receipt.
            type: str
            required: true
      revision:
        description:
          - The revision of the work order that the report answers. A report that is older than the recorded one changes
            no state of VMs. Null if it is not known, and then it is always recorded.
        type: int
      moment:
        description:
          - "When the host observed the VMs: the id of its boot, and the seconds since. Of two reports on orders of the
            same revision, it shows which one is older. Null if it is not known."
        type: str
"""

EXAMPLES = r"""
- name: Record that both VMs of a slice run
  cloudrepo.slices.slice_report:
    names: web
    reports:
      - host: worker1
        target: 10.0.10.1
        vms:
          - {vm_id: 1001, state: running, pid: "4821"}
      - host: worker2
        target: 10.0.10.2
        vms:
          - {vm_id: 1002, state: running, pid: "5103"}
      - host: netnode
        target: network_node
"""

RETURN = r"""
failures:
  description: Failures, one sentence each.
  returned: success
  type: list
  elements: str
  sample: ["worker2: unreachable"]
superseded:
  description:
    - A sentence for each slice of which VMs keep the recorded state, because it was reported on a newer work order than
      the one that these reports answer.
  returned: success
  type: list
  elements: str
  sample: []
waiting:
  description: Ids of slices that have given up VMs, VLANs or addresses which no report has freed.
  returned: success
  type: list
  elements: int
  sample: []
gone:
  description: Selected ids of slices that no longer exist.
  returned: success
  type: list
  elements: int
  sample: [1112]
slices:
  description: The slices as they are stored now, without deleted ones.
  returned: success
  type: list
  elements: dict
  sample:
    - slice_id: 1000
      owner: admin
      topology_type: custom
      vlan_pool_start: 100
      vlan_pool_end: 119
      vlan_pool_used: [100]
      status: running
      vms: []
      links: []
      networks: []
      name: web
      revision: 1795371735123
tables:
  description: Each slice as a text table.
  returned: success
  type: list
  elements: str
  sample:
    - |-
      slice web (1000) of admin: running, VLAN pool 100–119, revision 1795371735123
      VM   ID    WORKER     STATE    PID   ADDRESS      INTERFACES:VLAN    VNC
      vm1  1001  10.0.10.1  running  4821  10.60.7.101  eth0:400 eth1:100  10.0.10.1:5901
mermaid:
  description: Each slice as a Mermaid flowchart.
  returned: success
  type: list
  elements: str
  sample:
    - |-
      ---
      title: web
      ---
      flowchart LR
        vm1001["vm1"]
        vm1002["vm2"]
        vm1001 ---|"eth1 VLAN 100 eth1"| vm1002
dot:
  description: Each slice as a graph in DOT.
  returned: success
  type: list
  elements: str
  sample:
    - |-
      graph "web" {
        vm1001 [shape=box, label="vm1"];
        vm1002 [shape=box, label="vm2"];
        vm1001 -- vm1002 [label="eth1 VLAN 100 eth1"];
      }
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import orders
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.control import CONTROL_ARGUMENTS, transact
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Module
from ansible_collections.cloudrepo.slices.plugins.module_utils.report import Reports


def arguments() -> dict[str, Any]:
    """Return keyword arguments for AnsibleModule."""
    return {
        "argument_spec": {
            **CONTROL_ARGUMENTS,
            **orders.SELECTION_ARGUMENTS,
            **Reports.arguments(),
            "disk_retention_h": {"type": "int", "default": 24},
        },
        "supports_check_mode": True,
    }


def run(module: Module) -> None:
    """Run the module and exit it."""
    transact(module, lambda cluster: orders.report(cluster, module.params), create=False)


def main() -> None:
    """Run as a module."""
    run(AnsibleModule(**arguments()))


if __name__ == "__main__":
    main()
