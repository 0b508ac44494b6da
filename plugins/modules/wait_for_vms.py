#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: wait_for_vms
short_description: Wait until guests are ready
version_added: 1.0.0
description:
  - Waits for all guests at the same time. Each of them is checked until it is ready; the task fails if one of them is
    not ready in time.
  - Checks of serial consoles run on the worker of the VM, all others on the network node. The filter
    P(cloudrepo.slices.readiness_checks#filter) makes them from slices.
  - Every O(report_s) seconds, the task shows how many guests are ready, and which ones are not.
author:
  - the cloudrepo.slices authors (@cloudrepo)
attributes:
  check_mode:
    description: What guests will do cannot be predicted.
    support: partial
    details:
      - In check mode the task is skipped.
  diff_mode:
    description: Nothing is changed.
    support: none
options:
  checks:
    description:
      - The VMs and what is checked.
    type: list
    elements: dict
    required: true
    suboptions:
      vm_id:
        description:
          - The id of the VM.
        type: int
        required: true
      name:
        description:
          - Its name for messages, such as V(web/vm1).
        type: str
        required: true
      check:
        description:
          - What makes it ready, as O(cloudrepo.slices.slice#module:vms[].ready_when.check).
        type: str
        required: true
        choices: [console, command, cloud_init, ping, ssh, tcp, http]
      address:
        description:
          - Its IPv4 address, for V(ping), V(ssh), V(tcp) and V(http).
        type: str
      port:
        description:
          - The TCP port, for V(ssh), V(tcp) and V(http).
        type: int
      path:
        description:
          - The path, for V(http).
        type: str
      command:
        description:
          - The command, for V(command).
        type: str
      vm_uuid:
        description:
          - The UUID of the VM in the database. A VM is not ready if this host has another one with its id, for
            V(console), V(command) and V(cloud_init).
        type: str
  timeout_s:
    description:
      - Time limit in seconds, for all VMs together, 1 to 86400. An attempt that has begun may exceed it by up to 30
        seconds.
    type: int
    default: 300
  report_s:
    description:
      - Interval in seconds at which progress is shown, 1 to 3600.
    type: int
    default: 15
  state_dir:
    description:
      - Folder of the VM folders.
    type: path
    default: /var/lib/cloudrepo
"""

EXAMPLES = r"""
- name: Wait for the guest on this worker
  cloudrepo.slices.wait_for_vms:
    checks:
      - {vm_id: 1001, name: web/vm1, check: console}
    timeout_s: 120
"""

RETURN = r"""
ready:
  description: The VMs that are ready.
  returned: always
  type: list
  elements: dict
  contains:
    vm_id:
      description: The id of the VM.
      type: int
      sample: 1001
    name:
      description: Its name for messages.
      type: str
      sample: web/vm1
    check:
      description: What was checked.
      type: str
      sample: console
    seconds:
      description: Time after which it was ready, from the beginning of the task.
      type: float
      sample: 7.5
waiting:
  description: The VMs that are not ready.
  returned: always
  type: list
  elements: dict
  contains:
    vm_id:
      description: The id of the VM.
      type: int
      sample: 1002
    name:
      description: Its name for messages.
      type: str
      sample: web/vm2
    check:
      description: What was checked.
      type: str
      sample: ssh
    seconds:
      description: Time of the last attempt, from the beginning of the task.
      type: float
      sample: 120.1
    reason:
      description: The result of the last attempt.
      type: str
      sample: 10.60.7.102 port 22 does not respond
"""

from functools import partial

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import probes, readiness
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Outcome, run
from ansible_collections.cloudrepo.slices.plugins.module_utils.bounds import PORT, URL_PATH, WAIT_S
from ansible_collections.cloudrepo.slices.plugins.module_utils.defaults import STATE_DIR
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import SlicesError, first_names
from ansible_collections.cloudrepo.slices.plugins.module_utils.grammar import (
    ADDRESS,
    PATH,
    UUID,
    Grammars,
    integer,
    optional,
    text,
)

ARGUMENTS = {
    "checks": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "vm_id": {"type": "int", "required": True},
            "name": {"type": "str", "required": True},
            "check": {"type": "str", "required": True, "choices": list(probes.CHECKS)},
            "address": {"type": "str"},
            "port": {"type": "int"},
            "path": {"type": "str"},
            "command": {"type": "str"},
            "vm_uuid": {"type": "str"},
        },
    },
    "timeout_s": {"type": "int", "default": 300},
    "report_s": {"type": "int", "default": 15},
    "state_dir": {"type": "path", "default": STATE_DIR},
}
GRAMMARS: Grammars = {
    "checks": {
        "address": optional(ADDRESS),
        "port": optional(integer(int(PORT.least), int(PORT.most))),
        "path": optional(text(URL_PATH.pattern, URL_PATH.rule)),
        "vm_uuid": optional(UUID),
    },
    "timeout_s": integer(int(WAIT_S.least), int(WAIT_S.most)),
    "report_s": integer(1, 3600),
    "state_dir": PATH,
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params

    def action() -> Outcome:
        if module.check_mode:
            return Outcome(result={"skipped": True, "msg": "guests are not waited for in check mode"})
        checks = [probes.Check(**each) for each in params["checks"]]
        probe = partial(probes.probe, state_dir=params["state_dir"])
        outcomes = readiness.wait(checks, probe, timeout_s=params["timeout_s"])
        waiting = [each for each in outcomes if each.reason is not None]
        ready = [each for each in outcomes if each.reason is None]
        result = {"ready": [each.to_dict() for each in ready], "waiting": [each.to_dict() for each in waiting]}
        names = first_names(each.check.name for each in waiting)
        failure = SlicesError(f"{len(waiting)} of {len(outcomes)} VMs are not ready: {names}") if waiting else None
        return Outcome(result=result, failure=failure)

    run(module, action, GRAMMARS)


if __name__ == "__main__":
    main()
