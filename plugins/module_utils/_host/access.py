# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who may use a folder or file on a host: owner, group, mode and access control lists.

What this collection creates has no access control lists, so those that somebody adds are removed.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..changes import Change, between

FOLDER, FILE = "folder", "file"
_LISTS = ("system.posix_acl_access", "system.posix_acl_default")


@dataclass(frozen=True)
class Access:
    """Who may use a folder or file.

    Attributes:
        kind: C(folder) or C(file); anything else, such as C(symbolic link), is never followed.
        has_list: whether it has an access control list beyond its mode, or one for new files in it.
    """

    kind: str
    uid: int
    gid: int
    mode: int
    has_list: bool = False

    @property
    def attributes(self) -> dict[str, Any]:
        """Return it for a change."""
        listed = {"access_list": "set"} if self.has_list else {}
        return {"owner": self.uid, "group": self.gid, "mode": f"{self.mode:04o}", **listed}


Given = Mapping[str, tuple[Access, Access]]
"""The current and the new owner, group and mode of paths."""


def observe(path: str) -> Access | None:
    """Return who may use a path, C(None) if it does not exist. Links are not followed."""
    try:
        state = os.lstat(path)
        return Access(_kind(state.st_mode), state.st_uid, state.st_gid, stat.S_IMODE(state.st_mode), _has_list(path))
    except (FileNotFoundError, NotADirectoryError):
        return None


def of_root(held: Access, kind: str, mode: int) -> Access:
    """Return who should be allowed to use a path of root's, which keeps its group and has no access control list."""
    return Access(kind, os.geteuid(), held.gid, mode)


def wrong_permissions(wanted: Iterable[tuple[str, str, int]]) -> Given:
    """Return the existing paths with other access than C(of_root) allows; each with its kind and mode."""
    found = ((path, observe(path), kind, mode) for path, kind, mode in wanted)
    pairs = {path: (held, of_root(held, kind, mode)) for path, held, kind, mode in found if held is not None}
    return {path: (held, will) for path, (held, will) in pairs.items() if held != will}


def changes(given: Given) -> list[Change]:
    """Return the changes of paths that get another owner, group or mode."""
    return [between("path", path, old.attributes, new.attributes) for path, (old, new) in given.items()]


def give(path: str, access: Access) -> None:
    """Set owner, group and mode of a path, and remove its access control lists.

    Raises:
        OSError: it is a link or does not exist.
    """
    # Never through a link: as long as the folder is writable for others, somebody may put one here.
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        for name in set(_LISTS).intersection(os.listxattr(handle)) if _has_list(path) else ():
            os.removexattr(handle, name)
        os.fchown(handle, access.uid, access.gid)
        # Last, because a list and a change of the owner affect the mode.
        os.fchmod(handle, access.mode)
    finally:
        os.close(handle)


def _has_list(path: str) -> bool:
    try:
        return not set(_LISTS).isdisjoint(os.listxattr(path, follow_symlinks=False))
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            return False
        raise


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return FOLDER
    if stat.S_ISREG(mode):
        return FILE
    return "symbolic link" if stat.S_ISLNK(mode) else "special file"
