# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The trash for deleted overlays, C(STATE_DIR/trash), which only root can access.

It has a folder for each deletion from a VM folder, with the overlays and a copy of the owner file. Its name begins with
the time of the deletion. If the file system is nearly full, the oldest folders are removed early.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Callable

from .. import files, vm_folders
from ..vm_folders import MARK, Folder

# A file system is nearly full if less than a twentieth and less than this is free.
_LEAST_SHARE, _LEAST_BYTES = 20, 10 << 30
StatVfs = Callable[[str], os.statvfs_result]


@dataclass(frozen=True)
class Entry:
    """A folder of the trash.

    Attributes:
        path: its path.
        deleted: the time of the deletion, in seconds since 1970.
        disks: the paths of overlays by UUID, without those that have no UUID.
    """

    path: str
    deleted: int
    disks: Mapping[str, str]


def folder_in(state_dir: str) -> str:
    """Return the path of the trash."""
    return f"{state_dir}/trash"


def put(paths: Iterable[str], folder: Folder, *, state_dir: str) -> None:
    """Move overlays of a VM folder to the trash."""
    paths = list(paths)
    if not paths:
        return
    target = _make(folder_in(state_dir), os.path.basename(folder.path))
    # The owner file is written first, so that the owner is known if the move is interrupted.
    files.write_text(f"{target}/{MARK}", folder.text, mode=0o600)
    for path in paths:
        os.rename(path, f"{target}/{os.path.basename(path)}")
    for each in (target, folder.path):
        files.flush(each)


def entries(state_dir: str) -> list[Entry]:
    """Return the folders in the trash, oldest first.

    Anything else, such as a link to a folder, is not ours, and what it leads to must not be removed.
    """
    folder = folder_in(state_dir)
    names = os.scandir(folder) if os.path.isdir(folder) else ()
    found = [_entry(each.path) for each in names if each.is_dir(follow_symlinks=False)]
    return sorted(found, key=lambda entry: (entry.deleted, entry.path))


def empty(state_dir: str, *, retention_s: float, statvfs: StatVfs = os.statvfs) -> list[Entry]:
    """Remove folders after their retention time and, if the file system is nearly full, more of the oldest ones.

    Args:
        state_dir: the parent of the trash.
        retention_s: the retention time in seconds.
        statvfs: returns the state of a file system.

    Returns:
        The removed folders.
    """
    now = time.time()
    removed = []
    for entry in entries(state_dir):
        if entry.deleted + retention_s > now and not _is_full(statvfs(state_dir)):
            break
        vm_folders.remove(entry.path)
        removed.append(entry)
    return removed


def find(state_dir: str) -> dict[str, str]:
    """Return the paths of disks in the trash by UUID. If a disk was deleted twice, the later one counts."""
    return {uuid: path for entry in entries(state_dir) for uuid, path in entry.disks.items()}


def take(path: str, target: str) -> None:
    """Restore an overlay to C(target). The folder in the trash is removed with its last overlay."""
    folder = os.path.dirname(path)
    os.rename(path, target)
    files.flush(os.path.dirname(target))
    if not vm_folders.overlays(folder):
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


def _entry(path: str) -> Entry:
    folder = vm_folders.read_one(path)
    begin = os.path.basename(path).partition("-")[0]
    named = {} if folder is None else {uuid: name for name, uuid in folder.disks.items() if uuid is not None}
    there = {os.path.basename(each): each for each in vm_folders.overlays(path)}
    return Entry(
        path=path,
        # Somebody may have renamed a folder.
        deleted=int(begin) if begin.isdecimal() else int(os.stat(path).st_mtime),
        disks={uuid: there[name] for uuid, name in named.items() if name in there},
    )


def _is_full(state: os.statvfs_result) -> bool:
    return state.f_bavail * state.f_frsize < min(state.f_blocks * state.f_frsize // _LEAST_SHARE, _LEAST_BYTES)
