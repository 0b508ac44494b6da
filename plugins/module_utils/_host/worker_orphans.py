# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Orphans of a worker: objects of slices that are not in the database, and disks that are not in the database."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

from ..changes import Change
from ..errors import Refusal
from ..holdings import Holdings, KnownDisk, KnownSlice
from ..steps import Steps
from ..work_order import SliceOrder
from . import accounts, applied_orders, files, orphans, processes, revisions, systemd, vm_folders
from .accounts import Accounts
from .datapath import flows, ovs, ovsdb, taps
from .datapath import reconcile as datapath
from .datapath.ovsdb import Port
from .disk import origins, register
from .disk.origins import Origin
from .orphans import DISK, SLICE, Orphan, Verdict
from .qemu.apply import Tools
from .qemu.config import Settings as VmSettings
from .runner import Runner, observed
from .systemd import Units
from .times import utc
from .vm_folders import Folder
from .worker import Settings
from .worker_job import Job


@dataclass(frozen=True)
class Held:
    """The objects of all slices on a worker.

    Attributes:
        folders: the VM folders by VM id.
        overlays: the overlays in each folder with size and modification time, by VM id.
        units: the units of VMs.
        taps: the netdev group of each tap, which is its slice id, by name.
        ports: the ports of VMs.
        flows: the ids of slices that have saved flows.
        records: the UUIDs of the slices in records of applied orders, by path and slice id.
        misplaced: overlays in other places, each with its folder, size and modification time, by path.
        users: the running unit that has one of them open, by path.
        origins: which disk each overlay is, by path.
    """

    folders: Mapping[int, Folder] = field(default_factory=dict)
    overlays: Mapping[int, Mapping[str, tuple[int, float]]] = field(default_factory=dict)
    units: Units = field(default_factory=Units)
    taps: Mapping[str, int] = field(default_factory=dict)
    ports: tuple[Port, ...] = ()
    flows: frozenset[int] = frozenset()
    records: Mapping[tuple[str, int], str | None] = field(default_factory=dict)
    misplaced: Mapping[str, tuple[Folder | None, tuple[int, float]]] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict)
    origins: Mapping[str, Origin] = field(default_factory=dict)

    def disk_at(self, path: str, folder: Folder | None) -> str | None:
        """Return the UUID of the disk at a path: its own if it has one, otherwise that in the file of the folder."""
        origin = self.origins.get(path)
        named = None if folder is None else folder.disks.get(os.path.basename(path))
        return named if origin is None or origin.uuid is None else origin.uuid


def observe(runner: Runner, *, state_dir: str, unit_dir: str = systemd.UNIT_DIR) -> Held:
    """Return the objects of all slices on the host.

    Raises:
        CommandFailed: Open vSwitch or systemd does not respond.
    """
    folders, misplaced = vm_folders.read(f"{state_dir}/vms"), vm_folders.misplaced(state_dir)
    overlays = {vm_id: _overlays(folder) for vm_id, folder in folders.items()}
    units = systemd.observe_all(runner, unit_dir=unit_dir)
    ports = ovsdb.observe(runner).ports.values()
    saved = flows.folder_in(state_dir)
    return Held(
        folders=folders,
        overlays=overlays,
        units=units,
        taps={
            tap.name: tap.group
            for tap in taps.observe().taps.values()
            if tap.name.startswith(taps.PREFIX) and tap.group not in (0, taps.REMOVAL_GROUP)
        },
        ports=tuple(port for port in ports if port.external_ids.get(ovs.SLICE, "").isdecimal()),
        flows=frozenset(
            int(stem)
            for name in (os.listdir(saved) if os.path.isdir(saved) else ())
            if (stem := name.partition(".")[0]).isdecimal() and int(stem) != flows.INFRASTRUCTURE
        ),
        records=applied_orders.uuids(state_dir, revisions.WORKER),
        misplaced={path: (folder, _size(path)) for path, folder in misplaced.items()},
        users=_users([*misplaced, *_renamed(folders, overlays)], units),
        origins=origins.read([*misplaced, *(path for each in overlays.values() for path in each)]),
    )


def find(known: Iterable[KnownSlice], held: Held) -> tuple[Orphan, ...]:
    """Return the orphans, slices before disks."""
    known = tuple(known)
    disks = {disk for each in known for disk in each.disks}
    return (*_slices(known, held), *_disks(disks, held), *_misplaced_overlays(disks, held))


def only_here(
    slices: Iterable[Mapping[str, Any]], runner: Runner, *, state_dir: str, unit_dir: str = systemd.UNIT_DIR
) -> list[dict[str, Any]]:
    """Return the orphans as modules return them, given a work order with all slices of the database.

    Args:
        slices: the C(slices) of the order, also those that this host refuses.
        runner: runs commands on the host.
        state_dir: the folder for the state of the host.
        unit_dir: the folder of the units.

    A host that is not prepared yet has none.
    """
    held = observed(lambda: observe(runner, state_dir=state_dir, unit_dir=unit_dir), nothing=Held(), missing_ok=True)
    return [orphan.to_dict() for orphan in find(map(_known, slices), held)]


def _known(slice_: Mapping[str, Any]) -> KnownSlice:
    disks = [*(disk for vm in slice_["vms"] for disk in vm["disks"]), *slice_["given_up"]]
    return KnownSlice(
        slice_["slice_id"], slice_["slice_uuid"], tuple(KnownDisk(each["path"], each["uuid"]) for each in disks)
    )


@dataclass(frozen=True)
class Todo:
    """The orphans of a worker, what to remove, and the objects among which they were found."""

    verdict: Verdict
    held: Held

    @property
    def changes(self) -> list[Change]:
        """The removals."""
        return self.verdict.changes


@dataclass(frozen=True)
class Search:
    """A search for orphans, and the removal of those that are named.

    Attributes:
        holdings: the objects in the database.
        names: the UUIDs or paths of orphans to remove.
        tools: access to the host.
        settings: the result of C(settings_for).
        looks: what was decided before C(remove_slices) removed slices.
    """

    holdings: Holdings
    names: Collection[str]
    tools: Tools
    settings: Settings
    looks: list[Verdict] = field(default_factory=list)

    @property
    def steps(self) -> Steps[Todo]:
        """The steps in their order."""
        return Steps(self.plan, self.apply, lock=self.lock, ahead=self.remove_slices)

    def lock(self) -> AbstractContextManager[None]:
        """Lock the host against all work orders."""
        return datapath.locked(self.settings.wires)

    def remove_slices(self) -> None:
        """Remove the slices that are named, each by a work order that lists nothing for it, which locks the host.

        Raises:
            SlicesError: objects with the same slice id have different UUIDs.
        """
        self.looks.append(self._look().verdict if self.names else Verdict())
        going = self._removed
        if not going:
            return
        orders = tuple(
            SliceOrder(each.slice_id or 0, (), slice_uuid=each.uuid, revision=self.holdings.revision) for each in going
        )
        users = accounts.look_up(self.settings.vms.accounts.prefix, orders)
        with_users = replace(self.settings, vms=replace(self.settings.vms, accounts=users))
        todo, _results = Job(orders, self.tools, with_users).steps.run()
        if todo.failure is not None:
            raise todo.failure

    def plan(self) -> Todo:
        """Find the orphans, and decide which to remove; after C(remove_slices), only disks are still to be removed."""
        todo, gone = self._look(), self._removed
        found, remove = (*gone, *todo.verdict.found), (*gone, *todo.verdict.remove)
        return replace(todo, verdict=replace(todo.verdict, found=found, remove=remove))

    def apply(self, todo: Todo) -> None:
        """Remove disks, and note the orphans that are left."""
        verdict, state_dir = todo.verdict, self.settings.vms.state_dir
        remove_disks(verdict.remove, self.holdings.known, todo.held, state_dir=state_dir)
        orphans.note(verdict, state_dir=state_dir, kind=orphans.WORKER)

    @property
    def _removed(self) -> tuple[Orphan, ...]:
        """The slices that C(remove_slices) removes."""
        return tuple(each for look in self.looks for each in look.remove if each.kind == SLICE)

    def _look(self) -> Todo:
        """Find the orphans without slices that are removed already, and decide which to remove."""
        state_dir = self.settings.vms.state_dir
        held = observe(self.tools.runner, state_dir=state_dir, unit_dir=self.tools.unit_dir)
        gone = {each.key for each in self._removed}
        found = [each for each in find(self.holdings.known, held) if each.key not in gone]
        late = orphans.superseded(found, self.holdings.revision, state_dir=state_dir, kind=orphans.WORKER)
        since = orphans.read(state_dir, orphans.WORKER)
        verdict = orphans.judge(found, self.names, since, late, slices=not self.looks)
        verdict = verdict.without(_linked(verdict.remove, self.holdings.known, held))
        # A VM that is stopped first has its disk open until then.
        idle = {each.path: each for each in verdict.remove if each.path is not None and each.in_use is None}
        opened = processes.open_paths(idle)
        kept = {idle[path]: Refusal("orphan_open", f"disk {idle[path].name}", {"path": path}) for path in opened}
        return Todo(verdict.without(kept), held)


def _linked(gone: Iterable[Orphan], known: Iterable[KnownSlice], held: Held) -> dict[Orphan, Refusal]:
    """Return why disks are kept: their folder is a link to another one, or the database has them by such a link."""
    links = {folder.path for folder in held.folders.values() if folder.is_link}
    names = {_real(disk.path): disk.path for each in known for disk in each.disks}
    refused = {}
    for orphan, path in ((each, each.path) for each in gone if each.path is not None):
        folders = (os.path.dirname(path), os.path.dirname(names.get(_real(path), path)))
        link = next((each for each in folders if each in links), None)
        if link is not None:
            refused[orphan] = vm_folders.link_refusal(f"disk {orphan.name}", link)
    return refused


def _real(path: str) -> str:
    """Return the path of a file, which may be a link itself, without links to folders."""
    return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))


def remove_disks(gone: Iterable[Orphan], known: Iterable[KnownSlice], held: Held, *, state_dir: str) -> None:
    """Remove the disks among orphans, each with its folder if that has no other disks. The host is locked."""
    gone = tuple(gone)
    paths = {each.path for each in gone if each.path is not None}
    # A folder in the database may be a link to one that is not.
    wanted = {os.path.dirname(_real(disk.path)) for each in known for disk in each.disks}
    for vm_id, overlays in held.overlays.items():
        if paths.isdisjoint(overlays):
            continue
        folder = held.folders[vm_id].path
        is_empty = paths.issuperset(overlays) and not vm_folders.has_deeper(folder)
        if is_empty and os.path.realpath(folder) not in wanted:
            vm_folders.remove(folder)
        else:
            for path in paths.intersection(overlays):
                files.remove(path)
    for path in paths.intersection(held.misplaced):
        files.remove(path)
    register.note(state_dir, gone=paths)
    _forget({each.slice_id for each in gone if each.kind == DISK and each.slice_id is not None}, state_dir)


def _forget(slice_ids: Iterable[int], state_dir: str) -> None:
    """Remove the records of slices without any object on the worker, which has no VM of theirs."""
    held = {folder.slice_id for folder in vm_folders.read(f"{state_dir}/vms").values()}
    going = [SliceOrder(slice_id, ()) for slice_id in slice_ids if slice_id not in held]
    applied_orders.note(going, state_dir=state_dir, kind=revisions.WORKER)


def settings_for(wires: datapath.Settings, *, state_dir: str, user: str) -> Settings:
    """Return the settings for removals, which do not start VMs."""
    vms = VmSettings(
        state_dir=state_dir, vnc_address="", accelerator="", checksum_offload=True, accounts=Accounts(user)
    )
    return Settings(vms=vms, wires=wires)


def _slices(known: Collection[KnownSlice], held: Held) -> Iterator[Orphan]:
    holds: dict[int, list[str]] = {}
    uuids: dict[int, set[str]] = {}
    for folder in held.folders.values():
        if folder.slice_id is not None and folder.slice_uuid is not None:
            uuids.setdefault(folder.slice_id, set()).add(folder.slice_uuid)
    for slice_id, uuid, thing in _things(held):
        holds.setdefault(slice_id, []).append(thing)
        uuids.setdefault(slice_id, set()).update([] if uuid is None else [uuid])
    for slice_id in sorted(holds):
        if not orphans.is_known(slice_id, uuids[slice_id], known):
            uuid = next(iter(sorted(uuids[slice_id])), None)
            yield Orphan(SLICE, slice_id, uuid, holds=tuple(holds[slice_id]))


def _things(held: Held) -> Iterator[tuple[int, str | None, str]]:
    """Yield all objects except for disks, each with its slice's id and, if known, UUID."""
    for unit in held.units.vms.values():
        yield unit.slice_id, None, f"unit {unit.name} ({unit.active})"
    for slice_id, vm_id in sorted(held.units.enabled):
        if vm_id not in held.units.vms:
            yield slice_id, None, f"unit {systemd.unit_name(slice_id, vm_id)} (enabled)"
    for slice_id, text in held.units.templates.items():
        yield slice_id, systemd.template_uuid(text), f"template {systemd.template_name(slice_id)}"
    for port in held.ports:
        yield int(port.external_ids[ovs.SLICE]), port.external_ids.get(ovs.SLICE_UUID), f"port {port.name}"
    for name, group in held.taps.items():
        yield group, None, f"tap {name}"
    for slice_id in sorted(held.flows):
        yield slice_id, None, f"flows {slice_id}"
    for (path, slice_id), uuid in held.records.items():
        yield slice_id, uuid, f"record {path}"
    for vm_id, folder in held.folders.items():
        if folder.slice_id is not None and not held.overlays[vm_id]:
            yield folder.slice_id, folder.slice_uuid, f"VM folder {folder.path}"


def _disks(known: Collection[KnownDisk], held: Held) -> Iterator[Orphan]:
    for vm_id, overlays in held.overlays.items():
        folder, unit = held.folders[vm_id], held.units.vms.get(vm_id)
        user = unit.name if unit is not None and not unit.idle and unit.active != "failed" else None
        for path, size in overlays.items():
            uuid = held.disk_at(path, folder)
            if KnownDisk(path, uuid) not in known:
                yield _disk(path, folder, uuid, size, known, vm_id=vm_id, in_use=user or held.users.get(path))


def _misplaced_overlays(known: Collection[KnownDisk], held: Held) -> Iterator[Orphan]:
    """Yield overlays in other places than the folders of VMs."""
    for path, (folder, size) in sorted(held.misplaced.items()):
        vm_id = None if folder is None else folder.vm_id
        uuid = held.disk_at(path, folder)
        yield replace(_disk(path, folder, uuid, size, known, vm_id=vm_id, in_use=held.users.get(path)), uuid=None)


def _disk(
    path: str,
    folder: Folder | None,
    uuid: str | None,
    size: tuple[int, float],
    known: Collection[KnownDisk],
    *,
    vm_id: int | None,
    in_use: str | None,
) -> Orphan:
    """Return an orphan. The UUID of a disk in the database does not name one, which is its copy or was moved."""
    alike = (disk.path for disk in known if disk.uuid == uuid and disk.path != path)
    twin = None if uuid is None else next(alike, None)
    size_bytes, modified = size
    return Orphan(
        DISK,
        None if folder is None else folder.slice_id,
        None if twin is not None else uuid,
        path,
        vm_id,
        in_use=in_use,
        size_bytes=size_bytes,
        modified=utc(modified),
        twin=twin,
    )


def _renamed(folders: Mapping[int, Folder], overlays: Mapping[int, Mapping[str, Any]]) -> Iterator[str]:
    """Yield the overlays in folders that have another name than their VM, which may be running."""
    for vm_id, folder in folders.items():
        if folder.vm_id not in (None, vm_id):
            yield from overlays[vm_id]


def _users(paths: Iterable[str], units: Units) -> dict[str, str]:
    """Return the running unit that has a file open, by path."""
    pids = {unit.name: unit.pid for unit in units.vms.values() if unit.pid is not None}
    return {path: name for path in paths for name, pid in pids.items() if processes.has_open(pid, path)}


def _overlays(folder: Folder) -> dict[str, tuple[int, float]]:
    try:
        return {path: _size(path) for path in vm_folders.overlays(folder.path)}
    except OSError:
        if folder.slice_id is not None:
            raise
        return {}  # a damaged folder, about which nothing else is known either


def _size(path: str) -> tuple[int, float]:
    """Return the disk space that a file takes, and when it was last written. A link may lead nowhere."""
    state = os.lstat(path)
    return state.st_blocks * 512, state.st_mtime
