#!/usr/bin/python
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: database
short_description: Back up, restore, check and migrate the database
version_added: 1.0.0
description:
  - Manages the database as a whole. The acting user must be an admin, unless a file that is no longer readable is
    restored.
  - A YAML file is backed up at every change (O(backups)). An SQL database is backed up on request, as YAML.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - cloudrepo.slices.attributes
  - cloudrepo.slices.control
options:
  state:
    description:
      - V(backup) backs up the current version, unless the newest backup has the same content.
      - V(restore) replaces the current version with a backup. The current version is backed up first. Which workers are
        lost is not restored, because it is a fact about machines.
      - V(check) lists violations of the data model's rules.
      - V(migrate) copies everything to O(destination), from a YAML file to SQL or vice versa, and compares the result.
      - All of them also return the names of the backups.
    type: str
    choices: [backup, restore, check, migrate]
    default: check
  name:
    description:
      - Name of the backup to restore.
    type: str
  backup_dir:
    description:
      - Folder of the backups. The default is C(DATABASE.backups) next to the file. Required for O(state=backup) and
        O(state=restore) of a PostgreSQL database.
    type: path
  fail_on_breach:
    description:
      - Whether to fail if O(state=check) finds a violation.
    type: bool
    default: false
  destination:
    description:
      - Destination of the migration, a path or URL as for O(database). If omitted, the database is repaired in place.
    type: str
  replace:
    description:
      - Whether to replace a destination that has other content.
    type: bool
    default: false
  repair:
    description:
      - Whether to repair violations during the migration. If two objects hold the same number, the older one keeps it;
        nothing else is renumbered. Two VMs with the same disk are not repaired, because that has to be done on their
        host.
      - If false, a database with violations that could be repaired is not migrated.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Back up the current version
  cloudrepo.slices.database:
    state: backup

- name: Restore the version before the last change
  cloudrepo.slices.database:
    state: restore
    name: 00000041-20261122T182215Z.yaml

- name: Fail if the database violates a rule
  cloudrepo.slices.database:
    state: check
    fail_on_breach: true

- name: Migrate Cloud Repositorio's file to PostgreSQL, with repairs
  cloudrepo.slices.database:
    state: migrate
    database: /opt/cloud_repositorio/database.yaml
    destination: postgresql+psycopg:///cloudrepo?host=/run/postgresql
    repair: true
"""

RETURN = r"""
backups:
  description: Names of the backups, newest last.
  returned: success
  type: list
  elements: str
  sample: [00000040-20261122T180102Z.yaml, 00000041-20261122T182215Z.yaml]
cloud:
  description:
    - Identity of the database. A copy has the same C(uuid) and C(title), but another C(incarnation). C(place)
      identifies its location, and C(machine) that of a file, unless it is in a container. For O(state=restore) and
      O(state=migrate) it is the identity afterwards.
    - Null before the identity has been sent to any host.
  returned: success
  type: dict
  sample:
    uuid: 4c1f6a7e-8c1d-4f39-9a53-0d6f2b7e9c10
    title: lab
    incarnation: 9d2b7c31-1f0e-4a52-8b6d-6f5e3c2a1b00
    place: /var/lib/cloudrepo/database.yaml 131075
    machine: 5f6b0c1e9d000000000000000000000000000000000000000000000000000000
backup:
  description: Name of the backup of the current version. Null if the database is empty, and in check mode.
  returned: when O(state=backup)
  type: str
  sample: 00000041-20261122T182215Z.yaml
counts:
  description: Number of objects in the database, for O(state=restore) and O(state=migrate) afterwards.
  returned: success
  type: dict
  sample: {users: 3, workers: 2, flavors: 2, slices: 4, vms: 18}
breaches:
  description: Violations of rules, one sentence each, for O(state=restore) and O(state=migrate) afterwards.
  returned: when O(state) is V(check), V(restore) or V(migrate)
  type: list
  elements: str
  sample: ["VNC port 5902 is allocated 2 times: to VM web/vm2 (1002), VM lab/a (1004)"]
breach_codes:
  description: The code of each of RV(breaches), in their order.
  returned: when O(state) is V(check), V(restore) or V(migrate)
  type: list
  elements: str
  sample: [allocated_twice]
repairs:
  description: Repairs, one sentence each.
  returned: when O(state=migrate)
  type: list
  elements: str
  sample: ["VM lab/a (1004): VNC port 5902 → 5903"]
repair_codes:
  description: The code of each of RV(repairs), in their order.
  returned: when O(state=migrate)
  type: list
  elements: str
  sample: [vnc_port_changed]
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
