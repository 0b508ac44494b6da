# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The changes of a plan as data, one value per object, and their conversion to a diff."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

CREATE, UPDATE, DELETE = "create", "update", "delete"
_MOST_LINES = 4


@dataclass(frozen=True)
class SliceRef:
    """The slice of a change: its id, its name (the id if it has none) and its owner. Hosts know only the id.

    C(owner_uuid) is that of the owner; C(None) for an owner without one.
    """

    slice_id: int
    name: str = ""
    owner: str = ""
    owner_uuid: str | None = None


@dataclass(frozen=True)
class Change:
    """One object that a plan changes.

    Attributes:
        kind: kind of the object, such as C(tap) or C(vm).
        id: identifies the object among those of its kind on the same host or in the same database.
        action: C(create), C(update), C(delete) or another verb such as C(restart).
        before: its attributes before the change; None if it is created.
        after: its attributes after the change; None if it is deleted.
        reason: the reason, if it is not obvious from before and after.
        restart: whether a running VM has to be restarted for it.
        name: its name for messages, if it differs from the id.
        slice: the slice that it is or belongs to; None for objects of none or of all slices.

    An attribute is plain data. A list contains lines of text.
    """

    kind: str
    id: int | str
    action: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    reason: str = ""
    restart: bool = False
    name: str = ""
    slice: SliceRef | None = field(default=None, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the change as data for the result of a module."""
        return {
            "kind": self.kind,
            "name": self.name or str(self.id),
            "id": self.id,
            "slice_id": self.slice.slice_id if self.slice else None,
            "action": self.action,
            "before": _plain(self.before),
            "after": _plain(self.after),
            "reason": self.why,
            "restart": self.restart,
        }

    @property
    def why(self) -> str:
        """The reason, or if there is none, the differences."""
        if self.reason or self.before is None or self.after is None:
            return self.reason
        return differences(self.before, self.after)

    @property
    def label(self) -> str:
        """Its name in a diff."""
        return f"{self.kind} {self.name} ({self.id})" if self.name else f"{self.kind} {self.id}"


def between(
    kind: str,
    id: int | str,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    **others: Any,
) -> Change:
    """Return the change from one state of an object to another. The action follows from the states. See C(Change)."""
    action = CREATE if before is None else DELETE if after is None else UPDATE
    return Change(kind, id, action, before, after, **others)


def is_changed(changes: Iterable[Change]) -> bool:
    """Return whether there are any changes."""
    return any(True for _change in changes)


def diff(changes: Iterable[Change]) -> dict[str, str]:
    """Return Ansible's diff, C({before, after}): texts with a line per object, and one for each line of a list."""
    changes = tuple(changes)
    before = [line for change in changes for line in _lines(change, change.before, is_last=change.after is None)]
    after = [line for change in changes for line in _lines(change, change.after, is_last=True)]
    return {"before": "".join(before), "after": "".join(after)}


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Return the attributes that differ as text, such as C(cores 1 → 2; name web → shop)."""
    names = [*before, *(name for name in after if name not in before)]
    pairs = [(name, before.get(name), after.get(name)) for name in names]
    return "; ".join(f"{name} {_shown(old, new)} → {_shown(new, old)}" for name, old, new in pairs if old != new)


def _shown(value: Any, other: Any) -> str:
    """A value as text; for a list, the entries that are not in the other one, or their number."""
    if isinstance(value, (list, tuple)):
        own = [str(each) for each in value if each not in (other or ())]
        return f"{len(own)} lines" if len(own) > _MOST_LINES else ", ".join(own) or "none"
    return "none" if value is None else _text(value)


def _lines(change: Change, attributes: Mapping[str, Any] | None, *, is_last: bool) -> Iterator[str]:
    if attributes is None:
        return
    lists = [value for value in attributes.values() if isinstance(value, (list, tuple))]
    words = [
        f"{name} {_text(value)}"
        for name, value in attributes.items()
        if value is not None and not isinstance(value, (list, tuple))
    ]
    why = f" ({change.reason})" if change.reason and is_last else ""
    if words:
        yield f"{change.label}: {', '.join(words)}{why}\n"
    elif why or not lists:
        yield f"{change.label}{why}\n"
    yield from (f"{change.label}: {line}\n" for lines in lists for line in lines)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{key}={_text(each)}" for key, each in value.items()) or "none"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, (list, tuple)) else value
