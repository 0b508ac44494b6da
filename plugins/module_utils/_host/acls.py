# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Removes a group from the access control lists of folders, without C(setfacl), which many hosts do not have."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator

ACCESS = "system.posix_acl_access"
# linux/posix_acl_xattr.h: a version, followed by entries of tag, permissions and id.
_VERSION, _ENTRY = struct.Struct("<I"), struct.Struct("<HHI")
_GROUP, _MASK = 0x08, 0x10
_BASE = (0x01, 0x04, 0x20)


def names(path: str, gid: int) -> bool:
    """Return whether the list of a folder has an entry for the group."""
    return any((tag, number) == (_GROUP, gid) for tag, _permissions, number in _entries(_read(path)))


def remove(path: str, gid: int) -> None:
    """Remove the entry of the group, and the whole list if no other entry is left that the mode does not contain."""
    data = _read(path)
    kept = [entry for entry in _entries(data) if (entry[0], entry[2]) != (_GROUP, gid)]
    if any(tag not in (*_BASE, _MASK) for tag, _permissions, _number in kept):
        os.setxattr(path, ACCESS, data[: _VERSION.size] + b"".join(_ENTRY.pack(*entry) for entry in kept))
    elif kept:
        os.removexattr(path, ACCESS)


def _read(path: str) -> bytes:
    try:
        return os.getxattr(path, ACCESS)
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.ENOENT, errno.EOPNOTSUPP):
            return b""
        raise


def _entries(data: bytes) -> Iterator[tuple[int, int, int]]:
    yield from _ENTRY.iter_unpack(data[_VERSION.size :])
