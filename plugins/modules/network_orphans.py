#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: network_orphans
short_description: Find and remove orphans on the network node
version_added: 1.0.0
description:
  - Compares the DHCP reservations, DNS servers, networks, units and ports on the network node with the slices in the
    database, and returns those of other slices.
  - They are removed only with O(remove), each slice as a whole.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.cloud
  - cloudrepo.slices.orphans
options:
  bridge:
    description:
      - The bridge for the ports of networks.
    type: str
    default: br-int
  nat_links:
    description:
      - As O(cloudrepo.slices.network_services#module:nat_links).
    type: str
    default: 169.254.64.0/24
seealso:
  - module: cloudrepo.slices.holdings_info
  - module: cloudrepo.slices.worker_orphans
"""

EXAMPLES = r"""
- name: Get the objects that hosts should have
  cloudrepo.slices.holdings_info:
  register: holdings
  delegate_to: localhost

- name: Find orphans on the network node
  cloudrepo.slices.network_orphans:
    known: "{{ holdings.network_node }}"
    revision: "{{ holdings.revision | default(omit, true) }}"
    cloud_uuid: "{{ holdings.cloud.uuid }}"
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
      sample: slice
    name:
      description: The name for O(remove), which is its UUID. Without one, it is the path of the disk or the id of the
        slice.
      type: str
      sample: 7f1c7f0e-3a52-4c8e-9d1a-5b0f6e2c4d11
    slice_id:
      description: The id of the slice. Null if it is not stored in the folder of the disk.
      type: int
      sample: 1005
    uuid:
      description: Its UUID. Null if the host does not know it.
      type: str
      sample: 7f1c7f0e-3a52-4c8e-9d1a-5b0f6e2c4d11
    path:
      description: Path of the disk.
      type: str
      sample: null
    vm_id:
      description: Id of the VM whose folder contains the disk.
      type: int
      sample: null
    holds:
      description: The objects of the slice.
      type: list
      elements: str
      sample: [reservations /var/lib/cloudrepo/dhcp/hosts.d/1005, unit slices-names@1005.service]
    in_use:
      description: The unit that uses the disk.
      type: str
      sample: null
    size_bytes:
      description: Disk space that the disk uses.
      type: int
      sample: null
    modified:
      description: When the disk was last written, in UTC.
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
    - kind: slice
      name: 7f1c7f0e-3a52-4c8e-9d1a-5b0f6e2c4d11
      id: 7f1c7f0e-3a52-4c8e-9d1a-5b0f6e2c4d11
      slice_id: 1005
      action: delete
      before: {slice_id: 1005, holds: [reservations /var/lib/cloudrepo/dhcp/hosts.d/1005]}
      after: null
      reason: ""
      restart: false
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import claims, orphans
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import (
    GRAMMARS,
    SERVICES_ARGUMENTS,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices import orphans as network_orphans
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.files import Folders
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.work_order import read_links
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import SubprocessRunner
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.host import reconcile
from ansible_collections.cloudrepo.slices.plugins.module_utils.holdings import Holdings
from ansible_collections.cloudrepo.slices.plugins.module_utils.steps import Steps

ARGUMENTS = {**orphans.ARGUMENTS, **{name: SERVICES_ARGUMENTS[name] for name in ("bridge", "nat_links")}}


def main() -> None:
    reconcile(AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True), steps, GRAMMARS)


def steps(params: dict[str, Any], missing_ok: bool) -> Steps[orphans.Verdict]:
    """Return how the orphans in O(remove) are removed."""
    claims.require_owner(params, missing_ok=missing_ok)
    state_dir, runner = params["state_dir"], SubprocessRunner()
    folders = Folders(state_dir, read_links(params["nat_links"]))
    holdings = Holdings.from_dict({name: params[name] for name in ("known", "revision")})
    kind = orphans.NETWORK_NODE

    def plan() -> orphans.Verdict:
        found = network_orphans.find(holdings.known, network_orphans.observe(folders, runner))
        late = orphans.superseded(found, holdings.revision, state_dir=state_dir, kind=kind)
        return orphans.judge(found, params["remove"], orphans.read(state_dir, kind), late)

    def apply(verdict: orphans.Verdict) -> None:
        bridge = params["bridge"]
        network_orphans.remove(verdict.remove, folders, runner, bridge=bridge, revision=holdings.revision)
        orphans.note(verdict, state_dir=state_dir, kind=kind)

    return Steps(plan, apply, lambda verdict: verdict.result, lock=lambda: network_orphans.locked(folders))


if __name__ == "__main__":
    main()
