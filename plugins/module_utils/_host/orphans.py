# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host holds although the database does not know it: told, and removed when its name is given.

What is seen for the first time is never removed: a run that was given a wrong database would else remove all there is.
C(STATE_DIR/orphans) has a file for each kind of host, which says since when each orphan has been seen.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..changes import DELETE, Change
from ..defaults import STATE_DIR
from ..errors import Refusal
from ..holdings import Holdings, KnownSlice
from . import files
from .arguments import CLOUD_ARGUMENTS
from .times import utc

ARGUMENTS: dict[str, Any] = {
    **CLOUD_ARGUMENTS,
    "known": Holdings.arguments()["known"],
    "remove": {"type": "list", "elements": "str", "default": []},
    "state_dir": {"type": "str", "default": STATE_DIR},
}

DISK, SLICE = "disk", "slice"
WORKER, NETWORK_NODE = "worker", "network_node"


@dataclass(frozen=True)
class Orphan:
    """A disk that the database does not know, or a slice with all of it that can be made again.

    Attributes:
        kind: C(DISK) or C(SLICE).
        slice_id: the number that it has here; C(None) where the disk's folder does not tell.
        uuid: its UUID; C(None) where the host does not know one.
        path: where the disk is.
        vm_id: the VM whose folder it is in.
        holds: what there is of the slice, each by kind and name.
        in_use: the unit that runs from the disk.
        size_bytes: what the disk takes.
        modified: when the disk was last written, in UTC.
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

    @property
    def name(self) -> str:
        """What it is removed by: its UUID where it has one."""
        return self.uuid or self.path or str(self.slice_id)

    @property
    def names(self) -> frozenset[str]:
        """All that it may be called by; a number only where there is no UUID."""
        return frozenset({self.name, *([] if self.path is None else [self.path])})

    @property
    def key(self) -> str:
        """What tells it from every other orphan that was or will be here."""
        return " ".join(str(each) for each in (self.kind, self.slice_id, self.uuid, self.path) if each is not None)

    @property
    def change(self) -> Change:
        """What its removal is told as."""
        gone = {"slice_id": self.slice_id, "path": self.path, "holds": list(self.holds) or None}
        return Change(self.kind, self.name, DELETE, {name: value for name, value in gone.items() if value is not None})

    def to_dict(self) -> dict[str, Any]:
        """Return the orphan as modules return it."""
        return {"name": self.name, **vars(self), "holds": list(self.holds)}


@dataclass(frozen=True)
class Verdict:
    """What becomes of orphans.

    Attributes:
        found: all of them.
        remove: those that go.
        refusals: why others whose names were given do not go.
        since: by key when each was first seen, in UTC; those that are new are missing.
    """

    found: tuple[Orphan, ...] = ()
    remove: tuple[Orphan, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    since: Mapping[str, str] = field(default_factory=dict)

    @property
    def changes(self) -> list[Change]:
        """The removals."""
        return [orphan.change for orphan in self.remove]

    @property
    def result(self) -> dict[str, Any]:
        """What modules return."""
        return {
            "orphans": [
                {**orphan.to_dict(), "since": self.since.get(orphan.key), "removed": orphan in self.remove}
                for orphan in self.found
            ],
            "refusals": [refusal.to_dict() for refusal in self.refusals],
            "changes": [change.to_dict() for change in self.changes],
        }


def judge(found: Iterable[Orphan], names: Collection[str], since: Mapping[str, str]) -> Verdict:
    """Decide which orphans go.

    Args:
        found: all orphans, slices before disks.
        names: what shall go, by UUID or path; those of orphans on other hosts are among them.
        since: what C(read) returns.
    """
    found = tuple(found)
    remove: list[Orphan] = []
    refusals = []
    for orphan in found:
        if orphan.names.isdisjoint(names):
            continue
        going = {each.slice_id for each in remove if each.kind == SLICE}
        if orphan.key not in since:
            refusals.append(Refusal("orphan_seen_once", f"{orphan.kind} {orphan.name}"))
        elif orphan.in_use is not None and orphan.slice_id not in going:
            refusals.append(Refusal("orphan_in_use", f"{orphan.kind} {orphan.name}", {"unit": orphan.in_use}))
        else:
            remove.append(orphan)
    kept = {orphan.key: since[orphan.key] for orphan in found if orphan.key in since}
    return Verdict(found, tuple(remove), tuple(refusals), kept)


def is_known(slice_id: int, uuids: Collection[str], known: Iterable[KnownSlice]) -> bool:
    """Return whether the database knows the slice of which something has the number and, if it says so, a UUID.

    Where the same number stands for another slice as well, the hosts refuse the known one until somebody has decided.
    """
    return any(each.slice_id == slice_id and (not uuids or each.slice_uuid in uuids) for each in known)


def read(state_dir: str, kind: str) -> dict[str, str]:
    """Return since when orphans have been seen, by their keys; what cannot be read counts as never seen."""
    try:
        return {
            str(key): str(value) for key, value in json.loads(files.read_text(_path(state_dir, kind)) or "").items()
        }
    except (AttributeError, ValueError):
        return {}


def note(verdict: Verdict, *, state_dir: str, kind: str) -> None:
    """Remember which orphans there are after a run."""
    now = utc()
    staying = [orphan for orphan in verdict.found if orphan not in verdict.remove]
    seen = {orphan.key: verdict.since.get(orphan.key, now) for orphan in staying}
    if seen != read(state_dir, kind):
        path = _path(state_dir, kind)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        files.write_text(path, json.dumps(seen, indent=2) + "\n", mode=0o600)


def _path(state_dir: str, kind: str) -> str:
    return f"{state_dir}/orphans/{kind}"
