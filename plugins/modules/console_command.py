#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: console_command
short_description: Run a command in a VM over its serial console
version_added: 1.0.0
description:
  - Runs a command in the root shell on a guest's serial console. The guest needs neither a network nor an agent.
  - Waits if the guest is still booting or the console is in use. A command that exceeds the timeout is interrupted.
  - The task fails if the command has a non-zero return code, as with M(ansible.builtin.command).
author:
  - the cloudrepo.slices authors (@cloudrepo)
attributes:
  check_mode:
    description: The effect of a command cannot be predicted.
    support: partial
    details:
      - In check mode the task is skipped.
  diff_mode:
    description: Returns no details on what has changed.
    support: none
options:
  vm_id:
    description:
      - The VM's id. The VM must run on this host.
    type: int
    required: true
  vm_uuid:
    description:
      - The VM's UUID in the database. The call is refused if this host has another VM with this id.
    type: str
  command:
    description:
      - The command, evaluated by the guest's shell in a subshell with empty standard input.
    type: str
    required: true
  timeout_s:
    description:
      - Timeout in seconds, including the guest's boot.
    type: int
    default: 60
  state_dir:
    description:
      - Folder of the VM folders.
    type: path
    default: /var/lib/cloudrepo
"""

EXAMPLES = r"""
- name: Show the second interface of the guest
  cloudrepo.slices.console_command:
    vm_id: 1001
    command: ip address show eth1
  changed_when: false
"""

RETURN = r"""
rc:
  description: The command's return code.
  returned: success, and when the command fails
  type: int
  sample: 0
stdout:
  description: The command's output, both standard output and standard error, which share the console.
  returned: success, and when the command fails
  type: str
  sample: "PING 192.168.100.2 (192.168.100.2): 56 data bytes"
stdout_lines:
  description: The command's output as lines.
  returned: success, and when the command fails
  type: list
  elements: str
  sample: ["PING 192.168.100.2 (192.168.100.2): 56 data bytes"]
duration_s:
  description: Duration in seconds, including the time spent waiting.
  returned: success, and when the command fails
  type: float
  sample: 1.25
"""

import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import vm_folders
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import GRAMMARS
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import serial
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.sockets import serial_socket
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Outcome, run
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change
from ansible_collections.cloudrepo.slices.plugins.module_utils.defaults import STATE_DIR
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import SlicesError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "vm_id": {"type": "int", "required": True},
            "vm_uuid": {"type": "str"},
            "command": {"type": "str", "required": True},
            "timeout_s": {"type": "int", "default": 60},
            "state_dir": {"type": "path", "default": STATE_DIR},
        },
        supports_check_mode=True,
    )
    timeout_s = module.params["timeout_s"]

    def action() -> Outcome:
        if module.check_mode:
            return Outcome(result={"skipped": True, "msg": "commands are not run in check mode"})
        begin = time.monotonic()
        vm_folders.need(module.params["vm_id"], module.params["vm_uuid"], state_dir=module.params["state_dir"])
        with serial.open_console(serial_socket(module.params["vm_id"]), timeout_s=timeout_s) as console:
            left_s = timeout_s - (time.monotonic() - begin)
            answer = serial.run(console, module.params["command"], timeout_s=left_s)
        result = {
            "rc": answer.rc,
            "stdout": answer.stdout.rstrip("\n"),
            "stdout_lines": answer.stdout.rstrip("\n").splitlines(),
            "duration_s": round(time.monotonic() - begin, 3),
        }
        if answer.rc != 0:
            raise SlicesError(f"the command failed with return code {answer.rc}", changed=True, **result)
        return Outcome([Change("console", module.params["vm_id"], "command")], result)

    run(module, action, GRAMMARS)


if __name__ == "__main__":
    main()
