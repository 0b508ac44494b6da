#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: host_info
short_description: Get information about a host's resources
version_added: 1.0.0
description:
  - Returns machine-id, cores, memory and network interfaces of a host, the cloud to which it belongs, and the ids and
    addresses in use on it.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
options:
  uplink:
    description:
      - The interface whose MTU is returned as RV(trunk_mtu).
    type: str
  packages:
    description:
      - Debian packages. Those that are not installed are returned as RV(missing_packages).
    type: list
    elements: str
    default: []
  state_dir:
    description:
      - The folder for the state of the host.
    type: str
    default: /var/lib/cloudrepo
"""

EXAMPLES = r"""
- name: Get the host's resources
  cloudrepo.slices.host_info:
    uplink: eth1
  register: found
"""

RETURN = r"""
machine_id:
  description: The content of C(/etc/machine-id), null if there is none.
  returned: success
  type: str
  sample: 0f4c1f3a6d7b4b0e9a2f6c1d8e5b7a90
cores:
  description: The number of logical CPUs.
  returned: success
  type: int
  sample: 8
ram_gb:
  description: Memory in GiB.
  returned: success
  type: float
  sample: 31.2
netem:
  description: Whether the kernel has netem, which delays and drops packets.
  returned: success
  type: bool
  sample: true
kvm:
  description: Whether there is C(/dev/kvm), which the accelerator V(kvm) needs.
  returned: success
  type: bool
  sample: true
trunk_mtu:
  description: The MTU of O(uplink), null if it is not set or does not exist.
  returned: success
  type: int
  sample: 9000
interfaces:
  description:
    - The network interfaces with their IPv4 addresses. C(kind) is that of a virtual device, C(master) the bridge or
      bond that it belongs to. Empty if the command C(ip) is missing.
  returned: success
  type: list
  elements: dict
  sample: [{name: eth0, mtu: 1500, addresses: [192.0.2.11/24], kind: null, master: null}]
missing_packages:
  description: Those of O(packages) that are not installed.
  returned: success
  type: list
  elements: str
  sample: [tcpdump]
claim:
  description: The cloud that the host belongs to, null if no cloud has claimed it.
  returned: success
  type: dict
  contains:
    uuid:
      description: The UUID of the cloud.
      type: str
      sample: "4c1f6a7e-8c1d-4f39-9a53-0d6f2b7e9c10"
    title:
      description: The name of the cloud for messages.
      type: str
      sample: "lab"
    incarnation:
      description: The UUID of the cloud's database. A copy of the database has another one.
      type: str
      sample: "9d2b7c31-1f0e-4a52-8b6d-6f5e3c2a1b00"
    since:
      description: When the cloud claimed the host, in UTC.
      type: str
      sample: "2026-01-31T12:00:00Z"
    controller:
      description: The controller that claimed it.
      type: str
      sample: "controller1"
    machine_mark:
      description: HMAC-SHA256 of the machine-id of the claimed machine, with the UUID of the cloud as the key.
      type: str
      sample: "5f6b0c1e9d000000000000000000000000000000000000000000000000000000"
    vlan_pools:
      description: The VLAN pools of the cloud's slices, as ranges.
      type: str
      sample: "0-99"
    management_vlan:
      description: The management VLAN of the cloud.
      type: int
      sample: 400
roles:
  description: The roles for which the host was prepared, V(worker) and V(network_node).
  returned: success
  type: list
  elements: str
  sample: [worker]
lost_machines:
  description:
    - The marks of lost machines that the host tells workers as the network node, as
      O(cloudrepo.slices.network_services#module:lost_machines).
  returned: success
  type: list
  elements: dict
  sample: []
highest_id:
  description: The highest id of all slices and VMs with objects on the host, null if there is none.
  returned: success
  type: int
  sample: 1036
highest_revision:
  description: The highest revision of a work order that the host has begun to apply, null if there is none.
  returned: success
  type: int
  sample: 1795371735123
slices:
  description: The slices with objects on the host and what they use there, whether they are in the database or not.
  returned: success
  type: list
  elements: dict
  sample:
    - slice_id: 1000
      slice_uuid: 7f1c7f0e-3a52-4c8e-9d1a-5b0f6e2c4d11
      reservations: [{address: 10.60.7.101}]
      vlans: [{vlan_id: 100}]
      vnc_ports: [{vnc_port: 5901}]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import host_facts
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import GRAMMARS
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import SubprocessRunner
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Outcome, run
from ansible_collections.cloudrepo.slices.plugins.module_utils.defaults import STATE_DIR

ARGUMENTS = {
    "uplink": {"type": "str"},
    "packages": {"type": "list", "elements": "str", "default": []},
    "state_dir": {"type": "str", "default": STATE_DIR},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)

    run(module, lambda: Outcome(result=host_facts.look(module.params, SubprocessRunner())), GRAMMARS)


if __name__ == "__main__":
    main()
