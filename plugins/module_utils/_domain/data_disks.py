# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Data disks of VMs: their rules, and how a VM gets, keeps and gives them up (docs/decisions/0039).

A disk is known by its UUID, which is part of its path, so no disk ever gets the path of another one. A disk that a VM
gives up stays stored as C(given_up) until its host has moved it to the trash. The VM then lists it in C(trashed_disks),
or its slice if the VM is deleted. From there a VM on the same worker can restore it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .. import bounds, identity
from ..errors import Refusal
from ..models import VM, Disk, Slice
from . import receipts

TRASHED = "trashed_disks"
"""The extra field of a VM for data disks in the trash: C({name, size_gb, uuid, first_seen, until}), times in UTC.

A slice has one for the disks of its deleted VMs, with C(vm), the name of the VM, and C(worker_ip)."""


@dataclass(frozen=True)
class WantedDisk:
    """A data disk; C(restore) is the UUID of one in the trash."""

    name: str
    size_gb: float
    restore: str | None = None


def read(data: Iterable[Mapping[str, Any]] | None) -> tuple[WantedDisk, ...] | None:
    """Return the data disks in module arguments, C(None) if they are left unchanged."""
    if data is None:
        return None
    return tuple(WantedDisk(each["name"], each["size_gb"], each.get("restore")) for each in data)


def problems(where: str, wanted: Iterable[WantedDisk] | None) -> Iterator[Refusal]:
    """Yield violations of rules in the list of a VM."""
    wanted = tuple(wanted or ())
    yield from bounds.DATA_DISKS.problems(where, "number of data disks", len(wanted))
    for each in wanted:
        yield from bounds.DISK_NAME.problems(where, "data disk", each.name)
        yield from bounds.DATA_DISK_GB.problems(f"{where} data disk {each.name}", "size_gb", each.size_gb)
    names = Counter(each.name.lower() for each in wanted)
    restored = Counter(each.restore for each in wanted if each.restore is not None)
    for name, count in (*names.items(), *restored.items()):
        if count > 1:
            yield Refusal("listed_twice", where, {"kind": "data disk", "name": name, "count": count})


def label(disk: Disk) -> str:
    """Return a data disk for diffs and tables."""
    return f"{disk.name} {disk.size_gb:g} GiB"


def names(labels: Iterable[str]) -> list[str]:
    """Return the names in the results of C(label)."""
    return [each.partition(" ")[0] for each in labels]


def total_gb(wanted: Iterable[WantedDisk] | None) -> float:
    """Return the size of all data disks in GiB."""
    return sum(each.size_gb for each in wanted or ())


def assign(slice_: Slice, vm: VM, wanted: Iterable[WantedDisk] | None, where: str) -> list[Refusal]:
    """Give a VM of a slice the data disks that it wants, and return refusals. C(None) leaves them unchanged."""
    if wanted is None:
        return []
    if not vm.disks:
        return [Refusal("stored_without", where, {"what": "a disk"})] if tuple(wanted) else []
    builder = _Builder(slice_, vm, where)
    chosen = [disk for each in wanted if (disk := builder.take(each)) is not None]
    if not builder.refusals:
        builder.replace_disks(chosen)
    return builder.refusals


class _Builder:
    def __init__(self, slice_: Slice, vm: VM, where: str) -> None:
        self.slice, self.vm, self.where = slice_, vm, where
        self.refusals: list[Refusal] = []

    def take(self, want: WantedDisk) -> Disk | None:
        """Return the disk that the VM gets, C(None) if it is refused."""
        disk = self._held(want) if want.restore is None else self._restored(want, want.restore)
        if disk is None:
            return None
        size = disk.extra.setdefault("size_gb", want.size_gb)
        if want.size_gb < size:
            figures = {"disk": f"data disk {want.name}", "size": size, "got": want.size_gb}
            self._refuse("disk_cannot_shrink", self.where, figures)
        disk.extra.update(name=want.name, size_gb=want.size_gb)
        return disk

    def _held(self, want: WantedDisk) -> Disk:
        """Return the VM's disk of this name, even if it was given up since the last deploy, or a new one."""
        held = [disk for disk in (*self.vm.data_disks, *self.vm.given_up_disks) if disk.name == want.name]
        return held[0] if held else self._new(want.name, identity.new_uuid())

    def _restored(self, want: WantedDisk, uuid: str) -> Disk | None:
        """Return the disk with this UUID, which the VM has or a VM of the slice has in the trash."""
        for vm in self.slice.live_vms:
            for disk in vm.disks[1:]:
                if disk.uuid == uuid and vm is self.vm:
                    return disk
                if disk.uuid == uuid:
                    figures = {"got": uuid, "vm": vm.name, "disk": disk.name}
                    self._refuse("disk_not_in_trash_yet", self.where, figures)
                    return None
        if any(disk.name == want.name for disk in self.vm.data_disks):
            self._refuse("disk_name_in_use", self.where, {"name": want.name, "got": uuid})
            return None
        for vm in self.slice.live_vms:
            for entry in vm.extra.get(TRASHED, ()):
                if entry["uuid"] == uuid:
                    return self._from_trash(want, vm, vm.worker_ip, entry)
        for entry in self.slice.extra.get(TRASHED, ()):
            if entry["uuid"] == uuid:
                return self._from_trash(want, self.slice, entry["worker_ip"], entry)
        known = [f"{each['name']} {each['uuid']}" for each in all_trashed(self.slice)]
        self._refuse("disk_not_in_trash", self.where, {"got": uuid, "known": known})
        return None

    def _from_trash(
        self, want: WantedDisk, holder: VM | Slice, worker_ip: str, entry: Mapping[str, Any]
    ) -> Disk | None:
        if worker_ip != self.vm.worker_ip:
            figures = {"got": entry["uuid"], "worker": worker_ip, "other": self.vm.worker_ip}
            self._refuse("disk_on_another_worker", self.where, figures)
            return None
        _set_trashed(holder, [each for each in holder.extra[TRASHED] if each["uuid"] != entry["uuid"]])
        disk = self._new(want.name, entry["uuid"])
        # Its host must not create it empty if the trash no longer has it.
        disk.extra.update(size_gb=entry["size_gb"], first_seen=entry["first_seen"])
        return disk

    def _new(self, name: str, uuid: str) -> Disk:
        folder = str(self.vm.qcow_image).rpartition("/")[0]
        disk = Disk(f"{folder}/{name}_{uuid[:8]}.qcow2")
        disk.extra["uuid"] = uuid
        return disk

    def replace_disks(self, chosen: list[Disk]) -> None:
        """Replace the data disks of the VM with the chosen ones, and mark the others as given up.

        Hosts do not have those of a VM that was not handed out.
        """
        for disk in chosen:
            disk.extra.pop("given_up", None)
        others = [disk for disk in self.vm.disks[1:] if disk not in chosen] if self.vm.handed_out else []
        for disk in others:
            disk.extra["given_up"] = True
            receipts.mark(self.slice)
        # Disks that stay keep their places, so that another order of the list is no change.
        places = {id(disk): place for place, disk in enumerate(self.vm.disks)}
        kept = sorted(chosen, key=lambda disk: places.get(id(disk), len(places)))
        self.vm.disks = [self.vm.disks[0], *kept, *others]

    def _refuse(self, code: str, where: str, figures: Mapping[str, Any]) -> None:
        self.refusals.append(Refusal(code, where, figures))


def drop_given_up(vm: VM, *, now: str = "", until: str = "") -> None:
    """Drop the data disks that the VM has given up and its host no longer has.

    Args:
        vm: the VM.
        now: the time in UTC. Disks are dropped from the list of the trash after their retention time.
        until: when they are removed from the trash, in UTC; empty if they are not there.
    """
    _set_trashed(vm, [*_left(vm, now), *_entries(vm.given_up_disks, now, until)])
    vm.disks = [disk for disk in vm.disks if not disk.given_up]


def keep_of_deleted(slice_: Slice, lost: Container[str], *, now: str, until: str) -> None:
    """List the data disks of VMs that are being deleted, which their hosts have moved to the trash.

    Args:
        slice_: the slice, which still has the VMs.
        lost: the addresses of lost workers, whose trash is not known.
        now: the time in UTC. Disks are dropped from the list after their retention time.
        until: when they are removed from the trash, in UTC.
    """
    found = _left(slice_, now)
    for vm in slice_.vms:
        if vm.deleting and vm.worker_ip not in lost:
            own = (*_left(vm, now), *_entries((*vm.data_disks, *vm.given_up_disks), now, until))
            found += ({**each, "vm": vm.name, "worker_ip": vm.worker_ip} for each in own)
    _set_trashed(slice_, found)


def move_trash(slice_: Slice, moves: Mapping[str, str]) -> None:
    """Replace addresses of workers in the list of disks of deleted VMs."""
    entries = slice_.extra.get(TRASHED, ())
    _set_trashed(slice_, [{**each, "worker_ip": moves.get(each["worker_ip"], each["worker_ip"])} for each in entries])


def all_trashed(slice_: Slice) -> Iterator[Mapping[str, Any]]:
    """Yield the data disks in the trash, those of deleted VMs with C(worker_ip), all with C(vm)."""
    for vm in slice_.live_vms:
        yield from ({**each, "vm": vm.name} for each in vm.extra.get(TRASHED, ()))
    yield from slice_.extra.get(TRASHED, ())


def _left(holder: VM | Slice, now: str) -> list[Mapping[str, Any]]:
    return [each for each in holder.extra.get(TRASHED, ()) if each["until"] > now]


def _entries(disks: Iterable[Disk], now: str, until: str) -> list[Mapping[str, Any]]:
    """Return entries for disks that a host has had and keeps in the trash."""
    seen = [disk for disk in disks if disk.first_seen is not None] if until > now else []
    return [
        {"name": disk.name, "size_gb": disk.size_gb, "uuid": disk.uuid, "first_seen": disk.first_seen, "until": until}
        for disk in seen
    ]


def _set_trashed(holder: VM | Slice, entries: list[Mapping[str, Any]]) -> None:
    if entries:
        holder.extra[TRASHED] = entries
    else:
        holder.extra.pop(TRASHED, None)


def violations(vm: VM, where: str) -> Iterator[Refusal]:
    """Yield violations of the invariants of a VM's disks.

    Args:
        vm: the VM.
        where: its name for messages.
    """
    for number, disk in enumerate(vm.disks):
        if number == 0 and (disk.name is not None or disk.given_up):
            yield Refusal("first_disk_is_data_disk", where, {"path": disk.path})
        elif number > 0 and (disk.name is None or disk.size_gb <= 0):
            yield Refusal("data_disk_incomplete", where, {"path": disk.path})
    for name, count in Counter(str(disk.name) for disk in vm.data_disks).items():
        if count > 1:
            yield Refusal("data_disk_name_twice", where, {"count": count, "name": name})
