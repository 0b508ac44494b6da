# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of how modules are told what a worker shall have."""

from __future__ import annotations


class ModuleDocFragment:
    """The options whose argument spec is C(WORK_ORDER_ARGUMENTS) in C(module_utils/_host/arguments.py)."""

    DOCUMENTATION = r"""
options:
  slices:
    description:
      - Slices of a work order, each with B(all) that it has on this host.
      - "What carries the id of one of these slices, can be made again and is not listed is removed: units, taps, ports,
        flows and files of configuration. A disk goes only when it is listed as given up. Other slices are left alone."
    type: list
    elements: dict
    required: true
    suboptions:
      slice_id:
        description:
          - The slice's id.
        type: int
        required: true
      vms:
        description:
          - All VMs of the slice on this host; empty when it has none here.
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
              - The VM's name.
            type: str
            required: true
          cores:
            description:
              - Its virtual CPUs.
            type: int
            required: true
          ram_mib:
            description:
              - Its memory in MiB.
            type: int
            required: true
          disks:
            description:
              - Its disks. The first one is the one that it boots from; for now it has no other.
            type: list
            elements: dict
            required: true
            suboptions:
              path:
                description:
                  - Its qcow2 file, in the VM's folder C(STATE_DIR/vms/VM_ID).
                type: str
                required: true
              size_bytes:
                description:
                  - Its size in bytes.
                type: int
                required: true
              backing_file:
                description:
                  - The base image that it stands on.
                type: str
                required: true
              uuid:
                description:
                  - Its UUID.
                type: str
          vnc_port:
            description:
              - The TCP port of its display.
            type: int
            required: true
          interfaces:
            description:
              - All its interfaces in order, so that the first is C(eth0) in the guest.
            type: list
            elements: dict
            required: true
            suboptions:
              name:
                description:
                  - The interface's name.
                type: str
                required: true
              tap:
                description:
                  - The tap on this host, C(tap_) and 11 more characters at most.
                type: str
                required: true
              mac:
                description:
                  - The MAC address that the guest sees.
                type: str
                required: true
              vlan_id:
                description:
                  - The VLAN of its access port.
                  - Without one the tap stays off the bridge, and the guest sees no carrier.
                type: int
              link_id:
                description:
                  - The link that the VLAN belongs to, for people who look at the switch.
                type: int
              segment:
                description:
                  - The name of that link or network, for people who look at the switch.
                type: str
              address:
                description:
                  - The IPv4 address of an interface on VLAN 400. It may speak there under no other.
                  - Without one it may only ask for one by DHCP.
                type: str
              mtu:
                description:
                  - The MTU of its link or network, and so of its tap, without Ethernet header and tags.
                type: int
                default: 1500
              qinq:
                description:
                  - Whether frames that the guest has tagged itself pass, below the tag of the link. Else they are
                    dropped.
                type: bool
                default: false
              forward_bpdu:
                description:
                  - Whether STP, LACP, LLDP and Cisco's CDP, VTP, PAgP and PVST+ pass, which a bridge otherwise keeps.
                type: bool
                default: false
              up:
                description:
                  - Whether the guest sees a carrier, where the interface is on a VLAN.
                type: bool
                default: true
              tx_kbps:
                description:
                  - The most that the guest may send, in kbit/s.
                type: int
              rx_kbps:
                description:
                  - The most that the guest may receive, in kbit/s.
                type: int
              delay_ms:
                description:
                  - By how many milliseconds what the guest receives is late. This, the jitter and the loss need a
                    kernel with netem.
                type: float
              jitter_ms:
                description:
                  - By how many milliseconds that delay varies.
                type: float
              loss_percent:
                description:
                  - How much of what the guest should receive is lost.
                type: float
          vm_uuid:
            description:
              - The VM's UUID.
              - A host that holds another VM under this number refuses the slice, and leaves both as they are.
            type: str
          vnc_password_id:
            description:
              - Tells whether its display has the password that it shall have. No order holds the password itself.
            type: str
          state:
            description:
              - Whether the VM runs. One that is V(stopped) keeps its disk, taps and ports; one that is V(paused) has
                its QEMU as well.
            type: str
            choices: [running, stopped, paused]
            default: running
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
      peers:
        description:
          - All interfaces of the slice on VLAN 400, on whatever host, if its VMs may meet there. Empty if they may not.
        type: list
        elements: dict
        default: []
        suboptions:
          mac:
            description:
              - The interface's MAC address.
            type: str
            required: true
          address:
            description:
              - Its IPv4 address.
            type: str
      given_up:
        description:
          - The disks that go. A disk that is neither listed here nor with a VM is an orphan, which is kept and
            reported.
        type: list
        elements: dict
        default: []
        suboptions:
          vm_id:
            description:
              - The VM that it was made for.
            type: int
            required: true
          path:
            description:
              - Its qcow2 file, in that VM's folder.
            type: str
            required: true
          uuid:
            description:
              - Its UUID. A disk at this path that has another one is an orphan.
            type: str
  state_dir:
    description:
      - The folder that holds base images and VM folders.
    type: str
    default: /var/lib/cloudrepo
  user:
    description:
      - What the names of the unprivileged users begin with that VMs run as. Those of slice 1042 run as
        C(cloudrepo-42), for 42 is the number of its VLAN pool, which no other slice has.
      - It is also the name of the group that all these users are in.
    type: str
    default: cloudrepo
"""
