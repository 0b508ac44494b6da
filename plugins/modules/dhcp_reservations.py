#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: dhcp_reservations
short_description: The addresses that dnsmasq reserves for VMs
version_added: 1.0.0
description:
  - Keeps one file a slice in the folder that dnsmasq is given as C(dhcp-hostsfile) or C(dhcp-hostsdir), with a line for
    each reservation. The file of a slice without reservations is removed; files of other slices are left alone.
  - The service is reloaded when reservations were only added, and restarted when one changed or went. It is left
    alone when it does not run.
  - It should run with C(leasefile-ro) and C(dhcp-authoritative), so that a restart forgets leases and no client loses
    its address.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
options:
  hosts_dir:
    description:
      - The folder that holds the files.
    type: str
    default: /var/lib/cloudrepo/dhcp/hosts.d
  service:
    description:
      - The unit of dnsmasq.
    type: str
    required: true
  slices:
    description:
      - Slices of the network node's work order, each with B(all) its reservations.
    type: list
    elements: dict
    required: true
    suboptions:
      slice_id:
        description:
          - The slice's id.
        type: int
        required: true
      reservations:
        description:
          - All reservations of the slice.
        type: list
        elements: dict
        required: true
        suboptions:
          vm_id:
            description:
              - The VM's id.
            type: int
            required: true
          name:
            description:
              - The name that the VM is told.
            type: str
            required: true
          mac:
            description:
              - The MAC address that asks.
            type: str
            required: true
          ip:
            description:
              - The IPv4 address that it gets.
            type: str
            required: true
"""

EXAMPLES = r"""
- name: The addresses of slice 1000
  cloudrepo.slices.dhcp_reservations:
    service: slices-dhcp.service
    slices:
      - slice_id: 1000
        reservations:
          - {vm_id: 1001, name: vm1, mac: "52:54:00:03:e9:00", ip: 10.60.7.101}
"""

RETURN = r"""
service_action:
  description: What was done to the service, V(reload) or V(restart); null when nothing was.
  returned: success
  type: str
  sample: reload
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import dhcp
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import SubprocessRunner
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Outcome, run

RESERVATION_ARGUMENTS = {
    "vm_id": {"type": "int", "required": True},
    "name": {"type": "str", "required": True},
    "mac": {"type": "str", "required": True},
    "ip": {"type": "str", "required": True},
}
SLICE_ARGUMENTS = {
    "slice_id": {"type": "int", "required": True},
    "reservations": {"type": "list", "elements": "dict", "required": True, "options": RESERVATION_ARGUMENTS},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "hosts_dir": {"type": "str", "default": "/var/lib/cloudrepo/dhcp/hosts.d"},
            "service": {"type": "str", "required": True},
            "slices": {"type": "list", "elements": "dict", "required": True, "options": SLICE_ARGUMENTS},
        },
        supports_check_mode=True,
    )
    hosts_dir, service = module.params["hosts_dir"], module.params["service"]

    def action() -> Outcome:
        slices = module.params["slices"]
        todo = dhcp.plan(slices, dhcp.observe(slices, hosts_dir=hosts_dir))
        done = None
        if not module.check_mode:
            done = dhcp.apply(todo, hosts_dir=hosts_dir, service=service, runner=SubprocessRunner())
        return Outcome(todo.changed, todo.before, todo.after, {"service_action": done})

    run(module, action)


if __name__ == "__main__":
    main()
