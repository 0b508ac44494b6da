# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The folders of VMs on a host, each of which says in a file whose it is and which disks are in it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..work_order import VM
from . import files
from .files import read_text

MARK = "identity.json"


@dataclass(frozen=True)
class Folder:
    """The folder of a VM.

    Attributes:
        path: where it is.
        slice_id: the slice that it belongs to; C(None) where its file does not tell, though there are disks in it.
        disks: by file name the UUIDs of disks.
        text: what its file says.
    """

    path: str
    slice_id: int | None = None
    slice_uuid: str | None = None
    vm_uuid: str | None = None
    disks: Mapping[str, str | None] = field(default_factory=dict)
    text: str = ""


def text_of(vm: VM) -> str:
    """The file that says whose a VM's folder is."""
    said = {
        "slice_id": vm.slice_id,
        "slice_uuid": vm.slice_uuid,
        "vm_id": vm.vm_id,
        "vm_uuid": vm.vm_uuid,
        "name": vm.name,
        "disks": {os.path.basename(disk.path): disk.uuid for disk in vm.disks},
    }
    return json.dumps(said, indent=2) + "\n"


def read(root: str) -> dict[int, Folder]:
    """The folders in C(root), by VM id; those that say nothing and hold no disk are nobody's, and not among them."""
    names = os.listdir(root) if os.path.isdir(root) else []
    found = {int(name): read_one(f"{root}/{name}") for name in sorted(names) if name.isdecimal()}
    return {vm_id: folder for vm_id, folder in found.items() if folder is not None}


def overlays(folder: str) -> tuple[str, ...]:
    """The overlays in a VM's folder; a draft is none yet."""
    return tuple(
        f"{folder}/{name}" for name in sorted(os.listdir(folder)) if name.endswith(".qcow2") and name[0] != "."
    )


def remove(folder: str) -> None:
    """Remove a VM's folder with all that it holds."""
    # The mark goes last, so that a removal which was cut short is found again and ended.
    for entry in os.scandir(folder):
        if entry.name == MARK:
            continue
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)
    files.remove(f"{folder}/{MARK}")
    os.rmdir(folder)


def slices_by_vm(root: str) -> dict[int, int]:
    """The slice of each VM that has a folder in C(root)."""
    return {vm_id: folder.slice_id for vm_id, folder in read(root).items() if folder.slice_id is not None}


def read_one(path: str) -> Folder | None:
    """One folder, or nothing where it says nothing and holds no disk."""
    text = read_text(f"{path}/{MARK}") or ""
    try:
        return _folder(path, text, json.loads(text))
    except (KeyError, TypeError, ValueError):
        has_disk = os.path.isdir(path) and any(name.endswith(".qcow2") for name in os.listdir(path))
        return Folder(path, text=text) if has_disk else None


def _folder(path: str, text: str, said: Any) -> Folder:
    return Folder(
        path=path,
        slice_id=int(said["slice_id"]),
        slice_uuid=said["slice_uuid"],
        vm_uuid=said["vm_uuid"],
        disks=dict(said["disks"]),
        text=text,
    )
