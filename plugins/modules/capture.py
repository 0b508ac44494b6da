#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: capture
short_description: Captures what passes an interface of a VM
version_added: 1.0.0
description:
  - Runs tcpdump on the tap of an interface, on the worker that the VM is on. The file is a pcap, which tshark and
    Wireshark open.
  - A capture ends by itself after O(seconds) or at O(mib), whichever comes first. It is a transient unit
    C(slices-capture-SLICE-VM-INTERFACE.service) without privileges, in the cgroup of the VM's slice. It goes with the
    slice, and its file, which lies in the VM's folder, with the VM.
  - A file that nobody fetched is removed by the worker itself (C(slices-logs)) an hour after the capture has ended.
  - The playbook C(cloudrepo.slices.capture) finds the worker, checks that the acting user may see the slice, and
    fetches the file, or with C(-e capture_stop=true) ends a capture and removes its file. This module asks nobody.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
options:
  vm_id:
    description:
      - The VM, which runs on this host.
    type: int
    required: true
  interface:
    description:
      - The interface by its name in the topology, such as V(eth1).
    type: str
    required: true
  state:
    description:
      - V(started) returns when tcpdump listens. One that has ended starts anew, and its file with it.
      - V(stopped) ends the capture and returns what is in its file, which ends with a whole packet.
      - V(absent) ends it and removes its file.
    type: str
    choices: [started, stopped, absent]
    default: started
  seconds:
    description:
      - After how many seconds it ends, 86,400 at most.
    type: int
    default: 60
  mib:
    description:
      - How many MiB its file has at most, up to 4,096.
    type: int
    default: 10
  wait:
    description:
      - Whether O(state=stopped) waits until the capture has come to its bounds, in place of ending it.
    type: bool
    default: false
  start_timeout_s:
    description:
      - Seconds that tcpdump has to begin.
    type: int
    default: 20
  state_dir:
    description:
      - The folder that holds the VM folders.
    type: path
    default: /var/lib/cloudrepo
"""

EXAMPLES = r"""
- name: Begin to capture what passes eth1 of VM 1001
  cloudrepo.slices.capture:
    vm_id: 1001
    interface: eth1
    seconds: 30

- name: End it
  cloudrepo.slices.capture:
    vm_id: 1001
    interface: eth1
    state: stopped
  register: captured

- name: Forget it
  cloudrepo.slices.capture:
    vm_id: 1001
    interface: eth1
    state: absent
"""

RETURN = r"""
pcap:
  description: The file on the worker; null with O(state=absent).
  returned: success
  type: str
  sample: /var/lib/cloudrepo/vms/1001/eth1.pcap
tap:
  description: The tap on the worker; null where the VM is gone.
  returned: success
  type: str
  sample: tap_1001_eth1
packets:
  description: How many packets the file holds.
  returned: when O(state=stopped) and not in check mode
  type: int
  sample: 42
bytes:
  description: The size of the file.
  returned: when O(state=stopped) and not in check mode
  type: int
  sample: 4284
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import GRAMMARS
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import capture
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.apply import Clock
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import SubprocessRunner
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Outcome, run
from ansible_collections.cloudrepo.slices.plugins.module_utils.defaults import STATE_DIR


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "vm_id": {"type": "int", "required": True},
            "interface": {"type": "str", "required": True},
            "state": {"type": "str", "default": "started", "choices": ["started", "stopped", "absent"]},
            "seconds": {"type": "int", "default": 60},
            "mib": {"type": "int", "default": 10},
            "wait": {"type": "bool", "default": False},
            "start_timeout_s": {"type": "int", "default": 20},
            "state_dir": {"type": "path", "default": STATE_DIR},
        },
        supports_check_mode=True,
    )
    params = module.params

    def action() -> Outcome:
        target = capture.find(params["vm_id"], params["interface"], state_dir=params["state_dir"])
        if target is None and params["state"] == "absent":
            return Outcome(result={"pcap": None, "tap": None})
        target = capture.need(target, params["vm_id"])
        bounds, runner = capture.Bounds(params["seconds"], params["mib"]), SubprocessRunner()
        todo = capture.plan(target, capture.observe(target, runner), params["state"], bounds)
        result: dict[str, Any] = {"pcap": None if params["state"] == "absent" else target.path, "tap": target.tap}
        if not module.check_mode:
            timeout_s = params["start_timeout_s"]
            capture.apply(todo, target, bounds, runner, Clock(), wait=params["wait"], timeout_s=timeout_s)
            if params["state"] == "stopped":
                content = capture.trim(target.path)
                result.update(packets=content.packets, bytes=content.size)
        return Outcome(todo.changes, result)

    run(module, action, GRAMMARS)


if __name__ == "__main__":
    main()
