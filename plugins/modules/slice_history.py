#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: slice_history
short_description: Get the history of slices
version_added: 1.0.0
description:
  - Returns who changed the database, when, from where, and what was changed. Each change of the database has one entry,
    including changes of users, flavors and workers, backups, restorations and repairs.
  - A tenant gets the entries about the tenant's own slices, and only the part of each entry that concerns these slices.
    Entries about those of a removed user of the same name are not included. An admin gets all entries with O(all).
  - Entries of deleted slices are kept as well. How many entries are kept, and for how long, is set with
    M(cloudrepo.slices.cloud).
  - Entries contain no secrets. For a password they only show that it was changed.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
  - cloudrepo.slices.selection
options:
  names:
    description:
      - The slices, each by name, by C(OWNER/NAME) or by id, including deleted ones.
    type: list
    elements: str
    default: []
  all:
    description:
      - Whether to select all entries that O(acting_user) may see.
    type: bool
    default: false
  limit:
    description:
      - Maximum number of entries. The newest ones are returned.
    type: int
    default: 50
seealso:
  - module: cloudrepo.slices.cloud
  - module: cloudrepo.slices.slice
"""

EXAMPLES = r"""
- name: Get the last changes of a slice
  cloudrepo.slices.slice_history:
    names: web
    limit: 5
  register: history

- name: Get all changes that bob may see
  cloudrepo.slices.slice_history:
    all: true
    acting_user: bob
"""

RETURN = r"""
entries:
  description:
    - The entries, newest last.
    - C(user) is the user on whose behalf the change was made, C(user_uuid) the UUID of this user, null for one without,
      and C(proof) and C(because) are how the user was determined. C(controller) and C(login) are the host that ran
      Ansible and the user there, C(playbook) and C(module) are what was run, and C(job) is the id of the job in AWX.
    - C(revision) is the revision of the database after the change. Changes of reported state do not increase it.
    - C(changes) contains the changed objects. C(before) and C(after) of an updated object contain the attributes that
      differ.
    - C(slices) contains the slices of these objects. C(owner_uuid) is the UUID of the owner, null for one without.
  returned: success
  type: list
  elements: dict
  sample:
    - number: 17
      at: "2026-11-26T16:20:00Z"
      user: alice
      user_uuid: 9f1c2e64-6c0b-4c55-9d56-0a4f5d0a7b21
      proof: awx
      because: AWX job 42, launched by this user (manual)
      controller: awx-task-0
      login: runner
      playbook: cloudrepo.slices.deploy
      job: "42"
      module: slice
      revision: 1795371735123
      slices:
        - {slice_id: 1000, name: web, owner: alice, owner_uuid: 9f1c2e64-6c0b-4c55-9d56-0a4f5d0a7b21}
      changes:
        - kind: vm
          id: 1001
          name: web/vm1
          action: update
          before: {cores: 1}
          after: {cores: 2}
          slice_id: 1000
table:
  description: The entries as a text table.
  returned: success
  type: str
  sample: |-
    NUMBER  TIME                  REVISION       USER   PROOF  FROM
    17      2026-11-26T16:20:00Z  1795371735123  alice  awx    cloudrepo.slices.deploy, job 42, runner@awx-task-0
      vm web/vm1: cores 1 → 2
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import history, orders
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.control import CONTROL_ARGUMENTS, transact


def main() -> None:
    module = AnsibleModule(
        argument_spec={**CONTROL_ARGUMENTS, **orders.SELECTION_ARGUMENTS, "limit": {"type": "int", "default": 50}},
        supports_check_mode=True,
    )
    transact(module, lambda cluster: history.info(cluster, module.params), write=False)


if __name__ == "__main__":
    main()
