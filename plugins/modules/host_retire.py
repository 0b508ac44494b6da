#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: host_retire
short_description: Put a former network node back as it was before the role
version_added: 1.0.0
description:
  - Stops and removes what the role P(cloudrepo.slices.network_node#role) has installed on a host, and the services of
    all slices on it. These can all be created again from the database.
  - What a worker on the same host uses stays, which is the bridge, its uplink, and C(slices-host).
  - The bridge is removed if no other port is on it, and the host does not use the bridge's own device.
  - Forwarding on the external interface is disabled, unless it is the default for interfaces of the host.
  - Packages stay installed. The host still belongs to the cloud, and still refuses late work orders.
  - A host without the role is not changed.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.cloud
options:
  state_dir:
    description:
      - The folder for the state of the host.
    type: str
    default: /var/lib/cloudrepo
  bridge:
    description:
      - The bridge of the network node.
    type: str
    default: br-int
  nat_links:
    description:
      - As O(cloudrepo.slices.network_services#module:nat_links).
    type: str
    default: 169.254.64.0/24
seealso:
  - module: cloudrepo.slices.host_setup
  - module: cloudrepo.slices.network_orphans
"""

EXAMPLES = r"""
- name: Put a host back that is no longer the network node
  cloudrepo.slices.host_retire:
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
      action: delete
      before: {}
      after: null
      reason: ""
      restart: false
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import claims
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import (
    CLOUD_ARGUMENTS,
    GRAMMARS,
    SERVICES_ARGUMENTS,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices import retirement
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.files import Folders
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.plan import read_links
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import SubprocessRunner
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import listed
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.host import Steps, reconcile

ARGUMENTS = {**CLOUD_ARGUMENTS, **{name: SERVICES_ARGUMENTS[name] for name in ("state_dir", "bridge", "nat_links")}}


def main() -> None:
    reconcile(AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True), steps, GRAMMARS)


def steps(params: dict[str, Any], missing_ok: bool) -> Steps[retirement.RetirementPlan]:
    """Return how the role is removed."""
    claims.require(params, missing_ok=missing_ok)
    runner, bridge = SubprocessRunner(), params["bridge"]
    folders = Folders(params["state_dir"], read_links(params["nat_links"]))
    return Steps(
        plan=lambda: retirement.plan(folders, runner, bridge=bridge),
        apply=lambda todo: retirement.apply(todo, folders, runner, bridge=bridge),
        result=lambda todo: {"roles": list(todo.roles.want), "changes": listed(todo.changes)},
    )


if __name__ == "__main__":
    main()
