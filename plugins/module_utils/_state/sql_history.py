# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The history of an SQL database: a table, written in the transaction of the change (docs/decisions/0022)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..history import Entry, Kept, oldest_time
from . import schema
from .schema import text_of

try:
    from sqlalchemy import Connection, delete, func, insert, or_, select
except ImportError:  # the import test of ansible-test runs without SQLAlchemy
    pass

PAGE = 50
"""The number of entries that are read at a time."""


class SqlHistory:
    """The history of a database with tables.

    Args:
        connection: the connection, in a transaction that holds the lock if it writes.
        kept: how much is kept.
    """

    def __init__(self, connection: Connection, kept: Kept) -> None:
        self._connection, self._kept = connection, kept

    def newest_first(self) -> Iterator[Entry]:
        """See C(History)."""
        newest = self._newest()
        oldest, below, since = newest - self._kept.entries, newest + 1, oldest_time(self._kept)
        table = schema.HISTORY.c
        while True:
            kept = table.number > oldest, table.number < below, table.at >= since
            page = select(table.number, table.document).where(*kept).order_by(table.number.desc()).limit(PAGE)
            rows = self._connection.execute(page).all()
            yield from (Entry.from_dict(row.document) for row in rows)
            if len(rows) < PAGE:
                return
            below = rows[-1].number

    def add(self, entries: Sequence[Entry]) -> None:
        """Store new entries, with the numbers that follow the last one, and remove those that are no longer kept."""
        if not entries or not self._kept.entries:
            return
        table, newest = schema.HISTORY.c, self._newest()
        rows = []
        for number, entry in enumerate(entries, newest + 1):
            document = text_of(replace(entry, number=number).to_dict())
            rows.append({"number": number, "at": entry.at, "document": document})
        self._connection.execute(insert(schema.HISTORY), rows)
        too_old = table.number <= newest + len(entries) - self._kept.entries, table.at < oldest_time(self._kept)
        self._connection.execute(delete(schema.HISTORY).where(or_(*too_old)))

    def commit(self) -> None:
        """Commit the transaction."""
        self._connection.commit()

    def _newest(self) -> int:
        return self._connection.scalar(select(func.max(schema.HISTORY.c.number))) or 0
