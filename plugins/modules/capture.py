#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: capture
short_description: Capture packets on an interface of a VM
version_added: 1.0.0
description:
  - Runs tcpdump on the tap of an interface, on the VM's worker. The result is a pcap file for tshark or Wireshark.
  - A capture ends after O(seconds) or when the file reaches O(mib), whichever comes first. It runs as an unprivileged
    transient unit, C(slices-capture-SLICE-VM-INTERFACE.service), in the cgroup of the VM's slice. It is stopped when
    the slice is deleted. The file is in the VM's folder, and is deleted with the VM.
  - If the file is not fetched, the worker deletes it an hour after the end of the capture (C(slices-logs)).
  - This module does not check permissions. The playbook C(cloudrepo.slices.capture) finds the worker, checks that the
    acting user may access the slice, and fetches the file. With C(-e capture_stop=true) it stops a capture and
    deletes its file.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
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
  interface:
    description:
      - The interface's name in the topology, such as V(eth1).
    type: str
    required: true
  state:
    description:
      - V(started) starts a capture, unless one is running, and waits until tcpdump is capturing. The file of an earlier
        capture is replaced.
      - V(stopped) stops the capture. The file then ends with a complete packet.
      - V(absent) stops the capture and deletes its file.
    type: str
    choices: [started, stopped, absent]
    default: started
  seconds:
    description:
      - Maximum duration in seconds, up to 86,400.
    type: int
    default: 60
  mib:
    description:
      - Maximum size of the file in MiB, up to 4,096.
    type: int
    default: 10
  wait:
    description:
      - With O(state=stopped), wait until the capture reaches its limits instead of stopping it.
    type: bool
    default: false
  start_timeout_s:
    description:
      - Seconds to wait for tcpdump to start.
    type: int
    default: 20
  state_dir:
    description:
      - The folder for disks and base images on the worker.
    type: path
    default: /var/lib/cloudrepo
"""

EXAMPLES = r"""
- name: Start a capture on eth1 of VM 1001
  cloudrepo.slices.capture:
    vm_id: 1001
    interface: eth1
    seconds: 30

- name: Stop the capture
  cloudrepo.slices.capture:
    vm_id: 1001
    interface: eth1
    state: stopped
  register: captured

- name: Delete the capture and its file
  cloudrepo.slices.capture:
    vm_id: 1001
    interface: eth1
    state: absent
"""

RETURN = r"""
pcap:
  description: Path of the file on the worker. Null with O(state=absent).
  returned: success
  type: str
  sample: /var/lib/cloudrepo/vms/1001/eth1.pcap
tap:
  description: The tap on the worker. Null if the VM no longer exists.
  returned: success
  type: str
  sample: tap_1001_eth1
packets:
  description: Number of packets in the file.
  returned: when O(state=stopped) and not in check mode
  type: int
  sample: 42
bytes:
  description: Size of the file.
  returned: when O(state=stopped) and not in check mode
  type: int
  sample: 4284
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import vm_folders
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import GRAMMARS
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import capture
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.apply import Clock
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import SubprocessRunner
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.host import reconcile
from ansible_collections.cloudrepo.slices.plugins.module_utils.defaults import STATE_DIR
from ansible_collections.cloudrepo.slices.plugins.module_utils.steps import Steps

ARGUMENTS = {
    "vm_id": {"type": "int", "required": True},
    "vm_uuid": {"type": "str"},
    "interface": {"type": "str", "required": True},
    "state": {"type": "str", "default": "started", "choices": ["started", "stopped", "absent"]},
    "seconds": {"type": "int", "default": 60},
    "mib": {"type": "int", "default": 10},
    "wait": {"type": "bool", "default": False},
    "start_timeout_s": {"type": "int", "default": 20},
    "state_dir": {"type": "path", "default": STATE_DIR},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    reconcile(module, steps, GRAMMARS)


def steps(params: dict[str, Any], _missing_ok: bool) -> Steps[capture.Todo]:
    """Return how the capture is started, stopped or removed."""
    state = params["state"]
    found = capture.find(params["vm_id"], params["interface"], state_dir=params["state_dir"])
    if found is None and state == "absent":
        return Steps(capture.Todo, lambda _todo: None, lambda _todo: {"pcap": None, "tap": None})
    target = capture.need(found, params["vm_id"])
    # Otherwise somebody would read the packets of whoever has the id on this host.
    vm_folders.need(params["vm_id"], params["vm_uuid"], state_dir=params["state_dir"])
    bounds, runner = capture.Bounds(params["seconds"], params["mib"]), SubprocessRunner()

    def apply(todo: capture.Todo) -> dict[str, Any]:
        timeout_s = params["start_timeout_s"]
        capture.apply(todo, target, bounds, runner, Clock(), wait=params["wait"], timeout_s=timeout_s)
        if state != "stopped":
            return {}
        content = capture.trim(target.path)
        return {"packets": content.packets, "bytes": content.size}

    return Steps(
        plan=lambda: capture.plan(target, capture.observe(target, runner), state, bounds),
        apply=apply,
        result=lambda _todo: {"pcap": None if state == "absent" else target.path, "tap": target.tap},
    )


if __name__ == "__main__":
    main()
