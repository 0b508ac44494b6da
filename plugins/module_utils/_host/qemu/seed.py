# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The disks from which cloud-init in guests reads its set-up (NoCloud).

User data may contain secrets. Orders and plans only contain its id, and so does the note beside a disk with user data,
with the checksum of the disk. So the text is needed only when the disk is written.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from ... import bounds
from ...errors import Refusal
from ...vm_order import VM
from .. import files
from ..disk import iso9660
from ..files import File
from . import confidential
from .config import SEED, SEED_NOTE, Settings, seed_version

LABEL = "cidata"
USER_DATA = "user-data"


def observe(vms: Iterable[VM], settings: Settings) -> dict[int, str]:
    """Return what identifies the existing disks by VM id: the version of one with user data, otherwise the checksum."""
    paths = {vm: f"{settings.folder(vm.vm_id)}/{SEED}" for vm in vms}
    found = {vm: files.sha256(path) for vm, path in paths.items() if os.path.isfile(path)}
    return {
        vm.vm_id: checksum if vm.user_data_id is None else _noted(vm, checksum, settings)
        for vm, checksum in found.items()
    }


def _noted(vm: VM, checksum: str, settings: Settings) -> str:
    """Return the version of the disk in the note next to it, empty if that is another disk's."""
    version, _space, noted = (files.read_text(f"{settings.folder(vm.vm_id)}/{SEED_NOTE}") or "").strip().partition(" ")
    return version if noted == checksum else ""


def plan(vms: Iterable[VM], have: Mapping[int, str]) -> tuple[VM, ...]:
    """Return the VMs whose disk has to be written."""
    return tuple(vm for vm in vms if vm.seed and have.get(vm.vm_id) != _wanted(vm))


def _wanted(vm: VM) -> str:
    return files.checksum(_image(vm, {})) if vm.user_data_id is None else seed_version(vm)


def read_user_data(given: Mapping[Any, Any]) -> dict[int, str]:
    """Return the user data from a module's argument, by VM id.

    Raises:
        Refused: user data or an id is invalid; the message does not contain the user data.
    """
    return confidential.read(
        given,
        option="user_data",
        allows=bounds.USER_DATA.allows,
        invalid=lambda vm: Refusal("invalid_user_data", vm, {"form": bounds.USER_DATA.rule}),
    )


def need(todo: Iterable[VM], user_data: Mapping[int, str]) -> None:
    """Check that the user data of all disks to write is known, before anything is changed.

    Raises:
        Refused: user data is missing.
    """
    confidential.need(missing(todo, user_data), refusal)


def missing(todo: Iterable[VM], user_data: Mapping[int, str]) -> list[VM]:
    """Return the VMs whose disk is written with user data that is not known."""
    return [vm for vm in todo if vm.user_data_id is not None and vm.vm_id not in user_data]


def refusal(vm: VM) -> Refusal:
    """Return the refusal of a VM whose user data is not known."""
    return Refusal("user_data_missing", str(vm))


def disk(vm: VM, user_data: Mapping[int, str], settings: Settings) -> list[File]:
    """Return the disk, which QEMU can only read, and its note, which is written last."""
    folder, gid = settings.folder(vm.vm_id), settings.accounts.of(vm.slice_id).gid
    image = _image(vm, user_data)
    made = [File(f"{folder}/{SEED}", image, 0o640, gid=gid)]
    if vm.user_data_id is not None:
        note = f"{seed_version(vm)} {files.checksum(image)}\n"
        made.append(files.text_file(f"{folder}/{SEED_NOTE}", note, mode=0o640, gid=gid))
    return made


def _image(vm: VM, user_data: Mapping[int, str]) -> bytes:
    texts = {each.name: each.content for each in vm.seed}
    if vm.user_data_id is not None:
        texts[USER_DATA] = user_data[vm.vm_id]
    return iso9660.image(LABEL, {name: text.encode() for name, text in texts.items()})
