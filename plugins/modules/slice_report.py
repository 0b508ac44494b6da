#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: slice_report
short_description: Records what the hosts saw of slices
version_added: 1.0.0
description:
  - Takes the hosts' reports into the database. VMs get the state and process id that their worker saw; those of a
    worker that failed become C(error).
  - VMs that were being deleted, and VLANs and addresses that were given up, are free from here on, but only if
    all hosts that may hold them report success.
  - A report of failure is recorded and returned; it does not make the module fail.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
  - cloudrepo.slices.selection
options:
  fingerprints:
    description:
      - What M(cloudrepo.slices.slice_plan) returned with the work orders. A slice that was changed since then gives
        nothing up now; the next deploy does it. Without this, the reports are taken for answers to its present state.
    type: dict
  reports:
    description:
      - What each host that was given a work order has to say.
    type: list
    elements: dict
    required: true
    suboptions:
      host:
        description:
          - The host's name in the inventory, for messages.
        type: str
        required: true
      target:
        description:
          - "What its work order was for: the worker's address, or C(network_node)."
        type: str
        required: true
      failure:
        description:
          - Why it did not do all of its work order. Null where it did.
        type: str
      refused:
        description:
          - The slices of its work order that it refused. It did the others, and VMs of these stay as they are recorded.
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
              - Whether the host holds another slice of this id, and so nothing of this one.
            type: bool
            default: false
      vms:
        description:
          - The VMs it saw.
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
              - What it does.
            type: str
            choices: [running, stopped, paused, error]
            required: true
          name:
            description:
              - The VM's name.
            type: str
          slice_id:
            description:
              - The slice that it belongs to.
            type: int
          pid:
            description:
              - The process id of its QEMU. Null where it does not run.
            type: str
          failure:
            description:
              - What is wrong with it. Null where nothing is.
            type: str
"""

EXAMPLES = r"""
- name: Both VMs of the slice run
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
  description: What failed, a sentence each.
  returned: success
  type: list
  elements: str
  sample: ["worker2: unreachable"]
slices:
  description: The slices as they are stored now; one that is gone is not listed.
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
tables:
  description: Each slice as a text table.
  returned: success
  type: list
  elements: str
  sample:
    - |-
      slice web (1000) of admin: running, VLAN pool 100–119
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
            "fingerprints": {"type": "dict"},
            **Reports.arguments(),
        },
        "supports_check_mode": True,
    }


def run(module: Module) -> None:
    """Carry out what C(module) was asked for, and leave it."""
    transact(module, lambda cluster: orders.report(cluster, module.params))


def main() -> None:
    """Run as a module."""
    run(AnsibleModule(**arguments()))


if __name__ == "__main__":
    main()
