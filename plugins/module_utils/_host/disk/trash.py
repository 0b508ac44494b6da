# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The trash for deleted overlays, C(STATE_DIR/trash), which only root can access.

If the VM folders are on another file system, it is C(STATE_DIR/vms/trash), because disks are moved to it by renaming.

It has a folder for each deletion from a VM folder, with the overlays, a copy of the owner file, and the retention time
of the deletion: a later run with another one concerns its own deletions only. Its name begins with the time of the
deletion, for people. How long it has been there is counted while the host runs, in C(STATE_DIR/trash.json), because a
clock that is ahead would empty the trash. If the file system is nearly full, the oldest folders are removed early.
"""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Callable

from ...errors import SlicesError
from .. import files, times, vm_folders
from ..vm_folders import MARK, Folder
from . import origins, startup_notes

NAME = "trash"
"""The name of its folder."""
RETENTION = "retention_s"
"""The name of the file with the retention time in a folder of the trash."""
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
# How long a folder is kept at least if its retention time is not known: longer than most, but not for ever.
_UNKNOWN_RETENTION_S = 24 * 3600
# A file system is nearly full if less than a twentieth and less than this is free.
_LEAST_SHARE, _LEAST_BYTES = 20, 10 << 30
# How inexact an age may be after a crash, so that not every run writes the file.
_STALE_S = 600
StatVfs = Callable[[str], os.statvfs_result]


@dataclass(frozen=True)
class Entry:
    """A folder of the trash.

    Attributes:
        path: its path.
        age_s: how long it has been here while the host was running; less if that is not known exactly.
        overlays: the UUIDs of all overlays, by path; C(None) for those that have none.
        slice_id: the slice that the disks belonged to; C(None) if it is not known.
        retention_s: how long it is kept; C(None) if it is not known.
    """

    path: str
    age_s: float
    overlays: Mapping[str, str | None]
    slice_id: int | None = None
    retention_s: float | None = None

    @property
    def disks(self) -> Mapping[str, str]:
        """The paths of overlays by UUID, without those that have no UUID."""
        return {uuid: path for path, uuid in self.overlays.items() if uuid is not None}

    @property
    def name(self) -> str:
        """The name of the folder."""
        return os.path.basename(self.path)

    def left_s(self, default_s: float) -> float:
        """Return for how long it is still kept: C(default_s), and a day at least, if its own time is not known."""
        unknown_s = max(default_s, _UNKNOWN_RETENTION_S)
        return (unknown_s if self.retention_s is None else self.retention_s) - self.age_s


@dataclass(frozen=True)
class Early:
    """Disks that were removed before the end of their retention time.

    Attributes:
        paths: where they were.
        slice_id: the slice that they belonged to; C(None) if it is not known.
        left_s: for how long they would still have been kept.
    """

    paths: tuple[str, ...]
    slice_id: int | None
    left_s: float

    @classmethod
    def of(cls, entry: Entry, default_s: float) -> Early:
        """Return a folder of the trash; see C(Entry.left_s) for C(default_s)."""
        return cls(tuple(entry.overlays) or (entry.path,), entry.slice_id, entry.left_s(default_s))

    @property
    def said(self) -> str:
        """The sentence about them."""
        until = times.utc(time.time() + self.left_s)
        return f"{', '.join(self.paths)} of {owner(self.slice_id)} (to be kept until {until})"


@dataclass(frozen=True)
class Ages:
    """The content of C(STATE_DIR/trash.json).

    Attributes:
        boot: the id of the boot in which it was written.
        at_s: the seconds since that boot.
        ages_s: the ages at that moment, by name of the folder.
    """

    boot: str = ""
    at_s: float = 0
    ages_s: Mapping[str, float] = field(default_factory=dict)

    def now(self) -> Mapping[str, float]:
        """Return the present ages. The time from the last note to the end of an earlier boot is not known."""
        begin = self.at_s if self.boot == times.boot_id() else 0
        # A host that was reverted to a snapshot has a younger boot.
        passed = max(0.0, times.uptime_s() - begin)
        return {name: age_s + passed for name, age_s in self.ages_s.items()}


def folder_in(state_dir: str) -> str:
    """Return the path of the trash, which is on the file system of the VM folders."""
    usual, beside_vms = _places(state_dir)
    return usual if _device(usual) == _device(os.path.dirname(beside_vms)) else beside_vms


def _places(state_dir: str) -> tuple[str, str]:
    """Return where the trash is if the VM folders are on the file system of the state folder, and otherwise."""
    return f"{state_dir}/{NAME}", f"{state_dir}/vms/{NAME}"


def _device(path: str) -> int:
    """Return the file system of a path, or of what it will be created in."""
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return os.stat(path).st_dev


def put(
    paths: Iterable[str], folder: Folder, *, state_dir: str, retention_s: float, companions: Collection[str] = ()
) -> list[Early]:
    """Move overlays of a VM folder to the trash, for C(retention_s) seconds.

    Without space for that, the oldest folders of the trash are removed. If that does not suffice, so are the overlays,
    because a full file system must not keep anybody from deleting.

    Args:
        paths: the overlays.
        folder: the VM folder.
        state_dir: the parent of the trash.
        retention_s: for how long.
        companions: names of other files in the VM folder that go with them, as far as they exist.

    Returns:
        What was removed in place of being kept: folders of the trash that were not due, and overlays.
    """
    paths, removed = list(paths), list[Early]()
    while paths and not _is_moved(paths, folder, state_dir, retention_s, companions):
        oldest = entries(state_dir)[:1]
        for entry in oldest:
            vm_folders.remove(entry.path)
            removed += [Early.of(entry, retention_s)] if entry.left_s(retention_s) > 0 else []
        if not oldest:
            for path in paths:
                files.remove(path)
            return [*removed, Early(tuple(paths), folder.slice_id, retention_s)]
    return removed


def _is_moved(
    paths: Sequence[str], folder: Folder, state_dir: str, retention_s: float, companions: Collection[str] = ()
) -> bool:
    """Move overlays to the trash, all or none of them if there is no space for that."""
    try:
        _move(paths, folder, state_dir, retention_s, companions)
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        return False
    return True


def _move(
    paths: Sequence[str], folder: Folder, state_dir: str, retention_s: float, companions: Collection[str]
) -> None:
    target = _make(folder_in(state_dir), os.path.basename(folder.path))
    names = [os.path.basename(path) for path in paths]
    besides = [
        name for name in (*companions, *map(startup_notes.path, names)) if os.path.isfile(f"{folder.path}/{name}")
    ]
    try:
        # The owner file is written first, so that the owner is known if the move is interrupted.
        files.write_text(f"{target}/{MARK}", folder.text, mode=0o600)
        # So is the retention time: a later run would apply its own.
        files.write_text(f"{target}/{RETENTION}", f"{retention_s}\n", mode=0o600)
        _note(state_dir, entries(state_dir), new=os.path.basename(target))
        # They keep their places until the overlays are here, because the next run moves what an interrupted one left.
        for name in besides:
            os.link(f"{folder.path}/{name}", f"{target}/{name}", follow_symlinks=False)
        for path, name in zip(paths, names):
            os.rename(path, f"{target}/{name}")
    except OSError:
        for path, name in zip(paths, names):
            with suppress(FileNotFoundError):
                os.rename(f"{target}/{name}", path)
        vm_folders.remove(target)
        raise
    for name in besides:
        files.remove(f"{folder.path}/{name}")
    for each in (target, folder.path):
        files.flush(each)


def entries(state_dir: str) -> list[Entry]:
    """Return the folders in the trash, oldest first, and those of the same age by name.

    Anything else, such as a link to a folder, is not ours, and what it leads to must not be removed.
    """
    # Disks stay in the trash where they are if somebody moves the VM folders to another file system.
    names = [each for folder in _places(state_dir) if os.path.isdir(folder) for each in os.scandir(folder)]
    ages = _read(state_dir).now()
    found = [_entry(each.path, ages.get(each.name, 0)) for each in names if each.is_dir(follow_symlinks=False)]
    return sorted(found, key=lambda entry: (-entry.age_s, entry.path))


def empty(state_dir: str, *, retention_s: float, statvfs: StatVfs = os.statvfs) -> list[Entry]:
    """Remove folders after their retention time and, if the file system is nearly full, more of the oldest ones.

    Args:
        state_dir: the parent of the trash.
        retention_s: the retention time in seconds of folders whose own is not known, a day at least.
        statvfs: returns the state of a file system.

    Returns:
        The removed folders.
    """
    removed, left = list[Entry](), list[Entry]()
    for entry in entries(state_dir):
        (removed if entry.left_s(retention_s) <= 0 else left).append(entry)
    trash = folder_in(state_dir)
    here = [entry for entry in left if os.path.dirname(entry.path) == trash]
    state = statvfs(os.path.dirname(trash)) if here else None
    # XFS and others tell a moment later what was freed, and all of the trash would be removed by then.
    expected = sum(map(_remove, removed)) + (0 if state is None else _free(state))
    while here and state is not None and _is_full(state, expected):
        expected += _remove(here[0])
        removed.append(here.pop(0))
        state = statvfs(os.path.dirname(trash))
    _note(state_dir, (entry for entry in left if entry not in removed))
    return removed


def owner(slice_id: int | None) -> str:
    """Return whose disks are removed, for a message."""
    return "an unknown slice" if slice_id is None else f"slice {slice_id}"


def warnings(removed: Iterable[Early]) -> list[str]:
    """Return the warning about disks that were removed early, if there are any."""
    said = "; ".join(each.said for each in removed)
    full = f"the file system of the trash is nearly full, so these disks were removed before their time: {said}"
    return [full] if said else []


def _remove(entry: Entry) -> int:
    """Remove a folder, and return the bytes that become free."""
    sizes = [os.lstat(each.path).st_blocks * 512 for each in os.scandir(entry.path)]
    vm_folders.remove(entry.path)
    return sum(sizes)


def path_in(state_dir: str) -> str:
    """Return the path of the file with the ages."""
    return f"{state_dir}/trash.json"


def _read(state_dir: str) -> Ages:
    """Return the ages. If the file is missing or damaged, disks count as new: they are rather kept for too long."""
    try:
        said = json.loads(files.read_text(path_in(state_dir)) or "{}")
        ages_s = {str(name): max(0.0, float(age_s)) for name, age_s in said["ages_s"].items()}
        return Ages(str(said["boot"]), float(said["at_s"]), ages_s)
    except (AttributeError, KeyError, TypeError, ValueError):
        return Ages()


def _note(state_dir: str, left: Iterable[Entry], *, new: str | None = None) -> None:
    """Save the ages of the folders that are left, unless the file says the same.

    Args:
        state_dir: the parent of the trash.
        left: the folders that are left.
        new: the name of the one among them that has just been made.
    """
    known, boot, now = _read(state_dir), times.boot_id(), times.uptime_s()
    ages_s = {entry.name: 0.0 if entry.name == new else round(entry.age_s, 3) for entry in left}
    is_fresh = known.boot == boot and 0 <= now - known.at_s < _STALE_S
    if new is None and known.ages_s.keys() == ages_s.keys() and (is_fresh or not ages_s):
        return
    said = Ages(boot, now, ages_s)
    try:
        files.write_text(path_in(state_dir), json.dumps(vars(said)) + "\n", mode=0o600)
    except OSError as error:
        # Disks without an age count as new, so that nothing is lost with it.
        if error.errno not in NO_SPACE:
            raise


def listed(state_dir: str, *, retention_s: float) -> list[dict[str, Any]]:
    """Return the disks in the trash as modules return them: C({path, uuid, slice_id, left_s}), the oldest first.

    C(retention_s) applies to those whose retention time is not known, who stay for a day at least.
    """
    return [
        {"path": path, "uuid": uuid, "slice_id": entry.slice_id, "left_s": max(0, round(entry.left_s(retention_s)))}
        for entry in entries(state_dir)
        for path, uuid in entry.overlays.items()
    ]


def find(state_dir: str) -> dict[str, str]:
    """Return the paths of disks in the trash by UUID. If a disk was deleted twice, the later one counts."""
    return {uuid: path for entry in entries(state_dir) for uuid, path in entry.disks.items()}


def take(path: str, target: str, *, companions: Collection[str] = ()) -> None:
    """Restore an overlay to C(target), with its C(companions), which C(put) has moved.

    The folder in the trash is removed with its last overlay.
    """
    folder, place = os.path.dirname(path), os.path.dirname(target)
    besides = {f"{folder}/{name}": f"{place}/{name}" for name in companions}
    besides[startup_notes.path(path)] = startup_notes.path(target)
    # They stay here until the overlay is in its place: if this is interrupted, a deletion of the VM would remove them.
    for source, copy in besides.items():
        with suppress(FileNotFoundError):
            files.link(source, copy)
    files.move(path, target)
    files.flush(place)
    if vm_folders.overlays(folder):
        for source in besides:
            files.remove(source)
    else:
        vm_folders.remove(folder)


def _make(trash: str, name: str) -> str:
    os.makedirs(trash, mode=0o700, exist_ok=True)
    for path in _names(f"{trash}/{int(time.time())}-{name}"):
        try:
            os.mkdir(path, mode=0o700)
        except FileExistsError:
            continue
        return path
    raise AssertionError("names do not end")


def _names(path: str) -> Iterator[str]:
    yield path
    number = 1
    while True:
        yield f"{path}-{number}"
        number += 1


def _entry(path: str, age_s: float) -> Entry:
    folder, paths = vm_folders.read_one(path), vm_folders.overlays(path)
    named = {} if folder is None else folder.disks
    return Entry(
        path=path,
        age_s=age_s,
        # Its own UUID is there if the owner file is damaged as well.
        overlays={each: origins.uuid_of(each) or named.get(os.path.basename(each)) for each in paths},
        slice_id=None if folder is None else folder.slice_id,
        retention_s=_retention_s(path),
    )


def _retention_s(folder: str) -> float | None:
    try:
        return float(files.read_text(f"{folder}/{RETENTION}") or "")
    except (SlicesError, ValueError):
        return None


def _is_full(state: os.statvfs_result, expected: int = 0) -> bool:
    """Return whether a file system is nearly full, with at least C(expected) free bytes."""
    free = max(_free(state), expected)
    return free < min(state.f_blocks * state.f_frsize // _LEAST_SHARE, _LEAST_BYTES)


def _free(state: os.statvfs_result) -> int:
    return state.f_bavail * state.f_frsize
