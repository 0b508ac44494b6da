# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The interface of the database: transactions over the whole cluster."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from ..cluster import Cluster
from ..errors import DatabaseRefused, Refusal, Refused
from ..history import Entry
from .files import Backups


class Store(Protocol):
    """The interface of storage adapters.

    Attributes:
        name: the name of the database for messages, without passwords.
        backups: its backups; C(None) for a database server without C(backup_dir).
    """

    name: str

    @property
    def backups(self) -> Backups | None: ...

    def exists(self) -> bool:
        """Return whether the database exists, even if its content cannot be read.

        Raises:
            DatabaseError: the server does not answer, or this user may not enter the folder of the file.
        """

    def transaction(self, *, write: bool, create: bool = True) -> AbstractContextManager[Cluster]:
        """Yield the cluster; its changes are stored if the block ends without an exception.

        The entries in its C(noted) are stored together with the changes, and not without any.

        If C(write) is false, nothing is locked or stored, and the block works on its own copy.

        Raises:
            Refused: the database does not exist, and C(create) is false.
            DatabaseError: it cannot be read, parsed, locked or written. It is unchanged in these cases.
        """

    def backup(self) -> str | None:
        """Back up the current version and return the backup's name, C(None) if nothing is stored yet.

        If the newest backup has the same content, its name is returned.
        """

    def read_backup(self, name: str) -> Cluster:
        """Return the cluster of a backup; raises like C(restore)."""

    def note(self, entry: Entry) -> None:
        """Store an entry of the history for something that does not change the database.

        Raises:
            DatabaseError: the history cannot be written.
        """

    def restore(self, name: str, entry: Entry | None = None) -> None:
        """Replace the current version by a backup; the current version is backed up first.

        The history continues, with C(entry) for the restoration.

        The restored version has a new revision, because hosts have seen orders of the replaced one.

        Raises:
            Refused: the backup does not exist, or there is no folder of backups.
            DatabaseError: it is invalid.
        """


def does_not_exist(name: str) -> Refused:
    """Return the error of a missing database, for a transaction that must not create it."""
    return Refused([Refusal("database_missing", name)])


def replaced_meanwhile(name: str) -> DatabaseRefused:
    """Return the error of a database whose file somebody without its lock has replaced during a transaction."""
    return DatabaseRefused([Refusal("database_replaced", name)])
