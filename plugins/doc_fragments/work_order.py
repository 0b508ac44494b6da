# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of a worker's work order as a module option."""

from __future__ import annotations


class ModuleDocFragment:
    """The options whose argument spec is C(WORK_ORDER_ARGUMENTS) in C(module_utils/_host/arguments.py)."""

    DOCUMENTATION = r"""
options:
  slices:
    description:
      - Slices of the work order, each with B(everything) that it has on this host.
      - Units, taps, ports, flows and configuration files of these slices that are not listed are removed. Disks are
        removed only if they are listed in C(given_up). Other slices are not touched.
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
          - All VMs of the slice on this host, empty if it has none.
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
              - Its disks. It boots from the first one, an overlay on a base image. The others are data disks, which the
                guest finds below C(/dev/disk/by-id) by their names, as C(virtio-NAME), C(scsi-0QEMU_QEMU_HARDDISK_NAME)
                or C(ata-QEMU_HARDDISK_NAME), depending on C(disk_bus).
            type: list
            elements: dict
            required: true
            suboptions:
              path:
                description:
                  - Path of its qcow2 file, in the VM's folder C(STATE_DIR/vms/VM_ID).
                type: str
                required: true
              size_bytes:
                description:
                  - Its size in bytes. A smaller disk is enlarged, a larger one is left as it is.
                type: int
                required: true
              backing_file:
                description:
                  - Path of the base image. A data disk has none.
                type: str
              name:
                description:
                  - The name of a data disk, which is its serial in the guest. The disk that the VM boots from has none.
                type: str
              uuid:
                description:
                  - Its UUID.
                type: str
              first_seen:
                description:
                  - When the host first reported the VM with this disk, in UTC.
                  - A disk that was seen and is missing is not created again, and the state of its VM is C(error).
                type: str
              recreate:
                description:
                  - Whether to create the disk again if it was seen and is missing.
                type: bool
                default: false
          vnc_port:
            description:
              - The TCP port of its display.
            type: int
            required: true
          interfaces:
            description:
              - All its interfaces, in the order in which the guest sees them, C(eth0) first.
            type: list
            elements: dict
            required: true
            suboptions:
              name:
                description:
                  - The interface's name, such as V(eth1).
                type: str
                required: true
              tap:
                description:
                  - The name of its tap on this host, C(tap_) followed by at most 11 characters.
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
                  - Without a VLAN, the tap is not on the bridge and the guest has no carrier.
                type: int
              link_id:
                description:
                  - Id of the link, stored with the port for information.
                type: int
              segment:
                description:
                  - Name of the link or network, stored with the port for information.
                type: str
              address:
                description:
                  - IPv4 address of an interface on VLAN 400. Packets with another source address are dropped.
                  - Without an address, only DHCP is allowed.
                type: str
              mtu:
                description:
                  - MTU of the tap, which is that of its link or network.
                type: int
                default: 1500
              qinq:
                description:
                  - Whether to forward frames that the guest has tagged, inside the VLAN of the link (802.1ad).
                    Otherwise they are dropped.
                type: bool
                default: false
              forward_bpdu:
                description:
                  - Whether to forward STP, LACP, 802.1X, LLDP and Cisco's CDP, VTP, PAgP and PVST+, which a bridge does
                    not forward by default.
                type: bool
                default: false
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
                  - Rate limit for received traffic, in kbit/s. Excess packets are queued for up to 100 ms, or the time
                    that 16 frames take, and then dropped. By default there is no limit.
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
          vm_uuid:
            description:
              - The VM's UUID.
              - A host that has another VM with this id refuses the order of this slice and changes neither.
            type: str
          vnc_password_id:
            description:
              - Identifies the password of its display, so that the host knows whether to set it. A work order never
                contains the password itself.
            type: str
          title:
            description:
              - The title of its display. The default is its name. A change takes effect at the next start.
            type: str
          seed:
            description:
              - Files for cloud-init, which the guest finds on a read-only disk with the label C(cidata).
              - A VM without files has no such disk.
            type: list
            elements: dict
            default: []
            suboptions:
              name:
                description:
                  - The file's name.
                type: str
                choices: [meta-data, user-data, vendor-data, network-config]
                required: true
              content:
                description:
                  - Its content.
                type: str
                required: true
          cdrom:
            description:
              - Path of the image of the CD in its drive, one of C(images). A VM without a CD has no drive.
            type: str
          boot:
            description:
              - From what it boots, in this order.
            type: str
            default: disk
          kernel:
            description:
              - Path of a Linux kernel, one of C(images). The VM boots it instead of what C(boot) says.
            type: str
          initrd:
            description:
              - Path of the initrd of this kernel, one of C(images).
            type: str
          kernel_arguments:
            description:
              - Arguments of this kernel.
            type: str
          user_data_id:
            description:
              - Identifies the guest's user data, so that the host knows whether to write it to the disk. A work order
                never contains the user data itself. Without it, there is none, or C(seed) contains it.
            type: str
          firmware:
            description:
              - How it boots. For V(uefi), the host needs OVMF (Debian's package C(ovmf)).
            type: str
            choices: [bios, uefi]
            default: bios
          disk_bus:
            description:
              - How its disks and that for cloud-init are connected.
            type: str
            choices: [virtio, scsi, sata]
            default: virtio
          nic_model:
            description:
              - The model of its NICs.
              - A VM has at most 31 with V(e1000) and V(rtl8139).
            type: str
            choices: [virtio-net-pci, e1000, e1000e, rtl8139, vmxnet3]
            default: virtio-net-pci
          shutdown:
            description:
              - How its guest is asked to shut down before it is stopped or restarted. For V(none), it is not asked.
            type: str
            choices: [none, acpi]
            default: none
          shutdown_timeout_s:
            description:
              - Seconds that the guest has for it. Then the VM is stopped.
            type: int
            default: 60
          state:
            description:
              - Desired state of the VM. If V(stopped), it keeps its disk, taps and ports; if V(paused), its QEMU
                process as well.
            type: str
            choices: [running, stopped, paused]
            default: running
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
      peers:
        description:
          - All interfaces of the slice on VLAN 400, on any host, if its VMs may communicate there. Otherwise empty.
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
          - Disks to delete. A disk that is listed neither here nor with a VM is an orphan, which is kept and reported.
        type: list
        elements: dict
        default: []
        suboptions:
          vm_id:
            description:
              - Id of the VM that it was created for.
            type: int
            required: true
          path:
            description:
              - Path of its qcow2 file, in that VM's folder.
            type: str
            required: true
          uuid:
            description:
              - Its UUID. A disk at this path with another UUID is an orphan.
            type: str
          name:
            description:
              - The name of a data disk.
            type: str
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
  state_dir:
    description:
      - The folder that holds base images and VM folders.
    type: str
    default: /var/lib/cloudrepo
  user:
    description:
      - Prefix of the names of the unprivileged users that VMs run as. The VMs of slice 1042 run as C(cloudrepo-42),
        because 42 is the number of the slice's VLAN pool, which no other slice has.
      - It is also the name of the group to which all these users belong.
    type: str
    default: cloudrepo
"""
