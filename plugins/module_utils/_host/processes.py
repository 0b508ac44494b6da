# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Information about processes from C(/proc), which has the paths of files without links.

An administrator may have moved a folder to another file system, and left a link.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from . import files


def deleted_file(pid: int, path: str) -> str | None:
    """Return a path to a file that a process has open, and that was deleted or replaced at C(path)."""
    folder = f"/proc/{pid}/fd"
    where, base = os.path.split(path)
    deleted = f"{os.path.realpath(where)}/{base} (deleted)"
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        try:
            if os.readlink(f"{folder}/{name}") == deleted:
                return f"{folder}/{name}"
        except OSError:
            continue  # closed in the meantime
    return None


def open_paths(paths: Collection[str]) -> frozenset[str]:
    """Return those of the paths that any process has open."""
    pids = [name for name in os.listdir("/proc") if name.isdecimal()] if paths else []
    known = {os.path.realpath(path): path for path in paths}
    return frozenset(known[path] for pid in pids for path in _files_of(pid) if path in known)


def _files_of(pid: str) -> Iterator[str]:
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)
    except OSError:
        return  # ended in the meantime
    for name in names:
        try:
            yield os.readlink(f"{folder}/{name}")
        except OSError:
            continue  # closed in the meantime


def in_cgroups(paths: Collection[str]) -> Mapping[str, Sequence[int]]:
    """Return the processes in cgroups, by the cgroup's path without that of the file system."""
    found: dict[str, list[int]] = defaultdict(list)
    for name in os.listdir("/proc") if paths else ():
        if name.isdecimal():
            # A line is ID:CONTROLLERS:PATH. There are several where cgroups of both versions are mounted.
            lines = (files.read_text(f"/proc/{name}/cgroup") or "").splitlines()
            for path in {line.split(":", 2)[-1] for line in lines}.intersection(paths):
                found[path].append(int(name))
    return found


def has_open(pid: int, path: str) -> bool:
    """Return whether a process has the file open that is now at C(path)."""
    folder = f"/proc/{pid}/fd"
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        try:
            if os.path.samefile(f"{folder}/{name}", path):
                return True
        except OSError:
            continue  # closed in the meantime
    return False


def is_stopped(pid: int) -> bool:
    """Return whether a process is stopped by a signal such as SIGSTOP."""
    # The name in parentheses may contain any character, including spaces and parentheses.
    _name, _bracket, rest = (files.read_text(f"/proc/{pid}/stat") or "").rpartition(")")
    return rest.split()[:1] in (["T"], ["t"])
