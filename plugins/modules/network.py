#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: network
short_description: One network of a slice
version_added: 1.0.0
description:
  - Adds a network, which is a segment with any number of members, to a slice, changes it or takes it out, and leaves
    all else in the slice as it is. The same rules hold as for M(cloudrepo.slices.slice). It changes the database only;
    the playbook C(cloudrepo.slices.deploy) makes the hosts follow.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
  - cloudrepo.slices.part
  - cloudrepo.slices.settings
  - cloudrepo.slices.segment
options:
  name:
    description:
      - The network's name, unique within the slice. With O(vlan_id) it is what it is called from now on.
    type: str
  vlan_id:
    description:
      - The VLAN of a network that exists, instead of its name.
    type: int
  new_name:
    description:
      - What the network is called from now on.
    type: str
  members:
    description:
      - Its members, each as C(VM:INTERFACE), or C(VM) to take its lowest free data interface.
    type: list
    elements: str
  append:
    description:
      - Whether members that are not listed stay.
    type: bool
    default: false
  cidr:
    description:
      - The subnet. By default VLAN v up to 255 has 192.168.v.0/24, one above it 172.(16 + v div 256).(v mod 256).0/24.
        The subnets of a slice do not overlap.
    type: str
  gateway:
    description:
      - Whether the network has a gateway. A new one has none unless O(gateway_ip) is given.
    type: bool
  gateway_ip:
    description:
      - The gateway's address; by default the first of the subnet.
    type: str
  dhcp_enabled:
    description:
      - Whether the network has DHCP. A new one has none.
    type: bool
  dhcp_range:
    description:
      - The first and the last address that DHCP hands out, as C(FIRST,LAST); by default most of the subnet. It does
        not hold the gateway, or without one the first address of the subnet, which the DHCP server has.
    type: str
  nat:
    description:
      - Whether the network has a way out by its gateway, under the network node's address. A new one has none.
    type: bool
"""

EXAMPLES = r"""
- name: Two VMs on one segment
  cloudrepo.slices.network:
    slice: web
    name: lan
    members: [vm1, "vm2:eth2"]

- name: One more, and a gateway with DHCP
  cloudrepo.slices.network:
    slice: web
    name: lan
    members: [vm3]
    append: true
    gateway: true
    dhcp_enabled: true
    nat: true

- name: Take the network out
  cloudrepo.slices.network:
    slice: web
    name: lan
    state: absent
"""

RETURN = r"""
network:
  description: The network as it is stored, or in check mode as it would be; null where it is gone.
  returned: success
  type: dict
  sample:
    vlan_id: 101
    cidr: 192.168.101.0/24
    gateway_ip:
    dhcp_enabled: false
    dhcp_range:
    status: pending
    name: lan
    members:
      - {vm_id: 1001, interface: eth1}
slice_id:
  description: The id of the slice; null where there is none of that name.
  returned: success
  type: int
  sample: 1000
changes:
  description:
    - Each object that the call changes, or in check mode would change.
    - C(action) is C(create), C(update), C(delete), or what else is done to it, such as C(restart). C(reason) says in
      words why, or what differs.
    - C(before) and C(after) are its attributes. C(before) is null where it is created, C(after) where nothing of it is
      left.
    - With C(restart) a running VM has to restart for it.
  returned: success
  type: list
  elements: dict
  sample:
    - kind: network
      name: web/lan
      id: 101
      action: create
      before: null
      after:
        {
          name: lan, vlan_id: 101, cidr: 192.168.101.0/24, gateway_ip: 192.168.101.1, dhcp_enabled: true,
          dhcp_range: "192.168.101.10,192.168.101.250", nat: false, members: ["vm1:eth2"], mtu: 1500, qinq: false,
          forward_bpdu: false
        }
      reason: ""
      restart: false
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import parts, topology
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.control import CONTROL_ARGUMENTS, transact

SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str"},
    "vlan_id": {"type": "int"},
    "new_name": {"type": "str"},
    "members": {"type": "list", "elements": "str"},
    "append": {"type": "bool", "default": False},
    "cidr": {"type": "str"},
    "gateway": {"type": "bool"},
    "gateway_ip": {"type": "str"},
    "dhcp_enabled": {"type": "bool"},
    "dhcp_range": {"type": "str"},
    "nat": {"type": "bool"},
    **topology.segment_arguments(defaults=False),
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={**CONTROL_ARGUMENTS, **parts.PART_ARGUMENTS, **SPEC, **topology.SETTINGS_ARGUMENTS},
        supports_check_mode=True,
    )
    transact(module, lambda cluster: parts.change(cluster, parts.NETWORK, module.params))


if __name__ == "__main__":
    main()
