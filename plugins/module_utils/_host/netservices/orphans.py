# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Orphans of the network node: slices that the database does not know, with all that it does for them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ...holdings import KnownSlice
from ...network_order import Services
from .. import files, orphans, systemd
from ..datapath import flows, ovs, ovsdb
from ..datapath.ovsdb import Port
from ..orphans import SLICE, Orphan
from ..runner import Runner
from . import apply as netservices
from . import state
from .files import Folders

_UNIT = re.compile(r"slices-(?:names|network)@([0-9]+)\.service")
_PATTERNS = ("slices-names@*.service", "slices-network@*.service")


@dataclass(frozen=True)
class Held:
    """What the network node holds of all slices.

    Attributes:
        files: reservations, files of name servers and folders of networks, by path with the slice of each.
        units: by name those that run or come back after a reboot, with the slice of each.
        ports: those in networks of slices.
    """

    files: Mapping[str, int] = field(default_factory=dict)
    units: Mapping[str, int] = field(default_factory=dict)
    ports: tuple[Port, ...] = ()


def observe(folders: Folders, runner: Runner, *, unit_dir: str = systemd.UNIT_DIR) -> Held:
    """What the host holds.

    Raises:
        CommandFailed: Open vSwitch or systemd does not answer.
    """
    active = [block["Id"] for block in systemd.show(_PATTERNS, runner) if block.get("ActiveState") == "active"]
    names = dict.fromkeys([*active, *systemd.enabled_names(unit_dir)])
    return Held(
        files=dict(_files(folders)),
        units={name: int(match[1]) for name in names if (match := _UNIT.fullmatch(name))},
        ports=tuple(
            port for port in ovsdb.observe(runner).ports.values() if port.external_ids.get(ovs.SERVICES, "").isdecimal()
        ),
    )


def find(known: Iterable[KnownSlice], held: Held) -> tuple[Orphan, ...]:
    """The slices that the database does not know."""
    known = tuple(known)
    holds: dict[int, list[str]] = {}
    uuids: dict[int, set[str]] = {}
    for slice_id, uuid, thing in _things(held):
        holds.setdefault(slice_id, []).append(thing)
        uuids.setdefault(slice_id, set()).update([] if uuid is None else [uuid])
    return tuple(
        Orphan(SLICE, slice_id, next(iter(sorted(uuids[slice_id])), None), holds=tuple(things))
        for slice_id, things in sorted(holds.items())
        if not orphans.is_known(slice_id, uuids[slice_id], known)
    )


def remove(gone: Iterable[Orphan], folders: Folders, runner: Runner, *, bridge: str) -> None:
    """Let the host do nothing for slices any more.

    Raises:
        SlicesError: a slice is not one but several, by the UUIDs of what has its number.
    """
    orders = [Services(each.slice_id or 0, each.uuid) for each in gone]
    if orders:
        with files.locked(flows.folder_in(folders.state_dir)):
            have = state.observe(orders, folders, runner)
            netservices.apply(netservices.plan(orders, have, folders, bridge=bridge), folders, runner)


def _things(held: Held) -> Iterator[tuple[int, str | None, str]]:
    for path, slice_id in held.files.items():
        yield slice_id, None, path
    for name, slice_id in held.units.items():
        yield slice_id, None, f"unit {name}"
    for port in held.ports:
        yield int(port.external_ids[ovs.SERVICES]), port.external_ids.get(ovs.SLICE_UUID), f"port {port.name}"


def _files(folders: Folders) -> Iterator[tuple[str, int]]:
    names, networks = (os.path.dirname(path) for path in (folders.names(0, ""), folders.network(0)))
    for kind, folder in (("reservations", folders.dhcp_hosts), ("names", names), ("networks", networks)):
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            stem = name.partition(".")[0]
            if stem.isdecimal():
                yield f"{kind} {folder}/{name}", int(stem)
