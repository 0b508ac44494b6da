# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The last work order that a host has applied for each slice, from which a lost database is rebuilt.

C(STATE_DIR/applied) has a folder for each kind of order, with a file for each slice. The file is removed when the host
no longer has any object of the slice.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from ..applied import AppliedSlice, AppliedVm, KnownDisplay
from ..errors import Refusal, Refused, SlicesError
from . import files, vm_folders
from .qemu import vnc
from .qemu.config import VNC_SECRET


class Recorded(Protocol):
    """A slice of a work order."""

    @property
    def slice_id(self) -> int:
        """The slice."""

    @property
    def slice_uuid(self) -> str | None:
        """Its UUID."""

    @property
    def revision(self) -> int | None:
        """The revision of the order."""

    @property
    def record(self) -> str | None:
        """What is stored, C(None) if the host has no object of the slice."""


def note(orders: Iterable[Recorded], vms: Iterable[Mapping[str, Any]] = (), *, state_dir: str, kind: str) -> None:
    """Store applied orders, each only if it differs from the stored one.

    Args:
        orders: the slices that were applied.
        vms: the states of VMs, a C(VmReport) each.
        state_dir: the state folder.
        kind: the kind of the orders (C(revisions)).
    """
    seen: dict[int, list[AppliedVm]] = {}
    for vm in vms:
        seen.setdefault(vm["slice_id"], []).append(AppliedVm(vm["vm_id"], vm["state"], vm["pid"]))
    folder, texts, gone = folder_in(state_dir, kind), {}, []
    for order in orders:
        path = f"{folder}/{order.slice_id}.json"
        if order.record is None:
            gone.append(path)
            continue
        mine = tuple(seen.get(order.slice_id, ()))
        applied = AppliedSlice(order.slice_id, order.record, order.slice_uuid, order.revision, mine)
        text = json.dumps(applied.to_dict()) + "\n"
        if files.read_text(path) != text:
            texts[path] = text
    if texts:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        files.write_all(files.text_file(path, text, mode=0o600) for path, text in texts.items())
    for path in gone:
        files.remove(path)


def read(state_dir: str, kind: str) -> tuple[AppliedSlice, ...]:
    """Return the applied orders of a kind.

    Raises:
        SlicesError: one of them cannot be read.
    """
    return tuple(_read_one(path) for path in _paths(state_dir, kind).values())


def uuids(state_dir: str, kind: str) -> dict[tuple[str, int], str | None]:
    """Return the UUIDs of the slices that have records of a kind, by path and slice id; C(None) if one is damaged."""
    found: dict[tuple[str, int], str | None] = {}
    for slice_id, path in _paths(state_dir, kind).items():
        try:
            found[path, slice_id] = _read_one(path).slice_uuid
        except SlicesError:
            found[path, slice_id] = None
    return found


def passwords(state_dir: str) -> list[KnownDisplay]:
    """Return the passwords of the displays of all VMs on this host whose files can be read."""
    found = []
    for vm_id, folder in vm_folders.read(f"{state_dir}/vms").items():
        try:
            password_id, password = (files.read_text(f"{folder.path}/{name}") for name in (vnc.NOTED, VNC_SECRET))
        except SlicesError:
            continue
        if password_id and password:
            found.append(KnownDisplay(vm_id, password_id.strip(), password, folder.vm_uuid))
    return found


def forget(state_dir: str) -> None:
    """Forget all applied orders, which were another cloud's."""
    shutil.rmtree(f"{state_dir}/applied", ignore_errors=True)


def _paths(state_dir: str, kind: str) -> dict[int, str]:
    folder = folder_in(state_dir, kind)
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return {
        int(stem): f"{folder}/{name}"
        for name in names
        for stem, end in [os.path.splitext(name)]
        if end == ".json" and stem.isdecimal()
    }


def _read_one(path: str) -> AppliedSlice:
    try:
        return AppliedSlice.from_dict(json.loads(files.read_text(path) or ""))
    except (ValueError, Refused) as error:
        raise Refused([Refusal("applied_order_unreadable", path, {"why": str(error)})], path=path) from error


def folder_in(state_dir: str, kind: str) -> str:
    """Return the folder of the records of a kind of host."""
    return f"{state_dir}/applied/{kind}"
