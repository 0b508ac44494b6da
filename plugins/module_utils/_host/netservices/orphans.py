# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Orphans of the network node: the objects of slices that are not in the database."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from ...holdings import KnownSlice
from ...network_order import Services
from .. import applied_orders, files, orphans, revisions, systemd
from ..datapath import flows, ovs, ovsdb
from ..datapath.ovsdb import Port
from ..orphans import SLICE, Orphan
from ..runner import Runner, observed
from . import apply, plan, state
from .files import Folders

_UNIT = re.compile(r"slices-(?:names|network)@([0-9]+)\.service")
_PATTERNS = ("slices-names@*.service", "slices-network@*.service")


@dataclass(frozen=True)
class Held:
    """The objects of all slices on the network node.

    Attributes:
        files: the slice ids of reservations, files of name servers and folders of networks, by path.
        units: the slice ids of active or enabled units, by name.
        ports: the ports in networks of slices.
        records: the UUIDs of the slices in records of applied orders, by path and slice id.
        uuids: the UUIDs of slices that are served, by slice id.
    """

    files: Mapping[str, int] = field(default_factory=dict)
    units: Mapping[str, int] = field(default_factory=dict)
    ports: tuple[Port, ...] = ()
    records: Mapping[tuple[str, int], str | None] = field(default_factory=dict)
    uuids: Mapping[int, str] = field(default_factory=dict)


def observe(folders: Folders, runner: Runner, *, unit_dir: str = systemd.UNIT_DIR) -> Held:
    """Return the objects of all slices on the host.

    Raises:
        CommandFailed: Open vSwitch or systemd does not respond.
    """
    active = [block["Id"] for block in systemd.show(_PATTERNS, runner) if block.get("ActiveState") == "active"]
    names = dict.fromkeys([*active, *systemd.enabled_names(unit_dir)])
    found = dict(_files(folders))
    uuids = {slice_id: (files.read_text(folders.uuid(slice_id)) or "").strip() for slice_id in {*found.values()}}
    return Held(
        files=found,
        units={name: int(match[1]) for name in names if (match := _UNIT.fullmatch(name))},
        ports=tuple(
            port for port in ovsdb.observe(runner).ports.values() if port.external_ids.get(ovs.SERVICES, "").isdecimal()
        ),
        records=applied_orders.uuids(folders.state_dir, revisions.NETWORK_NODE),
        uuids={slice_id: uuid for slice_id, uuid in uuids.items() if uuid},
    )


def find(known: Iterable[KnownSlice], held: Held) -> tuple[Orphan, ...]:
    """Return the slices that are not in the database."""
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


def only_here(
    slices: Iterable[Mapping[str, Any]], folders: Folders, runner: Runner, *, unit_dir: str = systemd.UNIT_DIR
) -> list[dict[str, Any]]:
    """Return the orphans as modules return them, given the C(slices) of a work order with all slices of the database.

    A host that is not prepared yet has none.
    """
    held = observed(lambda: observe(folders, runner, unit_dir=unit_dir), nothing=Held(), missing_ok=True)
    known = [KnownSlice(slice_["slice_id"], slice_["slice_uuid"]) for slice_ in slices]
    return [orphan.to_dict() for orphan in find(known, held)]


def locked(folders: Folders) -> AbstractContextManager[None]:
    """Lock the host against all work orders."""
    return files.locked(flows.folder_in(folders.state_dir))


def remove(
    gone: Iterable[Orphan], folders: Folders, runner: Runner, *, bridge: str, revision: int | None = None
) -> None:
    """Remove all objects of slices from the host, which is locked.

    Args:
        gone: the slices.
        folders: where the files of slices are.
        runner: runs commands on the host.
        bridge: the bridge with the ports of networks.
        revision: the revision of the database, from which on this host refuses older work orders for the slices.

    Raises:
        SlicesError: objects with the same slice id have different UUIDs.
    """
    orders = [Services(each.slice_id or 0, each.uuid, revision) for each in gone]
    if orders:
        have = state.observe(orders, folders, runner)
        revisions.note(orders, state_dir=folders.state_dir, kind=revisions.NETWORK_NODE)
        # This starts no unit of a slice.
        apply.apply(plan.plan(orders, have, folders, bridge=bridge), folders, runner)
        applied_orders.note(orders, state_dir=folders.state_dir, kind=revisions.NETWORK_NODE)


def _things(held: Held) -> Iterator[tuple[int, str | None, str]]:
    for path, slice_id in held.files.items():
        yield slice_id, held.uuids.get(slice_id), path
    for (path, slice_id), uuid in held.records.items():
        yield slice_id, uuid, f"record {path}"
    for name, slice_id in held.units.items():
        yield slice_id, None, f"unit {name}"
    for port in held.ports:
        yield int(port.external_ids[ovs.SERVICES]), port.external_ids.get(ovs.SLICE_UUID), f"port {port.name}"


def _files(folders: Folders) -> Iterator[tuple[str, int]]:
    places = {"reservations": folders.dhcp_hosts, "names": folders.name_servers, "networks": folders.networks}
    for kind, folder in places.items():
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            stem = name.partition(".")[0]
            if stem.isdecimal():
                yield f"{kind} {folder}/{name}", int(stem)
