# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which disk a file is, whatever its path: somebody may have moved or copied it from the folder of another VM.

Each file has the UUID of its disk in an extended attribute, which it keeps in the trash and as a copy by C(cp -a).
A file without it, for example on a file system without extended attributes, is known by its owner: the user of a slice.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from ...errors import Refusal
from ...vm_order import VM, Disk
from ...work_order import SliceOrder
from .. import vm_folders
from ..accounts import Accounts
from ..ownership import shown
from ..vm_folders import Folder

ATTRIBUTE = "user.cloudrepo.disk"


@dataclass(frozen=True)
class Origin:
    """The origin of a file.

    Attributes:
        uuid: the UUID of its disk, C(None) if it has none.
        user: the name of its owner, C(None) if the owner is no user of the host.
    """

    uuid: str | None
    user: str | None

    def fault(self, uuid: str | None, slice_id: int, accounts: Accounts) -> str | None:
        """Return what the file is if it is not the disk C(uuid) of a slice, C(None) if it may be."""
        if self.uuid is not None and uuid is not None:
            return None if self.uuid == uuid else f"disk {self.uuid}"
        is_of_a_slice = self.user is not None and accounts.is_user(self.user)
        return f"a file of {self.user}" if is_of_a_slice and self.user != accounts.name(slice_id) else None


def read(paths: Iterable[str]) -> dict[str, Origin]:
    """Return the origins of files, without those that do not exist. Links are not followed."""
    found, name = {}, cache(_name)
    for path in paths:
        with suppress(OSError):
            found[path] = Origin(uuid_of(path), name(os.lstat(path).st_uid))
    return found


def note(disks: Iterable[Disk]) -> None:
    """Store the UUIDs of disks with their files, except for files that have one."""
    for disk in disks:
        if disk.uuid is not None:
            # Not all file systems can store it, or have space for it. There is still the owner.
            with suppress(OSError):
                os.setxattr(disk.path, ATTRIBUTE, disk.uuid.encode(), os.XATTR_CREATE, follow_symlinks=False)


def faults(vm: VM, origins: Mapping[str, Origin], accounts: Accounts) -> Iterator[Refusal]:
    """Yield why files are not used as the disks of a VM, given the origins of those that exist."""
    for disk in vm.disks:
        origin = origins.get(disk.path)
        fault = None if origin is None else origin.fault(disk.uuid, vm.slice_id, accounts)
        if fault is not None:
            figures = {"path": disk.path, "held": fault, "got": shown(disk.uuid)}
            yield Refusal("disk_of_another_vm", str(vm), figures)


def known_folders(orders: Iterable[SliceOrder], folders: Mapping[int, Folder]) -> dict[int, Folder]:
    """Return the folders whose owner file is damaged and that contain given-up disks, which have UUIDs of their own."""
    found = dict[int, Folder]()
    for order in orders:
        gone: dict[int, dict[str, str | None]] = {}
        for each in order.given_up:
            folder = folders.get(each.vm_id)
            if folder is not None and folder.slice_id is None and not folder.is_link and each.uuid is not None:
                where, name = os.path.split(each.path)
                if where == folder.path and uuid_of(each.path) == each.uuid:
                    gone.setdefault(each.vm_id, {})[name] = each.uuid
        for vm_id, disks in gone.items():
            found[vm_id] = vm_folders.known_by_disks(
                folders[vm_id], slice_id=order.slice_id, slice_uuid=order.slice_uuid, vm_id=vm_id, disks=disks
            )
    return found


def uuid_of(path: str) -> str | None:
    """Return the UUID that a file has itself, C(None) if it has none. Links are not followed."""
    try:
        return os.getxattr(path, ATTRIBUTE, follow_symlinks=False).decode("ascii", "replace")
    except OSError:
        return None


def _name(uid: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None
