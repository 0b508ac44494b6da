# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where deleted overlays wait before they are gone: C(STATE_DIR/trash), root's alone.

Each VM that is deleted has a folder there, whose name begins with the second of the deletion, with its overlays and
what its folder said of itself. A file system that runs full is reason to remove the oldest first.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Callable

from .. import files, vm_folders
from ..vm_folders import MARK, Folder

# Less than a twentieth of a file system is little, and of a large one less than this.
_LEAST_SHARE, _LEAST_BYTES = 20, 10 << 30
StatVfs = Callable[[str], os.statvfs_result]


@dataclass(frozen=True)
class Entry:
    """What waits of a VM.

    Attributes:
        path: its folder.
        deleted: when it was deleted, in seconds since 1970.
        disks: by UUID the paths of its overlays; those without a UUID are not among them.
    """

    path: str
    deleted: int
    disks: Mapping[str, str]


def folder_in(state_dir: str) -> str:
    """The folder of all that waits."""
    return f"{state_dir}/trash"


def put(paths: Iterable[str], folder: Folder, *, state_dir: str) -> None:
    """Move overlays of a VM folder where they wait."""
    paths = list(paths)
    if not paths:
        return
    target = _make(folder_in(state_dir), os.path.basename(folder.path))
    # First whose they are: what is cut short is found again in either place.
    files.write_text(f"{target}/{MARK}", folder.text, mode=0o600)
    for path in paths:
        os.rename(path, f"{target}/{os.path.basename(path)}")
    for each in (target, folder.path):
        files.flush(each)


def entries(state_dir: str) -> list[Entry]:
    """What waits, oldest first."""
    folder = folder_in(state_dir)
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted((_entry(f"{folder}/{name}") for name in names), key=lambda entry: (entry.deleted, entry.path))


def empty(state_dir: str, *, retention_s: float, statvfs: StatVfs = os.statvfs) -> list[Entry]:
    """Remove what has waited long enough and, where the file system is nearly full, more: the oldest first.

    Args:
        state_dir: the folder that the trash is in.
        retention_s: for how long overlays wait.
        statvfs: tells of a file system.

    Returns:
        what was removed.
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
    """By UUID where each disk that waits is; one that was deleted twice, where it is since then."""
    return {uuid: path for entry in entries(state_dir) for uuid, path in entry.disks.items()}


def take(path: str, target: str) -> None:
    """Move an overlay that waits back to where it was; its folder there goes with the last one."""
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
        # What bears no time is as old as can be.
        deleted=int(begin) if begin.isdecimal() else 0,
        disks={uuid: there[name] for uuid, name in named.items() if name in there},
    )


def _is_full(state: os.statvfs_result) -> bool:
    return state.f_bavail * state.f_frsize < min(state.f_blocks * state.f_frsize // _LEAST_SHARE, _LEAST_BYTES)
