#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ovs_ports
short_description: The taps of VMs, their access ports, and who may speak there
version_added: 1.0.0
description:
  - Gives each interface of a work order its tap, and each that is on a VLAN its access port on the bridge, with the
    tag, the mode and the identity of slice, VM, interface and link, all in one transaction.
  - Taps carry their slice's id as their netdev group, ports carry it in C(external_ids). What carries the id of a
    listed slice and is not listed is removed, first the ports and then the taps.
  - What a port may say stands in OpenFlow on the bridge before the port is there. A link is transparent. On management
    VLAN 400 an interface speaks under its own MAC and IPv4 address, and with the gateway, the DHCP server and its peers
    alone. A port that nobody listed says nothing at all.
  - Flows carry the slice's id in their cookie, below C(0x636c7264). They are also saved in C(STATE_DIR/flows), from
    where the unit C(slices-flows) of the role P(cloudrepo.slices.worker#role) brings them back when the switch starts.
    Flows of others are left alone.
  - A port that goes to or from VLAN 400 leaves the bridge for that moment.
  - What a guest sends is limited by an OpenFlow meter, and what it receives by a token bucket on its tap, which is also
    where netem makes delay, jitter and loss. They are saved beside the flows, and come back when the switch or the host
    starts. Where the kernel has no netem, an order that needs it is refused and nothing changed.
  - Anything that differs from the order is mended in place. Only a tap of another user is made anew, and not while a VM
    has it open; such a tap is returned in RV(kept), and made anew by a call after the VM has stopped.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.work_order
  - cloudrepo.slices.wiring
"""

EXAMPLES = r"""
- name: The taps and ports of slice 1000 on this worker
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

- name: The flows that all slices share are there, and other slices stay as they are
  cloudrepo.slices.ovs_ports:
    slices: []

- name: Slice 1000 has nothing on this worker
  cloudrepo.slices.ovs_ports:
    slices:
      - {slice_id: 1000, vms: []}
"""

RETURN = r"""
commands:
  description: The commands of the switch's transaction, which was or in check mode would be sent.
  returned: success
  type: list
  elements: list
  sample: [["add-port", "br-int", "tap_1001_eth1"], ["set", "Port", "tap_1001_eth1", "vlan_mode=access", "tag=100"]]
flows:
  description: What was or in check mode would be added to and removed from the flows, as C(ovs-ofctl) reads it.
  returned: success
  type: list
  elements: str
  sample: ["cookie=0x636c7264000003e8,table=0,priority=50,in_port=1001,actions=NORMAL"]
kept:
  description: Taps of another user that were left as they are, because a VM has them open.
  returned: success
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.accounts import find_accounts
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import (
    GRAMMARS,
    WIRING_ARGUMENTS,
    WORK_ORDER_ARGUMENTS,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import reconcile as datapath
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import SubprocessRunner
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import read_slices
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Outcome, run


def main() -> None:
    module = AnsibleModule(argument_spec={**WORK_ORDER_ARGUMENTS, **WIRING_ARGUMENTS}, supports_check_mode=True)
    params = module.params
    runner = SubprocessRunner()

    def action() -> Outcome:
        orders = read_slices(params["slices"], state_dir=params["state_dir"])
        settings = datapath.read_settings(params)
        accounts = find_accounts(params["user"], orders, missing_ok=module.check_mode)
        if module.check_mode:
            have = datapath.observe(orders, runner, settings=settings, missing_ok=True)
            todo = datapath.plan(orders, have, settings=settings, accounts=accounts)
        else:
            with datapath.locked(settings):
                have = datapath.observe(orders, runner, settings=settings)
                todo = datapath.plan(orders, have, settings=settings, accounts=accounts)
                datapath.apply(todo, runner, settings=settings)
        result = {
            "commands": todo.ports.commands,
            "flows": todo.flows.bundle.splitlines(),
            "kept": list(todo.taps.kept),
        }
        return Outcome(todo.changes, result)

    run(module, action, GRAMMARS)


if __name__ == "__main__":
    main()
