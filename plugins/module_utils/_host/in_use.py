# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ids, revisions, addresses, VLANs and VNC ports that are in use on this host.

A database that does not know them, because it is new or was restored, does not assign them again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from .. import bounds
from ..claim import HeldAddress, HeldSlice, HeldVlan, HeldVncPort
from ..errors import CommandFailed, SlicesError
from . import files, revisions, systemd, vm_folders
from .datapath import ovs, ovsdb
from .netservices import dhcp_hosts
from .qemu import config
from .runner import NOT_FOUND, Runner


def look(state_dir: str, runner: Runner, *, unit_dir: str = systemd.UNIT_DIR) -> dict[str, Any]:
    """Return C({highest_id, highest_revision, slices}); see C(claim.InUse).

    Raises:
        SlicesError: the list of applied orders is unreadable, or Open vSwitch does not respond.
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
    tagged = _tagged(runner) if found else {}
    shown = _shown(folders.values())
    slices = [
        HeldSlice(
            slice_id,
            uuid,
            tuple(map(HeldAddress, reserved.get(slice_id, ()))),
            tuple(map(HeldVlan, sorted(tagged.get(slice_id, ())))),
            tuple(map(HeldVncPort, sorted(shown.get(slice_id, ())))),
        )
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


def _tagged(runner: Runner) -> dict[int, set[int]]:
    """Return the VLANs of the ports of each slice.

    Ports say more than records of applied orders, which a host forgets when another cloud takes it over.
    """
    try:
        switch = ovsdb.observe(runner)
    except CommandFailed as error:
        if error.fields["rc"] == NOT_FOUND:
            return {}
        raise
    found: dict[int, set[int]] = {}
    for port in switch.ports.values():
        mark = port.external_ids.get(ovs.SLICE) or port.external_ids.get(ovs.SERVICES) or ""
        if mark.isdecimal() and port.tag is not None and bounds.VLAN.allows(port.tag):
            found.setdefault(int(mark), set()).add(port.tag)
    return found


def _shown(folders: Iterable[vm_folders.Folder]) -> dict[int, set[int]]:
    """Return the ports of the displays of each slice's VMs, as these were started last."""
    found: dict[int, set[int]] = {}
    for folder in folders:
        started = None
        with suppress(SlicesError):  # a file that cannot be read is a fault of this folder only
            started = config.read_started(files.read_text(f"{folder.path}/{config.STARTED}"))
        port = config.started_vnc_port(started)
        if folder.slice_id is not None and port is not None and bounds.VNC_PORT.allows(port):
            found.setdefault(folder.slice_id, set()).add(port)
    return found


def _numbers(folder: str) -> list[int]:
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return [int(name) for name in names if name.isdecimal()]
