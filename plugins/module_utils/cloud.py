# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The identity of a database: its cloud, and the incarnation of it (docs/decisions/0018)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from . import identity
from .stored_fields import Record, at, uuid_text


@dataclass(frozen=True)
class Cloud:
    """Identifies the cloud from which hosts accept work orders.

    Attributes:
        uuid: the cloud's UUID, which is kept when the database is moved or copied.
        title: its name for messages.
        incarnation: a UUID of this database. A copy is another incarnation of the same cloud.
        place: identifies the location of the database, to detect a copy; empty before it is stored.
        machine: the mark (C(identity.machine_mark)) of the machine with the database; empty if it is not known.
    """

    uuid: str
    title: str
    incarnation: str
    place: str = ""
    machine: str = ""

    @classmethod
    def new(cls, title: str) -> Cloud:
        """Return the identity of a new cloud."""
        return cls(uuid=identity.new_uuid(), title=title, incarnation=identity.new_uuid())

    def with_new_incarnation(self) -> Cloud:
        """Return another incarnation, without a place."""
        return replace(self, incarnation=identity.new_uuid(), place="", machine="")

    def found_at(self, place: str, machine_id: str | None = None) -> Cloud:
        """Return the identity of a database at a place: this one, or another incarnation if it is a copy.

        Args:
            place: the place.
            machine_id: that of the machine with the place, C(None) if it has none, which says nothing.
        """
        machine = "" if machine_id is None else identity.machine_mark(self.uuid, machine_id)
        is_same = self.place in ("", place) and (machine == self.machine or "" in (machine, self.machine))
        found = self if is_same else self.with_new_incarnation()
        return replace(found, place=place, machine=machine or found.machine)

    def to_result(self) -> dict[str, str]:
        """Return the fields for results of modules."""
        return {"uuid": self.uuid, "title": self.title, "incarnation": self.incarnation}

    def to_dict(self) -> dict[str, str]:
        """Return the stored form."""
        where = {"place": self.place, "machine": self.machine}
        return {**self.to_result(), **{key: value for key, value in where.items() if value}}

    @classmethod
    def from_dict(cls, data: Any) -> Cloud:
        """Read the stored form."""
        record = Record(data)
        return cls(
            uuid=at(("uuid",), uuid_text, record.take("uuid", str)),
            title=record.take("title", str),
            incarnation=at(("incarnation",), uuid_text, record.take("incarnation", str)),
            place=record.take_default("place", "", str),
            machine=record.take_default("machine", "", str),
        )
