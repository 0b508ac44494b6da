# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The database's port: a transaction over the whole cluster, whatever keeps it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from ..cluster import Cluster


class Store(Protocol):
    """Where a cluster is kept.

    Attributes:
        name: what it is, for messages; without passwords.
    """

    name: str

    def transaction(self, *, write: bool) -> AbstractContextManager[Cluster]:
        """Yield the cluster; what the block changes in it is stored when the block ends without an exception.

        With C(write) false nothing is locked and nothing is stored: the block works on a copy of its own.

        Raises:
            DatabaseError: it cannot be read, understood, locked or written. What was stored is then untouched.
        """
