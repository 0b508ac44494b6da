#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vm
short_description: One VM of a slice
version_added: 1.0.0
description:
  - Adds a VM to a slice, changes it or takes it out, and leaves all else in the slice as it is. The same rules hold as
    for M(cloudrepo.slices.slice), which takes a whole topology. It changes the database only; the playbook
    C(cloudrepo.slices.deploy) makes the hosts follow.
  - A VM that goes takes its links with it, and leaves its networks.
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
      - The VM's name, unique within the slice. With O(vm_id) it is what the VM is called from now on.
    type: str
  vm_id:
    description:
      - The id of a VM that exists, instead of its name.
    type: int
  new_name:
    description:
      - What the VM is called from now on. Its disk keeps its file.
    type: str
  flavor:
    description:
      - Its size and base image; a new VM needs it. Cores and memory of a VM that exists follow a changed flavor when it
        next starts; its disk stays as it was made.
    type: str
  internet:
    description:
      - Whether its first interface, eth0, is on management VLAN 400 with DHCP and internet. A new VM is not.
    type: bool
  data_interfaces:
    description:
      - How many interfaces it has beside eth0. Where this is never given, as many as its links and networks need.
    type: int
  worker:
    description:
      - The address of the worker it must run on. By default a worker is chosen by O(placement).
    type: str
  power:
    description:
      - Whether C(cloudrepo.slices.deploy) starts the VM, stops it or pauses it. A new VM is V(running).
      - One that is V(stopped) keeps its disk, addresses and VLANs, and counts against quota and capacity. It is
        stopped without asking its guest.
      - One that is V(paused) keeps what its guest has in memory too. If its host starts it anew, after a crash or a
        reboot, it runs until the next deploy.
    type: str
    choices: [running, stopped, paused]
  vnc_password_version:
    description:
      - Which password its display has, counted from 1, the first. A higher number is a new password, which a VM that
        runs gets with the next C(cloudrepo.slices.deploy), without a restart. An earlier one does not come back.
        M(cloudrepo.slices.vnc_password_info) tells it.
    type: int
  interfaces:
    description:
      - Limits and faults of its interfaces. Where this is given, an interface that is not listed has none. They
        change on a running VM.
    type: list
    elements: dict
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
"""

EXAMPLES = r"""
- name: A VM with internet
  cloudrepo.slices.vm:
    slice: web
    name: vm1
    flavor: cirros
    internet: true

- name: It has another name from now on
  cloudrepo.slices.vm:
    slice: web
    name: vm1
    new_name: router

- name: Its display has another password from now on
  cloudrepo.slices.vm:
    slice: web
    name: router
    vnc_password_version: 2

- name: It is stopped by the next deploy, and stays so
  cloudrepo.slices.vm:
    slice: web
    name: router
    power: stopped

- name: Take a VM out by its id
  cloudrepo.slices.vm:
    slice: web
    vm_id: 1002
    state: absent

- name: Its first link is slow, both ways, and all its other interfaces are without limits
  cloudrepo.slices.vm:
    slice: web
    name: router
    interfaces:
      - {name: eth1, tx_kbps: 5000, rx_kbps: 5000}
"""

RETURN = r"""
vm:
  description: The VM as it is stored, or in check mode as it would be; null where it is gone.
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
  description: The id of the slice; null where there is none of that name.
  returned: success
  type: int
  sample: 1000
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
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import parts, topology
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.control import CONTROL_ARGUMENTS, transact
from ansible_collections.cloudrepo.slices.plugins.module_utils.lifecycle import POWERS

SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str"},
    "vm_id": {"type": "int"},
    "new_name": {"type": "str"},
    "flavor": {"type": "str"},
    "internet": {"type": "bool"},
    "data_interfaces": {"type": "int"},
    "vnc_password_version": {"type": "int", "no_log": False},
    "worker": {"type": "str"},
    "power": {"type": "str", "choices": list(POWERS)},
    "interfaces": {"type": "list", "elements": "dict", "options": topology.LIMITS_ARGUMENTS},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={**CONTROL_ARGUMENTS, **parts.PART_ARGUMENTS, **SPEC, **topology.SETTINGS_ARGUMENTS},
        supports_check_mode=True,
    )
    transact(module, lambda cluster: parts.change(cluster, parts.VM, module.params))


if __name__ == "__main__":
    main()
