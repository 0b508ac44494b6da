# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""VM folders, and the overlays and data disks in them.

These are the disks of tenants. They are created if they are missing, enlarged if they are too small, and not changed
otherwise. A disk is only removed if the order lists it as given up, and a VM folder together with its last disk
(docs/decisions/0019, 0039). "Overlay" stands for both below.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ...changes import Change, SliceRef, between
from ...errors import Refusal, Refused
from ...vlans import pool_number
from ...vm_order import VM, Disk
from ...work_order import GivenUp, SliceOrder
from .. import access, files, ownership, processes, vm_folders
from ..access import FILE, FOLDER, Access
from ..accounts import Account, Accounts
from ..files import File
from ..ownership import Conflict, shown
from ..qemu.devices import UEFI_VARIABLES
from ..runner import Runner
from ..vm_folders import MARK, NEW_OVERLAY, Folder
from ..work_order import all_disks, all_given_up, all_vms, folder_of, slice_ids
from . import base_images, bases, growth, origins, overlay_images, register, startup_notes, trash, vm_access
from .base_images import Note
from .growth import Growth
from .origins import Origin
from .qcow2 import Image
from .register import Known

# What goes with the disk that a VM boots from.
_COMPANIONS = (UEFI_VARIABLES,)


@dataclass(frozen=True)
class Disks:
    """The disks and VM folders on a host.

    Attributes:
        folders: the VM folders, by VM id.
        found: the paths of all overlays in the folders of the order's slices, by VM id.
        deeper: the VMs among them with overlays in a folder in their folder, where somebody has put them.
        overlays: the overlays of the order that exist, by path.
        bases: the verified images of the order and the backing files of its overlays, by path.
        known: the disks that exist or existed, by path.
        deleted: disks of the order that are in the trash, by their original path. They count as existing.
        owners: owner, group and mode of the order's VM folders and of their files, by path.
        in_use: the paths of disks to remove or to enlarge that a process has open.
        origins: which disk each overlay is, by path.
    """

    folders: Mapping[int, Folder] = field(default_factory=dict)
    found: Mapping[int, Collection[str]] = field(default_factory=dict)
    deeper: Collection[int] = ()
    overlays: Mapping[str, Image] = field(default_factory=dict)
    bases: Mapping[str, Note] = field(default_factory=dict)
    known: Mapping[str, Known] = field(default_factory=dict)
    deleted: Mapping[str, str] = field(default_factory=dict)
    owners: Mapping[str, Access] = field(default_factory=dict)
    in_use: Collection[str] = ()
    origins: Mapping[str, Origin] = field(default_factory=dict)


@dataclass(frozen=True)
class Orphan:
    """An overlay that no work order lists, neither for a VM nor as given up."""

    vm_id: int
    slice_id: int
    path: str
    uuid: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the orphan as modules return it."""
        return {"path": self.path, "uuid": self.uuid, "vm_id": self.vm_id, "slice_id": self.slice_id}


@dataclass(frozen=True)
class DiskPlan:
    """The changes to VM folders and overlays.

    Attributes:
        mark: VMs whose folder gets a new owner file.
        marks: the content of owner files to write, by VM id.
        remove: the folders to remove, each as VM id and slice id.
        discard: the overlays to remove, each with its slice id.
        orphans: overlays that are kept although no VM of the order has them.
        kept: overlays that are kept although their backing file is not that of the order, for they contain data.
        given: the slice id, and the current and the new owner, group and mode of folders and files, by path.
        retention_h: the hours that removed overlays stay in the trash.
        restore: disks to restore from the trash, each with its path there.
        present: the existing disks.
        forget: the paths of disks that are given up, whether they exist or not.
        holding: ids of VMs whose given-up data disks are kept, because they are in use.
        grow: the disks to enlarge.
    """

    make_folders: tuple[VM, ...] = ()
    mark: tuple[VM, ...] = ()
    create: tuple[tuple[VM, Disk], ...] = ()
    remove: tuple[tuple[int, int], ...] = ()
    discard: tuple[tuple[int, GivenUp], ...] = ()
    orphans: tuple[Orphan, ...] = ()
    kept: tuple[tuple[VM, Disk, Image], ...] = ()
    given: Mapping[str, tuple[int, Access, Access]] = field(default_factory=dict)
    retention_h: int = 0
    restore: tuple[tuple[VM, Disk, str], ...] = ()
    present: tuple[Disk, ...] = ()
    forget: tuple[str, ...] = ()
    holding: frozenset[int] = frozenset()
    grow: tuple[Growth, ...] = ()
    marks: Mapping[int, str] = field(default_factory=dict)

    @property
    def _waits(self) -> str:
        return f"kept in the trash for {self.retention_h} h" if self.retention_h else ""

    @property
    def changes(self) -> list[Change]:
        """The VM folders and overlays to create, restore or remove, and the paths that get another owner."""
        return [
            *(
                between("overlay", gone.path, _lost(gone), None, reason=self._waits, slice=SliceRef(slice_id))
                for slice_id, gone in self.discard
            ),
            *(
                between("VM folder", vm_id, {"slice_id": slice_id}, None, slice=SliceRef(slice_id))
                for vm_id, slice_id in self.remove
            ),
            *(_of_vm("VM folder", vm.vm_id, vm, None, {"slice_id": vm.slice_id}) for vm in self.make_folders),
            *(_of_vm("VM folder", vm.vm_id, vm, {MARK: "outdated"}, {MARK: "current"}) for vm in self.mark),
            *(_of_vm("overlay", disk.path, vm, None, _made(disk)) for vm, disk in self.create),
            *(
                _of_vm("overlay", disk.path, vm, None, {"uuid": disk.uuid}, action="restore", reason="from the trash")
                for vm, disk, _path in self.restore
            ),
            *(each.change for each in self.grow),
            *(
                between("path", path, old.attributes, new.attributes, slice=SliceRef(slice_id))
                for path, (slice_id, old, new) in self.given.items()
            ),
        ]


def _of_vm(kind: str, id: int | str, vm: VM, before: Any, after: Any, **others: Any) -> Change:
    return replace(between(kind, id, before, after), slice=SliceRef(vm.slice_id), **others)


def _made(disk: Disk) -> dict[str, Any]:
    kind = {"backing_file": disk.backing_file} if disk.name is None else {"name": disk.name}
    return {"size_bytes": disk.size_bytes, **kind}


def _lost(disk: GivenUp) -> dict[str, Any]:
    return {"uuid": disk.uuid, **({} if disk.name is None else {"name": disk.name})}


def observe(orders: Iterable[SliceOrder], *, state_dir: str, running: Collection[int] = ()) -> Disks:
    """Return the VM folders on the host, and the images of the order.

    C(running) are the ids of VMs whose QEMU runs. It is not checked whether their disks have all of their data.
    """
    orders = tuple(orders)
    vms, disks, ours = all_vms(orders), all_disks(orders), slice_ids(orders)
    folders = vm_folders.read(f"{state_dir}/vms")
    folders.update(origins.known_folders(orders, folders))
    overlays = _images(((disk.path, vm.vm_id in running) for vm, disk in disks), state_dir)
    deleted = _deleted((disk for _vm, disk in disks if disk.path not in overlays), state_dir)
    overlays.update((path, image) for path, (_waiting, image) in deleted.items())
    paths = {path for _vm, disk in disks for path in (bases.base_of(disk, overlays), disk.backing_file) if path}
    paths.update(path for vm in vms for path in vm.images.values())
    changing = {disk.path for _vm, disk in disks if growth.is_due(disk, overlays)}
    changing.update(each.path for each in _of_kept_vms(orders) if os.path.exists(each.path))
    own = {vm_id: folder.path for vm_id, folder in folders.items() if folder.slice_id in ours}
    found = {vm_id: vm_folders.overlays(path) for vm_id, path in own.items()}
    return Disks(
        folders=folders,
        found=found,
        deeper={vm_id for vm_id, path in own.items() if vm_folders.has_deeper(path)},
        overlays=overlays,
        bases={path: note for path in sorted(paths) if (note := base_images.known(path)) is not None},
        known=register.read(state_dir),
        deleted={path: waiting for path, (waiting, _image) in deleted.items()},
        owners=vm_access.observe(vms),
        in_use=processes.open_paths(changing),
        origins=origins.read(
            {*(disk.path for _vm, disk in disks), *(path for each in found.values() for path in each)}
        ),
    )


def plan(
    orders: Iterable[SliceOrder],
    have: Disks,
    *,
    accounts: Accounts,
    retention_h: int = 0,
    barred: Collection[int] = (),
    stopping: Collection[int] = (),
    restarting: Collection[int] = (),
) -> DiskPlan:
    """Return the changes that make the disks on the host match the order.

    Args:
        orders: the slices.
        have: the disks and VM folders on the host.
        accounts: the users that run QEMU.
        retention_h: the hours that removed overlays stay in the trash.
        barred: the ids of VMs for which no overlay is created.
        stopping: the ids of VMs that are stopped afterwards.
        restarting: the ids of VMs that are stopped before the plan is applied.

    Raises:
        Refused: there are C(conflicts).
    """
    orders = tuple(orders)
    ownership.refuse(conflicts(orders, have, accounts))
    given_up = [each for each in _of_kept_vms(orders) if each.path in have.in_use]
    held = [each for each in given_up if each.vm_id not in (*stopping, *restarting)]
    made = _plan(orders, have, barred, held, accounts)
    return replace(
        made,
        given=dict(vm_access.changing(all_vms(orders), have.owners, accounts)),
        retention_h=retention_h,
        grow=tuple(_grown(all_disks(orders), have, restarting)),
    )


def _plan(
    orders: tuple[SliceOrder, ...],
    have: Disks,
    barred: Collection[int],
    held: Collection[GivenUp],
    accounts: Accounts,
) -> DiskPlan:
    """Return which disks and folders are created, kept and removed; C(held) are given-up disks that are kept."""
    vms, disks = all_vms(orders), all_disks(orders)
    discard, orphans = _unlisted(orders, have, {each.path for each in held}, accounts)
    going = {gone.path for _slice_id, gone in discard}
    marks = {vm.vm_id: _mark(vm, have, going) for vm in vms}
    return DiskPlan(
        make_folders=tuple(vm for vm in vms if vm.vm_id not in have.folders),
        mark=tuple(vm for vm in vms if vm.vm_id in have.folders and have.folders[vm.vm_id].text != marks[vm.vm_id]),
        marks=marks,
        create=tuple((vm, disk) for vm, disk in disks if vm.vm_id not in barred and _is_creatable(disk, have)),
        remove=_empty(vms, have, discard),
        discard=discard,
        orphans=orphans,
        kept=tuple(_kept(disks, have)),
        restore=tuple((vm, disk, have.deleted[disk.path]) for vm, disk in disks if disk.path in have.deleted),
        present=tuple(disk for _vm, disk in disks if disk.path in have.overlays),
        forget=tuple(each.path for each in all_given_up(orders) if each not in held),
        holding=frozenset(each.vm_id for each in held),
    )


def _of_kept_vms(orders: Iterable[SliceOrder]) -> list[GivenUp]:
    """Return the disks that are given up by VMs that stay."""
    orders = tuple(orders)
    listed = {vm.vm_id for vm in all_vms(orders)}
    return [each for each in all_given_up(orders) if each.vm_id in listed]


def _grown(disks: Iterable[tuple[VM, Disk]], have: Disks, restarting: Collection[int]) -> Iterator[Growth]:
    for vm, disk in disks:
        if growth.is_due(disk, have.overlays):
            is_open = disk.path in have.in_use and vm.vm_id not in restarting
            yield Growth(vm, disk, have.overlays[disk.path].virtual_bytes, is_open)


def _is_creatable(disk: Disk, have: Disks) -> bool:
    """Return whether a disk is missing and its base image is undamaged."""
    return disk.path not in have.overlays and bases.damage_of(disk, have.overlays, have.bases) is None


def _kept(disks: Iterable[tuple[VM, Disk]], have: Disks) -> Iterator[tuple[VM, Disk, Image]]:
    """Yield the overlays that have another base image than in the order."""
    for vm, disk in disks:
        image = have.overlays.get(disk.path)
        if image is not None and image.backing_file != disk.backing_file:
            yield vm, disk, image


def conflicts(orders: Iterable[SliceOrder], have: Disks, accounts: Accounts) -> Iterator[Conflict]:
    """Yield why this host refuses slices: a folder with the id of one of their VMs, or with their VLAN pool, belongs to
    another slice, a file is the disk of another VM, or a new disk would be smaller than its base image."""
    orders = tuple(orders)
    ordered = slice_ids(orders)
    for order in orders:
        for folder in have.folders.values():
            if folder.slice_id == order.slice_id:
                yield from ownership.of_slice(order, f"VM folder {folder.path}", folder.slice_uuid)
                yield from ((order.slice_id, refusal) for refusal in _moved(order, folder))
            elif order.vms and folder.slice_id is not None and folder.slice_id not in ordered:
                if pool_number(folder.slice_id) == pool_number(order.slice_id):
                    figures = {"path": folder.path, "holder": folder.slice_id, "held": shown(folder.slice_uuid)}
                    yield order.slice_id, Refusal("pool_of_another_slice", f"slice {order.slice_id}", figures)
        for vm in order.vms:
            yield from ((order.slice_id, refusal) for refusal in vm_access.replaced(vm, have.owners))
            of_folder = [*_of_another(vm, have.folders[vm.vm_id])] if vm.vm_id in have.folders else []
            # The folder of another VM has that one's disks.
            refusals = of_folder or origins.faults(vm, have.origins, accounts)
            yield from ((order.slice_id, refusal) for refusal in refusals)
            for disk in vm.disks:
                if disk.path not in have.overlays:
                    yield from ((order.slice_id, refusal) for refusal in _fits(vm, disk, have.bases))


def _unlisted(
    orders: Collection[SliceOrder], have: Disks, held: Collection[str], accounts: Accounts
) -> tuple[tuple[tuple[int, GivenUp], ...], tuple[Orphan, ...]]:
    """Return the overlays in folders of the order's slices that no VM has: those that are given up, and the others."""
    wanted = {*held, *(disk.path for _vm, disk in all_disks(orders))}
    given_up = {(each.path, each.uuid): each for each in all_given_up(orders)}
    discard, orphans = [], []
    for vm_id, paths in have.found.items():
        folder = have.folders[vm_id]
        slice_id = folder.slice_id or 0
        for path in (path for path in paths if path not in wanted):
            uuid, origin = folder.disks.get(os.path.basename(path)), have.origins.get(path)
            is_other = origin is not None and origin.fault(uuid, slice_id, accounts) is not None
            if (path, uuid) in given_up and not is_other:
                discard.append((slice_id, given_up[path, uuid]))
            else:
                orphans.append(Orphan(vm_id, slice_id, path, uuid))
    return tuple(discard), tuple(orphans)


def _empty(vms: Iterable[VM], have: Disks, discard: Iterable[tuple[int, GivenUp]]) -> tuple[tuple[int, int], ...]:
    """Return the folders without overlays of VMs that are not in the order. Their other files can be created again."""
    listed, going = {vm.vm_id for vm in vms}, {gone.path for _slice_id, gone in discard}
    return tuple(
        (vm_id, have.folders[vm_id].slice_id or 0)
        for vm_id, paths in have.found.items()
        if vm_id not in listed and vm_id not in have.deeper and going.issuperset(paths)
    )


def need_bases(todo: DiskPlan, have: Disks) -> None:
    """Check that all base images exist, before anything is created.

    Raises:
        Refused: a base image is missing.
    """
    missing = dict.fromkeys(path for _vm, disk in todo.create if (path := disk.backing_file) not in (None, *have.bases))
    if missing:
        raise Refused([Refusal("base_image_missing", f"base image {path}") for path in missing])


def apply(
    todo: DiskPlan, have: Disks, *, state_dir: str, accounts: Accounts, runner: Runner, removed: list[trash.Early]
) -> None:
    """Remove overlays and folders, set the owners of the others, then create folders and overlays.

    Args:
        todo: the changes.
        have: the disks and VM folders on the host.
        state_dir: the parent of the VM folders.
        accounts: the users that run QEMU.
        runner: runs C(qemu-img).
        removed: gets the disks that are removed early, because there is no space for keeping them, also if this fails
            later.
    """
    retention_s = todo.retention_h * 3600
    _discard(todo, have, state_dir, removed)
    _prepare_folders(todo, state_dir, accounts)
    for vm, disk, path in todo.restore:
        _restore(disk, path, accounts.of(vm.slice_id))
    _create(todo, have, accounts, runner)
    growth.closed(todo.grow, accounts, runner)
    gone = trash.empty(state_dir, retention_s=retention_s)
    removed += [trash.Early.of(entry, retention_s) for entry in gone if entry.left_s(retention_s) > 0]
    present = [*todo.present, *(disk for _vm, disk in todo.create)]
    origins.note(present)
    register.note(state_dir, present=present, gone=todo.forget)


def _prepare_folders(todo: DiskPlan, state_dir: str, accounts: Accounts) -> None:
    """Remove folders, set the owners of what stays, and create folders with their owner files."""
    for vm_id, _slice_id in todo.remove:
        vm_folders.remove(folder_of(state_dir, vm_id))
    for path, (_slice_id, _old, new) in todo.given.items():
        access.give(path, new)
    for vm in todo.make_folders:
        _make_folder(folder_of(state_dir, vm.vm_id), accounts.of(vm.slice_id).gid)
    files.write_all(
        files.text_file(
            f"{folder_of(state_dir, vm.vm_id)}/{MARK}",
            todo.marks[vm.vm_id],
            mode=0o640,
            gid=accounts.of(vm.slice_id).gid,
        )
        for vm in (*todo.make_folders, *todo.mark)
    )


def _create(todo: DiskPlan, have: Disks, accounts: Accounts, runner: Runner) -> None:
    for alike in _alike(todo.create):
        _vm, first = alike[0]
        base = first.backing_file
        content = _new_disk(first, [] if base is None else ["-b", base, "-F", have.bases[base].format], runner)
        owners = [(disk.path, accounts.of(vm.slice_id)) for vm, disk in alike]
        for path, _account in owners:
            startup_notes.forget(path)
        files.write_all(File(path, content, 0o600, account.uid, account.gid) for path, account in owners)


def _discard(todo: DiskPlan, have: Disks, state_dir: str, removed: list[trash.Early]) -> None:
    """Move given-up overlays to the trash, or remove them. C(removed) gets what should be in the trash and is not."""
    by_vm = dict[int, list[str]]()
    # A guest boots with the variables of its firmware, which nobody could make again.
    booted = {each.vm_id for _slice_id, each in todo.discard if each.name is None}
    for _slice_id, each in todo.discard:
        by_vm.setdefault(each.vm_id, []).append(each.path)
    for vm_id, paths in by_vm.items():
        if todo.retention_h:
            removed += trash.put(
                paths,
                have.folders[vm_id],
                state_dir=state_dir,
                retention_s=todo.retention_h * 3600,
                companions=_COMPANIONS if vm_id in booted else (),
            )
        for path in paths:
            files.remove(path)


def _restore(disk: Disk, path: str, account: Account) -> None:
    """Move a disk from the trash, with the files next to it that belong to it."""
    companions = _COMPANIONS if disk.name is None else ()
    besides = (f"{os.path.dirname(path)}/{name}" for name in companions)
    for each in (path, *filter(os.path.lexists, besides)):
        access.give(each, Access(FILE, account.uid, account.gid, 0o600))
    trash.take(path, disk.path, companions=companions)


def _alike(disks: Iterable[tuple[VM, Disk]]) -> Iterable[list[tuple[VM, Disk]]]:
    """Group disks whose new overlays are identical. One is created and copied, which saves a process for each."""
    groups: dict[tuple[str | None, int], list[tuple[VM, Disk]]] = {}
    for vm, disk in disks:
        groups.setdefault((disk.backing_file, disk.size_bytes), []).append((vm, disk))
    return groups.values()


def _new_disk(disk: Disk, base: list[str], runner: Runner) -> bytes:
    draft = f"{os.path.dirname(disk.path)}/{NEW_OVERLAY}"
    try:
        runner.run(["qemu-img", "create", "-q", "-f", "qcow2", *base, draft, str(disk.size_bytes)])
        with open(draft, "rb") as file:
            return file.read()
    finally:
        files.remove(draft)


def _mark(vm: VM, have: Disks, going: Collection[str]) -> str:
    """Return the content of the owner file, with the UUIDs of further disks that stay in the folder."""
    folder = have.folders.get(vm.vm_id)
    kept = {os.path.basename(path) for path in have.found.get(vm.vm_id, ()) if path not in going}
    others = {} if folder is None else {name: uuid for name, uuid in folder.disks.items() if name in kept}
    return vm_folders.text_of(vm, others)


def _make_folder(folder: str, gid: int) -> None:
    # The folder belongs to root, so that a compromised QEMU cannot create a file in it that root reads later.
    os.makedirs(folder, mode=0o750, exist_ok=True)
    os.chown(folder, -1, gid)
    os.chmod(folder, 0o750)


def _moved(order: SliceOrder, folder: Folder) -> Iterator[Refusal]:
    """Yield a refusal for a link in place of the folder of an unlisted VM, because root would empty its target."""
    if folder.is_link and all(vm_access.folder_path(vm) != folder.path for vm in order.vms):
        figures = {"path": folder.path, "got": "symbolic link", "expected": FOLDER}
        yield Refusal("path_replaced", f"slice {order.slice_id}", figures)


def _images(paths: Iterable[tuple[str, bool]], state_dir: str) -> dict[str, Image]:
    """Return the disks that exist, given by path and whether a QEMU has them open."""
    bases_in = f"{state_dir}/images"
    images = {path: overlay_images.read(path, images=bases_in, is_open=is_open) for path, is_open in sorted(set(paths))}
    return {path: image for path, image in images.items() if image is not None}


def _deleted(missing: Iterable[Disk], state_dir: str) -> dict[str, tuple[str, Image]]:
    """Return the path and image of missing disks that are in the trash, by their original path."""
    wanted = {disk.uuid: disk.path for disk in missing}
    waiting = trash.find(state_dir) if wanted else {}
    images = _images(((path, False) for uuid, path in waiting.items() if uuid in wanted), state_dir)
    return {wanted[uuid]: (path, images[path]) for uuid, path in waiting.items() if uuid in wanted and path in images}


def _of_another(vm: VM, folder: Folder) -> Iterator[Refusal]:
    """Yield why a folder with the VM's id does not belong to the VM. Its slice is not checked here."""
    if folder.slice_id is None:
        yield Refusal("folder_without_owner", str(vm), {"path": folder.path, "mark": MARK})
    elif folder.slice_id != vm.slice_id:
        figures = {"path": folder.path, "owner": folder.slice_id, "held": shown(folder.slice_uuid)}
        yield Refusal("folder_of_another_slice", str(vm), {**figures, "got": shown(vm.slice_uuid)})
    elif folder.slice_uuid == vm.slice_uuid and folder.vm_uuid != vm.vm_uuid:
        figures = {"where": folder.path, "held": shown(folder.vm_uuid), "got": shown(vm.vm_uuid)}
        yield Refusal("another_vm", str(vm), figures)
    elif folder.vm_uuid == vm.vm_uuid:
        for disk in vm.disks:
            held = folder.disks.get(os.path.basename(disk.path), disk.uuid)
            if held != disk.uuid:
                figures = {"path": disk.path, "held": shown(held), "got": shown(disk.uuid)}
                yield Refusal("another_disk", str(vm), figures)


def _fits(vm: VM, disk: Disk, bases: Mapping[str, Note]) -> Iterable[Refusal]:
    base = None if disk.backing_file is None else bases.get(disk.backing_file)
    if base is not None and disk.size_bytes < base.virtual_bytes:
        figures = {"got": disk.size_bytes, "least": base.virtual_bytes, "image": disk.backing_file}
        yield Refusal("disk_smaller_than_base", str(vm), figures)
