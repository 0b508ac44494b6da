# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The folders of VMs on a host. A file in each folder contains its owner and its disks."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ..errors import Refusal, Refused, SlicesError
from ..vm_order import VM
from . import files
from .access import FOLDER
from .disk.qcow2 import MAGIC
from .files import read_text

MARK = "identity.json"
NEW_OVERLAY = ".draft.qcow2"
"""The name of a new overlay until it is complete."""


@dataclass(frozen=True)
class Folder:
    """The folder of a VM.

    Attributes:
        path: its path.
        slice_id: the slice that it belongs to; C(None) if its file is missing or invalid, although it contains disks.
        slice_uuid: the UUID of the slice.
        vm_uuid: the UUID of the VM.
        disks: the UUIDs of disks by file name.
        text: the content of its file.
        is_link: whether it is a link to a folder.
        vm_id: the VM in its file, which differs from its name if somebody has renamed or copied the folder.
    """

    path: str
    slice_id: int | None = None
    slice_uuid: str | None = None
    vm_uuid: str | None = None
    disks: Mapping[str, str | None] = field(default_factory=dict)
    text: str = ""
    is_link: bool = False
    vm_id: int | None = None


def text_of(vm: VM, others: Mapping[str, str | None] = MappingProxyType({})) -> str:
    """Return the content of the file for a VM's folder; C(others) are the UUIDs of further disks in it, by name."""
    said = {
        "slice_id": vm.slice_id,
        "slice_uuid": vm.slice_uuid,
        "vm_id": vm.vm_id,
        "vm_uuid": vm.vm_uuid,
        "name": vm.name,
        "disks": {**others, **{os.path.basename(disk.path): disk.uuid for disk in vm.disks}},
    }
    return json.dumps(said, indent=2) + "\n"


def known_by_disks(
    folder: Folder, *, slice_id: int, slice_uuid: str | None, vm_id: int, disks: Mapping[str, str | None]
) -> Folder:
    """Return a folder whose file is damaged, with the owner of its C(disks), which are UUIDs by file name."""
    said = {"slice_id": slice_id, "slice_uuid": slice_uuid, "vm_id": vm_id, "vm_uuid": None, "disks": dict(disks)}
    return _folder(folder.path, json.dumps(said, indent=2) + "\n", said)


def read(root: str) -> dict[int, Folder]:
    """Return the folders in C(root), by VM id, without those that have neither a valid file nor a disk."""
    names = os.listdir(root) if os.path.isdir(root) else []
    found = {int(name): read_one(f"{root}/{name}") for name in sorted(names) if name.isdecimal()}
    return {vm_id: folder for vm_id, folder in found.items() if folder is not None}


def overlays(folder: str) -> tuple[str, ...]:
    """Return the overlays in a VM's folder, without temporary files.

    They are recognized by their content as well, because somebody may have renamed one, for example to keep it.
    """
    paths = (f"{folder}/{name}" for name in sorted(os.listdir(folder)) if not _is_draft(name))
    return tuple(path for path in paths if path.endswith(".qcow2") or _is_overlay(path))


def has_deeper(folder: str) -> bool:
    """Return whether somebody has moved overlays to folders in a VM's folder, which would be removed with it."""
    tops = (each.path for each in os.scandir(folder) if each.is_dir(follow_symlinks=False))
    return any(_overlays_in(where) for top in tops for where, _names, _files in os.walk(top))


def misplaced(state_dir: str) -> dict[str, Folder | None]:
    """Return the overlays that somebody has moved or copied to another place in the state folder, by path.

    Each has the owner from the file next to it. A VM's folder may have been renamed, or moved a level deeper.
    """
    root, found = f"{state_dir}/vms", dict[str, "Folder | None"]()
    ours = {f"{root}/{name}" for name in (os.listdir(root) if os.path.isdir(root) else ()) if name.isdecimal()}
    # The folder may be a link to another file system.
    for top in (state_dir, root):
        for where, names, _files in os.walk(top):
            skipped = {state_dir: ("images", "trash", "vms"), root: ("trash",)}.get(where, ())
            names[:] = [name for name in names if name not in skipped]
            if where not in ours:
                paths = _overlays_in(where)
                found.update(dict.fromkeys(paths, read_one(where)) if paths else {})
    return found


def link_refusal(where: str, folder: str) -> Refusal:
    """Return why nothing is removed in a link to a folder: its disks are those of another folder, and often in use."""
    return Refusal("path_replaced", where, {"path": folder, "got": "symbolic link", "expected": FOLDER})


def remove(folder: str) -> None:
    """Remove a VM's folder with all its files.

    Raises:
        Refused: it is a link.
    """
    if os.path.islink(folder):
        raise Refused([link_refusal(f"VM folder {folder}", folder)])
    # The file with the owner is removed last, so that the next run can complete an interrupted removal.
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        elif entry.name != MARK:
            os.unlink(entry.path)
    files.remove(f"{folder}/{MARK}")
    os.rmdir(folder)


def slices_by_vm(root: str) -> dict[int, int]:
    """Return the slice of each VM that has a folder in C(root)."""
    return {vm_id: folder.slice_id for vm_id, folder in read(root).items() if folder.slice_id is not None}


def of_another(vm_id: int, vm_uuid: str | None, *, state_dir: str) -> Refusal | None:
    """Return why a VM must not be used by its id: on this host, the id is that of another VM or of none.

    Nothing can be said without C(vm_uuid), the UUID of the VM in the database; it is empty if the VM has none there.
    """
    path = f"{state_dir}/vms/{vm_id}"
    folder = read_one(path) if vm_uuid is not None else None
    held = folder.vm_uuid if folder is not None and folder.vm_uuid is not None else ""
    if vm_uuid in (None, held):
        return None
    if folder is None and not os.path.lexists(f"{path}/{MARK}"):
        return Refusal("vm_not_deployed", f"VM {vm_id}", {"where": f"{path}/{MARK}"})
    figures = {"where": path, "held": held or "no UUID", "got": vm_uuid or "no UUID"}
    return Refusal("not_this_vm", f"VM {vm_id}", figures)


def need(vm_id: int, vm_uuid: str | None, *, state_dir: str) -> None:
    """Check that a VM may be used by its id.

    Raises:
        Refused: see C(of_another).
    """
    refusal = of_another(vm_id, vm_uuid, state_dir=state_dir)
    if refusal is not None:
        raise Refused([refusal])


def read_one(path: str) -> Folder | None:
    """Return one folder, C(None) if it has neither a valid file nor a disk.

    A file that cannot be read is a fault of this folder only, like one with an invalid content.
    """
    text = ""
    try:
        text = read_text(f"{path}/{MARK}") or ""
        return _folder(path, text, json.loads(text))
    except (KeyError, RecursionError, SlicesError, TypeError, ValueError):
        return Folder(path, text=text, is_link=os.path.islink(path)) if _may_have_disks(path) else None


def _may_have_disks(path: str) -> bool:
    try:
        return os.path.isdir(path) and bool(overlays(path))
    except OSError:  # nobody knows what is in a folder that cannot be read
        return True


def _overlays_in(folder: str) -> list[str]:
    return [path for path in overlays(folder) if not os.path.isdir(path)]


def _is_draft(name: str) -> bool:
    return name == NEW_OVERLAY or (name.startswith(".") and name.endswith(files.DRAFT))


def _is_overlay(path: str) -> bool:
    # Most files in a folder are small texts, which this does not read as a whole.
    try:
        with open(path, "rb", buffering=0, opener=files.at_once) as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:  # a folder, or a link that leads nowhere
        return False


def _folder(path: str, text: str, said: Any) -> Folder:
    disks = dict(said["disks"])
    uuids = (each for each in (said["slice_uuid"], said["vm_uuid"], *disks.values()) if each is not None)
    ids = (said["slice_id"], said.get("vm_id", said["slice_id"]))
    if not all(isinstance(each, int) for each in ids) or not all(isinstance(each, str) for each in uuids):
        raise TypeError(f"{path}: an id is not a number, or a UUID is not a string")
    return Folder(
        path=path,
        slice_id=said["slice_id"],
        slice_uuid=said["slice_uuid"],
        vm_uuid=said["vm_uuid"],
        disks=disks,
        text=text,
        is_link=os.path.islink(path),
        vm_id=said.get("vm_id"),
    )
