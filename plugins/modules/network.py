#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: network
short_description: Manage a network of a slice
version_added: 1.0.0
description:
  - Adds, changes or removes a network of a slice, which is a segment with any number of members, and leaves the rest of
    the slice unchanged. The same rules apply as for M(cloudrepo.slices.slice).
  - Only the database is changed. Run the playbook C(cloudrepo.slices.deploy) to apply the change to the hosts.
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
      - The network's name, unique within the slice regardless of case. With O(vlan_id), it is the network's new
        name.
    type: str
  vlan_id:
    description:
      - The VLAN of an existing network, to identify it instead of by name.
    type: int
  new_name:
    description:
      - A new name for the network.
    type: str
  title:
    description:
      - Free text of 1 to 200 characters without control characters, which is shown in tables and graphs.
      - Without a name and an id, it identifies the network. The name of a new one is made from it.
    type: str
  members:
    description:
      - Its members, each as C(VM:INTERFACE), or as C(VM) for its first free data interface.
    type: list
    elements: str
  append:
    description:
      - Whether to keep members that are not listed.
    type: bool
    default: false
  cidr:
    description:
      - The subnet. The default is 192.168.v.0/24 for VLAN v up to 255, and 172.(16 + v div 256).(v mod 256).0/24 above.
        The subnets of a slice must not overlap.
    type: str
  gateway:
    description:
      - Whether the network has a gateway. The default for a new network is V(false), unless O(gateway_ip) is set.
    type: bool
  gateway_ip:
    description:
      - The gateway's address. The default is the first address of the subnet.
    type: str
  dhcp_enabled:
    description:
      - Whether the network has DHCP. The default for a new network is V(false).
    type: bool
  dhcp_range:
    description:
      - The first and last address of the DHCP range, as C(FIRST,LAST). The default is most of the subnet. It must not
        contain the gateway or, without a gateway, the first address of the subnet, which is the DHCP server's.
    type: str
  nat:
    description:
      - Whether the gateway gives access to other networks, with NAT to the network node's address. The default for a
        new network is V(false).
    type: bool
  cidr6:
    description:
      - The IPv6 subnet. The default for a new network is taken from the slice's pool for networks, if it has one.
    type: str
  addresses:
    description:
      - Addresses of single members, in the subnets of the network. The others keep theirs, or take the lowest free ones
        if the slice has a pool for networks.
    type: list
    elements: dict
    suboptions:
      vm:
        description:
          - The name of the VM.
        type: str
        required: true
      ipv4:
        description:
          - Its IPv4 address, without prefix length.
        type: str
      ipv6:
        description:
          - Its IPv6 address, without prefix length.
        type: str
"""

EXAMPLES = r"""
- name: Connect two VMs to a network
  cloudrepo.slices.network:
    slice: web
    name: lan
    members: [vm1, "vm2:eth2"]

- name: Add a member, a gateway with NAT, and DHCP
  cloudrepo.slices.network:
    slice: web
    name: lan
    members: [vm3]
    append: true
    gateway: true
    dhcp_enabled: true
    nat: true

- name: Remove the network
  cloudrepo.slices.network:
    slice: web
    name: lan
    state: absent
"""

RETURN = r"""
network:
  description:
    - The network as it is stored, or would be in check mode. Null if it is removed.
    - Members to whose interface the kind of the VM gives another name have it in C(guest_interface).
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
  description: The id of the slice. Null if there is no slice of this name.
  returned: success
  type: int
  sample: 1000
changes:
  description:
    - The objects that are changed, or would be changed in check mode.
    - C(action) is C(create), C(update), C(delete) or another verb such as C(restart). C(reason) gives the reason or
      lists the differences.
    - C(before) and C(after) are the attributes of the object. C(before) is null if it is created, C(after) if it is
      deleted.
    - C(slice_id) is the id of its slice; null if it belongs to no slice or to all of them.
    - If C(restart) is true, the change takes effect on a running VM only after a restart.
  returned: success
  type: list
  elements: dict
  sample:
    - kind: network
      name: web/lan
      id: 101
      slice_id: 1000
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
from ansible_collections.cloudrepo.slices.plugins.module_utils.names import NAME

SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": NAME},
    "vlan_id": {"type": "int"},
    "new_name": {"type": NAME},
    "title": {"type": NAME},
    "members": {"type": "list", "elements": NAME},
    "append": {"type": "bool", "default": False},
    "cidr": {"type": "str"},
    "gateway": {"type": "bool"},
    "gateway_ip": {"type": "str"},
    "dhcp_enabled": {"type": "bool"},
    "dhcp_range": {"type": "str"},
    "nat": {"type": "bool"},
    "cidr6": {"type": "str"},
    "addresses": topology.ENDS_ARGUMENT,
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
