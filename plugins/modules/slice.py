#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: slice
short_description: Slices, each a tenant's whole topology
version_added: 1.0.0
description:
  - Stores a topology of virtual machines and the layer-2 links between them, and allocates what it needs - ids,
    workers, VLANs, MACs, VNC ports and addresses. What is there already keeps everything it holds; what is not listed
    any more goes. It changes the database only; the playbook C(cloudrepo.slices.deploy) makes the hosts follow.
  - Either all of the call is stored or, if a rule refuses any of it, nothing; the message then gives every reason.
  - What hosts may have heard of is given up in two steps, for nothing may be handed out again while a host still
    holds it. A removed VM is C(deleting), and a removed link's VLAN stays reserved, until the next deploy has reported
    success. With O(state=absent) so is the whole slice, until C(cloudrepo.slices.delete) has.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
  - cloudrepo.slices.settings
options:
  work_orders:
    description:
      - Whether to make the slices' work orders as well, as M(cloudrepo.slices.slice_plan) would next.
    type: bool
    default: false
  name:
    &name
    description:
      - The slice's name, unique within its owner; with O(state=absent) its id does as well.
    type: str
  owner:
    &owner
    description:
      - Who owns the slice. By default this is O(acting_user); with O(state=absent) whoever owns a slice of that name.
    type: str
  slice_id:
    &slice_id
    description:
      - The id of a slice that exists; O(name) is then what it is called from now on.
    type: int
  new_name:
    &new_name
    description:
      - What the slice is called from now on. A slice that has this name already, and none the old one, is left so.
    type: str
  state:
    &state
    description:
      - Whether the slice exists.
    type: str
    choices: [present, absent]
    default: present
  append:
    &append
    description:
      - Whether to add only. What is there and not listed stays; links between the same ends are there already; a
        network gains members.
    type: bool
    default: false
  vlan_pools:
    &vlan_pools
    description:
      - How many pools of 20 VLANs the slice may hold. The first follows from its id; further ones are the lowest that
        no slice holds, taken when a link or network needs them and given back when they are empty. There are 100 in
        all. By default 1, with O(append) as many as before.
    type: int
  peers:
    &peers
    description:
      - Whether the slice's own VMs may meet on VLAN 400. Those of other slices never do. By default they may not, with
        O(append) it is as before.
    type: bool
  topology_type:
    &topology_type
    description:
      - The kind of topology. All but C(custom) make VMs and links of O(size), O(flavor) and O(name_pattern), to which
        O(vms), O(links) and O(networks) add; a VM that is listed takes the place of the one made by its name. A
        C(star) has the first VM in its middle, a C(tree) at its root, a C(bus) is one network of that name with all
        VMs on it.
    type: str
    choices: [custom, linear, ring, star, tree, mesh, bus]
    default: custom
  size:
    &size
    description:
      - How many VMs to make.
    type: int
  flavor:
    &flavor
    description:
      - The flavor of the VMs that are made.
    type: str
  internet:
    &internet
    description:
      - Whether the VMs that are made have internet.
    type: bool
    default: false
  name_pattern:
    &name_pattern
    description:
      - The names of the VMs that are made, with C({n}) for the number from 1.
    type: str
    default: vm{n}
  branching:
    &branching
    description:
      - How many children a VM in a tree has.
    type: int
    default: 2
  segments:
    &segments
    description:
      - What joins a VM in a tree with its children, C(links) to each of them or one of C(networks) for all. A tree
        with a network for each parent takes fewer VLANs.
    type: str
    choices: [links, networks]
    default: links
  vms:
    &vms
    description:
      - The VMs of the slice.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - The VM's name, unique within the slice.
        type: str
        required: true
      vm_id:
        description:
          - The id of a VM that exists; O(vms[].name) is then what it is called from now on.
        type: int
      flavor:
        description:
          - Its size and base image. Cores and memory of a VM that exists follow a changed flavor when it next
            starts; its disk stays as it was made. A new VM needs it.
        type: str
      internet:
        description:
          - Whether its first interface, eth0, is on management VLAN 400 with DHCP and internet. Otherwise eth0 is
            there without a carrier.
        type: bool
        default: false
      data_interfaces:
        description:
          - How many interfaces it has beside eth0. By default as many as it has links.
        type: int
      worker:
        description:
          - The address of the worker it must run on. By default a worker is chosen by O(placement).
        type: str
      power:
        description:
          - Whether C(cloudrepo.slices.deploy) starts the VM, stops it or pauses it, as for M(cloudrepo.slices.vm). By
            default it keeps the power that it has; a new VM is V(running).
        type: str
        choices: [running, stopped, paused]
      vnc_password_version:
        description:
          - Which password its display has, counted from 1, as for M(cloudrepo.slices.vm). By default it keeps its own.
        type: int
      interfaces:
        description:
          - Limits and faults of its interfaces. One that is not listed has none. They change on a running VM.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description:
              - The interface, such as V(eth1).
            type: str
            required: true
          up:
            description:
              - Whether the guest sees a carrier there, where the interface is on a link, network or VLAN 400.
            type: bool
            default: true
          tx_kbps:
            description:
              - The most that the guest may send, in kbit/s. What is more is dropped. No limit by default.
            type: int
          rx_kbps:
            description:
              - The most that the guest may receive, in kbit/s. What is more waits for up to 100 ms, or as long as 16
                frames take, and is then dropped. No limit by default.
            type: int
          delay_ms:
            description:
              - By how many milliseconds what the guest receives is late. For a delay both ways give it to both ends.
              - Delay, jitter and loss need workers whose kernel has netem, the module C(sch_netem). A topology that
                asks for them elsewhere is refused.
            type: float
          jitter_ms:
            description:
              - By how many milliseconds that delay varies, up and down.
            type: float
          loss_percent:
            description:
              - How much of what the guest should receive is lost, at random.
            type: float
  links:
    &links
    description:
      - The links of the slice. A link that is listed again keeps its VLAN.
    type: list
    elements: dict
    default: []
    suboptions:
      endpoints:
        description:
          - The two ends, each as C(VM:INTERFACE), or C(VM) to take its lowest free data interface.
        type: list
        elements: str
        required: true
      name:
        description:
          - A name for the link, unique within the slice. A link of a name keeps its VLAN wherever it ends.
        type: str
      link_id:
        description:
          - The id of a link that exists, which keeps its VLAN wherever it ends.
        type: int
      mtu:
        &carried_mtu
        description:
          - The largest packet that it carries, in bytes, without the Ethernet header and VLAN tags. Guests set their
            own interfaces accordingly. Where it joins several workers, their trunks must carry it.
        type: int
        default: 1500
      qinq:
        &carried_qinq
        description:
          - Whether frames that guests have tagged themselves pass, below the tag of the link. Otherwise they are
            dropped. Between workers this takes 4 bytes more of the trunk's MTU.
        type: bool
        default: false
      forward_bpdu:
        &carried_bpdu
        description:
          - Whether STP, LACP, LLDP and Cisco's CDP, VTP, PAgP and PVST+ pass, which bridges otherwise keep for
            themselves. Between workers the physical switches must let them pass as well.
        type: bool
        default: false
  networks:
    &networks
    description:
      - The networks of the slice, which are segments with any number of members. A network that is listed again keeps
        its VLAN.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - The network's name, unique within the slice.
        type: str
        required: true
      vlan_id:
        description:
          - The VLAN of a network that exists; O(networks[].name) is then what it is called from now on.
        type: int
      members:
        description:
          - Its members, each as C(VM:INTERFACE), or C(VM) to take its lowest free data interface.
        type: list
        elements: str
        default: []
      cidr:
        description:
          - The subnet. By default VLAN v up to 255 has 192.168.v.0/24, one above it
            172.(16 + v div 256).(v mod 256).0/24. The subnets of a slice do not overlap.
        type: str
      gateway:
        description:
          - Whether the network has a gateway. A new one has none unless O(networks[].gateway_ip) is given.
        type: bool
      gateway_ip:
        description:
          - The gateway's address; by default the first of the subnet.
        type: str
      dhcp_enabled:
        description:
          - Whether the network has DHCP.
        type: bool
        default: false
      dhcp_range:
        description:
          - The first and the last address that DHCP hands out, as C(FIRST,LAST); by default most of the subnet. It
            does not hold the gateway, or without one the first address of the subnet, which the DHCP server has.
        type: str
      nat:
        description:
          - Whether the network has a way out by its gateway, under the network node's address.
        type: bool
        default: false
      mtu: *carried_mtu
      qinq: *carried_qinq
      forward_bpdu: *carried_bpdu
  slices:
    description:
      - Several slices at once, instead of O(name).
    type: list
    elements: dict
    suboptions:
      name:
        <<: *name
        required: true
      slice_id: *slice_id
      new_name: *new_name
      owner: *owner
      state: *state
      append: *append
      vlan_pools: *vlan_pools
      peers: *peers
      topology_type: *topology_type
      size: *size
      flavor: *flavor
      internet: *internet
      name_pattern: *name_pattern
      branching: *branching
      segments: *segments
      vms: *vms
      links: *links
      networks: *networks
"""

EXAMPLES = r"""
- name: Two VMs with a link between them, one of them with internet
  cloudrepo.slices.slice:
    name: web
    owner: admin
    vms:
      - name: vm1
        flavor: cirros
        internet: true
      - name: vm2
        flavor: cirros
    links:
      - endpoints: ["vm1:eth1", "vm2:eth1"]

- name: A copy for each of two students
  cloudrepo.slices.slice:
    slices:
      - name: lesson1
        owner: bob
        vms: &lesson
          - name: router
            flavor: cirros
            data_interfaces: 2
      - name: lesson1
        owner: carol
        vms: *lesson

- name: A ring of five, and a VM that listens to two of them
  cloudrepo.slices.slice:
    name: ring
    topology_type: ring
    size: 5
    flavor: cirros
    vms:
      - name: probe
        flavor: cirros
    networks:
      - name: taps
        members: [probe, vm1, vm2]

- name: Two VMs that meet on VLAN 400 by their names, and on a network with DHCP and a way out
  cloudrepo.slices.slice:
    name: office
    owner: carol
    peers: true
    vms:
      - {name: desk1, flavor: cirros, internet: true}
      - {name: desk2, flavor: cirros, internet: true}
    networks:
      - name: lan
        members: [desk1, desk2]
        gateway: true
        dhcp_enabled: true
        nat: true

- name: Add a VM to what is there
  cloudrepo.slices.slice:
    name: web
    append: true
    vms:
      - name: vm3
        flavor: cirros

- name: Give the slice up
  cloudrepo.slices.slice:
    name: web
    state: absent

- name: A slow and bad line between two VMs, whose link carries what the guests tag themselves
  cloudrepo.slices.slice:
    name: line
    owner: bob
    vms:
      - name: near
        flavor: cirros
        interfaces:
          - {name: eth1, tx_kbps: 2000, rx_kbps: 10000}
      - name: far
        flavor: cirros
        interfaces:
          - {name: eth1, up: false}
    links:
      - endpoints: ["near:eth1", "far:eth1"]
        qinq: true
        mtu: 1400
"""

RETURN = r"""
slices:
  description: The slices as they are stored, or in check mode as they would be. A slice that is gone is not listed.
  returned: success
  type: list
  elements: dict
  sample:
    - slice_id: 1000
      owner: admin
      topology_type: custom
      vlan_pool_start: 100
      vlan_pool_end: 119
      vlan_pool_used: [100]
      status: design
      vms: []
      links: []
      networks: []
      name: web
work_orders:
  description: The slices' work orders, as M(cloudrepo.slices.slice_plan) returns them.
  returned: when O(work_orders=true)
  type: dict
  sample:
    workers:
      10.0.10.1:
        worker_ip: 10.0.10.1
        images:
        - checksum: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
          path: /var/lib/cloudrepo/images/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.img
          source: /srv/images/guest.qcow2
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
              uuid: c2b2d6ac-6a1c-4d0b-8a55-0d6f9f0a7e03
            vnc_port: 5901
            interfaces:
            - name: eth0
              tap: tap_1001_eth0
              mac: "52:54:00:03:e9:00"
              vlan_id: 400
              address: 10.60.7.101
            - name: eth1
              tap: tap_1001_eth1
              mac: "52:54:00:03:e9:01"
              vlan_id: 100
              link_id: 1
              segment: core
              mtu: 9000
              qinq: true
              forward_bpdu: true
              up: false
              tx_kbps: 2000
              rx_kbps: 8000
              delay_ms: 20.0
              jitter_ms: 2.0
              loss_percent: 0.5
            vm_uuid: 0b9d4f5c-52a1-4b0e-9b7e-2f6a3d1c8e02
            vnc_password_id: "8b1a9953c4611296"
            state: running
          slice_uuid: 7f1c7f0e-3a52-4c8e-9d1a-5b0f6e2c4d11
          revision: 1795371735123
          peers:
          - mac: "52:54:00:03:e9:00"
            address: 10.60.7.101
          given_up:
          - vm_id: 1002
            path: /var/lib/cloudrepo/vms/1002/vm2_img.qcow2
            uuid: 5f0c1c5e-8a59-4c36-9d1c-6c1f8a1f0b77
    network_node:
      slices:
      - slice_id: 1000
        slice_uuid: 7f1c7f0e-3a52-4c8e-9d1a-5b0f6e2c4d11
        revision: 1795371735123
        reservations:
        - vm_id: 1001
          name: vm1
          mac: "52:54:00:03:e9:00"
          address: 10.60.7.101
        networks:
        - vlan_id: 101
          name: lan
          cidr: 192.168.101.0/24
          server_ip: 192.168.101.1
          members:
          - name: vm1
            mac: "52:54:00:03:e9:01"
          gateway: true
          dhcp_range: 192.168.101.10,192.168.101.250
          nat: true
          mtu: 9000
slice_ids:
  description: The ids of these slices.
  returned: when O(work_orders=true)
  type: list
  elements: int
  sample: [1000]
deleting:
  description: The ids of those that are being deleted.
  returned: when O(work_orders=true)
  type: list
  elements: int
  sample: []
fingerprints:
  description: What tells M(cloudrepo.slices.slice_report) whether a slice was changed after its order was made.
  returned: when O(work_orders=true)
  type: dict
  sample: {"1000": 3f1c5bb0d0a7e2aa}
recorded:
  description: What the database holds of the VMs, as hosts report it. Null where a report is needed in any case.
  returned: when O(work_orders=true)
  type: list
  elements: dict
  sample: [{vm_id: 1001, state: running, pid: "4821"}]
vms_to_start:
  description: The ids of VMs that are not known to run. Their displays may need their passwords.
  returned: when O(work_orders=true)
  type: list
  elements: int
  sample: [1001]
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
    - kind: vm
      name: web/vm1
      id: 1001
      action: create
      before: null
      after:
        {
          name: vm1, status: pending, power: running, observed: null, pid: null, worker: 10.0.10.1, pinned_to: null,
          flavor: cirros, cores: 1, ram_gb: 0.5, disk_gb: 1, vnc_port: 5901,
          interfaces: ["eth0 52:54:00:03:e9:00 VLAN 400 10.60.7.101", "eth1 52:54:00:03:e9:01 VLAN 100"],
          data_interfaces: null, vnc_password_version: 1
        }
      reason: ""
      restart: false
    - kind: vm
      name: web/vm2
      id: 1002
      action: update
      before:
        {
          name: vm2, status: running, power: running, observed: running, pid: "5103", worker: 10.0.10.2,
          pinned_to: null, flavor: cirros, cores: 1, ram_gb: 0.5, disk_gb: 1, vnc_port: 5902,
          interfaces: ["eth0 52:54:00:03:ea:00 no VLAN", "eth1 52:54:00:03:ea:01 VLAN 100"], data_interfaces: null,
          vnc_password_version: 1
        }
      after:
        {
          name: vm2, status: running, power: running, observed: running, pid: "5103", worker: 10.0.10.2,
          pinned_to: null, flavor: two, cores: 2, ram_gb: 0.5, disk_gb: 1, vnc_port: 5902,
          interfaces: ["eth0 52:54:00:03:ea:00 no VLAN", "eth1 52:54:00:03:ea:01 VLAN 100"], data_interfaces: null,
          vnc_password_version: 1
        }
      reason: flavor cirros → two; cores 1 → 2
      restart: true
tables:
  description: Each slice as a text table.
  returned: success
  type: list
  elements: str
  sample:
    - |-
      slice web (1000) of admin: design, VLAN pool 100–119
      VM   ID    WORKER     STATE    PID  ADDRESS      INTERFACES:VLAN    VNC
      vm1  1001  10.0.10.1  pending  -    10.60.7.101  eth0:400 eth1:100  10.0.10.1:5901
mermaid:
  description: Each slice as a Mermaid flowchart.
  returned: success
  type: list
  elements: str
  sample:
    - |-
      ---
      title: web
      ---
      flowchart LR
        vm1001["vm1"]
        vm1002["vm2"]
        vm1001 ---|"eth1 VLAN 100 eth1"| vm1002
dot:
  description: Each slice as a graph in DOT.
  returned: success
  type: list
  elements: str
  sample:
    - |-
      graph "web" {
        vm1001 [shape=box, label="vm1"];
        vm1002 [shape=box, label="vm2"];
        vm1001 -- vm1002 [label="eth1 VLAN 100 eth1"];
      }
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import topologies
from ansible_collections.cloudrepo.slices.plugins.module_utils._module import topology
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.control import entries, listed, transact
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Module
from ansible_collections.cloudrepo.slices.plugins.module_utils.lifecycle import POWERS

VM = {
    "name": {"type": "str", "required": True},
    "vm_id": {"type": "int"},
    "flavor": {"type": "str"},
    "internet": {"type": "bool", "default": False},
    "data_interfaces": {"type": "int"},
    "vnc_password_version": {"type": "int", "no_log": False},
    "worker": {"type": "str"},
    "power": {"type": "str", "choices": list(POWERS)},
    "interfaces": {"type": "list", "elements": "dict", "default": [], "options": topology.LIMITS_ARGUMENTS},
}
LINK = {
    "endpoints": {"type": "list", "elements": "str", "required": True},
    "name": {"type": "str"},
    "link_id": {"type": "int"},
    **topology.segment_arguments(),
}
NETWORK = {
    "name": {"type": "str", "required": True},
    "vlan_id": {"type": "int"},
    "members": {"type": "list", "elements": "str", "default": []},
    "cidr": {"type": "str"},
    "gateway": {"type": "bool"},
    "gateway_ip": {"type": "str"},
    "dhcp_enabled": {"type": "bool", "default": False},
    "dhcp_range": {"type": "str"},
    "nat": {"type": "bool", "default": False},
    **topology.segment_arguments(),
}
SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str"},
    "slice_id": {"type": "int"},
    "new_name": {"type": "str"},
    "owner": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "append": {"type": "bool", "default": False},
    "vlan_pools": {"type": "int"},
    "peers": {"type": "bool"},
    "topology_type": {"type": "str", "choices": list(topologies.TYPES), "default": topologies.CUSTOM},
    "size": {"type": "int"},
    "flavor": {"type": "str"},
    "internet": {"type": "bool", "default": False},
    "name_pattern": {"type": "str", "default": topologies.NAME_PATTERN},
    "branching": {"type": "int", "default": topologies.BRANCHING},
    "segments": {"type": "str", "choices": [topologies.LINKS, topologies.NETWORKS], "default": topologies.LINKS},
    "vms": {"type": "list", "elements": "dict", "default": [], "options": VM},
    "links": {"type": "list", "elements": "dict", "default": [], "options": LINK},
    "networks": {"type": "list", "elements": "dict", "default": [], "options": NETWORK},
}


def arguments() -> dict[str, Any]:
    """Return keyword arguments for AnsibleModule."""
    found = listed(SPEC, "slices", "name")
    found["argument_spec"].update(topology.SETTINGS_ARGUMENTS, work_orders={"type": "bool", "default": False})
    return found


def run(module: Module) -> None:
    """Carry out what C(module) was asked for, and leave it."""
    transact(module, lambda cluster: topology.put(cluster, entries(module.params, SPEC, "slices"), module.params))


def main() -> None:
    """Run as a module."""
    run(AnsibleModule(**arguments()))


if __name__ == "__main__":
    main()
