#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: kind
short_description: Manage kinds of guests
version_added: 1.0.0
description:
  - Registers kinds of guests. A kind says what hardware a guest expects, what its interfaces are called, and when it is
    ready. M(cloudrepo.slices.kind_info) lists those that are shipped with this collection.
  - A registered kind replaces a shipped one with the same name. Options that are not given are those of the kind with
    this name, if there is one.
  - VMs get a changed kind when their topology is deployed again. Running VMs whose hardware or kernel changes need a
    restart.
  - The checksums of O(kernel) and O(initrd) are computed when the kind is registered. A changed file is a change of the
    kind, once it is registered again. A file that is no kernel or no initrd is refused, as known by its content. One at
    a URL is inspected on the workers after the download.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
options:
  state:
    &state
    description:
      - Whether the kind should be registered. A kind that a flavor or VM has cannot be removed.
    type: str
    choices: [present, absent]
    default: present
  name:
    &name
    description:
      - The kind's name.
    type: str
  image:
    &image
    description:
      - Name of a flavor whose image VMs of this kind get, unless O(cloudrepo.slices.slice#module:vms[].image) is set.
    type: str
  firmware:
    &firmware
    description:
      - How it boots, V(bios) by default.
      - For V(uefi), workers need OVMF (Debian's package C(ovmf)). Each VM has variables of its own.
    type: str
    choices: [bios, uefi]
  kernel:
    &kernel
    description:
      - A Linux kernel for x86 (bzImage) that VMs boot directly, without a boot loader on their disk. It is a file on
        the orchestrator, or a URL from which the workers download it. An empty text removes it.
      - It needs V(bios). Without C(console=ttyS0) in O(kernel_arguments), it writes nothing to the serial console.
    type: str
  kernel_checksum:
    &kernel_checksum
    description:
      - SHA-256 checksum of O(kernel) in hexadecimal. Required for a URL, verified for a file.
    type: str
  initrd:
    &initrd
    description:
      - The initrd of O(kernel), a file on the orchestrator or a URL. It is an archive of cpio (newc), as it is or
        compressed with gzip, bzip2, xz, zstd, lzop or C(lz4 -l). An empty text removes it.
    type: str
  initrd_checksum:
    &initrd_checksum
    description:
      - SHA-256 checksum of O(initrd) in hexadecimal. Required for a URL, verified for a file.
    type: str
  kernel_arguments:
    &kernel_arguments
    description:
      - Arguments of O(kernel), at most 1,000 printable ASCII characters without double quotes. An empty text removes
        them.
    type: str
  disk_bus:
    &disk_bus
    description:
      - How its disks are connected, V(virtio) by default.
    type: str
    choices: [virtio, scsi, sata]
  nic_model:
    &nic_model
    description:
      - The model of its NICs, V(virtio-net-pci) by default.
      - With V(e1000) and V(rtl8139), a VM has at most 30 data interfaces.
    type: str
    choices: [virtio-net-pci, e1000, e1000e, rtl8139, vmxnet3]
  max_data_interfaces:
    &max_data_interfaces
    description:
      - The number of data interfaces that it supports. The default is as many as the machine type supports.
    type: int
  interface_pattern:
    &interface_pattern
    description:
      - Names of its data interfaces. C({n}) is the number. The default is V(eth{n}).
    type: str
  first_interface:
    &first_interface
    description:
      - Number of its first data interface, V(1) by default.
    type: int
  management_interface:
    &management_interface
    description:
      - Name of its first interface, V(eth0) by default.
    type: str
  set_up:
    &set_up
    description:
      - How it is configured, V(cloud_init) by default. With V(none), O(cloudrepo.slices.slice#module:vms[].cloud_init)
        is refused.
    type: str
    choices: [cloud_init, none]
  ready_when:
    &ready_when
    description:
      - The check that a VM without O(cloudrepo.slices.slice#module:vms[].ready_when) passes when it is ready, V(auto)
        by default.
      - For a VM without an address on VLAN 400, V(console) is used instead of V(ping), V(ssh) and V(http).
    type: str
    choices: [auto, none, console, cloud_init, ping, ssh, http]
  shutdown:
    &shutdown
    description:
      - How the guest is asked to shut down before its VM is stopped or restarted. With V(acpi), it gets the event of a
        power button. With V(none), the default, it is not asked.
      - A guest is not asked if its VM is deleted or paused.
    type: str
    choices: [none, acpi]
  shutdown_timeout_s:
    &shutdown_timeout_s
    description:
      - Seconds that the guest has for it, V(60) by default. Then its VM is stopped.
    type: int
  console:
    &console
    description:
      - What it has on its serial console when it is ready, V(shell) of root without a login, which is the default,
        V(login), or V(none) of which a password is known.
      - With V(none), O(cloudrepo.slices.slice#module:vms[].startup) is refused unless it goes over ssh.
    type: str
    choices: [shell, login, none]
  console_user:
    &console_user
    description:
      - The user that logs in, there or over ssh, V(root) by default.
    type: str
  console_password:
    &console_password
    description:
      - Its password on the console, if it has one. It is stored and shown as it is, so use only passwords that
        everybody knows, such as that of a published image.
    type: str
  console_shell:
    &console_shell
    description:
      - The command that gives this user a root shell after the login, if it needs one. Over ssh, it must not ask for a
        password.
    type: str
  startup_via:
    &startup_via
    description:
      - How O(cloudrepo.slices.slice#module:vms[].startup) gets into the guest, unless it says so itself. V(console),
        the default, types it on the serial console.
      - V(ssh) connects to the address of the VM on VLAN 400 through the network node, as O(console_user) with a key of
        the controller.
    type: str
    choices: [console, ssh]
  kinds:
    description:
      - A list of kinds, instead of O(name).
    type: list
    elements: dict
    suboptions:
      state: *state
      name:
        <<: *name
        required: true
      image: *image
      firmware: *firmware
      kernel: *kernel
      kernel_checksum: *kernel_checksum
      initrd: *initrd
      initrd_checksum: *initrd_checksum
      kernel_arguments: *kernel_arguments
      disk_bus: *disk_bus
      nic_model: *nic_model
      max_data_interfaces: *max_data_interfaces
      interface_pattern: *interface_pattern
      first_interface: *first_interface
      management_interface: *management_interface
      set_up: *set_up
      ready_when: *ready_when
      shutdown: *shutdown
      shutdown_timeout_s: *shutdown_timeout_s
      console: *console
      console_user: *console_user
      console_password: *console_password
      console_shell: *console_shell
      startup_via: *startup_via
"""

EXAMPLES = r"""
- name: Register a switch with UEFI whose ports are called ge-0/0/0 and so on
  cloudrepo.slices.kind:
    name: switch
    firmware: uefi
    disk_bus: sata
    nic_model: e1000
    max_data_interfaces: 8
    interface_pattern: ge-0/0/{n}
    first_interface: 0
    management_interface: fxp0
    set_up: none
    ready_when: console
    shutdown: acpi
    shutdown_timeout_s: 120

- name: Register a guest in which root logs in on the serial console
  cloudrepo.slices.kind:
    name: debian-root
    ready_when: console
    console: login

- name: Register a guest that has an ssh server, and whose user admin gets a root shell with sudo
  cloudrepo.slices.kind:
    name: gateway
    ready_when: ssh
    console: none
    console_user: admin
    console_shell: sudo -i
    startup_via: ssh

- name: Register a guest whose kernel is booted directly
  cloudrepo.slices.kind:
    name: linux
    kernel: https://images.example.org/vmlinuz
    kernel_checksum: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    initrd: https://images.example.org/initrd.img
    initrd_checksum: 60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752
    kernel_arguments: console=ttyS0 root=/dev/vda1
    set_up: none
    ready_when: console

- name: Let its VMs boot from their disks again
  cloudrepo.slices.kind:
    name: linux
    kernel: ""
    initrd: ""
    kernel_arguments: ""

- name: Register two kinds
  cloudrepo.slices.kind:
    kinds:
      - {name: alpine-uefi, firmware: uefi, ready_when: console}
      - {name: appliance, disk_bus: scsi, set_up: none}
"""

RETURN = r"""
kinds:
  description: The given kinds as they are stored.
  returned: success
  type: list
  elements: dict
  sample:
    - name: alpine-uefi
      firmware: uefi
      ready_when: console
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.registration import require_admin
from ansible_collections.cloudrepo.slices.plugins.module_utils._module import edge, images, registries
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.control import entries, listed, within
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Module
from ansible_collections.cloudrepo.slices.plugins.module_utils.kinds import Kind
from ansible_collections.cloudrepo.slices.plugins.module_utils.names import NAME

TEXTS = ("management_interface", "console_user", "console_password", "console_shell")
"""What YAML may read as something else: a password of digits that begins with 0 as another number."""
SPEC: dict[str, dict[str, Any]] = {
    **{part.name: part.spec.argument() for part in Kind.parts()},
    **{part.name: {**part.spec.argument(), "type": NAME} for part in Kind.parts() if part.name in TEXTS},
    "name": {"type": NAME},
    "image": {"type": NAME},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def arguments() -> dict[str, Any]:
    """Return keyword arguments for AnsibleModule."""
    return listed(SPEC, "kinds", "name")


def run(module: Module) -> None:
    """Run the module and exit it."""
    acting_user = module.params["acting_user"]

    def action() -> edge.Outcome:
        within(module, lambda cluster: require_admin(cluster, acting_user, "kind"), write=False, create=True)
        # Outside of the transaction that stores them: others would wait while files are read.
        wants = images.with_checksums(entries(module.params, SPEC, "kinds"))
        return within(
            module, lambda cluster: registries.register(cluster, registries.KINDS, wants, acting_user=acting_user)
        )

    edge.run(module, action)


def main() -> None:
    """Run as a module."""
    run(AnsibleModule(**arguments()))


if __name__ == "__main__":
    main()
