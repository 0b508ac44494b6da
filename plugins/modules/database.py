#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: database
short_description: Backups, checks and moves of the database
version_added: 1.0.0
description:
  - Looks after the database as a whole. Only an admin may, except that a file which cannot be read any more is
    restored without asking it.
  - A YAML file's last versions are kept at every change (O(backups)); an SQL database is backed up on request, in YAML.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
options:
  state:
    description:
      - With C(backup), keeps the present version now, unless the newest backup is that version.
      - With C(restore), makes the version of a backup the present one. The present one is backed up first.
      - With C(check), lists every breach of a rule of the data model. All states list the backups.
      - With C(migrate), copies everything to O(destination), from a YAML file to SQL or the other way, and compares.
    type: str
    choices: [backup, restore, check, migrate]
    default: check
  name:
    description:
      - The backup to restore.
    type: str
  backup_dir:
    description:
      - The folder of the backups. Left out, it is C(DATABASE.backups) beside the file; a PostgreSQL database needs it
        for C(backup) and C(restore).
    type: path
  fail_on_breach:
    description:
      - Whether the module fails where C(check) finds a breach, instead of listing it alone.
    type: bool
    default: false
  destination:
    description:
      - Where to migrate to, a path or a URL as O(database) is. Left out, the database is repaired where it is.
    type: str
  replace:
    description:
      - Whether a destination that holds something else is replaced.
    type: bool
    default: false
  repair:
    description:
      - Whether breaches of rules are mended on the way. Who came first keeps what two hold; nothing else is
        renumbered. Two VMs with one disk stay so, for only their host could mend that.
      - Without it, a database that could be mended is not migrated.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Keep the present version
  cloudrepo.slices.database:
    state: backup

- name: Go back to the version before the newest change
  cloudrepo.slices.database:
    state: restore
    name: 00000041-20261122T182215Z.yaml

- name: Stop the play where the database breaks a rule
  cloudrepo.slices.database:
    state: check
    fail_on_breach: true

- name: From Cloud Repositorio's file to PostgreSQL, mended
  cloudrepo.slices.database:
    state: migrate
    database: /opt/cloud_repositorio/database.yaml
    destination: postgresql+psycopg:///cloudrepo?host=/run/postgresql
    repair: true
"""

RETURN = r"""
backups:
  description: The names of the backups, newest last.
  returned: success
  type: list
  elements: str
  sample: [00000040-20261122T180102Z.yaml, 00000041-20261122T182215Z.yaml]
backup:
  description: The backup that holds the present version; null where nothing is stored, and in check mode.
  returned: when O(state=backup)
  type: str
  sample: 00000041-20261122T182215Z.yaml
counts:
  description: How much the database holds; with C(restore) and C(migrate), how much it holds afterwards.
  returned: success
  type: dict
  sample: {users: 3, workers: 2, flavors: 2, slices: 4, vms: 18}
breaches:
  description: Every breach of a rule, a sentence each; with C(restore) and C(migrate), those that are there afterwards.
  returned: when O(state) is C(check), C(restore) or C(migrate)
  type: list
  elements: str
  sample: ["VNC port 5902 is held 2 times: by VM web/vm2 (1002) and VM lab/a (1004)"]
repairs:
  description: What was mended, a sentence each.
  returned: when O(state=migrate)
  type: list
  elements: str
  sample: ["VM lab/a (1004): VNC port 5902 → 5903"]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import database, edge
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.control import CONTROL_ARGUMENTS


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **CONTROL_ARGUMENTS,
            "state": {
                "type": "str",
                "choices": ["backup", "restore", "check", "migrate"],
                "default": "check",
            },
            "name": {"type": "str"},
            "backup_dir": {"type": "path"},
            "fail_on_breach": {"type": "bool", "default": False},
            "destination": {"type": "str"},
            "replace": {"type": "bool", "default": False},
            "repair": {"type": "bool", "default": False},
        },
        required_if=[("state", "restore", ["name"])],
        supports_check_mode=True,
    )
    edge.run(module, lambda: database.act(module))


if __name__ == "__main__":
    main()
