# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The history of a database that is a file: an append-only file next to it (docs/decisions/0022).

A line is a JSON object with the entries of one change. It is written before the database, without its line break, and
the database contains the number of its last entry. The line break is added when the database has been replaced.
Therefore a last line without a line break counts only if the database has its number: a crash neither loses an entry
of a stored change nor leaves one of a change that was not stored.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from ..errors import named
from ..history import Entry, Kept, oldest_time
from . import lock
from .files import regular, write_whole

BLOCK = 1 << 16
"""The number of bytes that are read at a time."""
SLACK = 10
"""The file is rewritten when it has a tenth more entries than are kept, and at least this number more."""
_HEAD = re.compile(rb'\{"last": (?P<number>[0-9]+), "at": "(?P<at>[^"]*)"')


class HistoryFile:
    """The history of a database.

    Writing requires the lock of the database.

    Args:
        database: the path of the database.
        last: number of the last entry according to the database.
        kept: how much is kept.
    """

    def __init__(self, database: str, *, last: int, kept: Kept) -> None:
        self.path = f"{database}.history"
        self._last, self._kept = last, kept

    def newest_first(self) -> Iterator[Entry]:
        """See C(History)."""
        oldest, since = None, oldest_time(self._kept)
        for line in self._lines_backwards():
            for entry in reversed(_entries(line)):
                if oldest is None:
                    oldest = entry.number - self._kept.entries
                if entry.number <= oldest or entry.at < since:
                    return
                yield entry

    def numbered(self, entries: Sequence[Entry]) -> list[Entry]:
        """Return new entries with the numbers that follow the last one."""
        heads = (_head(line) for line in self._lines_backwards())
        newest = next((head.number for head in heads if head), 0)
        first = max(newest, self._last) + 1
        return [replace(entry, number=number) for number, entry in enumerate(entries, first)]

    def propose(self, entries: Sequence[Entry]) -> None:
        """Append entries that become valid with C(confirm), or when the database has the number of the last one.

        Raises:
            OSError: the file cannot be written.
        """
        if entries:
            self._recover()
            self._append(_line(entries), sync=True)

    def confirm(self) -> None:
        """Make the proposed entries valid.

        Raises:
            OSError: the file cannot be written.
        """
        # After a power failure without it, the number in the database suffices.
        self._append(b"\n", sync=False)

    def prune(self, kept: Kept) -> None:
        """Remove the entries that are no longer kept, if that is worth rewriting the file.

        Raises:
            OSError: the file cannot be written.
        """
        with open(self.path, "rb", opener=regular) as file:
            first = _head(file.readline())
        newest = _head(next(self._lines_backwards(), b""))
        if first and newest:
            too_many = newest.number - first.number >= kept.entries + max(kept.entries // 10, SLACK)
            too_old = first.at < oldest_time(replace(kept, days=kept.days + kept.days // 10 + 1))
            if too_many or too_old:
                self._kept = kept
                lines = [_line([entry]) + b"\n" for entry in self.newest_first()]
                write_whole(self.path, b"".join(reversed(lines)))

    def _recover(self) -> None:
        """Confirm or remove entries that a writer left when it was killed."""
        try:
            with open(self.path, "rb", opener=regular) as file:
                unfinished = next(_backwards(file.fileno()))
        except FileNotFoundError:
            return
        if unfinished and self._is_stored(unfinished):
            self.confirm()
        elif unfinished:
            lock.system.truncate(self.path, os.path.getsize(self.path) - len(unfinished))

    def _append(self, data: bytes, *, sync: bool) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        descriptor = lock.system.open(self.path, flags, lock.FILE_MODE)
        try:
            with named(self.path):
                rest = memoryview(data)
                while rest:
                    rest = rest[lock.system.write(descriptor, rest) :]
                if sync:
                    lock.system.fsync(descriptor)
        finally:
            lock.system.close(descriptor)

    def _lines_backwards(self) -> Iterator[bytes]:
        """Yield the valid lines, the last one first."""
        if not os.path.exists(self.path):
            return
        with open(self.path, "rb", opener=regular) as file:
            lines = _backwards(file.fileno())
            unfinished = next(lines, b"")
            if unfinished and self._is_stored(unfinished):
                yield unfinished
            yield from lines

    def _is_stored(self, line: bytes) -> bool:
        """Return whether the change of a last line was stored. Otherwise the line may be incomplete."""
        head = _head(line)
        return head is not None and head.number == self._last


class _Head(NamedTuple):
    """The start of a line: number and time of its last entry."""

    number: int
    at: str


def _line(entries: Sequence[Entry]) -> bytes:
    last = entries[-1]
    data = {"last": last.number, "at": last.at, "entries": [entry.to_dict() for entry in entries]}
    return json.dumps(data, ensure_ascii=False).encode()


def _head(line: bytes) -> _Head | None:
    """Read the start of a line, because the rest of it may be long."""
    found = _HEAD.match(line)
    return _Head(int(found["number"]), found["at"].decode()) if found else None


def _entries(line: bytes) -> list[Entry]:
    """Return the entries of a line; none if it is damaged, because that must not stop changes of the database."""
    try:
        return [Entry.from_dict(each) for each in json.loads(line)["entries"]]
    except (ValueError, TypeError, KeyError, AttributeError):
        return []


def _backwards(descriptor: int) -> Iterator[bytes]:
    """Yield what follows the last line break, then the lines before it, the last one first."""
    end, parts = os.fstat(descriptor).st_size, [b""]
    while end > 0:
        size = min(BLOCK, end)
        end -= size
        *lines, last = os.pread(descriptor, size, end).split(b"\n")
        parts.insert(0, last)
        while lines:
            yield b"".join(parts)
            parts = [lines.pop()]
    yield b"".join(parts)
