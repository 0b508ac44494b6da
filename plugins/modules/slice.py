#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: slice
short_description: Manage slices, each with its whole topology
version_added: 1.0.0
description:
  - Stores a topology of virtual machines and layer-2 links, and allocates ids, workers, VLANs, MAC addresses, VNC ports
    and IP addresses for it. Existing objects keep what they have. Objects that are no longer listed are removed.
  - Only the database is changed. Run the playbook C(cloudrepo.slices.deploy) to apply the change to the hosts.
  - A slice is stored completely or, if any rule refuses it, not at all. The message then contains all reasons.
  - Each of several slices is stored or refused on its own, in the order of the list. The module fails if it refused
    any, after it has stored the others. With O(work_orders=true) it only fails if it refused all of them, and returns
    the others as RV(refused). This includes slices with an unsupported option or a value of the wrong type.
  - Resources that may be in use on a host are released in two steps, so that nothing is allocated again before the host
    has removed it. A removed VM has the status C(deleting), and the VLAN of a removed link stays reserved, until the
    next deploy has succeeded. With O(state=absent) the same applies to the whole slice, until
    C(cloudrepo.slices.delete) has succeeded.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
  - cloudrepo.slices.settings
options:
  work_orders:
    description:
      - Whether to also return the work orders of the slices, as M(cloudrepo.slices.slice_plan) does.
    type: bool
    default: false
  overwrite:
    description:
      - Whether to undo changes that were made after the revision in O(based_on).
    type: bool
    default: false
  recreate_disks:
    description:
      - With O(work_orders), VMs whose disks are created again if they are missing, as
        O(cloudrepo.slices.slice_plan#module:recreate_disks).
    type: list
    elements: str
    default: []
  accept_revision:
    description:
      - With O(work_orders), as O(cloudrepo.slices.slice_plan#module:accept_revision).
    type: int
  name:
    &name
    description:
      - The slice's name, unique among the slices of its owner. With O(state=absent), it can also be the slice's id. The
        default is made from O(title).
    type: str
  title:
    &title
    description:
      - Free text of 1 to 200 characters without control characters, such as V(São Paulo, core), which is shown in
        tables and graphs.
    type: str
  owner:
    &owner
    description:
      - The owner of the slice. The default is O(acting_user), or with O(state=absent) the owner of the slice of that
        name.
    type: str
  slice_id:
    &slice_id
    description:
      - The id of an existing slice. O(name) is then the slice's new name.
    type: int
  new_name:
    &new_name
    description:
      - A new name for the slice. If the slice already has this name and no slice has the old one, nothing is renamed.
    type: str
  state:
    &state
    description:
      - Whether the slice should exist.
    type: str
    choices: [present, absent]
    default: present
  append:
    &append
    description:
      - Whether to only add objects. Objects that are not listed are kept, a link between the ends of an existing link
        is not added again, and the members of a network are added to the existing ones.
    type: bool
    default: false
  based_on:
    &based_on
    description:
      - The C(revision) of the slice that the topology was made from. If objects that the topology would change were
        changed after that revision, it is refused, with a message about who changed them, when, and how. A slice that
        was deleted since is not created again, and one that was changed since is not deleted.
    type: int
  vlan_pools:
    &vlan_pools
    description:
      - Maximum number of pools of 20 VLANs. The first pool of a slice is determined by its id. More are allocated when
        a link or network needs them, lowest free pool first, and released when they are empty. There are 100 pools
        on a trunk, of which the cloud may use those of O(cloudrepo.slices.cloud#module:vlan_pools). The default is 1,
        or with O(append) the previous value.
    type: int
  peers:
    &peers
    description:
      - Whether the slice's own VMs may communicate on VLAN 400. VMs of different slices never can. The default is
        V(false), or with O(append) the previous value.
    type: bool
  expires:
    &expires
    description:
      - The time at which the slice expires, such as V(2026-12-31T18:00:00Z), or a date, which is its first moment in
        UTC. The playbook C(cloudrepo.slices.expire) then deletes the slice, and its disks stay in the trash like those
        of any deleted slice. An empty text is the default, a slice that does not expire, or with O(append) the previous
        value.
    type: str
  addressing:
    &addressing
    description:
      - The pools from which the slice takes addresses. Each link and network gets a subnet, each of their ends and each
        loopback interface an address, always the lowest free one, which it keeps until it is removed or no longer fits.
        Without a pool, the slice takes no such addresses. With O(append), the default is the previous value.
      - Guests with O(vms[].cloud_init) get their addresses. They are also returned by M(cloudrepo.slices.slice_info),
        and shown by the inventory plugin P(cloudrepo.slices.slices#inventory).
      - Pools must not overlap each other, the management network, or subnets of the slice that are not in them. If a
        pool or its prefix length changes, subnets that no longer fit are replaced.
    type: dict
    suboptions:
      links:
        description:
          - The pool for links.
        type: dict
        suboptions: &pool
          ipv4:
            description:
              - An IPv4 network, such as V(10.1.0.0/16).
            type: str
          prefix:
            description:
              - The prefix length of the IPv4 subnets in the pool. The default is 30 for links and 24 for networks.
            type: int
          ipv6:
            description:
              - An IPv6 network, such as V(2001:db8:1::/48).
            type: str
          prefix6:
            description:
              - The prefix length of the IPv6 subnets in the pool. The default is 64.
            type: int
      networks:
        description:
          - The pool for networks. Members of a network with DHCP take no IPv4 address from it.
        type: dict
        suboptions: *pool
      loopbacks:
        description:
          - The pool for loopback interfaces of VMs.
        type: dict
        suboptions:
          ipv4:
            description:
              - An IPv4 network, such as V(10.0.0.0/24).
            type: str
          ipv6:
            description:
              - An IPv6 network, such as V(2001:db8::/64).
            type: str
  topology_type:
    &topology_type
    description:
      - The type of topology. All types except V(custom) generate VMs and links from O(size), O(flavor) and
        O(name_pattern). The objects in O(vms), O(links) and O(networks) are added. A listed VM replaces the generated
        VM of the same name.
      - The first VM is the center of a V(star) and the root of a V(tree). A V(bus) is a single network of that name
        with all VMs.
    type: str
    choices: [custom, linear, ring, star, tree, mesh, bus]
    default: custom
  size:
    &size
    description:
      - Number of VMs to generate.
    type: int
  flavor:
    &flavor
    description:
      - Flavor of the generated VMs.
    type: str
  internet:
    &internet
    description:
      - Whether the generated VMs have internet access.
    type: bool
    default: false
  name_pattern:
    &name_pattern
    description:
      - Names of the generated VMs. C({n}) is replaced with a number starting from 1.
    type: str
    default: vm{n}
  branching:
    &branching
    description:
      - Number of children of a VM in a tree.
    type: int
    default: 2
  segments:
    &segments
    description:
      - How a VM in a tree is connected with its children, with V(links) to each of them or with one of V(networks) for
        all of them. Networks need fewer VLANs.
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
          - The VM's name, unique within the slice regardless of case.
          - The default is made from O(vms[].title), with a number if the name is taken. An existing VM keeps the name
            that was made from its title.
        type: str
      title:
        description:
          - As O(title). It is also the title of the VM's display after its next start. Endpoints and members may refer
            to the VM by it.
        type: str
      vm_id:
        description:
          - The id of an existing VM. O(vms[].name) is then the VM's new name.
        type: int
      flavor:
        description:
          - Its flavor, required for a new VM. If it is changed, an existing VM gets the new number of cores and memory
            at its next start. Its disk grows to that of the flavor, also while it runs, and cannot shrink.
        type: str
      image:
        description:
          - Name of a flavor whose image the VM gets instead of that of its own flavor. An existing VM keeps its image.
        type: str
      internet:
        description:
          - Whether its first interface, eth0, is on management VLAN 400 with DHCP and internet access. Otherwise eth0
            has no carrier.
        type: bool
        default: false
      data_interfaces:
        description:
          - Number of interfaces besides eth0. The default is as many as its links and networks need.
        type: int
      worker:
        description:
          - Address of the worker that it must run on. By default a worker is selected by O(placement).
        type: str
      cloud_init:
        description:
          - Sets up a guest that runs cloud-init. The VM gets a read-only disk with the label C(cidata), which contains
            its host name, ssh keys and network configuration (NoCloud). An empty dictionary only sets the host name,
            and configures interfaces on VLAN 400 and on networks with DHCP. Without this option, the VM has no such
            disk.
          - If it changes, a running VM needs a restart. The guest then applies everything again, as a new instance.
        type: dict
        suboptions:
          hostname:
            description:
              - The host name. The default is the VM's name.
            type: str
          ssh_keys:
            description:
              - Public keys of the image's default user, each as a line of C(authorized_keys).
            type: list
            elements: str
          user_data:
            description:
              - Text for cloud-init that begins with C(#cloud-config) or C(#!), with more lines. The guest gets it as it
                is. Host name and ssh keys are given to it as vendor data and metadata.
              - It may contain secrets. They are stored in the database, and copied to the disk for cloud-init. Results,
                diffs, the history and work orders only contain its id, C(user_data_id).
            type: str
          interfaces:
            description:
              - Interfaces with static addresses. The MTU is that of the link or network.
            type: list
            elements: dict
            suboptions:
              name:
                description:
                  - Name of the interface, such as V(eth1). The guest's interface has the same name.
                type: str
                required: true
              addresses:
                description:
                  - IPv4 and IPv6 addresses with their prefix lengths, such as V(10.1.0.1/24).
                type: list
                elements: str
                required: true
      loopback:
        description:
          - Addresses of the VM's loopback interface. They must be in the pool for loopbacks, if there is one. Without
            an address, it takes one from the pool.
        type: dict
        suboptions:
          ipv4:
            description:
              - An IPv4 address.
            type: str
          ipv6:
            description:
              - An IPv6 address.
            type: str
      kind:
        description:
          - The VM's kind of guest, as M(cloudrepo.slices.kind) registers it or one of the shipped ones. It determines
            the VM's hardware, what its interfaces are called, and when the guest is ready. The default is the kind of
            the flavor that its image is from, if that has one.
          - A change of the hardware takes effect at the next start.
        type: str
      ready_when:
        description:
          - When the guest is ready. The playbook C(cloudrepo.slices.wait) and C(cloudrepo.slices.deploy) with
            C(wait_ready=true) wait for it.
        type: dict
        suboptions:
          check:
            description:
              - V(ping), V(ssh), V(tcp) and V(http) connect from the network node to its address on VLAN 400, so they
                need O(vms[].internet). V(ssh) waits for the greeting of an ssh server, V(http) for a response with a
                status below 400.
              - V(console) waits for a prompt on its serial console, of a login or of a shell.
              - V(command) runs O(vms[].ready_when.command) in the root shell on its serial console, as
                M(cloudrepo.slices.console_command) does, until its return code is 0. A run that takes longer than 30
                seconds is interrupted.
              - V(cloud_init) waits for cloud-init to write on the serial console that it has finished.
              - V(none) does not wait for it. V(auto) is V(ping) for a VM with an address on VLAN 400, otherwise
                V(console).
            type: str
            required: true
            choices: [auto, none, console, command, cloud_init, ping, ssh, tcp, http]
          port:
            description:
              - The TCP port of V(tcp), V(http) and V(ssh). The default is 80 for V(http) and 22 for V(ssh).
            type: int
          path:
            description:
              - The path of V(http), V(/) by default.
            type: str
          command:
            description:
              - The command of V(command). It is stored and shown as it is, so it must not contain secrets.
            type: str
      startup:
        description:
          - Files that are written in the guest, and commands that are run after that, over its serial console or over
            ssh. C(cloudrepo.slices.deploy) waits for the guest and does this.
          - "A dictionary with C(files), a list of dictionaries with C(path), C(content) and C(mode) (C('0644') by
            default); C(commands), a list of texts; C(timeout_s), the time limit in seconds for all of it, including
            the boot of the guest (600 by default); and C(via), V(console) or V(ssh)."
          - The default for C(via) is C(startup_via) of the VM's kind, which also says who logs in, and how that user
            gets a root shell. Without a kind, there is a root shell on the serial console, and over ssh root logs in.
          - V(ssh) connects from the controller through the network node to the VM's address on VLAN 400, with the key
            C(cloudrepo_guest_private_key_file), or with those that ssh finds.
          - It runs once for each disk, and again when files or commands are changed. The first command with a return
            code other than 0 ends it, and the next deploy starts it again, so it must be possible to repeat commands.
          - It may contain secrets. They are stored in the database. Results, diffs, the history and work orders only
            contain its id, C(startup_id). A command that fails is shown, with the end of its output, so keep secrets in
            files.
        type: json
      data_disks:
        description:
          - Further disks, empty at first, which are kept with the VM. Without this option, an existing VM keeps its
            data disks.
          - The guest finds each as C(/dev/disk/by-id/virtio-NAME). If its kind has the C(disk_bus) V(scsi) or V(sata),
            the name there is C(scsi-0QEMU_QEMU_HARDDISK_NAME) or C(ata-QEMU_HARDDISK_NAME).
          - A VM gives up data disks that are not in the list. They are moved to the trash of its worker, where they
            can be restored for C(cloudrepo_disk_retention_h) hours. An empty list gives up all of them.
          - A running VM needs a restart to get or to give up a disk, and none for a disk that grows.
        type: list
        elements: dict
        suboptions:
          name:
            description:
              - The disk's name, unique within the VM regardless of case, of 1 to 20 characters.
            type: str
            required: true
          size_gb:
            description:
              - Its size in GiB. A larger value enlarges the disk, also that of a running VM. A disk cannot shrink.
            type: float
            required: true
          restore:
            description:
              - The UUID of a data disk of this slice that is in the trash of the VM's worker, to restore it or to move
                it to another VM. M(cloudrepo.slices.slice_info) lists them as C(trashed_disks) of their VMs,
                and those of deleted VMs as C(trashed_disks) of the slice.
            type: str
      cdrom:
        description:
          - Name of a flavor whose image is that of a CD (ISO 9660), which the VM has in a drive on SATA.
          - A running VM needs a restart for another CD.
        type: str
      boot:
        description:
          - From what the VM boots, in this order. V(network) is its first interface. The default is V([disk]).
          - A running VM needs a restart for another order.
        type: list
        elements: str
        choices: [disk, cdrom, network]
      power:
        description:
          - The desired power state, which C(cloudrepo.slices.deploy) applies. See M(cloudrepo.slices.vm). The default
            for a new VM is V(running); an existing VM keeps its power state.
        type: str
        choices: [running, stopped, paused]
      vnc_password_version:
        description:
          - The version of its display's password. Increase it to change the password. See M(cloudrepo.slices.vm). By
            default the password is not changed.
        type: int
      interfaces:
        description:
          - Rate limits, faults such as a delay, and carrier of its interfaces. Interfaces that are not listed have the
            defaults. Changes take effect on a running VM.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description:
              - The interface's name, such as V(eth1).
            type: str
            required: true
          up:
            description:
              - Whether the interface has a carrier in the guest, if it is on a link, network or VLAN 400.
            type: bool
            default: true
          tx_kbps:
            description:
              - Rate limit for sent traffic, in kbit/s. Excess packets are dropped. By default there is no limit.
            type: int
          rx_kbps:
            description:
              - Rate limit for received traffic, in kbit/s. Excess packets are queued for up to 100 ms, or the time that
                16 frames take, and then dropped. By default there is no limit.
            type: int
          delay_ms:
            description:
              - Delay of received traffic, in milliseconds. For a delay in both directions, set it at both ends.
              - Faults, such as a delay, require workers whose kernel has netem, the module C(sch_netem).
            type: float
          jitter_ms:
            description:
              - Largest deviation from the delay, up and down, in milliseconds.
            type: float
          loss_percent:
            description:
              - Percentage of received packets to drop at random.
            type: float
          duplicate_percent:
            description:
              - Percentage of received packets to deliver twice, chosen at random.
            type: float
  links:
    &links
    description:
      - The links of the slice. An existing link keeps its VLAN.
    type: list
    elements: dict
    default: []
    suboptions:
      endpoints:
        description:
          - The two ends, each as C(VM:INTERFACE), or as C(VM) for its first free data interface.
        type: list
        elements: str
        required: true
      name:
        description:
          - A name for the link, unique within the slice regardless of case. A link with a name keeps its VLAN
            if its ends change.
        type: str
      title:
        description:
          - As O(title).
        type: str
      link_id:
        description:
          - The id of an existing link, which keeps its VLAN if its ends change.
        type: int
      cidr:
        description:
          - The IPv4 subnet of the link. By default it is taken from the pool for links in O(addressing).
        type: str
      cidr6:
        description:
          - As O(links[].cidr), for IPv6.
        type: str
      addresses:
        &addresses
        description:
          - Addresses of single ends, in the subnets of the link or network. The others take the lowest free ones.
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
      mtu:
        &carried_mtu
        description:
          - The MTU in bytes, without Ethernet header and VLAN tags. The guests must configure it on their interfaces.
            Between workers, the trunks must support it.
          - With an IPv6 subnet, it must be at least 1280.
        type: int
        default: 1500
      qinq:
        &carried_qinq
        description:
          - Whether to forward frames that guests have tagged, inside the VLAN of the link (802.1ad). Otherwise they are
            dropped. Between workers, this requires 4 more bytes of the trunk's MTU.
        type: bool
        default: false
      forward_bpdu:
        &carried_bpdu
        description:
          - Whether to forward STP, LACP, 802.1X, LLDP and Cisco's CDP, VTP, PAgP and PVST+, which bridges do not
            forward by default. Between workers, the physical switches must forward them as well.
        type: bool
        default: false
  networks:
    &networks
    description:
      - The networks of the slice, which are segments with any number of members. An existing network keeps its VLAN.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - The network's name, unique within the slice regardless of case. The default is made from
            O(networks[].title), as for VMs.
        type: str
      title:
        description:
          - As O(title).
        type: str
      vlan_id:
        description:
          - The VLAN of an existing network. O(networks[].name) is then the network's new name.
        type: int
      members:
        description:
          - Its members, each as C(VM:INTERFACE), or as C(VM) for its first free data interface.
        type: list
        elements: str
        default: []
      cidr:
        description:
          - The subnet. By default it is taken from the pool for networks in O(addressing). Without one, it is
            192.168.v.0/24 for VLAN v up to 255, and 172.(16 + v div 256).(v mod 256).0/24 above. The subnets of a slice
            must not overlap.
        type: str
      gateway:
        description:
          - Whether the network has a gateway. The default for a new network is V(false), unless
            O(networks[].gateway_ip) is set.
        type: bool
      gateway_ip:
        description:
          - The gateway's address. The default is the first address of the subnet.
        type: str
      dhcp_enabled:
        description:
          - Whether the network has DHCP.
        type: bool
        default: false
      dhcp_range:
        description:
          - The first and last address of the DHCP range, as C(FIRST,LAST). The default is most of the subnet. It must
            not contain the gateway or, without a gateway, the first address of the subnet, which is the DHCP server's.
        type: str
      nat:
        description:
          - Whether the gateway gives access to other networks, with NAT to the network node's address.
        type: bool
        default: false
      cidr6:
        description:
          - The IPv6 subnet. By default it is taken from the pool for networks in O(addressing). The network node does
            not use it.
        type: str
      addresses: *addresses
      mtu: *carried_mtu
      qinq: *carried_qinq
      forward_bpdu: *carried_bpdu
  slices:
    description:
      - A list of slices, instead of O(name).
    type: list
    elements: dict
    suboptions:
      name: *name
      title: *title
      slice_id: *slice_id
      new_name: *new_name
      owner: *owner
      state: *state
      append: *append
      based_on: *based_on
      vlan_pools: *vlan_pools
      peers: *peers
      expires: *expires
      addressing: *addressing
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
- name: Create a slice of two VMs with a link, one of them with internet access
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

- name: Create the same slice for two students
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

- name: Create a ring of five VMs, and a network that connects two of them to another VM
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

- name: Create two VMs that can communicate on VLAN 400, and on a network with DHCP and NAT
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

- name: Add a VM to a slice
  cloudrepo.slices.slice:
    name: web
    append: true
    vms:
      - name: vm3
        flavor: cirros

- name: Create a ring of routers, with addresses on their links and loopback interfaces
  cloudrepo.slices.slice:
    name: routers
    topology_type: ring
    size: 4
    flavor: cirros
    addressing:
      links: {ipv4: 10.1.0.0/16, prefix: 31}
      loopbacks: {ipv4: 10.0.0.0/24, ipv6: "2001:db8::/64"}

- name: Create a VM whose guest gets a file and an address on its link at its start-up
  cloudrepo.slices.slice:
    name: started
    vms:
      - name: vm1
        flavor: cirros
        startup:
          files:
            - {path: /etc/motd, content: "welcome\n", mode: "0644"}
          commands:
            - ip address replace 10.1.0.1/24 dev eth1
            - ip link set eth1 up
      - {name: vm2, flavor: cirros}
    links:
      - endpoints: ["vm1:eth1", "vm2:eth1"]

- name: Delete a slice
  cloudrepo.slices.slice:
    name: web
    state: absent

- name: Create a link with rate limits that forwards tagged frames of the guests
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
  description: The slices as they are stored, or would be in check mode, without deleted ones.
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
      revision: 1795371735123
refused:
  description: The slices that were refused. The other return values do not contain them.
  returned: success, and when slices were refused
  type: list
  elements: dict
  sample: []
  contains:
    slice_id:
      description: The slice's id. Null if there is no such slice yet.
      type: int
      sample: 1000
    slice:
      description: Owner and name of the slice.
      type: str
      sample: alice/web
    failure:
      description: Why it was refused.
      type: str
      sample: >-
        slice web (1000) was left unchanged: slice web: flavor cirrus (VMs vm1) does not exist; existing: cirros
    codes:
      description:
        - The codes of the reasons, each once, such as C(quota_exceeded). It is C(unsupported_options) for options that
          do not exist, and C(malformed_slice) for a value of the wrong type.
      type: list
      elements: str
      sample: [unknown_flavor]
work_orders:
  description: The work orders of the slices, as returned by M(cloudrepo.slices.slice_plan).
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
              first_seen: '2026-01-31T12:00:00Z'
            - path: /var/lib/cloudrepo/vms/1001/db_3f9c1b52.qcow2
              size_bytes: 5368709120
              name: "db"
              uuid: 3f9c1b52-7d40-4f6e-9a2b-1c8e5d7f6a04
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
              duplicate_percent: 1.0
            vm_uuid: 0b9d4f5c-52a1-4b0e-9b7e-2f6a3d1c8e02
            vnc_password_id: "8b1a9953c4611296"
            title: Web server
            seed:
            - name: meta-data
              content: '{"instance-id": "0b9d4f5c-1f2e3d4c", "local-hostname": "vm1"}'
            - name: vendor-data
              content: '#cloud-config

                {}'
            cdrom: /var/lib/cloudrepo/images/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.img
            boot: cdrom,disk
            user_data_id: "0d9c8b7a65f4e3d2c1b0a9f8e7d6c5b4"
            shutdown: acpi
            shutdown_timeout_s: 120
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
          - vm_id: 1001
            path: /var/lib/cloudrepo/vms/1001/log_8d2e4f60.qcow2
            uuid: 8d2e4f60-1b7a-4c93-a5d8-e0f6b3c2d719
            name: log
          trunk:
          - name: link web/core
            mtu: 9004
          record: '{"next_vm_id":1003,"slice":{"slice_id":1000,"owner":"admin"},"vm_ids":[1001,1002]}'
          receipt: "9f1c3b5a0d7e4862a1b2c3d4e5f60718"
        cloud_uuid: 4c1f6a7e-8c1d-4f39-9a53-0d6f2b7e9c10
        cloud_title: lab
        cloud_incarnation: 9d2b7c31-1f0e-4a52-8b6d-6f5e3c2a1b00
        issued_revisions: 1795371735001,1795371735123
        complete: false
        machine_mark: "5f6b0c1e9d000000000000000000000000000000000000000000000000000000"
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
          loopback: 10.0.0.1
          loopback6: "2001:db8::1"
        networks:
        - vlan_id: 101
          name: lan
          cidr: 192.168.101.0/24
          server_ip: 192.168.101.1
          members:
          - name: vm1
            mac: "52:54:00:03:e9:01"
            address: 192.168.101.2
            address6: "2001:db8:101::2"
          gateway: true
          dhcp_range: 192.168.101.10,192.168.101.250
          nat: true
          mtu: 9000
        trunk:
        - name: link web/core
          mtu: 9004
        record: '{"next_vm_id":1003,"slice":{"slice_id":1000,"owner":"admin"},"vm_ids":[1001,1002]}'
        receipt: "9f1c3b5a0d7e4862a1b2c3d4e5f60718"
      cloud_uuid: 4c1f6a7e-8c1d-4f39-9a53-0d6f2b7e9c10
      cloud_title: lab
      cloud_incarnation: 9d2b7c31-1f0e-4a52-8b6d-6f5e3c2a1b00
      lost_machines:
      - mark: "5f6b0c1e9d000000000000000000000000000000000000000000000000000000"
      revision: 1795371735123
      issued_revisions: 1795371735001,1795371735123
      complete: false
      machine_mark: "5f6b0c1e9d000000000000000000000000000000000000000000000000000000"
startups:
  description:
    - The VMs that should run and have a start-up, with how root gets a shell in their guests. The filter
      P(cloudrepo.slices.startups_on_host#filter) makes the option O(cloudrepo.slices.guest_startup#module:vms) of them.
  returned: when O(work_orders=true)
  type: list
  elements: dict
  sample:
    - slice_id: 1000
      worker_ip: 10.0.10.1
      vm_id: 1001
      vm_uuid: 0b9d4f5c-52a1-4b0e-9b7e-2f6a3d1c8e02
      name: web/vm1
      disk: /var/lib/cloudrepo/vms/1001/vm1_img.qcow2
      startup_id: 0d9c8b7a65f4e3d2c1b0a9f8e7d6c5b4
      files: 1
      commands: 2
      timeout_s: 600
      ready_when: console
lost_workers:
  description: Addresses of the lost workers, which get no work orders.
  returned: when O(work_orders=true)
  type: list
  elements: str
  sample: []
slice_ids:
  description: Ids of the slices.
  returned: when O(work_orders=true)
  type: list
  elements: int
  sample: [1000]
slice_names:
  description: Owner and name of each of these slices, by id.
  returned: when O(work_orders=true)
  type: dict
  sample: {"1000": alice/web}
changed_slices:
  description: The ids of the slices that were changed in the database, including those that were deleted from it.
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
recorded:
  description: The stored state of the VMs, in the format of a report. Null if a report is always required.
  returned: when O(work_orders=true)
  type: list
  elements: dict
  sample: [{vm_id: 1001, state: running, pid: "4821"}]
vms_to_start:
  description: Ids of VMs that should run and are not known to be running. Their displays may need a password.
  returned: when O(work_orders=true)
  type: list
  elements: int
  sample: [1001]
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
    - kind: vm
      name: web/vm1
      id: 1001
      slice_id: 1000
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
      slice_id: 1000
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
      slice web (1000) of admin: design, VLAN pool 100–119, revision 1795371735123
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
from ansible_collections.cloudrepo.slices.plugins.module_utils._module import orders, topology
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.control import entries, listed, transact
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Module
from ansible_collections.cloudrepo.slices.plugins.module_utils.lifecycle import POWERS
from ansible_collections.cloudrepo.slices.plugins.module_utils.names import NAME, NAME_OR_ID

NAMED: dict[str, Any] = {"required_one_of": [("name", "title")]}
VM = {
    "name": {"type": NAME},
    "title": {"type": NAME},
    "vm_id": {"type": "int"},
    "flavor": {"type": NAME},
    "internet": {"type": "bool", "default": False},
    "data_interfaces": {"type": "int"},
    "vnc_password_version": {"type": "int", "no_log": False},
    "worker": {"type": "str"},
    "power": {"type": "str", "choices": list(POWERS)},
    "interfaces": {"type": "list", "elements": "dict", "default": [], "options": topology.LIMITS_ARGUMENTS},
    "cloud_init": topology.CLOUD_INIT_ARGUMENT,
    "loopback": topology.LOOPBACK_ARGUMENT,
    "image": {"type": NAME},
    "ready_when": topology.READY_WHEN_ARGUMENT,
    "startup": topology.STARTUP_ARGUMENT,
    "data_disks": topology.DATA_DISKS_ARGUMENT,
    "kind": {"type": NAME},
    "cdrom": {"type": NAME},
    "boot": topology.BOOT_ARGUMENT,
}
LINK = {
    "endpoints": {"type": "list", "elements": NAME, "required": True},
    "name": {"type": NAME},
    "title": {"type": NAME},
    "link_id": {"type": "int"},
    "cidr": {"type": "str"},
    "cidr6": {"type": "str"},
    "addresses": topology.ENDS_ARGUMENT,
    **topology.segment_arguments(),
}
NETWORK = {
    "name": {"type": NAME},
    "title": {"type": NAME},
    "vlan_id": {"type": "int"},
    "members": {"type": "list", "elements": NAME, "default": []},
    "cidr": {"type": "str"},
    "gateway": {"type": "bool"},
    "gateway_ip": {"type": "str"},
    "dhcp_enabled": {"type": "bool", "default": False},
    "dhcp_range": {"type": "str"},
    "nat": {"type": "bool", "default": False},
    "cidr6": {"type": "str"},
    "addresses": topology.ENDS_ARGUMENT,
    **topology.segment_arguments(),
}
SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": NAME_OR_ID},
    "title": {"type": NAME},
    "slice_id": {"type": "int"},
    "new_name": {"type": NAME},
    "owner": {"type": NAME},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "append": {"type": "bool", "default": False},
    "based_on": {"type": "int"},
    "vlan_pools": {"type": "int"},
    "peers": {"type": "bool"},
    "expires": {"type": "str"},
    "addressing": topology.ADDRESSING_ARGUMENT,
    "topology_type": {"type": "str", "choices": list(topologies.TYPES), "default": topologies.CUSTOM},
    "size": {"type": "int"},
    "flavor": {"type": NAME},
    "internet": {"type": "bool", "default": False},
    "name_pattern": {"type": NAME, "default": topologies.NAME_PATTERN},
    "branching": {"type": "int", "default": topologies.BRANCHING},
    "segments": {"type": "str", "choices": [topologies.LINKS, topologies.NETWORKS], "default": topologies.LINKS},
    "vms": {"type": "list", "elements": "dict", "default": [], "options": VM, **NAMED},
    "links": {"type": "list", "elements": "dict", "default": [], "options": LINK},
    "networks": {"type": "list", "elements": "dict", "default": [], "options": NETWORK, **NAMED},
}


def arguments() -> dict[str, Any]:
    """Return keyword arguments for AnsibleModule."""
    found = listed(SPEC, "slices", "name", "title")
    found["argument_spec"].update(
        topology.SETTINGS_ARGUMENTS,
        work_orders={"type": "bool", "default": False},
        overwrite={"type": "bool", "default": False},
        recreate_disks=orders.RECREATE_DISKS,
        accept_revision=orders.ACCEPT_REVISION,
    )
    return found


def run(module: Module) -> None:
    """Run the module and exit it."""
    transact(module, lambda cluster: topology.put(cluster, entries(module.params, SPEC, "slices"), module.params))


def main() -> None:
    """Run as a module."""
    run(AnsibleModule(**arguments()))


if __name__ == "__main__":
    main()
