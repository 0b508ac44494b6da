#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: network_services
short_description: Apply a work order on the network node
version_added: 1.0.0
description:
  - Configures DHCP, DNS, gateways and NAT for the slices of a work order. The host must have been prepared by the role
    P(cloudrepo.slices.network_node#role).
  - On VLAN 400, DHCP has a reservation for the MAC of each VM. Each slice has a DNS server that resolves the names of
    its own VMs. Packet rules redirect the queries of a VM to the DNS server of its slice, so that no tenant can
    resolve the names of another.
  - Networks with a gateway or DHCP are served from a network namespace of the slice, such as C(slice-1000), with one
    dnsmasq for all of them, such as C(slices-network@1000.service). For NAT, a veth pair joins namespace and host.
  - Objects of a slice that are not in the work order are removed. Missing objects are restored, including the packet
    rules for VMs and the gateway of VLAN 400. Other slices are not touched. An order with an address that is reserved
    for another slice is refused.
  - A slice whose units do not start, or which fails otherwise, does not affect the other slices of the work order.
    It is returned in RV(refused), and the module fails.
  - Connections of an address that is reassigned or released are dropped.
  - Files of slices that were made writable for others, or that C(dnsmasq) can no longer read, are written again.
    Masks and drop-ins of units, and files of others in folders of which C(dnsmasq) or C(nft) reads everything, are
    removed.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.cloud
  - cloudrepo.slices.cloud.issued
options:
  bridge:
    description:
      - The bridge for the ports of the networks.
    type: str
    default: br-int
  state_dir:
    description:
      - The folder for the slices' files.
    type: str
    default: /var/lib/cloudrepo
  nat_links:
    description:
      - The subnet for the veth pairs between namespaces and host, two addresses for each of 100 slices. These addresses
        are not visible outside the host.
    type: str
    default: 169.254.64.0/24
  slices:
    description:
      - Slices of the work order, each with B(everything) that it needs on the network node.
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
          - A host that has another slice with this id refuses the order of this slice and changes neither.
        type: str
      revision:
        description:
          - Time of the last change of desired or allocated state in the database, in milliseconds since 1970.
          - A host refuses an order that is older than the last one that it started to apply for this slice. An order
            without a revision is always accepted.
        type: int
      reservations:
        description:
          - All reservations of the slice on VLAN 400, for DHCP and DNS.
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
              - Host name of the VM, sent by DHCP and resolved for the other VMs of its slice.
            type: str
            required: true
          mac:
            description:
              - MAC address of its interface on VLAN 400.
            type: str
            required: true
          address:
            description:
              - Its IPv4 address.
            type: str
            required: true
          loopback:
            description:
              - The IPv4 address with the DNS name C(lo.VM.internal).
            type: str
          loopback6:
            description:
              - The IPv6 address with this name.
            type: str
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
              - The network's name. The DNS name of a member is C(MEMBER.NETWORK.internal).
            type: str
            required: true
          cidr:
            description:
              - Its subnet.
            type: str
            required: true
          server_ip:
            description:
              - "The network node's address in the subnet: that of the gateway, or the first one if there is no
                gateway."
            type: str
            required: true
          members:
            description:
              - Its members, for DHCP and DNS.
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
              address:
                description:
                  - The static IPv4 address that its name has.
                type: str
              address6:
                description:
                  - The static IPv6 address that its name has.
                type: str
          gateway:
            description:
              - Whether DHCP announces C(server_ip) as the router.
            type: bool
            default: false
          dhcp_range:
            description:
              - First and last address of the DHCP range, as C(FIRST,LAST). Without it, there is no DHCP.
            type: str
          nat:
            description:
              - Whether to translate outgoing traffic to the host's address (NAT). Requires a gateway.
            type: bool
            default: false
          mtu:
            description:
              - MTU of the network node's port, and of the members' interfaces.
            type: int
            default: 1500
      trunk:
        description:
          - Links and networks that need more than the default MTU on this host's trunk. If the trunk has less, the host
            refuses the slice.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description:
              - The link or network, for messages.
            type: str
            required: true
          mtu:
            description:
              - The MTU that it needs of the trunk. With C(qinq) it is 4 bytes more than its own.
            type: int
            required: true
      record:
        description:
          - What the database contains of the slice, without observed states and secrets, as JSON. A worker gets its own
            VMs and their links, the network node gets everything.
          - The host stores it after it has applied the order, so that a lost database can be rebuilt, and removes it if
            an order has none.
        type: str
      receipt:
        description:
          - Set if the slice gives up VMs, VLANs or addresses. Only a report that contains it frees them.
        type: str
  lost_machines:
    description:
      - The machines that were declared lost. Workers ask the host for them before they start VMs.
      - An order that names a cloud replaces the list, unless its C(revision) is lower than that of the list.
    type: list
    elements: dict
    default: []
    suboptions:
      mark:
        description:
          - HMAC-SHA256 of its machine-id, with the UUID of the cloud as the key.
        type: str
        required: true
  revision:
    description:
      - The revision of the database, as for the slices.
      - A host ignores C(lost_machines) of an order that is older than the one whose list it has. The list of an order
        without a revision is always accepted.
    type: int
  complete:
    description:
      - Whether the order contains all slices of the database. In check mode, all that this host has of other slices is
        then returned.
    type: bool
    default: false
  machine_mark:
    description:
      - HMAC-SHA256 of the network node's machine-id, with the UUID of the cloud as the key.
      - A host with another machine-id refuses the call before anything is changed.
    type: str
"""

EXAMPLES = r"""
- name: Configure a reservation on VLAN 400, and a network with DHCP and NAT
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

- name: Remove everything of a slice
  cloudrepo.slices.network_services:
    slices:
      - slice_id: 1000
"""

RETURN = r"""
units:
  description: The action for each systemd unit, also in check mode.
  returned: success
  type: dict
  sample: {"slices-dhcp.service": reload, "slices-names@1000.service": restart}
only_here:
  description:
    - In check mode, all that this host has of slices that are not in the work order, each as in
      RV(cloudrepo.slices.network_orphans#module:orphans).
  returned: in check mode, if the work order is O(complete)
  type: list
  elements: dict
  sample: []
refused:
  description:
    - Slices that this host refused, because their part of the work order is invalid, because the host has already
      applied a newer work order, or because their id, addresses or VLANs are used by another slice. Nothing was changed
      for them.
    - Also slices of which a change has failed or a unit did not start, with C(begun) true.
    - The other slices of the work order were applied.
  returned: when slices were refused or failed, in which case the module fails
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
      description: Whether the host has another slice with this id, and therefore nothing of this one.
      type: bool
      sample: false
    begun:
      description: Whether the host had begun to apply it and failed, so that a part of it may be applied.
      type: bool
      sample: false
failure:
  description: Other failures. Null if there are none.
  returned: when slices were refused or failed
  type: str
  sample: null
answers:
  description: The receipts of slices that give something up, for M(cloudrepo.slices.slice_report).
  returned: always
  type: list
  elements: dict
  contains:
    slice_id:
      description: The slice's id.
      type: int
      sample: 1000
    receipt:
      description: Its receipt.
      type: str
      sample: 9f1c3b5a0d7e4862a1b2c3d4e5f60718
changes:
  description:
    - The objects on this host that are changed, or would be changed in check mode. For a file, only the lines that
      differ are returned.
    - C(action) is C(create), C(update), C(delete) or another verb such as C(restart). C(reason) gives the reason or
      lists the differences.
    - C(before) and C(after) are the attributes of the object. C(before) is null if it is created, C(after) if it is
      deleted.
    - C(slice_id) is the id of its slice; null if it belongs to no slice or to all of them.
  returned: success
  type: list
  elements: dict
  sample:
    - kind: slice reservation
      name: "1000"
      id: 1000
      slice_id: 1000
      action: create
      before: null
      after: {lines: ["52:54:00:03:e9:00,10.60.7.101,vm1"]}
      reason: ""
      restart: false
    - kind: packet rules
      name: VMs
      id: VMs
      slice_id: null
      action: load
      before: {state: missing or changed}
      after: {state: loaded}
      reason: state missing or changed → loaded
      restart: false
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import CALLS, GRAMMARS
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.host import reconcile
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.network_steps import steps
from ansible_collections.cloudrepo.slices.plugins.module_utils.report import answers


def main() -> None:
    module = AnsibleModule(**CALLS["network_services"], supports_check_mode=True)
    reconcile(module, steps, GRAMMARS, answers=answers(module.params["slices"]))


if __name__ == "__main__":
    main()
