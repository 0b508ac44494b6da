# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the options of all control-plane modules."""

from __future__ import annotations


class ModuleDocFragment:
    """The common options, whose argument spec is C(CONTROL_ARGUMENTS) in C(module_utils/_module/control.py)."""

    DOCUMENTATION = r"""
options:
  database:
    description:
      - The cluster's database, either the path of a YAML file or the URL of an SQL database. Use SQL with several
        controllers, or with more than about a thousand VMs. PostgreSQL is C(postgresql+psycopg://USER@HOST/NAME), or
        C(postgresql+psycopg:///NAME?host=/run/postgresql) for its socket. SQLite is C(sqlite:////absolute/path).
      - The first change creates the file with mode 0600, or the tables of an SQL database. Reading a database that does
        not exist is an error.
      - A password in a URL is masked in messages and results. Preferably, store it in C(~/.pgpass) of the user that
        runs the module.
    type: str
    default: /var/lib/cloudrepo/database.yaml
  acting_user:
    description:
      - The user on whose behalf the module acts. An admin can access the slices of all users, a tenant only the
        tenant's own slices.
    type: str
    default: admin
  caller:
    description:
      - Where the task is run, for the history (M(cloudrepo.slices.slice_history)). It is set by the collection; a value
        in a task has no effect.
    type: dict
    suboptions:
      proof:
        description:
          - How O(acting_user) was determined. V(credential) is a name and V(token) a signed token in the environment of
            the controller, V(awx) the user of a job in AWX. With V(administrator), whoever runs Ansible can read the
            database.
        type: str
        choices: [credential, token, awx, administrator, none]
        default: none
      because:
        description:
          - The same as O(caller.proof), as a phrase.
        type: str
        default: ""
      controller:
        description:
          - Name of the host that runs Ansible.
        type: str
        default: ""
      login:
        description:
          - The user who runs Ansible on that host.
        type: str
        default: ""
      playbook:
        description:
          - Name of the playbook, or of several.
        type: str
      job:
        description:
          - Id of the job in AWX.
        type: str
      module:
        description:
          - Name of the module.
        type: str
        default: ""
      user_uuid:
        description:
          - UUID of the user in the signed token. It must be that of O(acting_user) in the database.
        type: str
  lock_timeout_s:
    description:
      - Seconds to wait for another process that changes the database.
    type: float
    default: 30.0
  backups:
    description:
      - Number of backups of a YAML file to keep, in the folder C(DATABASE.backups) next to it. See
        M(cloudrepo.slices.database).
    type: int
    default: 10
requirements:
  - PyYAML
  - SQLAlchemy 2.0 or newer for an SQL database, and psycopg 3 for PostgreSQL
"""
