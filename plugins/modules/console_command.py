#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: console_command
short_description: Runs a command in a VM over its serial console
version_added: 1.0.0
description:
  - Runs a command in the root shell on a guest's serial console. The guest needs no network, no agent and no address.
  - Waits for a guest that is still booting, and for others who use the console. A command that does not end in time
    is interrupted.
  - A command that ends with another code than zero makes the task fail, as with M(ansible.builtin.command).
author:
  - the cloudrepo.slices authors (@cloudrepo)
attributes:
  check_mode:
    description: Skips in C(check_mode), since nobody can tell what a command would do.
    support: partial
    details:
      - The command is skipped.
  diff_mode:
    description: Returns no details on what has changed.
    support: none
options:
  vm_id:
    description:
      - The VM, which runs on this host.
    type: int
    required: true
  command:
    description:
      - What the guest's shell evaluates, in a subshell whose input is empty.
    type: str
    required: true
  timeout_s:
    description:
      - Seconds for all of it, the guest's boot included.
    type: int
    default: 60
"""

EXAMPLES = r"""
- name: The guest has its second interface
  cloudrepo.slices.console_command:
    vm_id: 1001
    command: ip address show eth1
  changed_when: false
"""

RETURN = r"""
rc:
  description: The command's code.
  returned: success, and when the command failed
  type: int
  sample: 0
stdout:
  description: What the command wrote, its errors included, for a console has one stream.
  returned: success, and when the command failed
  type: str
  sample: "PING 192.168.100.2 (192.168.100.2): 56 data bytes"
stdout_lines:
  description: The same, line by line.
  returned: success, and when the command failed
  type: list
  elements: str
  sample: ["PING 192.168.100.2 (192.168.100.2): 56 data bytes"]
duration_s:
  description: Seconds that it took, waiting included.
  returned: success, and when the command failed
  type: float
  sample: 1.25
"""

import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import serial
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.sockets import serial_socket
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Outcome, run
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import SlicesError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "vm_id": {"type": "int", "required": True},
            "command": {"type": "str", "required": True},
            "timeout_s": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    if module.check_mode:
        module.exit_json(skipped=True, msg="a command is not run in check mode")
    timeout_s = module.params["timeout_s"]

    def action() -> Outcome:
        begin = time.monotonic()
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
            raise SlicesError(f"the command ended with code {answer.rc}", changed=True, **result)
        return Outcome([Change("console", module.params["vm_id"], "command")], result)

    run(module, action)


if __name__ == "__main__":
    main()
