#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: network_services
short_description: What slices want of the network node
version_added: 1.0.0
description:
  - Makes a host that the role P(cloudrepo.slices.network_node#role) has prepared serve the slices of its work order.
  - On VLAN 400 each VM's MAC has its address, and a name server for each slice answers its VMs with the addresses of
    one another. What address asks which of them stands in packet rules, so that no tenant learns another's names.
  - Networks that have a gateway or DHCP are served from a network namespace of their slice's own, C(slice-1000), with
    one dnsmasq for all of them, C(slices-network@1000.service). One with a way out leaves by a link of two addresses
    between namespace and host.
  - What a slice has here and its order does not list is removed, and what has gone is put back, the host's packet rules
    of VMs and the gateway of VLAN 400 included. Other slices are left alone, and an order with an address that is
    reserved for one of them is refused.
  - Connections of an address that is given on or given up are dropped.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
options:
  bridge:
    description:
      - The bridge that the networks' ports are on.
    type: str
    default: br-int
  state_dir:
    description:
      - The folder that holds the slices' files.
    type: str
    default: /var/lib/cloudrepo
  nat_links:
    description:
      - The range from which ways out have their addresses, two for each of 100 slices. They are never seen outside.
    type: str
    default: 169.254.64.0/24
  slices:
    description:
      - Slices of the network node's work order, each with B(all) that it wants.
    type: list
    elements: dict
    required: true
    suboptions:
      slice_id:
        description:
          - The slice's id.
        type: int
        required: true
      slice_uuid:
        description:
          - The slice's UUID.
          - A host that holds another slice under this number refuses the slice, and leaves both as they are.
        type: str
      revision:
        description:
          - When the database last changed in what slices want or hold, in milliseconds since 1970.
          - A host refuses an order that is older than one of the same slice that it has begun to carry out. Without a
            revision an order is taken as it is.
        type: int
      reservations:
        description:
          - "All reservations of the slice on VLAN 400: for DHCP, and for the names that its VMs know each other by."
        type: list
        elements: dict
        default: []
        suboptions:
          vm_id:
            description:
              - The VM's id.
            type: int
            required: true
          name:
            description:
              - The name that the VM is told, and that others of its slice know it by.
            type: str
            required: true
          mac:
            description:
              - The MAC address that asks.
            type: str
            required: true
          address:
            description:
              - The IPv4 address that it gets.
            type: str
            required: true
      networks:
        description:
          - All networks of the slice that have a gateway or DHCP.
        type: list
        elements: dict
        default: []
        suboptions:
          vlan_id:
            description:
              - The network's VLAN.
            type: int
            required: true
          name:
            description:
              - The network's name. Members find each other as C(MEMBER.NETWORK.internal).
            type: str
            required: true
          cidr:
            description:
              - Its subnet.
            type: str
            required: true
          server_ip:
            description:
              - "The network node's address in it: the gateway's, or else the first of the subnet."
            type: str
            required: true
          members:
            description:
              - Its members, which DHCP knows by name.
            type: list
            elements: dict
            default: []
            suboptions:
              name:
                description:
                  - The VM's name.
                type: str
                required: true
              mac:
                description:
                  - The MAC address of its interface.
                type: str
                required: true
          gateway:
            description:
              - Whether members are told that this address is their router.
            type: bool
            default: false
          dhcp_range:
            description:
              - The first and the last address that DHCP hands out, as C(FIRST,LAST); without it there is no DHCP.
            type: str
          nat:
            description:
              - Whether members get out under the host's address. It takes a gateway.
            type: bool
            default: false
          mtu:
            description:
              - The MTU of the network node's port in it, and of its members' interfaces.
            type: int
            default: 1500
"""

EXAMPLES = r"""
- name: An address on VLAN 400, and a network with a way out
  cloudrepo.slices.network_services:
    slices:
      - slice_id: 1000
        reservations:
          - {vm_id: 1001, name: vm1, mac: "52:54:00:03:e9:00", address: 10.60.7.101}
        networks:
          - vlan_id: 101
            name: lan
            cidr: 192.168.101.0/24
            server_ip: 192.168.101.1
            gateway: true
            dhcp_range: 192.168.101.10,192.168.101.250
            nat: true
            members:
              - {name: vm1, mac: "52:54:00:03:e9:01"}

- name: Nothing of the slice any more
  cloudrepo.slices.network_services:
    slices:
      - slice_id: 1000
"""

RETURN = r"""
units:
  description: What systemd was asked for, by unit, or in check mode would be.
  returned: success
  type: dict
  sample: {"slices-dhcp.service": reload, "slices-names@1000.service": restart}
refused:
  description:
    - The slices that this host refused, because it has carried out a newer work order of them, or because what it
      serves under their numbers, addresses or VLANs is another's. Nothing of them was changed; the other slices of the
      order were done.
  returned: when there are any; the module fails then
  type: list
  elements: dict
  contains:
    slice_id:
      description: The slice's id.
      type: int
      sample: 1000
    failure:
      description: Why the host refused it.
      type: str
      sample: "slice 1000: run the deploy again"
    another:
      description: Whether the host holds another slice of this id, and so nothing of this one.
      type: bool
      sample: false
failure:
  description: What failed apart from slices that were refused. Null if nothing did.
  returned: when slices were refused
  type: str
  sample: null
changes:
  description:
    - Each object on this host that the call changes, or in check mode would change. A file is told by the lines that
      differ.
    - C(action) is C(create), C(update), C(delete), or what else is done to it, such as C(restart). C(reason) says in
      words why, or what differs.
    - C(before) and C(after) are its attributes. C(before) is null where it is created, C(after) where nothing of it is
      left.
  returned: success
  type: list
  elements: dict
  sample:
    - kind: slice reservation
      name: "1000"
      id: 1000
      action: create
      before: null
      after: {lines: ["52:54:00:03:e9:00,10.60.7.101,vm1"]}
      reason: ""
      restart: false
    - kind: packet rules
      name: VMs
      id: VMs
      action: load
      before: {state: not as loaded}
      after: {state: loaded}
      reason: state not as loaded → loaded
      restart: false
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import files, ownership, revisions
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import GRAMMARS, SERVICES_ARGUMENTS
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import flows
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices import (
    apply as netservices_apply,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices import (
    owners,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices import (
    state as netservices_state,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.files import Folders
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.plan import read_links, read_services
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import SubprocessRunner, observed
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Outcome, listed, run
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import is_changed
from ansible_collections.cloudrepo.slices.plugins.module_utils.network_order import Services


def main() -> None:
    module = AnsibleModule(argument_spec=SERVICES_ARGUMENTS, supports_check_mode=True)
    runner = SubprocessRunner()

    state_dir = module.params["state_dir"]

    def action() -> Outcome:
        folders = Folders(state_dir, read_links(module.params["nat_links"]))
        orders = read_services(module.params["slices"], links=folders.links)

        def look() -> ownership.Seen[Services, netservices_state.State]:
            return ownership.look(
                orders,
                revisions.older(orders, state_dir=state_dir, kind=revisions.NETWORK_NODE),
                observe=lambda left: observed(
                    lambda: netservices_state.observe(left, folders, runner),
                    nothing=netservices_state.State(),
                    missing_ok=module.check_mode,
                ),
                conflicts=lambda left, have: owners.conflicts(left, have, folders),
            )

        if module.check_mode:
            seen = look()
            todo = netservices_apply.plan(seen.orders, seen.have, folders, bridge=module.params["bridge"])
        else:
            # The lock of VMs' wiring: its ports and those of networks have their numbers from one range.
            with files.locked(flows.folder_in(state_dir)):
                seen = look()
                todo = netservices_apply.plan(seen.orders, seen.have, folders, bridge=module.params["bridge"])
                revisions.note(seen.orders, state_dir=state_dir, kind=revisions.NETWORK_NODE)
                with ownership.told_with(seen.refused):
                    netservices_apply.apply(todo, folders, runner)
        changes = todo.changes
        result: dict[str, Any] = {"units": dict(todo.units or {}), "changes": listed(changes)}
        if seen.refused:
            raise ownership.failure(seen.refused, changed=is_changed(changes), **result)
        return Outcome(changes, result)

    run(module, action, GRAMMARS)


if __name__ == "__main__":
    main()
