#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: guard
short_description: Check the caller and the variables of a playbook
version_added: 1.0.0
description:
  - The first task of every playbook of this collection. It runs on the controller, before Ansible connects to any host,
    and reads the extra variables (C(-e), and all variables of an AWX job) without evaluating templates in them.
  - Determines the acting user. This is the user of the token in C(CLOUDREPO_ACTING_TOKEN), which
    M(cloudrepo.slices.acting_token) has created, or the user in C(CLOUDREPO_ACTING_USER), both in the controller's
    environment. Otherwise, in an AWX job, it is the user who launched the job, or the workflow that it is part of. A
    job that no user launched is refused. Outside of AWX, a caller who can read the database is an admin, and may set
    another user with the variable C(cloudrepo_acting_user). Sources that contradict each other are refused.
  - Refuses every extra variable that a tenant may not set for this playbook, unless the caller is an admin.
  - Refuses an unknown extra variable that resembles one of this collection, or begins with C(cloudrepo_), unless the
    inventory has a variable of this name. Warns of unknown variables of the inventory that begin with C(cloudrepo_).
  - Refuses an inventory with several orchestrators or network nodes, and one in which a host of the cloud is a VM as
    well, because both have the same name.
  - Refuses a run that excludes the orchestrator, and a selection of slices that is not exactly one of the variables
    that the playbook accepts for it.
  - Refuses an AWX job whose database would be a new file in the environment of the job, because that file would be lost
    when the job ends.
  - Refuses an AWX job that would write a file to its own environment, unless C(cloudrepo_files_dir) is a folder that
    stays.
  - Reads topologies from O(ignore:slices) or O(ignore:slices_file) as data. YAML text with duplicate keys is refused.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
options:
  playbook:
    description:
      - The playbook, one of those in C(playbooks/vars/callers.yml), which lists the variables that its caller may set.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Check the caller and the variables, and select the slices
  cloudrepo.slices.guard:
    playbook: deploy
  register: cloudrepo_call
  run_once: true
"""

RETURN = r"""
acting_user:
  description: The user on whose behalf the run acts.
  returned: success
  type: str
  sample: alice
because:
  description: The source of the acting user.
  returned: success
  type: str
  sample: AWX job 42, launched by this user (manual)
folder:
  description: The folder for files that the playbook writes, which need not exist. Null for the current one.
  returned: success
  type: str
  sample: /srv/files/alice/42
slices:
  description: The topologies to store; null if stored slices are selected.
  returned: success
  type: list
  elements: dict
  sample: null
names:
  description: The selected slices, by name, C(OWNER/NAME) or id.
  returned: success
  type: list
  elements: str
  sample: [web]
owner:
  description: The user whose slices are all selected; null if they are selected in another way.
  returned: success
  type: str
  sample: null
all:
  description: Whether all slices are selected that the acting user may act on.
  returned: success
  type: bool
  sample: false
refused_variables:
  description: The names of variables that only an admin may set.
  returned: when there are any and the caller is not an admin
  type: list
  elements: str
  sample: [cloudrepo_database]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

ARGUMENTS: dict[str, Any] = {"playbook": {"type": "str", "required": True}}


def main() -> None:
    """Refuse to run anywhere but in the action plugin, which knows who has set which variable."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    module.fail_json(msg="guard runs on the controller, as an action plugin")


if __name__ == "__main__":
    main()
