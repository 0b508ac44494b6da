# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The history of the database: for each change who made it, from where, and what it changed (docs/decisions/0022)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta, timezone
from typing import Any, Protocol

from .changes import Change, SliceRef

CREDENTIAL, SIGNED, AWX, ADMINISTRATOR, NONE = "credential", "token", "awx", "administrator", "none"
PROOFS = (CREDENTIAL, SIGNED, AWX, ADMINISTRATOR, NONE)
"""Why the user is believed to act: a name or a signed token in the controller's environment, AWX, read access to the
database, or nothing."""
ENTRIES, DAYS = 1000, 365
"""The default number of entries that are kept, and of days."""
TIME = "%Y-%m-%dT%H:%M:%SZ"
"""The form of times."""
LEFT_OUT = "not in history"
"""Stands for a secret."""
_SECRET = re.compile(r"passw|secret|token|private|user_?data|vnc_key", re.IGNORECASE)


@dataclass(frozen=True)
class Caller:
    """Where a change comes from.

    Attributes:
        proof: one of C(PROOFS).
        user_uuid: the UUID of the acting user; None for one without. Before the database is read, that in the token.
        because: the same as a phrase.
        controller: name of the host that runs Ansible.
        login: the user there.
        playbook: the playbook, or several; None for a module on its own.
        job: id of the AWX job.
        module: the module.
    """

    proof: str = NONE
    because: str = ""
    controller: str = ""
    login: str = ""
    playbook: str | None = None
    job: str | None = None
    module: str = ""
    user_uuid: str | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any] | None) -> Caller:
        """Read a caller from the arguments of a module, or from an entry."""
        known = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in (data or {}).items() if name in known})


@dataclass(frozen=True)
class Entry:
    """One change of the database.

    Attributes:
        at: when, in UTC.
        user: on whose behalf.
        caller: from where.
        revision: the database's revision after the change.
        changes: the changed objects, in the form of C(noted).
        slices: the slices of these.
        number: its place, increasing.
    """

    at: str
    user: str
    caller: Caller
    revision: int | None
    changes: Sequence[Mapping[str, Any]]
    slices: Sequence[SliceRef] = ()
    number: int = 0

    @classmethod
    def of(cls, changes: Iterable[Change], *, at: str, user: str, caller: Caller, revision: int | None) -> Entry:
        """Return the entry for the changes of a plan."""
        changes = tuple(changes)
        refs = {change.slice.slice_id: change.slice for change in changes if change.slice}
        return cls(at, user, caller, revision, tuple(map(noted, changes)), tuple(refs.values()))

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as data, for storage and results."""
        return {
            "number": self.number,
            "at": self.at,
            "user": self.user,
            **asdict(self.caller),
            "revision": self.revision,
            "slices": [asdict(each) for each in self.slices],
            "changes": [dict(change) for change in self.changes],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Entry:
        """Read an entry."""
        return cls(
            data["at"],
            data["user"],
            Caller.from_dict(data),
            data["revision"],
            tuple(data["changes"]),
            tuple(SliceRef(**each) for each in data["slices"]),
            data["number"],
        )

    def only(self, slice_ids: Iterable[int]) -> Entry:
        """Return the part that concerns certain slices."""
        ids = frozenset(slice_ids)
        return replace(
            self,
            changes=tuple(change for change in self.changes if change["slice_id"] in ids),
            slices=tuple(each for each in self.slices if each.slice_id in ids),
        )


class History(Protocol):
    """The stored entries."""

    def newest_first(self) -> Iterator[Entry]:
        """Yield the entries that are kept, read as they are needed."""


class NoHistory:
    """The history of a cluster that is not stored."""

    def newest_first(self) -> Iterator[Entry]:
        """Yield nothing."""
        return iter(())


@dataclass(frozen=True)
class Kept:
    """How much is kept.

    Attributes:
        entries: the number of newest entries; with 0, none are written.
        days: for how many days.
    """

    entries: int = ENTRIES
    days: int = DAYS


def oldest_time(kept: Kept) -> str:
    """Return the time of the oldest entry that is kept, in the form of C(Entry.at)."""
    return (datetime.now(timezone.utc) - timedelta(days=kept.days)).strftime(TIME)


def noted(change: Change) -> dict[str, Any]:
    """Return a change for an entry: of an updated object only the attributes that differ, and no secrets."""
    before, after = change.before, change.after
    if before is not None and after is not None:
        names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        before, after = ({name: each.get(name) for name in names} for each in (before, after))
    entry = {
        "kind": change.kind,
        "id": change.id,
        "name": change.name or str(change.id),
        "action": change.action,
        "before": _without_secrets(before),
        "after": _without_secrets(after),
        "slice_id": change.slice.slice_id if change.slice else None,
    }
    return {**entry, "reason": change.reason} if change.reason else entry


def _without_secrets(attributes: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if attributes is None:
        return None
    return {name: _open(name, value) for name, value in attributes.items() if value is not None}


def _open(name: Any, value: Any) -> Any:
    """Return a value without secrets. Numbers and flags with such names are versions, or say that there is one."""
    if isinstance(value, (bool, int, float)) or value is None:
        return value
    if _SECRET.search(str(name)):
        return LEFT_OUT
    if isinstance(value, Mapping):
        return {str(key): _open(key, each) for key, each in value.items()}
    return [_open("", each) for each in value] if isinstance(value, (list, tuple)) else str(value)
