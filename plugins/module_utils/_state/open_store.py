# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Selects the store for the option C(database)."""

from __future__ import annotations

import os

from ..errors import Refusal, Refused
from .store import Store
from .url_secrets import is_url
from .yaml_file import YamlFile


def open_store(database: str, *, lock_timeout_s: float, backups: int, backup_dir: str | None = None) -> Store:
    """Return the store for a path or URL.

    Args:
        database: a path, in which C(~) and variables are expanded, or a URL of SQLAlchemy.
        lock_timeout_s: how long to wait for another writer, in seconds.
        backups: the number of backups to keep.
        backup_dir: the folder of backups; C(None) for the folder next to the database's file.

    Raises:
        Refused: a path is relative, or the URL is not supported.
        DatabaseError: a required library is missing.
    """
    if backup_dir is not None:
        backup_dir = absolute(backup_dir, "backup_dir")
    place = located(database)
    if is_url(place):
        from .sql import SqlDatabase

        return SqlDatabase(place, lock_timeout_s=lock_timeout_s, backups=backups, backup_dir=backup_dir)
    return YamlFile(place, lock_timeout_s=lock_timeout_s, backups=backups, backup_dir=backup_dir)


def located(database: str) -> str:
    """Return the URL or the absolute path of the option C(database), which is the same for the same database.

    Raises:
        Refused: the path is relative.
    """
    return database if is_url(database) else absolute(database, "database")


def absolute(path: str, option: str) -> str:
    """Return the path with C(~) and variables expanded.

    Raises:
        Refused: the path is relative. Then a run from another folder would use another database, possibly a new
            one without any of the objects on the hosts.
    """
    expanded = os.path.expanduser(os.path.expandvars(path))
    if not os.path.isabs(expanded):
        figures = {"got": path, "absolute": os.path.abspath(expanded)}
        raise Refused([Refusal("relative_path", option, figures)])
    return expanded
