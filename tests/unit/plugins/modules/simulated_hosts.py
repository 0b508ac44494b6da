# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts that carry work orders out in memory, by the rules of real ones, and remember whose everything on them is.

The code of real hosts says which slices are refused, which disks are created, kept, given up or missing, and which
networks and reservations exist.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import (
    applied_orders,
    ownership,
    revisions,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.accounts import Accounts
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import ovs
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.ovsdb import Port, Switch
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import lost, overlays
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk.overlays import DiskPlan, Disks
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk.qcow2 import Image
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk.register import Known
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices import dhcp_hosts
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices import plan as services
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.files import Folders, kinds
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.owners import conflicts
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.plan import ServicesPlan
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.state import State
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.work_order import (
    read_links,
    read_services,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.vm_folders import Folder
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import (
    all_disks,
    all_vms,
    folder_of,
    read_each,
    slice_ids,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.network_order import Services
from ansible_collections.cloudrepo.slices.plugins.module_utils.report import answers
from ansible_collections.cloudrepo.slices.plugins.module_utils.vm_order import VM
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import SliceOrder

STATE_DIR = "/var/lib/cloudrepo"
LINKS = read_links("169.254.64.0/24")
FOLDERS = Folders(STATE_DIR, LINKS)
NOW = "2026-01-31T12:00:00Z"
NOBODY = Accounts("cloudrepo", {})


@dataclass(frozen=True)
class Overlay:
    """A disk, and the tenant whose data it contains."""

    uuid: str
    written_by: str


@dataclass(frozen=True)
class Process:
    """A QEMU, and the paths of the disks that it has open."""

    slice_id: int
    vm_uuid: str | None
    disks: frozenset[str] = field(default=frozenset(), compare=False)


class Machine:
    """A worker.

    Args:
        folder: a folder of its own, for the revisions of applied orders.

    Attributes:
        may_restart: whether VMs are restarted for changes that need it.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.may_restart = True
        self.folders: dict[int, Folder] = {}
        self.overlays: dict[str, Overlay] = {}
        self.trash: dict[str, Overlay] = {}
        self.known: dict[str, Known] = {}
        self.processes: dict[int, Process] = {}
        self.created: set[str] = set()
        self.starts = 0

    def apply(self, order: Mapping[str, Any], owners: Mapping[int, str]) -> dict[str, Any]:
        """Carry a work order out, and return the report without the names of the host.

        Args:
            order: the order.
            owners: the owner of each slice, as the database has it.
        """
        slices, invalid = read_each(order["slices"], state_dir=STATE_DIR)
        older = revisions.older(slices, state_dir=self.folder, kind=revisions.WORKER)
        told = {"failure": None, "answers": answers(order["slices"])}
        try:
            seen = ownership.look(
                slices,
                {**invalid, **older},
                observe=self._observe,
                conflicts=lambda left, have: overlays.conflicts(left, have, NOBODY),
            )
        except Refused as error:
            return {**told, "refused": error.fields["refused"], "vms": []}
        revisions.note(seen.orders, state_dir=self.folder, kind=revisions.WORKER)
        missing = lost.find(seen.orders, seen.have.overlays, self.known, {}).refusals
        restarting = [*self._restarting(seen.orders)]
        for vm_id in restarting:
            del self.processes[vm_id]
        todo = overlays.plan(
            seen.orders,
            seen.have,
            accounts=NOBODY,
            retention_h=24,
            barred=missing,
            stopping=[vm.vm_id for vm in all_vms(seen.orders) if not vm.running],
            restarting=restarting,
        )
        self._change(todo, owners)
        vms = list(self._run(seen.orders, owners, missing))
        for vm in vms:
            vm.update({"holds_given_up": True} if vm["vm_id"] in todo.holding else {})
        of = {vm.vm_id: vm.slice_id for vm in all_vms(seen.orders)}
        shown = [{**vm, "slice_id": of[vm["vm_id"]]} for vm in vms]
        applied_orders.note(seen.orders, shown, state_dir=self.folder, kind=revisions.WORKER)
        return {**told, "refused": seen.failure.fields["refused"] if seen.failure else [], "vms": vms}

    def _restarting(self, orders: Iterable[SliceOrder]) -> Iterable[int]:
        """Yield the running VMs that are restarted, because they were started with other disks."""
        for vm in all_vms(orders) if self.may_restart else ():
            held = self.processes.get(vm.vm_id)
            if held is not None and vm.running and held.disks != {disk.path for disk in vm.disks}:
                yield vm.vm_id

    def in_use(self, name: str) -> dict[str, Any]:
        """Return what C(host_info) returns for a database that was restored."""
        held = {(folder.slice_id, folder.slice_uuid) for folder in self.folders.values() if folder.slice_id}
        highest = max((*self.folders, *(slice_id for slice_id, _uuid in held)), default=None)
        return {
            "host": name,
            "highest_id": highest,
            "highest_revision": revisions.highest(self.folder),
            "slices": [{"slice_id": slice_id, "slice_uuid": uuid} for slice_id, uuid in sorted(held)],
        }

    def _observe(self, orders: Iterable[SliceOrder]) -> Disks:
        orders = tuple(orders)
        disks = [disk for _vm, disk in all_disks(orders)]
        waiting = {disk.path: disk.uuid for disk in disks if disk.path not in self.overlays and disk.uuid in self.trash}
        return Disks(
            folders=dict(self.folders),
            found={
                vm_id: self._paths(folder)
                for vm_id, folder in self.folders.items()
                if folder.slice_id in slice_ids(orders)
            },
            overlays={
                disk.path: Image("qcow2", disk.size_bytes, disk.backing_file)
                for disk in disks
                if disk.path in self.overlays or disk.path in waiting
            },
            known=dict(self.known),
            deleted={path: str(uuid) for path, uuid in waiting.items()},
            in_use=frozenset(path for process in self.processes.values() for path in process.disks),
        )

    def _paths(self, folder: Folder) -> list[str]:
        return [path for path in self.overlays if path.rpartition("/")[0] == folder.path]

    def _change(self, todo: DiskPlan, owners: Mapping[int, str]) -> None:
        for _slice_id, each in todo.discard:
            self.trash[str(each.uuid)] = self.overlays.pop(each.path)
        for vm_id, _slice_id in todo.remove:
            for path in self._paths(self.folders.pop(vm_id)):
                del self.overlays[path]
        for vm in (*todo.make_folders, *todo.mark):
            self.folders[vm.vm_id] = folder(vm, todo.marks[vm.vm_id])
        for _vm, disk, uuid in todo.restore:
            self.overlays[disk.path] = self.trash.pop(uuid)
        for vm, disk in todo.create:
            assert disk.path not in self.overlays, "a disk is written over"
            self.overlays[disk.path] = Overlay(str(disk.uuid), owners[vm.slice_id])
            self.created.add(str(disk.uuid))
        for path in todo.forget:
            self.known.pop(path, None)
        present = (*todo.present, *(disk for _vm, disk in todo.create))
        self.known.update({disk.path: Known(disk.uuid, NOW) for disk in present})

    def _run(
        self, orders: Collection[SliceOrder], owners: Mapping[int, str], missing: Collection[int]
    ) -> Iterable[dict[str, Any]]:
        """Start and stop VMs, and yield their states."""
        listed, ours = {vm.vm_id for vm in all_vms(orders)}, slice_ids(orders)
        for vm_id in [each for each, one in self.processes.items() if one.slice_id in ours and each not in listed]:
            del self.processes[vm_id]
        for vm in all_vms(orders):
            if vm.vm_id in missing:
                self.processes.pop(vm.vm_id, None)
                yield {"vm_id": vm.vm_id, "state": "error", "pid": None, "failure": "its disk is missing"}
            elif vm.state == "stopped":
                self.processes.pop(vm.vm_id, None)
                yield {"vm_id": vm.vm_id, "state": "stopped", "pid": None}
            else:
                self.starts += vm.vm_id not in self.processes
                fresh = Process(vm.slice_id, vm.vm_uuid, frozenset(disk.path for disk in vm.disks))
                process = self.processes.setdefault(vm.vm_id, fresh)
                assert process == fresh, "another VM's process is taken over"
                assert process.disks <= self.overlays.keys(), "a disk in use was moved"
                for disk in vm.disks:
                    held = self.overlays[disk.path]
                    assert held == Overlay(str(disk.uuid), owners[vm.slice_id]), "an owner reads another one's disk"
                yield {"vm_id": vm.vm_id, "state": vm.state, "pid": str(vm.vm_id)}


class NetworkNode:
    """The network node.

    Args:
        folder: a folder of its own, for the revisions of applied orders.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.texts: dict[str, str] = {}
        self.ports: dict[str, Port] = {}
        # Of each slice's UUID that it has served.
        self.owners: dict[str, str] = {}

    def apply(self, order: Mapping[str, Any], owners: Mapping[int, str]) -> dict[str, Any]:
        """See C(Machine.apply)."""
        slices, invalid = read_services(order["slices"], links=LINKS)
        older = revisions.older(slices, state_dir=self.folder, kind=revisions.NETWORK_NODE)
        told = {"failure": None, "answers": answers(order["slices"])}
        try:
            seen = ownership.look(
                slices,
                {**invalid, **older},
                observe=self._observe,
                conflicts=lambda left, have: conflicts(left, have, FOLDERS),
            )
        except Refused as error:
            return {**told, "refused": error.fields["refused"]}
        revisions.note(seen.orders, state_dir=self.folder, kind=revisions.NETWORK_NODE)
        for one in seen.orders:
            owner = owners[one.slice_id]
            assert self.owners.setdefault(str(one.slice_uuid), owner) == owner, "another owner is served"
        self._change(services.plan(seen.orders, seen.have, FOLDERS, bridge="br-int"), seen.orders)
        applied_orders.note(seen.orders, state_dir=self.folder, kind=revisions.NETWORK_NODE)
        return {**told, "refused": seen.failure.fields["refused"] if seen.failure else []}

    def in_use(self, name: str) -> dict[str, Any]:
        """See C(Machine.in_use)."""
        reserved = self._reserved()
        slices = [
            {"slice_id": slice_id, "slice_uuid": uuid, "reservations": [{"address": each} for each in addresses]}
            for slice_id, uuid in sorted(self._uuids().items())
            for addresses in [sorted(address for address, holder in reserved.items() if holder == slice_id)]
        ]
        return {
            "host": name,
            "highest_id": max(self._uuids(), default=None),
            "highest_revision": revisions.highest(self.folder),
            "slices": slices,
        }

    def networks(self) -> dict[str, tuple[int, str | None]]:
        """Return the id and UUID of the slice of each port in a network."""
        return {
            name: (int(port.external_ids[ovs.SERVICES]), port.external_ids.get(ovs.SLICE_UUID))
            for name, port in self.ports.items()
        }

    def _uuids(self) -> dict[int, str]:
        found = ((re.fullmatch(r".*/names/([0-9]+)\.uuid", path), text.strip()) for path, text in self.texts.items())
        return {int(match[1]): text for match, text in found if match}

    def _reserved(self) -> dict[str, int]:
        """Return the slices by reserved address."""
        pairs = [
            (address, slice_id)
            for slice_id in self._uuids()
            for _mac, address in dhcp_hosts.read(self.texts.get(FOLDERS.reservations(slice_id)))
        ]
        assert len(dict(pairs)) == len(pairs), "an address is reserved for two slices"
        return dict(pairs)

    def _observe(self, orders: Collection[Services]) -> State:
        ordered = {one.slice_id for one in orders}
        others = {slice_id: uuid for slice_id, uuid in self._uuids().items() if slice_id not in ordered}
        paths = [path for one in orders for path in kinds(one.slice_id, FOLDERS)]
        return State(
            texts={path: self.texts[path] for path in paths if path in self.texts},
            folders=frozenset(
                one.slice_id for one in orders if f"{FOLDERS.network(one.slice_id)}/devices" in self.texts
            ),
            reserved={address: holder for address, holder in self._reserved().items() if holder in others},
            others=dict(others),
            switch=Switch({"br-int": "system"}, dict(self.ports)),
        )

    def _change(self, todo: ServicesPlan, orders: Iterable[Services]) -> None:
        mine = {one.slice_uuid for one in orders}
        before = self.networks()
        for change in todo.files:
            if change.new is None:
                del self.texts[change.path]
            else:
                self.texts[change.path] = change.new
        for port in todo.ports.remove:
            del self.ports[port.name]
        for port in (*todo.ports.add, *(new for _old, new in (*todo.ports.update, *todo.ports.replug))):
            self.ports[port.name] = port
        after = self.networks()
        touched = [
            held
            for name in {*before, *after}
            for held in (before.get(name), after.get(name))
            if before.get(name) != after.get(name) and held is not None
        ]
        assert {uuid for _slice_id, uuid in touched} <= mine, "a network of a slice that was not ordered is changed"


def folder(vm: VM, text: str) -> Folder:
    """Return the folder of a VM as it is read after its owner file was written."""
    said = json.loads(text)
    return Folder(
        folder_of(STATE_DIR, vm.vm_id), said["slice_id"], said["slice_uuid"], said["vm_uuid"], said["disks"], text
    )
