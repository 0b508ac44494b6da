#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: host_claim
short_description: Claim a host for a cloud
version_added: 1.0.0
description:
  - Claims a worker or a network node for a cloud, in the file C(STATE_DIR/cloud.json). From then on, the host refuses
    work orders of other clouds, and claims for other clouds, before anything is changed.
  - A host that was claimed with another copy of the cloud's database is refused as well.
  - With O(claim) the host is taken over. VMs of another cloud that are on it are not adopted, whatever their ids are.
    The playbook C(cloudrepo.slices.orphans) lists them.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.claim
options:
  cloud_uuid:
    description:
      - The UUID of the cloud, from M(cloudrepo.slices.cloud).
    type: str
    required: true
  cloud_title:
    description:
      - The name of the cloud for messages.
    type: str
    required: true
  cloud_incarnation:
    description:
      - The UUID of the cloud's database. A copy of the database has another one.
    type: str
    required: true
  controller:
    description:
      - The name of the controller, for the messages of refused calls.
    type: str
    required: true
  role:
    description:
      - The role for which the host is prepared. The host keeps it in C(STATE_DIR/roles.json), so that
        C(cloudrepo.slices.site) notices when the host no longer has the role.
    type: str
    choices: [worker, network_node]
  state_dir:
    description:
      - The folder for the state of the host. It is created if it does not exist.
    type: str
    default: /var/lib/cloudrepo
seealso:
  - module: cloudrepo.slices.cloud
"""

EXAMPLES = r"""
- name: Identify the cloud
  cloudrepo.slices.cloud:
  register: identified
  delegate_to: localhost

- name: Claim this host
  cloudrepo.slices.host_claim:
    cloud_uuid: "{{ identified.cloud.uuid }}"
    cloud_title: "{{ identified.cloud.title }}"
    cloud_incarnation: "{{ identified.cloud.incarnation }}"
    controller: "{{ identified.cloud.controller }}"
    role: worker
"""

RETURN = r"""
claim:
  description: The claim on the host; in check mode as it would be.
  returned: success
  type: dict
  contains:
    uuid:
      description: The UUID of the cloud.
      type: str
      sample: "4c1f6a7e-8c1d-4f39-9a53-0d6f2b7e9c10"
    title:
      description: The name of the cloud for messages.
      type: str
      sample: "lab"
    incarnation:
      description: The UUID of the cloud's database. A copy of the database has another one.
      type: str
      sample: "9d2b7c31-1f0e-4a52-8b6d-6f5e3c2a1b00"
    since:
      description: When the cloud claimed the host, in UTC.
      type: str
      sample: "2026-01-31T12:00:00Z"
    controller:
      description: The controller that claimed it.
      type: str
      sample: "controller1"
    machine_mark:
      description: HMAC-SHA256 of the machine-id of the claimed machine, with the UUID of the cloud as the key.
      type: str
      sample: "5f6b0c1e9d000000000000000000000000000000000000000000000000000000"
    vlan_pools:
      description: The VLAN pools of the cloud's slices, as ranges.
      type: str
      sample: "0-99"
    management_vlan:
      description: The management VLAN of the cloud.
      type: int
      sample: 400
roles:
  description: The roles for which the host was prepared, including O(role).
  returned: success
  type: list
  elements: str
  sample: [worker]
orphans:
  description: VMs of the other cloud from which the host is taken over, also in check mode.
  returned: success
  type: list
  elements: str
  sample: []
"""

from collections.abc import Iterator
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import claims, roles
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import (
    CLAIM_ARGUMENTS,
    CLOUD_ARGUMENTS,
    GRAMMARS,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._module import claim_steps
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.host import reconcile_all
from ansible_collections.cloudrepo.slices.plugins.module_utils.defaults import STATE_DIR
from ansible_collections.cloudrepo.slices.plugins.module_utils.steps import Steps

ARGUMENTS = {
    **{name: {**argument, "required": True} for name, argument in CLOUD_ARGUMENTS.items()},
    **CLAIM_ARGUMENTS,
    "controller": {"type": "str", "required": True},
    "role": {"type": "str", "choices": list(roles.ROLES)},
    "state_dir": {"type": "str", "default": STATE_DIR},
}


def main() -> None:
    reconcile_all(AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True), stages, GRAMMARS)


def stages(params: dict[str, Any], _missing_ok: bool) -> Iterator[Steps[Any]]:
    """Yield how the host is claimed and gets its role."""
    called_by = claims.Caller(params["cloud_uuid"], params["cloud_title"], params["cloud_incarnation"])
    yield claim_steps.claim(params, called_by)
    yield claim_steps.role(params["role"], state_dir=params["state_dir"])


if __name__ == "__main__":
    main()
