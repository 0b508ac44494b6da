#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: console_log_info
short_description: Read the last lines of serial consoles
version_added: 1.0.0
description:
  - Returns what guests have last written on their serial consoles, from the logs on their worker. Nothing is sent to
    the guests.
  - Empty lines and control sequences are left out, and lines are cut to 200 characters. What a guest writes may be
    confidential.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
options:
  vm_ids:
    description:
      - The ids of the VMs. Those without a log on this host are left out of the result.
    type: list
    elements: int
    required: true
  vm_uuids:
    description:
      - The UUIDs of these VMs in the database, by id. Those of which this host has another VM with the same id are left
        out of the result.
    type: dict
    default: {}
  lines:
    description:
      - Maximum number of lines of each log, 1 to 1000.
    type: int
    default: 10
  state_dir:
    description:
      - Folder of the VM folders.
    type: path
    default: /var/lib/cloudrepo
"""

EXAMPLES = r"""
- name: Read what the guest has last written
  cloudrepo.slices.console_log_info:
    vm_ids: [1001]
  register: written

- name: Show it
  ansible.builtin.debug:
    msg: "{{ written.consoles | map(attribute='lines') | flatten }}"
"""

RETURN = r"""
consoles:
  description: The last lines of each log.
  returned: success
  type: list
  elements: dict
  contains:
    vm_id:
      description: The id of the VM.
      type: int
      sample: 1001
    lines:
      description: Its last lines.
      type: list
      elements: str
      sample: ["Debian GNU/Linux 12 vm1 ttyS0", "vm1 login:"]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import vm_folders
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import GRAMMARS
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import console_log
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Outcome, run
from ansible_collections.cloudrepo.slices.plugins.module_utils.defaults import STATE_DIR
from ansible_collections.cloudrepo.slices.plugins.module_utils.grammar import integer

ARGUMENTS = {
    "vm_ids": {"type": "list", "elements": "int", "required": True},
    "vm_uuids": {"type": "dict", "default": {}},
    "lines": {"type": "int", "default": 10},
    "state_dir": {"type": "path", "default": STATE_DIR},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params

    def action() -> Outcome:
        state_dir = params["state_dir"]
        uuids = {str(vm_id): uuid for vm_id, uuid in params["vm_uuids"].items()}
        paths = {
            vm_id: console_log.path_of(vm_id, state_dir=state_dir)
            for vm_id in params["vm_ids"]
            if vm_folders.of_another(vm_id, uuids.get(str(vm_id)), state_dir=state_dir) is None
        }
        found = {vm_id: console_log.last_lines(path, params["lines"]) for vm_id, path in paths.items()}
        return Outcome(
            result={"consoles": [{"vm_id": vm_id, "lines": lines} for vm_id, lines in found.items() if lines]}
        )

    run(module, action, {**GRAMMARS, "lines": integer(1, 1000)})


if __name__ == "__main__":
    main()
