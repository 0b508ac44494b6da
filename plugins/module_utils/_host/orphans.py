# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Orphans: objects on a host that are not in the database. They are reported, and removed by name.

An orphan that is seen for the first time is never removed, because a run with the wrong database would otherwise remove
everything. C(STATE_DIR/orphans) has a file for each kind of host with the time when each orphan was first seen.

The database may have changed since it was read. If the host has applied a newer work order for a slice, the objects of
this slice are not judged.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from ..changes import DELETE, Change, SliceRef
from ..defaults import STATE_DIR
from ..errors import Refusal, first_lines
from ..holdings import Holdings, KnownSlice
from ..work_order import revision_text
from . import files, revisions
from .arguments import CLOUD_ARGUMENTS
from .times import utc

ARGUMENTS: dict[str, Any] = {
    **CLOUD_ARGUMENTS,
    **{name: Holdings.arguments()[name] for name in ("known", "revision")},
    "remove": {"type": "list", "elements": "str", "default": []},
    "state_dir": {"type": "str", "default": STATE_DIR},
}

DISK, SLICE = "disk", "slice"
WORKER, NETWORK_NODE = revisions.WORKER, revisions.NETWORK_NODE

Superseded = Mapping["int | None", "tuple[int, int]"]
"""The revisions of the database and of the newer work order that this host has applied, by slice; C(None) is an unknown
slice."""


@dataclass(frozen=True)
class Orphan:
    """A disk that is not in the database, or all other objects of a slice that is not.

    Attributes:
        kind: C(DISK) or C(SLICE).
        slice_id: its slice id on the host; C(None) if the disk's folder does not contain it.
        uuid: its UUID; C(None) if the host does not have one.
        path: the path of the disk.
        vm_id: the VM whose folder contains the disk.
        holds: the objects of the slice, each as kind and name.
        in_use: the running unit that uses the disk.
        size_bytes: the disk space that the disk takes.
        modified: when the disk was last written, in UTC.
        twin: the path of the disk in the database with the UUID that this one had before it was moved or copied.
    """

    kind: str
    slice_id: int | None
    uuid: str | None = None
    path: str | None = None
    vm_id: int | None = None
    holds: tuple[str, ...] = ()
    in_use: str | None = None
    size_bytes: int | None = None
    modified: str | None = None
    twin: str | None = None

    @property
    def name(self) -> str:
        """The name for its removal: its UUID if it has one."""
        return self.uuid or self.path or str(self.slice_id)

    @property
    def names(self) -> frozenset[str]:
        """All names for its removal; the slice id only if there is no UUID."""
        return frozenset({self.name, *([] if self.path is None else [self.path])})

    @property
    def key(self) -> str:
        """A unique key among all orphans, including former and later ones.

        A disk without a UUID may be another one than that which had its path before. One in use is written all the
        time, and not removed.
        """
        is_known_by_path = self.kind == DISK and self.uuid is None and self.in_use is None
        said = (self.kind, self.slice_id, self.uuid, self.path, self.modified if is_known_by_path else None)
        return " ".join(str(each) for each in said if each is not None)

    @property
    def change(self) -> Change:
        """Its removal."""
        gone = {"slice_id": self.slice_id, "path": self.path, "holds": list(self.holds) or None}
        before = {name: value for name, value in gone.items() if value is not None}
        slice_ = None if self.slice_id is None else SliceRef(self.slice_id)
        return Change(self.kind, self.name, DELETE, before, slice=slice_)

    def to_dict(self) -> dict[str, Any]:
        """Return the orphan as modules return it."""
        return {"name": self.name, **vars(self), "holds": list(self.holds)}


@dataclass(frozen=True)
class Verdict:
    """The decision about the orphans of a host.

    Attributes:
        found: all orphans.
        remove: the orphans to remove.
        refusals: why other orphans that were named are not removed.
        since: the time when each was first seen, in UTC, by key; without new orphans.
        unjudged: orphans that may be none, because the host has applied newer work orders for their slices. C(found)
            contains only the named ones.
        superseded: the revisions of these slices.
    """

    found: tuple[Orphan, ...] = ()
    remove: tuple[Orphan, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    since: Mapping[str, str] = field(default_factory=dict)
    unjudged: tuple[Orphan, ...] = ()
    superseded: Superseded = field(default_factory=dict)

    @property
    def changes(self) -> list[Change]:
        """The removals."""
        return [orphan.change for orphan in self.remove]

    @property
    def result(self) -> dict[str, Any]:
        """The results of a module."""
        return {
            "orphans": [
                {**orphan.to_dict(), "since": self.since.get(orphan.key), "removed": orphan in self.remove}
                for orphan in self.found
            ],
            "refusals": [refusal.to_dict() for refusal in self.refusals],
            "changes": [change.to_dict() for change in self.changes],
            **({"warnings": self._warnings} if self._warnings else {}),
        }

    @property
    def _warnings(self) -> list[str]:
        """The slices whose objects are neither listed nor refused."""
        slices = dict.fromkeys(each.slice_id for each in self.unjudged if each not in self.found)
        named = {slice_id: "an unknown slice" if slice_id is None else f"slice {slice_id}" for slice_id in slices}
        return first_lines([_superseded(name, *self.superseded[slice_id]).message for slice_id, name in named.items()])

    def without(self, refused: Mapping[Orphan, Refusal]) -> Verdict:
        """Return the verdict that keeps orphans, and says why."""
        return replace(
            self,
            remove=tuple(each for each in self.remove if each not in refused),
            refusals=(*self.refusals, *refused.values()),
        )


def superseded(found: Iterable[Orphan], revision: int | None, *, state_dir: str, kind: str) -> Superseded:
    """Return the slices of orphans for which this host has applied a work order that is newer than the database.

    Args:
        found: all orphans.
        revision: the revision of the database; without one, all orphans are judged.
        state_dir: the state folder.
        kind: the kind of host.

    Raises:
        SlicesError: the list of applied orders is unreadable.
    """
    if revision is None:
        return {}
    slices = {each.slice_id for each in found}
    applied = revisions.of_slices(state_dir, kind)
    highest = {slice_id: applied.get(slice_id) for slice_id in slices if slice_id is not None}
    newest = revisions.highest(state_dir) if None in slices else None
    return {
        slice_id: (revision, found)
        for slice_id, found in [*highest.items(), (None, newest)]
        if found is not None and found > revision
    }


def judge(
    found: Iterable[Orphan],
    names: Collection[str],
    since: Mapping[str, str],
    late: Superseded = MappingProxyType({}),
    *,
    slices: bool = True,
) -> Verdict:
    """Decide which orphans to remove.

    Args:
        found: all orphans, slices before disks.
        names: the UUIDs or paths of orphans to remove; may include those of other hosts.
        since: the result of C(read).
        late: the result of C(superseded).
        slices: whether slices may be removed; otherwise one that is named was found too late for that.
    """
    seen = tuple(found)
    unjudged = tuple(each for each in seen if each.slice_id in late)
    found = tuple(each for each in seen if each not in unjudged or not each.names.isdisjoint(names))
    remove: list[Orphan] = []
    refusals = []
    for orphan in found:
        if orphan.names.isdisjoint(names):
            continue
        going = {each.slice_id for each in remove if each.kind == SLICE}
        is_seen = orphan.key in since and (slices or orphan.kind != SLICE)
        refusal = _refusal(orphan, _alike(orphan, found, names), going, late, is_seen=is_seen)
        if refusal is None:
            remove.append(orphan)
        else:
            refusals.append(refusal)
    kept = {orphan.key: since[orphan.key] for orphan in seen if orphan.key in since}
    return Verdict(found, tuple(remove), tuple(refusals), kept, unjudged, late)


def _alike(orphan: Orphan, found: Iterable[Orphan], names: Collection[str]) -> list[str | None]:
    """Return the paths of all orphans with the UUID of one that is named by it, if there are several."""
    alike = [each.path for each in found if each.uuid is not None and each.uuid == orphan.uuid]
    return alike if len(alike) > 1 and orphan.path not in names else []


def _refusal(
    orphan: Orphan, alike: Sequence[str | None], going: Collection[int | None], late: Superseded, *, is_seen: bool
) -> Refusal | None:
    """Return why an orphan that is named is not removed, C(None) if it is."""
    name = f"{orphan.kind} {orphan.name}"
    if orphan.slice_id in late:
        return _superseded(name, *late[orphan.slice_id])
    if alike:
        return Refusal("ambiguous_orphan", name, {"count": len(alike), "found": alike})
    if not is_seen:
        return Refusal("orphan_seen_once", name)
    if orphan.in_use is not None and orphan.slice_id not in going:
        return Refusal("orphan_in_use", name, {"unit": orphan.in_use})
    return None


def _superseded(name: str, got: int, applied: int) -> Refusal:
    return Refusal("orphan_superseded", name, {"got": revision_text(got), "applied": revision_text(applied)})


def is_known(slice_id: int, uuids: Collection[str], known: Iterable[KnownSlice]) -> bool:
    """Return whether the slice of an object is in the database, by its id and by the object's UUIDs, if it has any.

    If another slice has the same id on the host, the host refuses the one in the database until an admin has decided.
    """
    return any(each.slice_id == slice_id and (not uuids or each.slice_uuid in uuids) for each in known)


def read(state_dir: str, kind: str) -> dict[str, str]:
    """Return when orphans were first seen, by key. A damaged file counts as empty."""
    try:
        return {
            str(key): str(value) for key, value in json.loads(files.read_text(_path(state_dir, kind)) or "").items()
        }
    except (AttributeError, ValueError):
        return {}


def note(verdict: Verdict, *, state_dir: str, kind: str) -> None:
    """Save which orphans exist after a run. Those that were not judged are not seen for the first time."""
    now = utc()
    staying = [orphan for orphan in verdict.found if orphan not in (*verdict.remove, *verdict.unjudged)]
    before = {each.key: verdict.since[each.key] for each in verdict.unjudged if each.key in verdict.since}
    seen = {**before, **{orphan.key: verdict.since.get(orphan.key, now) for orphan in staying}}
    if seen != read(state_dir, kind):
        path = _path(state_dir, kind)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        files.write_text(path, json.dumps(seen, indent=2) + "\n", mode=0o600)


def _path(state_dir: str, kind: str) -> str:
    return f"{state_dir}/orphans/{kind}"
