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
    where netem makes delay, jitter and loss. They are saved beside the flows, and come back when the switch starts or
    a VM's unit makes a tap anew. Where the kernel has no netem, an order that needs it is refused and nothing changed.
  - Anything that differs from the order is mended in place. Only a tap of another user is made anew, and not while a VM
    has it open; such a tap is returned in RV(kept), and the VM's unit makes it anew at its next start.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.work_order
options:
  bridge:
    description:
      - The bridge that the ports are on; M(cloudrepo.slices.ovs_bridge) makes it.
    type: str
    default: br-int
  gateway:
    description:
      - The gateway's IPv4 address on VLAN 400.
      - Its MAC there is C(02:00:) and the four bytes of the address, as the role P(cloudrepo.slices.network_node#role)
        sets it. So is that of O(dhcp_server).
    type: str
    default: 10.60.7.1
  dhcp_server:
    description:
      - The DHCP server's IPv4 address on VLAN 400.
    type: str
    default: 10.60.7.2
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
            disk_bytes: 1073741824
            overlay: /var/lib/cloudrepo/vms/1001/vm1_img.qcow2
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

from contextlib import nullcontext

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import files, flows, limits, ovs, ovsdb, taps
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import WORK_ORDER_ARGUMENTS
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.order import read_slices, slice_ids
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import SubprocessRunner, observed
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Outcome, run


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **WORK_ORDER_ARGUMENTS,
            "bridge": {"type": "str", "default": "br-int"},
            "gateway": {"type": "str", "default": "10.60.7.1"},
            "dhcp_server": {"type": "str", "default": "10.60.7.2"},
        },
        supports_check_mode=True,
    )
    runner = SubprocessRunner()
    bridge = module.params["bridge"]
    folder = f"{module.params['state_dir']}/flows"

    def action() -> Outcome:
        orders = read_slices(module.params["slices"], state_dir=module.params["state_dir"])
        management = flows.read_management(module.params["gateway"], module.params["dhcp_server"])
        limits.require_netem(orders, runner)
        owners = slice_ids(orders) | {flows.SHARED}
        # Numbers of ports are free or taken for all slices of a host, which other runs may be working on.
        with nullcontext() if module.check_mode else files.locked(folder):
            owner = files.find_account(module.params["user"], missing_ok=module.check_mode)
            devices = taps.plan(orders, taps.observe(), owner=None if owner is None else owner.uid)
            switch = observed(lambda: ovsdb.observe(runner), nothing=ovsdb.Switch(), missing_ok=module.check_mode)
            nothing: frozenset[flows.Flow] = frozenset()
            spoken = observed(lambda: flows.observe(runner, bridge), nothing=nothing, missing_ok=module.check_mode)
            ports = ovs.plan_access_ports(
                orders,
                switch,
                bridge=bridge,
                unplugged=devices.unplugged,
                reserved={flow.in_port for flow in spoken if flow.in_port is not None},
            )
            wanted = flows.shared_flows(switch, bridge=bridge, management=management)
            wanted = wanted.union(*(flows.slice_flows(one, ports.numbers, switch, bridge=bridge) for one in orders))
            rules = flows.plan(wanted, spoken, owners, flows.read_saved(folder, owners))
            limited = observed(
                lambda: limits.observe(orders, owners, runner, bridge=bridge, folder=folder),
                nothing=limits.Host(),
                missing_ok=module.check_mode,
            )
            faults = limits.plan(
                orders, limited, owners=owners, numbers=ports.numbers, spoken=spoken, fresh=devices.made
            )
            if not module.check_mode:
                ovs.apply(ports.unplug_commands, runner)
                taps.apply_present(devices, runner)
                limits.prepare(faults, runner, bridge=bridge, folder=folder)
                flows.apply(rules, runner, bridge=bridge, folder=folder)
                ovs.apply(ports.commands, runner)
                limits.finish(faults, runner, bridge=bridge)
                taps.apply_absent(devices, runner)
        plans = (devices, ports, rules, faults)
        return Outcome(
            any(each.changed for each in plans),
            [line for each in plans for line in each.before],
            [line for each in plans for line in each.after],
            {"commands": ports.commands, "flows": rules.bundle.splitlines(), "kept": list(devices.kept)},
        )

    run(module, action)


if __name__ == "__main__":
    main()
