#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vm
short_description: Manage a VM of a slice
version_added: 1.0.0
description:
  - Adds, changes or removes a VM of a slice, and leaves the rest of the slice unchanged. The same rules apply as for
    M(cloudrepo.slices.slice), which manages a whole topology.
  - Only the database is changed. Run the playbook C(cloudrepo.slices.deploy) to apply the change to the hosts.
  - If a VM is removed, its links are removed as well, and it is removed from its networks.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
  - cloudrepo.slices.part
  - cloudrepo.slices.settings
options:
  name:
    description:
      - The VM's name, unique within the slice regardless of case. With O(vm_id), it is the new name of the VM.
    type: str
  vm_id:
    description:
      - The id of an existing VM, to identify it instead of by name.
    type: int
  new_name:
    description:
      - A new name for the VM. The file of its disk is not renamed.
    type: str
  title:
    description:
      - Free text of 1 to 200 characters without control characters, which is shown in tables and graphs.
      - Without a name and an id, it identifies the VM. The name of a new one is made from it.
    type: str
  flavor:
    description:
      - Its flavor, required for a new VM. If it is changed, an existing VM gets the new number of cores and memory at
        its next start. Its disk grows to that of the flavor, also while it runs, and cannot shrink.
    type: str
  image:
    description:
      - Name of a flavor whose image the VM gets instead of that of its own flavor. An existing VM keeps its image.
    type: str
  internet:
    description:
      - Whether its first interface, eth0, is on management VLAN 400 with DHCP and internet access. The default for a
        new VM is V(false).
    type: bool
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
      - Sets up a guest that runs cloud-init. The VM gets a read-only disk with the label C(cidata), which contains its
        host name, ssh keys and network configuration (NoCloud). An empty dictionary only sets the host name, and
        configures interfaces on VLAN 400 and on networks with DHCP. This option replaces the whole configuration.
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
      - Addresses of the VM's loopback interface. They must be in the slice's pool for loopbacks, if there is one. The
        default for a new VM is taken from the pool.
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
          - V(ping), V(ssh), V(tcp) and V(http) connect from the network node to its address on VLAN 400, so they need
            O(internet). V(ssh) waits for the greeting of an ssh server, V(http) for a response with a status below 400.
          - V(console) waits for a prompt on its serial console, of a login or of a shell.
          - V(command) runs O(ready_when.command) in the root shell on its serial console, as
            M(cloudrepo.slices.console_command) does, until its return code is 0. A run that takes longer than 30
            seconds is interrupted.
          - V(cloud_init) waits for cloud-init to write on the serial console that it has finished.
          - V(none) does not wait for it. V(auto) is V(ping) for a VM with an address on VLAN 400, otherwise V(console).
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
        default); C(commands), a list of texts; C(timeout_s), the time limit in seconds for all of it, including the
        boot of the guest (600 by default); and C(via), V(console) or V(ssh). An empty one removes the start-up."
      - The default for C(via) is C(startup_via) of the VM's kind, which also says who logs in, and how that user gets
        a root shell. Without a kind, there is a root shell on the serial console, and over ssh root logs in.
      - V(ssh) connects from the controller through the network node to the VM's address on VLAN 400, with the key
        C(cloudrepo_guest_private_key_file), or with those that ssh finds.
      - It runs once for each disk, and again when files or commands are changed. The first command with a return code
        other than 0 ends it, and the next deploy starts it again, so it must be possible to repeat commands.
      - It may contain secrets. They are stored in the database. Results, diffs, the history and work orders only
        contain its id, C(startup_id). A command that fails is shown, with the end of its output, so keep secrets in
        files.
    type: json
  data_disks:
    description:
      - Further disks, empty at first, which are kept with the VM. Without this option, an existing VM keeps its data
        disks.
      - The guest finds each as C(/dev/disk/by-id/virtio-NAME). If its kind has the C(disk_bus) V(scsi) or V(sata), the
        name there is C(scsi-0QEMU_QEMU_HARDDISK_NAME) or C(ata-QEMU_HARDDISK_NAME).
      - A VM gives up data disks that are not in the list. They are moved to the trash of its worker, where they can be
        restored for C(cloudrepo_disk_retention_h) hours. An empty list gives up all of them.
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
          - The UUID of a data disk of this slice that is in the trash of the VM's worker, to restore it or to move it
            to another VM. M(cloudrepo.slices.slice_info) lists them as C(trashed_disks) of their VMs,
            and those of deleted VMs as C(trashed_disks) of the slice.
        type: str
  cdrom:
    description:
      - Name of a flavor whose image is that of a CD (ISO 9660), which the VM has in a drive on SATA.
      - An empty name removes the drive.
      - A running VM needs a restart for another CD.
    type: str
  boot:
    description:
      - From what the VM boots, in this order. V(network) is its first interface. The default is V([disk]).
      - An empty list restores the default.
      - A running VM needs a restart for another order.
    type: list
    elements: str
    choices: [disk, cdrom, network]
  power:
    description:
      - The desired power state, which C(cloudrepo.slices.deploy) applies. The default for a new VM is V(running).
      - A VM that is V(stopped) keeps its disk, addresses and VLANs, and counts against quota and capacity. Its guest
        is asked to shut down if its kind says how (M(cloudrepo.slices.kind)).
      - A VM that is V(paused) also keeps its memory. If its host restarts it after a crash or a reboot, it runs until
        the next deploy.
    type: str
    choices: [running, stopped, paused]
  vnc_password_version:
    description:
      - The version of its display's password, starting from 1. Increase it to change the password. The next
        C(cloudrepo.slices.deploy) sets it, without restarting the VM. Earlier versions cannot be used again. Use
        M(cloudrepo.slices.vnc_password_info) to get the password.
    type: int
  interfaces:
    description:
      - Rate limits, faults such as a delay, and carrier of its interfaces. If this option is set, interfaces that are
        not listed have the defaults. Changes take effect on a running VM.
    type: list
    elements: dict
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
          - Rate limit for received traffic, in kbit/s. Excess packets are queued for up to 100 ms, or the time that 16
            frames take, and then dropped. By default there is no limit.
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
"""

EXAMPLES = r"""
- name: Add a VM with internet access
  cloudrepo.slices.vm:
    slice: web
    name: vm1
    flavor: cirros
    internet: true

- name: Rename the VM
  cloudrepo.slices.vm:
    slice: web
    name: vm1
    new_name: router

- name: Change the password of the VM's display
  cloudrepo.slices.vm:
    slice: web
    name: router
    vnc_password_version: 2

- name: Stop the VM with the next deploy
  cloudrepo.slices.vm:
    slice: web
    name: router
    power: stopped

- name: Give the VM a data disk of 5 GiB
  cloudrepo.slices.vm:
    slice: web
    name: router
    data_disks:
      - {name: db, size_gb: 5}

- name: Boot the VM from a CD
  cloudrepo.slices.vm:
    slice: web
    name: router
    cdrom: installer
    boot: [cdrom, disk]

- name: Bring an interface of the VM up at the start-up of its guest
  cloudrepo.slices.vm:
    slice: web
    name: router
    startup:
      commands: [ip link set eth1 up]

- name: Remove a VM by its id
  cloudrepo.slices.vm:
    slice: web
    vm_id: 1002
    state: absent

- name: Limit the rate of eth1 in both directions, and remove all other limits
  cloudrepo.slices.vm:
    slice: web
    name: router
    interfaces:
      - {name: eth1, tx_kbps: 5000, rx_kbps: 5000}
"""

RETURN = r"""
vm:
  description: The VM as it is stored, or would be in check mode. Null if it is removed.
  returned: success
  type: dict
  sample:
    vm_id: 1001
    name: vm1
    owner: admin
    worker_ip: 10.0.10.1
    vnc_port: 5901
    status: pending
    pid:
    qcow_image: /var/lib/cloudrepo/vms/1001/vm1_img.qcow2
    flavor: {cores: 1, ram_gb: 0.5, disk_gb: 1, image: /srv/images/guest.qcow2}
    interfaces:
      - {name: eth0, vlan_id: 400, mac: "52:54:00:03:e9:00", ip_config: {ip: 10.60.7.101}, link_id: null}
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
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import parts, topology
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.control import CONTROL_ARGUMENTS, transact
from ansible_collections.cloudrepo.slices.plugins.module_utils.lifecycle import POWERS
from ansible_collections.cloudrepo.slices.plugins.module_utils.names import NAME

SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": NAME},
    "vm_id": {"type": "int"},
    "new_name": {"type": NAME},
    "title": {"type": NAME},
    "flavor": {"type": NAME},
    "internet": {"type": "bool"},
    "data_interfaces": {"type": "int"},
    "vnc_password_version": {"type": "int", "no_log": False},
    "worker": {"type": "str"},
    "power": {"type": "str", "choices": list(POWERS)},
    "interfaces": {"type": "list", "elements": "dict", "options": topology.LIMITS_ARGUMENTS},
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


def main() -> None:
    module = AnsibleModule(
        argument_spec={**CONTROL_ARGUMENTS, **parts.PART_ARGUMENTS, **SPEC, **topology.SETTINGS_ARGUMENTS},
        supports_check_mode=True,
    )
    transact(module, lambda cluster: parts.change(cluster, parts.VM, module.params))


if __name__ == "__main__":
    main()
