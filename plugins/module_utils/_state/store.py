# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The database's port: a transaction over the whole cluster, whatever keeps it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from ..cluster import Cluster
from .files import Backups


class Store(Protocol):
    """Where a cluster is kept.

    Attributes:
        name: what it is, for messages; without passwords.
        backups: its last versions; C(None) for a database on a server, where nobody has said in which folder.
    """

    name: str

    @property
    def backups(self) -> Backups | None: ...

    def transaction(self, *, write: bool) -> AbstractContextManager[Cluster]:
        """Yield the cluster; what the block changes in it is stored when the block ends without an exception.

        With C(write) false nothing is locked and nothing is stored: the block works on a copy of its own.

        Raises:
            DatabaseError: it cannot be read, understood, locked or written. What was stored is then untouched.
        """

    def backup(self) -> str | None:
        """Keep the present version now and return the backup's name, C(None) where nothing is stored yet. Where the
        newest backup is this version, it is that."""

    def read_backup(self, name: str) -> Cluster:
        """Return what a backup holds; raises C(DatabaseError) as C(restore) does."""

    def restore(self, name: str) -> None:
        """Make the version of a backup the present one; the present one is backed up first.

        Its revision is a new one: hosts have seen orders of what it replaces.

        Raises:
            DatabaseError: there is no such backup, or it is none.
        """
