#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_startup
short_description: Run the start-ups of guests
version_added: 1.0.0
description:
  - Writes the files of start-ups in guests of this worker, and runs their commands, over the serial consoles of the VMs
    or over ssh. Start-ups are set with O(cloudrepo.slices.slice#module:vms[].startup). The playbook
    C(cloudrepo.slices.deploy) calls this module.
  - The connections by ssh are made on the controller, by the action plugin of this module. They are not known to the
    controller beforehand, so host keys are not checked.
  - A start-up runs once for each disk. It runs again when it is changed, and when the disk of the VM is created again.
  - All guests get theirs at the same time. The first command that fails ends the start-up of its VM, which starts again
    with the next call. The others are not affected, and the task fails at its end.
  - The output of the last run is in C(startup.log) in the folder of the VM, which only root can read.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
options:
  vms:
    description:
      - The VMs with start-ups on this worker. The filter P(cloudrepo.slices.startups_on_host#filter) returns them.
    type: list
    elements: dict
    required: true
    suboptions:
      vm_id:
        description:
          - The id of the VM.
        type: int
        required: true
      vm_uuid:
        description:
          - The UUID of the VM in the database. The VM is refused if this host has another one with its id.
        type: str
      name:
        description:
          - Its name for messages, such as V(web/vm1).
        type: str
        required: true
      slice_id:
        description:
          - The id of its slice, for results.
        type: int
      disk:
        description:
          - The path of its first disk.
        type: str
        required: true
      startup_id:
        description:
          - What identifies the start-up.
        type: str
        required: true
      files:
        description:
          - The number of its files.
        type: int
        default: 0
      commands:
        description:
          - The number of its commands.
        type: int
        default: 0
      timeout_s:
        description:
          - Time limit in seconds for the whole start-up, including the boot of the guest, 1 to 86400.
        type: int
        default: 600
      ready_when:
        description:
          - What is waited for before it begins, V(console) for a prompt on the serial console or for a shell over ssh,
            or V(cloud_init) for the end of cloud-init and then that.
        type: str
        choices: [console, cloud_init]
        default: console
      user:
        description:
          - The user that logs in. By default, there is a root shell on the serial console, and over ssh it is root.
        type: str
      password:
        description:
          - Its password on the console, if it has one.
        type: str
      shell:
        description:
          - The command that gives this user a root shell, if it needs one.
        type: str
      via:
        description:
          - How the start-up gets into the guest, over its serial console or by ssh to O(vms[].address).
        type: str
        choices: [console, ssh]
        default: console
      address:
        description:
          - The IPv4 address of the guest. Required for O(vms[].via=ssh).
        type: str
  startups:
    description:
      - The start-ups by VM id, as M(cloudrepo.slices.user_data_info) returns them.
      - Required for each VM whose start-up has to run, except in check mode. Those without one are returned in
        RV(missing_startups).
    type: dict
    default: {}
  ssh_arguments:
    description:
      - Further arguments of ssh on the controller, such as those that the filter
        P(cloudrepo.slices.jump_arguments#filter) returns for the network node.
    type: str
    default: ""
  private_key_file:
    description:
      - Path of the private key on the controller. By default, ssh uses those that it finds, and its agent.
    type: path
  taken:
    description:
      - What start-ups over ssh have done, by VM id. Only the action plugin of this module sets it.
    type: dict
    default: {}
  state_dir:
    description:
      - Folder of the VM folders.
    type: path
    default: /var/lib/cloudrepo
"""

EXAMPLES = r"""
- name: Run the start-up of a guest, unless its disk has had it
  cloudrepo.slices.guest_startup:
    vms:
      - vm_id: 1001
        name: web/vm1
        disk: /var/lib/cloudrepo/vms/1001/vm1_img.qcow2
        startup_id: 0d9c8b7a65f4e3d2c1b0a9f8e7d6c5b4
    startups:
      1001: '{"commands": ["ip link set eth1 up"]}'

- name: Run one by ssh through the network node
  cloudrepo.slices.guest_startup:
    vms:
      - vm_id: 1002
        name: web/vm2
        disk: /var/lib/cloudrepo/vms/1002/vm2_img.qcow2
        startup_id: 5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d0e
        via: ssh
        address: 192.168.0.2
        user: debian
        shell: sudo -i
    startups:
      1002: '{"commands": ["systemctl restart frr"]}'
    ssh_arguments: "{{ hostvars[groups['network_node'] | first] | cloudrepo.slices.jump_arguments }}"
"""

RETURN = r"""
changes:
  description: The start-ups that were run, or in check mode have to run.
  returned: success, and when a start-up fails
  type: list
  elements: dict
  sample:
    - {kind: startup, name: web/vm1, id: 1001, slice_id: 1000, action: run, before: null,
       after: {files: 1, commands: 2}, reason: "", restart: false}
missing_startups:
  description: Ids of VMs whose start-up has to run, and is missing in O(startups). Nothing was done for them.
  returned: success, and when a start-up fails
  type: list
  elements: int
  sample: [1002]
failed_startups:
  description: The start-ups that have failed.
  returned: success, and when a start-up fails
  type: list
  elements: dict
  contains:
    vm_id:
      description: The id of the VM.
      type: int
      sample: 1003
    slice_id:
      description: The id of its slice.
      type: int
      sample: 1000
    failure:
      description: The command, its return code and the end of its output.
      type: str
      sample: "VM web/vm3 (1003): command 1 of the start-up (ip link set eth9 up) failed with return code 1: ip: can't
        find device 'eth9'; correct it, and deploy again"
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils import bounds, startup
from ansible_collections.cloudrepo.slices.plugins.module_utils._host import startup as startups
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.startup import Guest
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Outcome, listed, run
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change, SliceRef
from ansible_collections.cloudrepo.slices.plugins.module_utils.defaults import STATE_DIR
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.grammar import (
    ADDRESS,
    PATH,
    UUID,
    Grammars,
    integer,
    optional,
    text,
)

READY = ("console", "cloud_init")
VM_ARGUMENTS: dict[str, Any] = {
    "vm_id": {"type": "int", "required": True},
    "vm_uuid": {"type": "str"},
    "name": {"type": "str", "required": True},
    "slice_id": {"type": "int"},
    "disk": {"type": "str", "required": True},
    "startup_id": {"type": "str", "required": True},
    "files": {"type": "int", "default": 0},
    "commands": {"type": "int", "default": 0},
    "timeout_s": {"type": "int", "default": startup.DEFAULT_TIMEOUT_S},
    "ready_when": {"type": "str", "choices": list(READY), "default": READY[0]},
    "user": {"type": "str"},
    # The password of a kind is one that everybody knows. Censoring it would censor names like it in results.
    "password": {"type": "str", "no_log": False},
    "shell": {"type": "str"},
    "via": {"type": "str", "choices": list(bounds.STARTUP_WAYS), "default": bounds.STARTUP_WAYS[0]},
    "address": {"type": "str"},
}
ARGUMENTS: dict[str, Any] = {
    "vms": {"type": "list", "elements": "dict", "required": True, "options": VM_ARGUMENTS},
    "startups": {"type": "dict", "default": {}, "no_log": True},
    "ssh_arguments": {"type": "str", "default": ""},
    # The path is no secret.
    "private_key_file": {"type": "path", "no_log": False},
    "taken": {"type": "dict", "default": {}, "no_log": True},
    "state_dir": {"type": "path", "default": STATE_DIR},
}
_LINE = optional(text(bounds.CONSOLE_LINE.pattern, bounds.CONSOLE_LINE.rule))
GRAMMARS: Grammars = {
    "vms": {
        "vm_uuid": optional(UUID),
        "disk": text(bounds.DISK_PATH.pattern, bounds.DISK_PATH.rule),
        "startup_id": text(bounds.STARTUP_ID.pattern, bounds.STARTUP_ID.rule),
        "timeout_s": integer(int(bounds.STARTUP_S.least), int(bounds.STARTUP_S.most)),
        "user": _LINE,
        "password": _LINE,
        "shell": _LINE,
        "address": optional(ADDRESS),
    },
    "state_dir": PATH,
}


def act(params: Mapping[str, Any], *, check_mode: bool) -> Outcome:
    """Run the start-ups that are due, and record those that were run over ssh."""
    texts, taken = startups.read(params["startups"]), startups.read_taken(params["taken"])
    slices = {vm["vm_id"]: vm["slice_id"] for vm in params["vms"]}
    guests = [Guest(**{name: value for name, value in vm.items() if name != "slice_id"}) for vm in params["vms"]]
    wrong = startups.faults(guests, params["state_dir"])
    if wrong:
        raise Refused(wrong)
    due = startups.due(guests)
    typed = [guest for guest in due if guest.via == bounds.CONSOLE_START and guest.vm_id in texts]
    done = [guest for guest in due if guest.vm_id in taken]
    ready = due if check_mode else [guest for guest in due if guest in typed or guest in done]
    found = {} if check_mode else startups.run_all(typed, texts, state_dir=params["state_dir"])
    found |= {} if check_mode else startups.record_all(done, taken, state_dir=params["state_dir"])
    changes = [_change(guest, slices[guest.vm_id]) for guest in ready]
    failed = {vm_id: refusal for vm_id, refusal in found.items() if refusal is not None}
    result = {
        "changes": listed(changes),
        "missing_startups": _ids([guest for guest in due if guest not in ready]),
        "failed_startups": [
            {"vm_id": vm_id, "slice_id": slices[vm_id], "failure": refusal.message} for vm_id, refusal in failed.items()
        ],
    }
    return Outcome(changes, result, Refused(failed.values()) if failed else None)


def _change(guest: Guest, slice_id: int | None) -> Change:
    ref = None if slice_id is None else SliceRef(slice_id)
    return Change("startup", guest.vm_id, "run", None, startups.change_of(guest), name=guest.name, slice=ref)


def _ids(guests: Sequence[Guest]) -> list[int]:
    return [guest.vm_id for guest in guests]


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    run(module, lambda: act(module.params, check_mode=module.check_mode), GRAMMARS)


if __name__ == "__main__":
    main()
