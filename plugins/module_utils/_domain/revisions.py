# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Refuses topologies that would undo changes which were made after the revision that they are based on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..changes import Change, differences
from ..cluster import REVISION, Cluster, slice_label
from ..errors import Refusal
from ..history import Entry, noted
from ..models import Slice
from . import access
from .slice_changes import STATE

Touched = tuple[str, Any, str]
WHOLE = ""
"""Stands for all attributes of an object that is created or deleted."""


def problems(
    cluster: Cluster, where: tuple[str, str], based_on: int, before: Slice | None, changes: Sequence[Change]
) -> Iterator[Refusal]:
    """Yield a refusal for each later change that a topology would undo.

    Args:
        cluster: the database.
        where: owner and name of the slice in the topology.
        based_on: the revision that the topology was made from.
        before: the stored slice; None if there is none.
        changes: what storing the topology changes.
    """
    owner, name = where
    label = f"slice {name}"
    if based_on > (cluster.revision or 0):
        yield Refusal("revision_unknown", label, {"got": based_on, "newest": cluster.revision or "none"})
        return
    if before is None:
        yield from _deleted(cluster, owner, name, based_on)
        return
    revision = before.extra.get(REVISION)
    mine = _touched(map(noted, changes))
    if not mine or revision is None or revision <= based_on:
        return
    later = _later(cluster.history.newest_first(), based_on)
    found = [refusal for entry in later for refusal in _undone(entry.only([before.slice_id]), label, based_on, mine)]
    yield from reversed(found)
    if not found and not _knows(cluster, based_on):
        yield Refusal("changed_since_unknown", f"slice {slice_label(before)}", {"got": based_on, "revision": revision})


def _later(entries: Iterable[Entry], based_on: int) -> Iterator[Entry]:
    """Yield the entries after a revision, the newest first."""
    for entry in entries:
        if (entry.revision or 0) <= based_on:
            return
        yield entry


def _knows(cluster: Cluster, based_on: int) -> bool:
    """Return whether the history has all changes since a revision."""
    return any((entry.revision or 0) <= based_on for entry in cluster.history.newest_first())


def _deleted(cluster: Cluster, owner: str, name: str, based_on: int) -> Iterator[Refusal]:
    user = cluster.users[owner]
    for entry in _later(cluster.history.newest_first(), based_on):
        own = (each for each in entry.slices if access.owns(user, each.owner, each.owner_uuid))
        ids = {each.slice_id for each in own if each.name == name}
        gone = [each for each in entry.only(ids).changes if (each["kind"], each["action"]) == ("slice", "delete")]
        if gone:
            yield _refusal(entry, f"slice {name}", based_on, gone)
            return


def _undone(entry: Entry, label: str, based_on: int, mine: frozenset[Touched]) -> Iterator[Refusal]:
    undone = [change for change in entry.changes if _overlap(_touched([change]), mine)]
    if undone:
        yield _refusal(entry, label, based_on, undone)


def _refusal(entry: Entry, label: str, based_on: int, changes: Sequence[Mapping[str, Any]]) -> Refusal:
    figures = {"got": based_on, "revision": entry.revision, "user": entry.user, "at": entry.at}
    return Refusal("changed_since", label, {**figures, "changes": [sentence(change) for change in changes]})


def sentence(change: Mapping[str, Any]) -> str:
    """Return a change of an entry as a phrase, such as C(vm web/vm1: cores 1 → 2)."""
    before, after = change["before"], change["after"]
    what = f"{change['kind']} {change['name']}"
    if change["action"] == "update" and before is not None and after is not None:
        return f"{what}: {differences(before, after) or change.get('reason', '')}"
    verb = {"create": "created", "delete": "deleted", "update": "updated"}.get(change["action"], change["action"])
    return f"{what} {verb}"


def _overlap(theirs: frozenset[Touched], mine: frozenset[Touched]) -> bool:
    wholes = {each[:2] for each in mine if each[2] == WHOLE}
    objects = {each[:2] for each in mine}
    return any(each in mine or each[:2] in wholes or (each[2] == WHOLE and each[:2] in objects) for each in theirs)


def _touched(changes: Iterable[Mapping[str, Any]]) -> frozenset[Touched]:
    """Return what changes have touched: the attributes of objects, these by id and by their name in the slice."""
    return frozenset(
        (change["kind"], key, attribute)
        for change in changes
        for key in (change["id"], str(change["name"]).rpartition("/")[2])
        for attribute in _attributes(change)
    )


def _attributes(change: Mapping[str, Any]) -> Iterator[str]:
    before, after = change["before"], change["after"]
    if change["action"] == "delete" or before is None or after is None:
        yield WHOLE
        return
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if name in STATE or old == new:
            continue
        if isinstance(old, list) or isinstance(new, list):
            # An entry, such as an interface, begins with its name.
            entries = {str(each) for each in old or ()} ^ {str(each) for each in new or ()}
            yield from (f"{name} {each.split(' ')[0]}" for each in entries)
        else:
            yield name
