#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ovs_ports
short_description: Manage taps, access ports, flows and rate limits of VMs
version_added: 1.0.0
description:
  - Creates a tap for each interface of a work order, and an access port on the bridge for each interface that is on a
    VLAN. Tag, mode, and the ids of slice, VM, interface and link are set in the same transaction.
  - The slice's id is the netdev group of its taps, and is stored in C(external_ids) of its ports. Ports and taps of a
    listed slice that are not in the work order are removed, ports first.
  - The flows of a port are installed before the port is added. A link forwards everything. On management VLAN 400 an
    interface can use only its own MAC and IPv4 address, and can communicate only with the gateway, the DHCP server and
    its peers. Everything from a port without flows is dropped.
  - The slice's id is the lower half of the cookie of its flows, after C(0x636c7264). Flows are also saved in
    C(STATE_DIR/flows). The unit C(slices-flows) of the role P(cloudrepo.slices.worker#role) restores them when Open
    vSwitch starts. Other flows are not touched.
  - A port that is moved to or from VLAN 400 is removed from the bridge and added again.
  - Sent traffic is limited by an OpenFlow meter. Received traffic is limited by a token bucket filter on the tap, where
    netem also adds faults such as a delay. These settings are saved next to the flows, and restored when Open vSwitch
    or the host starts. If the kernel has no netem, an order that requires it is refused and nothing is changed.
  - Differences from the work order are corrected in place. Only a tap that belongs to another user is recreated, unless
    a VM has it open. It is then returned in RV(kept), and recreated by a later call after the VM has stopped.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.cloud
  - cloudrepo.slices.work_order
  - cloudrepo.slices.datapath
"""

EXAMPLES = r"""
- name: Configure taps and ports of slice 1000 on this worker
  cloudrepo.slices.ovs_ports:
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
              - {name: eth0, tap: tap_1001_eth0, mac: "52:54:00:03:e9:00", vlan_id: 400, address: 10.60.7.101}
              - {name: eth1, tap: tap_1001_eth1, mac: "52:54:00:03:e9:01", vlan_id: 100, link_id: 1}

- name: Install the flows that all slices share, without touching any slice
  cloudrepo.slices.ovs_ports:
    slices: []

- name: Remove all taps and ports of slice 1000 from this worker
  cloudrepo.slices.ovs_ports:
    slices:
      - {slice_id: 1000, vms: []}
"""

RETURN = r"""
commands:
  description: The commands of the C(ovs-vsctl) transaction, also in check mode.
  returned: success
  type: list
  elements: list
  sample: [["add-port", "br-int", "tap_1001_eth1"], ["set", "Port", "tap_1001_eth1", "vlan_mode=access", "tag=100"]]
flows:
  description: Flows that are added and removed, in the syntax of C(ovs-ofctl), also in check mode.
  returned: success
  type: list
  elements: str
  sample: ["cookie=0x636c7264000003e8,table=0,priority=50,in_port=1001,actions=NORMAL"]
kept:
  description: Taps of another user that were not recreated, because a VM has them open.
  returned: success
  type: list
  elements: str
  sample: []
"""

import dataclasses
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import claims
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import (
    DATAPATH_ARGUMENTS,
    GRAMMARS,
    WORK_ORDER_ARGUMENTS,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import reconcile as datapath
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import SubprocessRunner
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import read_slices
from ansible_collections.cloudrepo.slices.plugins.module_utils._module import datapath_steps
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.host import reconcile
from ansible_collections.cloudrepo.slices.plugins.module_utils.steps import Steps


def main() -> None:
    arguments = {**WORK_ORDER_ARGUMENTS, **DATAPATH_ARGUMENTS}
    reconcile(AnsibleModule(argument_spec=arguments, supports_check_mode=True), steps, GRAMMARS)


def steps(params: dict[str, Any], missing_ok: bool) -> Steps[datapath.WirePlan]:
    """Return how the VMs of the slices are connected."""
    claims.require(params, missing_ok=missing_ok)
    orders = read_slices(params["slices"], state_dir=params["state_dir"])
    vlan, runner = claims.management_vlan(params["state_dir"]), SubprocessRunner()
    settings = datapath.read_settings(params, management_vlan=vlan)
    how = datapath_steps.ports(orders, params["user"], settings, runner, missing_ok=missing_ok)
    return dataclasses.replace(how, result=_result)


def _result(todo: datapath.WirePlan) -> dict[str, Any]:
    return {
        "commands": todo.ports.commands,
        "flows": todo.flows.bundle.splitlines(),
        "kept": list(todo.taps.kept),
    }


if __name__ == "__main__":
    main()
