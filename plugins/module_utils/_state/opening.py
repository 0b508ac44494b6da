# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From the option C(database) to the store behind it."""

from __future__ import annotations

import os

from .masking import is_url
from .store import Store
from .yaml_file import YamlFile


def open_store(database: str, *, lock_timeout_s: float, backups: int, backup_dir: str | None = None) -> Store:
    """Return the store that a path or a URL names.

    Args:
        database: a path, in which C(~) and variables are expanded, or a URL that SQLAlchemy knows.
        lock_timeout_s: how long to wait for another writer.
        backups: how many versions of a YAML file, or backups of an SQL database, to keep.
        backup_dir: in which folder; C(None) for the one beside the file.

    Raises:
        DatabaseError: the URL is none, or a library for it is missing.
    """
    if is_url(database):
        from .sql import SqlDatabase

        return SqlDatabase(database, lock_timeout_s=lock_timeout_s, backups=backups, backup_dir=backup_dir)
    path = os.path.expanduser(os.path.expandvars(database))
    return YamlFile(path, lock_timeout_s=lock_timeout_s, backups=backups, backup_dir=backup_dir)
