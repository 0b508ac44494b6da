# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation that every control-plane module shares."""

from __future__ import annotations


class ModuleDocFragment:
    """The common options, whose argument spec is C(CONTROL_ARGUMENTS) in C(module_utils/_module/control.py)."""

    DOCUMENTATION = r"""
options:
  database:
    description:
      - What holds the cluster. The path of a YAML file, or the URL of an SQL database, which is for several
        controllers and for more than about a thousand VMs. C(postgresql+psycopg://USER@HOST/NAME) is PostgreSQL
        (C(postgresql+psycopg:///NAME?host=/run/postgresql) by its socket), C(sqlite:////absolute/path) is SQLite.
      - It is made, with mode 0600, by the first change; in PostgreSQL the tables are.
      - A password in a URL is masked in messages and results. Better is not to write it there at all, but in the
        C(~/.pgpass) of whoever runs the module.
    type: str
    default: /var/lib/cloudrepo/database.yaml
  acting_user:
    description:
      - The user on whose behalf the module acts. An admin may see and change everybody's slices; for a tenant there
        are none but the tenant's own.
    type: str
    default: admin
  lock_timeout_s:
    description:
      - How many seconds to wait for another process that is changing the database.
    type: float
    default: 30.0
  backups:
    description:
      - How many of the last versions of a YAML file to keep, in the folder C(DATABASE.backups) beside it. See
        M(cloudrepo.slices.database).
    type: int
    default: 10
requirements:
  - PyYAML, for the Python that runs the module
  - SQLAlchemy 2.0 or newer for a database by URL, and psycopg 3 where that is PostgreSQL
"""
