#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: worker_orphans
short_description: Find and remove orphans on a worker
version_added: 1.0.0
description:
  - Compares the VM folders, overlays, units, taps, ports and saved flows on a worker with the database, and returns
    those that are not in the database. Orphans remain if a database was lost, restored or replaced, or if the worker
    was not reachable when its slices were deleted.
  - Orphans are removed only with O(remove). A slice is removed as a whole, except for its disks. A disk is removed
    together with its folder, if that contains nothing else.
  - For a slice in the database only disks are returned, because its next deploy removes all other orphans.
  - Disks are compared with the database once more while the host is locked against work orders. A disk that a process
    has open is kept.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.cloud
  - cloudrepo.slices.orphans
  - cloudrepo.slices.datapath
options:
  machines:
    description:
      - Every worker of the database, from M(cloudrepo.slices.holdings_info).
      - If this machine is in the database with another address than O(address), or no worker has O(address), the call
        is refused before anything is recorded or removed.
    type: list
    elements: dict
    default: []
    suboptions:
      address:
        description:
          - The worker's address in the database.
        type: str
        required: true
      mark:
        description:
          - HMAC-SHA256 of its machine-id, with the UUID of the cloud as the key. Without it, the machine-id is not in
            the database.
        type: str
  address:
    description:
      - The worker's address in the database. Without it, the call is not compared with O(machines).
    type: str
  user:
    description:
      - Prefix of the names of the users that run VMs, as O(cloudrepo.slices.slice_apply#module:user).
    type: str
    default: cloudrepo
  disk_retention_h:
    description:
      - Number of hours for which disks are kept in C(STATE_DIR/trash) if the time of their deletion is not known, for
        RV(trash).
    type: int
    default: 24
seealso:
  - module: cloudrepo.slices.holdings_info
  - module: cloudrepo.slices.network_orphans
"""

EXAMPLES = r"""
- name: Get the objects that hosts should have
  cloudrepo.slices.holdings_info:
  register: holdings
  delegate_to: localhost

- name: Find orphans on this worker
  cloudrepo.slices.worker_orphans:
    known: "{{ holdings.workers[ansible_host] }}"
    revision: "{{ holdings.revision | default(omit, true) }}"
    cloud_uuid: "{{ holdings.cloud.uuid }}"
    machines: "{{ holdings.machines }}"
    address: "{{ ansible_host }}"

- name: Remove a disk that an earlier call has returned
  cloudrepo.slices.worker_orphans:
    known: "{{ holdings.workers[ansible_host] }}"
    revision: "{{ holdings.revision | default(omit, true) }}"
    cloud_uuid: "{{ holdings.cloud.uuid }}"
    machines: "{{ holdings.machines }}"
    address: "{{ ansible_host }}"
    remove: 5f0c1c5e-8a59-4c36-9d1c-6c1f8a1f0b77
"""

RETURN = r"""
orphans:
  description: Objects on this host that are not in the database.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description: V(slice) for all objects of a slice that can be recreated, V(disk) for an overlay.
      type: str
      sample: disk
    name:
      description: The name for O(remove), which is its UUID. Without one, it is the path of the disk or the id of the
        slice.
      type: str
      sample: 5f0c1c5e-8a59-4c36-9d1c-6c1f8a1f0b77
    slice_id:
      description: The id of the slice. Null if it is not stored in the folder of the disk.
      type: int
      sample: 1005
    uuid:
      description: Its UUID. Null if the host does not know it.
      type: str
      sample: 5f0c1c5e-8a59-4c36-9d1c-6c1f8a1f0b77
    path:
      description: Path of the disk.
      type: str
      sample: /var/lib/cloudrepo/vms/1006/vm1_img.qcow2
    vm_id:
      description: Id of the VM whose folder contains the disk.
      type: int
      sample: 1006
    holds:
      description: The objects of the slice.
      type: list
      elements: str
      sample: []
    in_use:
      description: The unit that uses the disk.
      type: str
      sample: null
    size_bytes:
      description: Disk space that the disk uses.
      type: int
      sample: 13631488
    modified:
      description: When the disk was last written, in UTC.
      type: str
      sample: "2026-01-30T08:00:00Z"
    twin:
      description:
        - Path of the disk in the database that has the UUID of this one, which is its copy or was moved by hand.
        - Such an orphan is named by its path.
      type: str
      sample: null
    since:
      description: When an earlier call first returned it, in UTC. Null if there was none.
      type: str
      sample: "2026-01-31T12:00:00Z"
    removed:
      description: Whether it is removed, also in check mode.
      type: bool
      sample: false
trash:
  description: Deleted disks that are kept in the trash, the oldest first.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: Path of the disk in the trash.
      type: str
      sample: /var/lib/cloudrepo/trash/1795371735-1006/vm1_img.qcow2
    uuid:
      description: Its UUID. Null if it is not known.
      type: str
      sample: 5f0c1c5e-8a59-4c36-9d1c-6c1f8a1f0b77
    slice_id:
      description: The id of the slice. Null if it is not known.
      type: int
      sample: 1005
    left_s:
      description: For how many more seconds of the host's running time it is kept, unless the file system becomes full.
      type: int
      sample: 79200
refusals:
  description: Why orphans in O(remove) are not removed.
  returned: success
  type: list
  elements: dict
  sample: []
changes:
  description: The orphans that are removed, or would be removed in check mode.
  returned: success
  type: list
  elements: dict
  sample:
    - kind: disk
      name: 5f0c1c5e-8a59-4c36-9d1c-6c1f8a1f0b77
      id: 5f0c1c5e-8a59-4c36-9d1c-6c1f8a1f0b77
      slice_id: 1005
      action: delete
      before: {slice_id: 1005, path: /var/lib/cloudrepo/vms/1006/vm1_img.qcow2}
      after: null
      reason: ""
      restart: false
"""

from dataclasses import replace
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import claims, orphans, worker_orphans
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import (
    DATAPATH_ARGUMENTS,
    DISK_ARGUMENTS,
    GRAMMARS,
    WORK_ORDER_ARGUMENTS,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import reconcile as datapath
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import trash
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.apply import Tools
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.qmp import SocketMonitor
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import SubprocessRunner
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.host import reconcile
from ansible_collections.cloudrepo.slices.plugins.module_utils.holdings import Holdings
from ansible_collections.cloudrepo.slices.plugins.module_utils.steps import Steps

ARGUMENTS = {
    **orphans.ARGUMENTS,
    **DATAPATH_ARGUMENTS,
    **DISK_ARGUMENTS,
    "machines": Holdings.arguments()["machines"],
    "address": {"type": "str"},
    "user": WORK_ORDER_ARGUMENTS["user"],
}


def main() -> None:
    reconcile(AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True), steps, GRAMMARS)


def steps(params: dict[str, Any], missing_ok: bool) -> Steps[worker_orphans.Todo]:
    """Return how the orphans in O(remove) are removed."""
    claims.require_owner(params, missing_ok=missing_ok)
    holdings = Holdings.from_dict({name: params[name] for name in ("known", "revision", "machines")})
    if params["address"] is not None:
        claims.require_worker(params["address"], holdings.machines, claims.caller(params))
    state_dir = params["state_dir"]
    wires = datapath.read_settings(params, management_vlan=claims.management_vlan(state_dir))
    settings = worker_orphans.settings_for(wires, state_dir=state_dir, user=params["user"])
    search = worker_orphans.Search(holdings, params["remove"], Tools(SubprocessRunner(), SocketMonitor()), settings)

    def result(todo: worker_orphans.Todo) -> dict[str, Any]:
        return {**todo.verdict.result, "trash": trash.listed(state_dir, retention_s=params["disk_retention_h"] * 3600)}

    return replace(search.steps, result=result)


if __name__ == "__main__":
    main()
