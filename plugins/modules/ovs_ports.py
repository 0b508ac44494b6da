#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ovs_ports
short_description: The taps of VMs and their access ports
version_added: 1.0.0
description:
  - Gives each interface of a work order its tap, and each that is on a VLAN its access port on the bridge, with the
    tag, the mode and the identity of slice, VM, interface and link, all in one transaction.
  - Taps carry their slice's id as their netdev group, ports carry it in C(external_ids). What carries the id of a
    listed slice and is not listed is removed, first the ports and then the taps.
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
              - {name: eth0, tap: tap_1001_eth0, mac: "52:54:00:03:e9:00", vlan_id: 400}
              - {name: eth1, tap: tap_1001_eth1, mac: "52:54:00:03:e9:01", vlan_id: 100, link_id: 1}

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
kept:
  description: Taps of another user that were left as they are, because a VM has them open.
  returned: success
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import files, ovs, ovsdb, taps
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import WORK_ORDER_ARGUMENTS
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.order import read_slices
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import SubprocessRunner, observed
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Outcome, run


def main() -> None:
    module = AnsibleModule(
        argument_spec={**WORK_ORDER_ARGUMENTS, "bridge": {"type": "str", "default": "br-int"}},
        supports_check_mode=True,
    )
    runner = SubprocessRunner()

    def action() -> Outcome:
        orders = read_slices(module.params["slices"], state_dir=module.params["state_dir"])
        owner = files.find_account(module.params["user"], missing_ok=module.check_mode)
        todo = taps.plan(orders, taps.observe(), owner=None if owner is None else owner.uid)
        switch = observed(lambda: ovsdb.observe(runner), nothing=ovsdb.Switch(), missing_ok=module.check_mode)
        ports = ovs.plan_access_ports(orders, switch, bridge=module.params["bridge"], unplugged=todo.unplugged)
        if not module.check_mode:
            ovs.apply(ports.unplug_commands, runner)
            taps.apply_present(todo, runner)
            ovs.apply(ports.commands, runner)
            taps.apply_absent(todo, runner)
        return Outcome(
            todo.changed or ports.changed,
            [*todo.before, *ports.before],
            [*todo.after, *ports.after],
            {"commands": ports.commands, "kept": list(todo.kept)},
        )

    run(module, action)


if __name__ == "__main__":
    main()
