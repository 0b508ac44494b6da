#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: host_retire
short_description: Remove a role from a host
version_added: 1.0.0
description:
  - Stops and removes everything that the role P(cloudrepo.slices.network_node#role) or
    P(cloudrepo.slices.worker#role) has installed on a host, so that the host is as it was before.
  - Objects that the other role on the same host uses are kept. These are the bridge, its uplink, and C(slices-host).
  - On a network node, the services of all slices are removed as well. They can be recreated from the database.
    Forwarding on the external interface is disabled, unless it is the default for interfaces of the host.
  - On a worker, the users of VMs and the base images are removed as well. A worker with VMs, disks, deleted disks or
    other objects of slices is refused. The database is not changed; see M(cloudrepo.slices.worker).
  - The bridge is removed if no other port is on it, and the host does not use the bridge's own device.
  - Packages stay installed. The host still belongs to the cloud, and still refuses late work orders.
  - A host without the role is not changed.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.cloud
options:
  role:
    description:
      - The role to remove.
    type: str
    choices: [network_node, worker]
    required: true
  state_dir:
    description:
      - The folder for the state of the host.
    type: str
    default: /var/lib/cloudrepo
  bridge:
    description:
      - The bridge of the role.
    type: str
    default: br-int
  nat_links:
    description:
      - As O(cloudrepo.slices.network_services#module:nat_links). Used for a network node.
    type: str
    default: 169.254.64.0/24
  user:
    description:
      - Prefix of the users of VMs, and the name of their group. Used for a worker.
    type: str
    default: cloudrepo
seealso:
  - module: cloudrepo.slices.host_setup
  - module: cloudrepo.slices.network_orphans
  - module: cloudrepo.slices.worker_orphans
"""

EXAMPLES = r"""
- name: Remove the role network_node from a host
  cloudrepo.slices.host_retire:
    role: network_node

- name: Remove the role worker from a host
  cloudrepo.slices.host_retire:
    role: worker
"""

RETURN = r"""
roles:
  description: The roles that the host still has; in check mode those that it would have.
  returned: success
  type: list
  elements: str
  sample: [worker]
changes:
  description: The objects that are removed or changed, or would be in check mode.
  returned: success
  type: list
  elements: dict
  sample:
    - kind: path
      name: /etc/cloudrepo/nat.nft
      id: /etc/cloudrepo/nat.nft
      slice_id: null
      action: delete
      before: {}
      after: null
      reason: ""
      restart: false
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import claims, roles, worker_retirement
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import (
    CLOUD_ARGUMENTS,
    GRAMMARS,
    SERVICES_ARGUMENTS,
    WORK_ORDER_ARGUMENTS,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices import retirement
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.files import Folders
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.work_order import read_links
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import SubprocessRunner
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import listed
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.host import reconcile
from ansible_collections.cloudrepo.slices.plugins.module_utils.steps import Steps

ARGUMENTS = {
    **CLOUD_ARGUMENTS,
    **{name: SERVICES_ARGUMENTS[name] for name in ("state_dir", "bridge", "nat_links")},
    "role": {"type": "str", "required": True, "choices": [roles.NETWORK_NODE, roles.WORKER]},
    "user": WORK_ORDER_ARGUMENTS["user"],
}


def main() -> None:
    reconcile(AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True), steps, GRAMMARS)


def steps(params: dict[str, Any], missing_ok: bool) -> Steps[Any]:
    """Return how the role is removed."""
    claims.require(params, missing_ok=missing_ok)
    return _worker(params) if params["role"] == roles.WORKER else _network_node(params)


def _network_node(params: dict[str, Any]) -> Steps[retirement.RetirementPlan]:
    runner, bridge = SubprocessRunner(), params["bridge"]
    folders = Folders(params["state_dir"], read_links(params["nat_links"]))
    return Steps(
        plan=lambda: retirement.plan(folders, runner, bridge=bridge),
        apply=lambda todo: retirement.apply(todo, folders, runner, bridge=bridge),
        result=_result,
    )


def _worker(params: dict[str, Any]) -> Steps[worker_retirement.WorkerRetirementPlan]:
    runner, state_dir = SubprocessRunner(), params["state_dir"]
    return Steps(
        plan=lambda: worker_retirement.plan(runner, state_dir=state_dir, user=params["user"], bridge=params["bridge"]),
        apply=lambda todo: worker_retirement.apply(todo, runner, state_dir=state_dir),
        result=_result,
        lock=lambda: worker_retirement.locked(state_dir),
    )


def _result(todo: retirement.RetirementPlan | worker_retirement.WorkerRetirementPlan) -> dict[str, Any]:
    return {"roles": list(todo.left.roles.want), "changes": listed(todo.changes)}


if __name__ == "__main__":
    main()
