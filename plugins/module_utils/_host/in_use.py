# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ids, revisions and addresses that are in use on this host, so that a new database does not assign them again."""

from __future__ import annotations

import os
from typing import Any

from .. import bounds
from ..claim import HeldAddress, HeldSlice
from . import files, revisions, systemd, vm_folders
from .netservices import dhcp_hosts


def look(state_dir: str, *, unit_dir: str = systemd.UNIT_DIR) -> dict[str, Any]:
    """Return C({highest_id, highest_revision, slices}); see C(claim.InUse).

    Raises:
        SlicesError: the list of applied orders is unreadable.
    """
    folders = vm_folders.read(f"{state_dir}/vms")
    found: dict[int, str | None] = {
        folder.slice_id: folder.slice_uuid for folder in folders.values() if folder.slice_id is not None
    }
    for slice_id, text in systemd.all_templates(unit_dir).items():
        found.setdefault(slice_id, systemd.template_uuid(text))
    reserved = _reserved(state_dir)
    for slice_id in {*reserved, *_numbers(f"{state_dir}/networks")}:
        found.setdefault(slice_id, (files.read_text(f"{state_dir}/names/{slice_id}.uuid") or "").strip() or None)
    slices = [
        HeldSlice(slice_id, uuid, tuple(map(HeldAddress, reserved.get(slice_id, ()))))
        for slice_id, uuid in sorted(found.items())
        if bounds.ID.allows(slice_id)
    ]
    return {
        # Any higher one is that of a folder that somebody made.
        "highest_id": max(filter(bounds.KNOWN_ID.allows, (*found, *folders)), default=None),
        "highest_revision": revisions.highest(state_dir),
        "slices": [each.to_dict() for each in slices],
    }


def _reserved(state_dir: str) -> dict[int, list[str]]:
    folder = f"{state_dir}/dhcp/hosts.d"
    return {
        slice_id: sorted(address for _mac, address in dhcp_hosts.read(files.read_text(f"{folder}/{slice_id}")))
        for slice_id in _numbers(folder)
    }


def _numbers(folder: str) -> list[int]:
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return [int(name) for name in names if name.isdecimal()]
