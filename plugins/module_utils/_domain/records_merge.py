# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Merges the records of slices that hosts return (C(records)), the newest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..applied import AppliedSlice, HostOrders
from ..cluster import slice_label
from ..errors import Refusal
from ..lifecycle import POWERS, Observed
from ..models import VM, Link, Slice
from ..report import NETWORK_NODE
from ..stored_fields import FieldError
from ..vlans import pool_range
from . import records
from .teardown import releasing


@dataclass(frozen=True)
class Entry:
    """The record of a slice on one host, with the slice as it was stored."""

    host: str
    target: str
    applied: AppliedSlice
    slice: Slice
    vm_ids: tuple[int, ...]
    next_vm_id: int

    @property
    def revision(self) -> int:
        """The revision of its order."""
        return self.applied.revision or 0

    @property
    def is_complete(self) -> bool:
        """Whether it contains all of the slice."""
        return self.target == NETWORK_NODE


@dataclass(frozen=True)
class Merged:
    """The slices of all hosts.

    Attributes:
        slices: the slices, by their ids in ascending order.
        next_vm_ids: the counters in the records.
        unknown: what is missing in them, a sentence each.
    """

    slices: tuple[Slice, ...] = ()
    next_vm_ids: tuple[int, ...] = ()
    unknown: tuple[str, ...] = ()


def entries(hosts: Iterable[HostOrders]) -> tuple[list[Entry], list[Refusal]]:
    """Return the records of all hosts, and a refusal for each invalid one."""
    found: list[Entry] = []
    refusals: list[Refusal] = []
    for host in hosts:
        for applied in host.applied:
            try:
                slice_, record = records.read(applied.record)
            except FieldError as error:
                figures = {"host": host.host, "why": str(error)}
                refusals.append(Refusal("invalid_record", f"the record of slice {applied.slice_id}", figures))
                continue
            found.append(Entry(host.host, host.target, applied, slice_, record.vm_ids, record.next_vm_id))
    return found, refusals


def leave_out_older(found: Sequence[Entry]) -> list[str]:
    """Remove VMs from records of workers if another worker has a newer record: they were created there again.

    Returns:
        a sentence for each VM that was removed from a record.
    """
    newest: dict[str, int] = {}
    shares = [entry for entry in found if not entry.is_complete]
    for entry in shares:
        for vm in entry.slice.vms:
            newest[_identity(vm)] = max(entry.revision, newest.get(_identity(vm), 0))
    left_out = []
    for entry in shares:
        older = [vm for vm in entry.slice.vms if entry.revision < newest[_identity(vm)]]
        entry.slice.vms = [vm for vm in entry.slice.vms if vm not in older]
        left_out += [
            f"what {entry.host} has of VM {vm.name} ({vm.vm_id}), of which another host has a newer record; "
            "its objects there are orphans"
            for vm in older
        ]
    return left_out


def _identity(vm: VM) -> str:
    return vm.uuid or str(vm.vm_id)


def merge(found: Sequence[Entry], *, now: str) -> Merged:
    """Merge records. Those of one slice must have the same UUID, and no VM may be on two workers.

    Args:
        found: the records.
        now: the time of the observed states, in UTC.
    """
    moves = _moves(found)
    by_slice: dict[int, list[Entry]] = {}
    for entry in found:
        by_slice.setdefault(entry.slice.slice_id, []).append(entry)
    drafts = [_Draft(sorted(group, key=_newest_first)) for _slice_id, group in sorted(by_slice.items())]
    for draft in drafts:
        draft.complete(moves, now)
    return Merged(
        slices=tuple(draft.slice for draft in drafts),
        next_vm_ids=tuple(entry.next_vm_id for entry in found),
        unknown=tuple(sentence for draft in drafts for sentence in draft.unknown),
    )


def _newest_first(entry: Entry) -> tuple[int, bool]:
    return -entry.revision, not entry.is_complete


def _moves(found: Iterable[Entry]) -> dict[str, str]:
    """The addresses of workers that have another one since they applied an order: the old by the new one."""
    return {
        vm.worker_ip: entry.target
        for entry in found
        if not entry.is_complete
        for vm in entry.slice.vms
        if vm.worker_ip != entry.target
    }


@dataclass
class _Draft:
    """A slice that is merged from its records, newest first."""

    entries: list[Entry]
    unknown: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.newest = self.entries[0]
        self.slice = self.newest.slice
        self.shares = [entry for entry in self.entries if not entry.is_complete]

    def complete(self, moves: Mapping[str, str], now: str) -> None:
        """Make the slice complete, as far as its records are."""
        complete = self.newest.is_complete
        links = self.slice.links if complete else _by_id(entry.slice.links for entry in self.entries)
        self.slice.vms = list(self._vms())
        self._place(moves)
        self.slice.links = [link for link in links if complete or self._joins(link)]
        if not complete:
            self._drop_loose_ends()
        leaving = list(self._leaving())
        self.slice.vms += leaving
        self._release(vlan for vm in leaving for nic in vm.interfaces if (vlan := nic.vlan_id) is not None)
        self._see(now)

    def _vms(self) -> Iterator[VM]:
        """Yield the VMs of the newest record, each from the newest record that contains it."""
        known: dict[int, VM] = {}
        for entry in self.entries:
            for vm in entry.slice.vms:
                known.setdefault(vm.vm_id, vm)
        for vm_id in self.newest.vm_ids:
            if vm_id in known:
                yield known[vm_id]
            else:
                self.unknown.append(f"VM {vm_id} of slice {self._call}, which is on a host that was left out")

    def _leaving(self) -> Iterator[VM]:
        """Yield the VMs that only older records of their workers contain: these have not removed them yet."""
        for entry in self.shares:
            for vm in entry.slice.vms:
                if vm.vm_id not in self.newest.vm_ids:
                    vm.worker_ip, vm.deleting = entry.target, True
                    yield vm

    def _place(self, moves: Mapping[str, str]) -> None:
        """Set the present addresses of workers."""
        here = {vm.vm_id: entry.target for entry in self.shares for vm in entry.slice.vms}
        for vm in self.slice.vms:
            was, vm.worker_ip = vm.worker_ip, here.get(vm.vm_id, moves.get(vm.worker_ip, vm.worker_ip))
            pin = vm.pinned_to
            if pin is not None:
                # Another host may have had its address before.
                worker = vm.worker_ip if pin == was else moves.get(pin, pin)
                vm.extra["placement"] = {**vm.extra["placement"], "worker": worker}

    def _joins(self, link: Link) -> bool:
        """Return whether both ends of a link exist and are on it."""
        vms = {vm.vm_id: vm for vm in self.slice.vms}
        ends = ((link.vm1_id, link.vm1_interface), (link.vm2_id, link.vm2_interface))
        return all(
            any(nic.name == name and nic.link_id == link.link_id and nic.vlan_id == link.vlan_id for nic in nics)
            for vm_id, name in ends
            for nics in ([] if vm_id not in vms else vms[vm_id].interfaces,)
        )

    def _drop_loose_ends(self) -> None:
        """Take interfaces off links of which one end is unknown, and unknown VMs out of networks."""
        links = {link.link_id for link in self.slice.links}
        vms = {vm.vm_id for vm in self.slice.vms}
        loose = [nic for vm in self.slice.vms for nic in vm.interfaces if nic.link_id not in (None, *links)]
        for nic in loose:
            nic.vlan_id, nic.link_id = None, None
        for network in self.slice.networks:
            members: list[dict[str, Any]] = network.extra.get("members", [])
            if any(member["vm_id"] not in vms for member in members):
                network.extra["members"] = [member for member in members if member["vm_id"] in vms]
        self._release(self.slice.vlan_pool_used)

    def _release(self, vlans: Iterable[int]) -> None:
        """Keep VLANs until all hosts have reported, which may still use them."""
        slice_ = self.slice
        held = {link.vlan_id for link in slice_.links} | {network.vlan_id for network in slice_.networks}
        held |= {each["vlan_id"] for each in slice_.extra.get("reserved_vlans", ())}
        allowed = {vlan for number in slice_.pools for vlan in pool_range(number)}
        going = [vlan for vlan in dict.fromkeys(vlans) if vlan in allowed and vlan not in held]
        if going:
            kept = releasing(slice_, "vlan_ids")
            kept.extend(vlan for vlan in going if vlan not in kept)
            slice_.vlan_pool_used += [vlan for vlan in going if vlan not in slice_.vlan_pool_used]

    def _see(self, now: str) -> None:
        """Set the states that workers last reported."""
        seen = {vm.vm_id: vm for entry in reversed(self.shares) for vm in entry.applied.vms}
        for vm in self.slice.vms:
            found = seen.get(vm.vm_id)
            if found is not None and not vm.deleting:
                vm.see(Observed(found.state, found.pid, now))
            if found is not None and found.state in POWERS:
                for disk in vm.disks:
                    disk.extra["first_seen"] = now

    @property
    def _call(self) -> str:
        return f"{slice_label(self.slice)} ({self.slice.slice_id})"


def _by_id(links: Iterable[Iterable[Link]]) -> list[Link]:
    """Return links by id, each from the first list that contains it."""
    found: dict[int, Link] = {}
    for each in links:
        for link in each:
            found.setdefault(link.link_id, link)
    return [found[link_id] for link_id in sorted(found)]
