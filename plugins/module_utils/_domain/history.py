# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which entries of the history a user may see, and their table.

A tenant sees what has happened to the tenant's own slices, and of an entry only that part. Slices that no longer exist
are known from their entries, with the UUIDs of their owners: what belonged to an earlier user of the name is not shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from ..changes import SliceRef
from ..cluster import ADMIN, Cluster
from ..history import Entry
from . import access
from .render_text import aligned
from .revisions import sentence

MOST_CHANGES = 20
"""Maximum number of changes of an entry in a table; the others are only counted."""


def find(
    cluster: Cluster, names: Sequence[str], *, owner: str | None, everything: bool, acting_user: str, limit: int
) -> list[Entry]:
    """Return the last entries about the selected slices, oldest first.

    Args:
        cluster: the database.
        names: slices by name, OWNER/NAME or id, also deleted ones. An entry is found by the name at its time, and by
            that of a later one.
        owner: their owner. Without names, all of this user.
        everything: without names and owner, all entries that the acting user may see, for an admin also those that
            concern no slice.
        acting_user: who asks.
        limit: the maximum number of entries.

    Raises:
        Refused: the acting user does not exist, or may not act for the owner.
    """
    if owner is not None:
        access.require_acts_for(cluster, acting_user, owner, f"owner {owner}")
    is_admin = access.acts_for(cluster, acting_user, ADMIN)
    if not (names or everything or owner is not None):
        return []
    if is_admin and not names and owner is None:
        return _last(cluster.history.newest_first(), limit)
    asker = cluster.users[acting_user]
    whose = owner if is_admin else acting_user

    def is_visible(ref: SliceRef) -> bool:
        return owner in (None, ref.owner) if is_admin else access.owns(asker, ref.owner, ref.owner_uuid)

    ids = {slice_.slice_id for name in names for slice_ in access.called(cluster, name, whose, acting_user)}
    return _last(_about(cluster, names, ids, is_visible), limit)


def _last(entries: Iterator[Entry], limit: int) -> list[Entry]:
    return list(islice(entries, limit))[::-1]


def _about(
    cluster: Cluster, names: Sequence[str], ids: set[int], is_visible: Callable[[SliceRef], bool]
) -> Iterator[Entry]:
    """Yield the parts of entries that concern the slices, newest first.

    Args:
        cluster: the database.
        names: see C(find).
        ids: the ids of the slices, to which those of earlier entries are added.
        is_visible: whether the acting user may see a slice of an entry, and asks for those of its owner.
    """
    for entry in cluster.history.newest_first():
        visible = [ref for ref in entry.slices if is_visible(ref)]
        ids.update(ref.slice_id for ref in visible if not names or _is_called(ref, names))
        own = {ref.slice_id for ref in visible if ref.slice_id in ids}
        if own:
            yield entry.only(own)


def _is_called(ref: SliceRef, names: Sequence[str]) -> bool:
    return not {ref.name, f"{ref.owner}/{ref.name}", str(ref.slice_id)}.isdisjoint(names)


def table(entries: Sequence[Entry]) -> str:
    """Return entries as a text table with a line each, followed by their changes; C(no entries) if there are none."""
    if not entries:
        return "no entries"
    rows = [("NUMBER", "TIME", "REVISION", "USER", "PROOF", "FROM")]
    rows += [
        (str(entry.number), entry.at, str(entry.revision or "-"), entry.user, entry.caller.proof, _origin(entry))
        for entry in entries
    ]
    head, *lines = aligned(rows)
    return "\n".join([head, *(line for entry, row in zip(entries, lines) for line in (row, *_changes(entry)))])


def _origin(entry: Entry) -> str:
    """Return the playbook or module, the job and the controller."""
    caller = entry.caller
    job = f"job {caller.job}" if caller.job else ""
    place = f"{caller.login}@{caller.controller}" if caller.login else caller.controller
    return ", ".join(each for each in (caller.playbook or caller.module, job, place) if each) or "-"


def _changes(entry: Entry) -> Iterator[str]:
    yield from (f"  {sentence(change)}" for change in entry.changes[:MOST_CHANGES])
    more = len(entry.changes) - MOST_CHANGES
    if more > 0:
        yield f"  and {more:,} more"
