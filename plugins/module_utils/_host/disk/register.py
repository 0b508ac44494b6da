# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The disks that a host has had, so that a missing one is not taken for one that was never created.

C(STATE_DIR/disks.json) contains each disk with its UUID and the time when it was last seen. It is independent of the
disks' folders.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass

from ...vm_order import Disk
from .. import files
from ..times import utc

# How inexact the times may be, so that not every run writes the file.
_STALE_S = 600


@dataclass(frozen=True)
class Known:
    """A disk that was seen.

    Attributes:
        uuid: its UUID, if it has one.
        seen: when it was last seen, in UTC.
    """

    uuid: str | None
    seen: str


def read(state_dir: str) -> dict[str, Known]:
    """Return the disks that were seen, by path. A damaged file counts as empty: work orders contain C(first_seen)."""
    try:
        found = json.loads(files.read_text(path_in(state_dir)) or "{}")
        return {path: Known(entry["uuid"], str(entry["seen"])) for path, entry in found.items()}
    except (AttributeError, KeyError, TypeError, ValueError):
        return {}


def note(state_dir: str, *, present: Iterable[Disk] = (), gone: Iterable[str] = ()) -> None:
    """Register disks as present, and forget the paths of deleted ones."""
    now, stale = utc(), utc(time.time() - _STALE_S)
    known, absent = read(state_dir), set(gone)
    kept = {path: disk for path, disk in known.items() if path not in absent}
    news = {disk.path: Known(disk.uuid, now) for disk in present if not _is_fresh(kept.get(disk.path), disk, stale)}
    if not news and len(kept) == len(known):
        return
    entries = {path: vars(disk) for path, disk in {**kept, **news}.items()}
    files.write_text(path_in(state_dir), json.dumps(entries, indent=1) + "\n", mode=0o600)


def _is_fresh(known: Known | None, disk: Disk, stale: str) -> bool:
    return known is not None and known.uuid == disk.uuid and known.seen > stale


def path_in(state_dir: str) -> str:
    """Return the path of the file."""
    return f"{state_dir}/disks.json"
