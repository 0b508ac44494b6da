# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Repairs violations of invariants with as few new numbers as possible: the first object with a number keeps it.

Nothing is removed except dangling links. Like a violation, a repair is a C(Refusal): a code of C(REPAIR), the object,
and the values before and after. Violations that can only be repaired on a host (two VMs with the same disk) remain, and
so do those for which no pool, port or address is free. C(invariants.violations) returns them afterwards.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterator

from ..allocations import ADDRESS, ID, MAC_BLOCKS, VNC_PORT, address_number, allocated
from ..bounds import FIRST_VNC_PORT, LAST_VNC_PORT
from ..cluster import NO_PASSWORD, Cluster, slice_label
from ..errors import Refusal
from ..lifecycle import ERROR, VM_STATES, Observed
from ..models import Interface, Link, Slice, User
from ..vlans import FURTHER_POOLS, POOL_COUNT, pool_number, pool_range, pool_vlans
from ..workers import USED_KEYS, Worker
from .allocation import Allocator, ManagementNetwork, mac_address
from .identities import identify_user
from .invariants import call, ends, mac_index


def repair(cluster: Cluster) -> list[Refusal]:
    """Repair C(cluster) as far as possible, and return each repair, in the order in which they were made."""
    return list(_Repair(cluster).steps())


class _Repair:
    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.management_vlan = cluster.vlans.management

    def steps(self) -> Iterator[Refusal]:
        yield from self._counter()
        yield from self._missing()
        yield from self._slice_ids()
        yield from self._vm_ids()
        for slice_ in list(self.cluster.slices.values()):
            yield from self._names(slice_)
            yield from self._vlans(slice_)
            yield from self._interfaces(slice_)
            yield from self._states(slice_)
        yield from self._ports()
        yield from self._addresses()
        yield from self._figures()

    def _slices(self) -> list[Slice]:
        return list(self.cluster.slices.values())

    def _counter(self) -> Iterator[Refusal]:
        highest = max(
            (allocation.number for slice_ in self._slices() for allocation in allocated(slice_, ID)), default=0
        )
        if self.cluster.next_vm_id <= highest:
            yield Refusal("counter_raised", "next_vm_id", {"before": self.cluster.next_vm_id, "after": highest + 1})
            self.cluster.next_vm_id = highest + 1

    def _missing(self) -> Iterator[Refusal]:
        for slice_ in self._slices():
            yield from self._owner(slice_)
            for vm in slice_.vms:
                if vm.worker_ip and vm.worker_ip not in self.cluster.workers:
                    self.cluster.workers[vm.worker_ip] = Worker(vm.worker_ip, schedulable=False)
                    yield Refusal("worker_added", f"worker {vm.worker_ip}")

    def _owner(self, slice_: Slice) -> Iterator[Refusal]:
        """Add the owner of a slice if there is none, under another name if that is the name of another user."""
        users, uuid = self.cluster.users, slice_.owner_uuid
        present = users.get(slice_.owner)
        if present is not None and uuid in (None, present.uuid):
            return
        name = next((name for name, user in users.items() if uuid is not None and user.uuid == uuid), None)
        if name is None and present is not None and present.uuid is None:
            yield Refusal("user_uuid_added", f"user {slice_.owner}", {"after": uuid})
            identify_user(self.cluster, present, uuid)
            return
        if name is None:
            name = slice_.owner if present is None else _new_name(slice_.owner, set(users))
            quota = sum(
                len(each.vms) for each in self._slices() if (each.owner, each.owner_uuid) == (slice_.owner, uuid)
            )
            users[name] = User(name, NO_PASSWORD, quota_vms=quota)
            if uuid is not None:
                users[name].extra["uuid"] = uuid
            yield Refusal("user_added", f"user {name}", {"quota": quota})
        if name != slice_.owner:
            yield Refusal("owner_of_slice_changed", call(slice_), {"before": slice_.owner, "after": name})
            slice_.owner = name

    def _slice_ids(self) -> Iterator[Refusal]:
        """Change the id of a slice if its pool, which is determined by the id, belongs to another slice."""
        held: set[int] = set()
        for slice_ in self._slices():
            first = pool_number(slice_.slice_id)
            if first in held:
                yield from self._renumber(slice_)
                first = pool_number(slice_.slice_id)
            held.add(first)
        for slice_ in self._slices():
            further = slice_.further_pools
            kept = [pool for pool in dict.fromkeys(further) if 0 <= pool < POOL_COUNT and pool not in held]
            held.update(kept)
            if kept != further:
                yield Refusal("further_pools_released", call(slice_), {"before": further, "after": [*kept]})
                slice_.extra[FURTHER_POOLS] = kept

    def _renumber(self, slice_: Slice) -> Iterator[Refusal]:
        allocator = Allocator(self.cluster, ManagementNetwork())
        slice_id = allocator.slice_id()
        if slice_id is None:
            return
        before, old_start = call(slice_), slice_.vlan_pool_start
        owner = self.cluster.users[slice_.owner]
        owner.slices = [slice_id if each == slice_.slice_id else each for each in owner.slices]
        del self.cluster.slices[slice_.slice_id]
        slice_.slice_id = slice_id
        vlans = pool_range(pool_number(slice_id))
        slice_.vlan_pool_start, slice_.vlan_pool_end = vlans[0], vlans[-1]
        self.cluster.slices[slice_id] = slice_
        self.cluster.next_vm_id = allocator.next_id
        figures = {"after": slice_id, "old_first": old_start, "first": slice_.vlan_pool_start}
        yield Refusal("slice_renumbered", before, figures)

    def _vm_ids(self) -> Iterator[Refusal]:
        ids, blocks = set(self.cluster.slices), set[int]()
        for slice_ in self._slices():
            again: set[int] = set()
            for vm in slice_.vms:
                if vm.vm_id in ids or vm.vm_id % MAC_BLOCKS in blocks:
                    before = call(slice_, vm)
                    old, vm.vm_id = vm.vm_id, self._free_id(blocks)
                    # If another VM of the slice has the old id, links and networks stay with that one.
                    if old not in again:
                        _follow(slice_, old, vm.vm_id)
                    yield Refusal("vm_renumbered", before, {"after": vm.vm_id})
                again.add(vm.vm_id)
                ids.add(vm.vm_id)
                blocks.add(vm.vm_id % MAC_BLOCKS)

    def _free_id(self, blocks: set[int]) -> int:
        allocator = Allocator(self.cluster, ManagementNetwork())
        vm_id = allocator.vm_id()
        while vm_id % MAC_BLOCKS in blocks:
            vm_id = allocator.vm_id()
        self.cluster.next_vm_id = allocator.next_id
        return vm_id

    def _names(self, slice_: Slice) -> Iterator[Refusal]:
        names: set[str] = set()
        for vm in slice_.vms:
            if vm.owner != slice_.owner:
                yield Refusal("owner_of_vm_changed", call(slice_, vm), {"before": vm.owner, "after": slice_.owner})
                vm.owner = slice_.owner
            if vm.deleting:
                continue
            if vm.name in names:
                before = call(slice_, vm)
                vm.name = _new_name(vm.name, names | {each.name for each in slice_.vms})
                yield Refusal("vm_renamed", before, {"after": vm.name})
            names.add(vm.name)
        labels = {slice_label(each) for each in self._slices() if each.owner == slice_.owner and each is not slice_}
        earlier = [
            each for each in self._slices() if each.owner == slice_.owner and slice_label(each) == slice_label(slice_)
        ]
        if slice_label(slice_) in labels and earlier[0] is not slice_:
            before = call(slice_)
            slice_.extra["name"] = _new_name(slice_label(slice_), labels)
            yield Refusal("slice_renamed", before, {"after": slice_.name})

    def _vlans(self, slice_: Slice) -> Iterator[Refusal]:
        vlans = pool_range(pool_number(slice_.slice_id))
        if (slice_.vlan_pool_start, slice_.vlan_pool_end) != (vlans[0], vlans[-1]):
            yield Refusal(
                "pool_of_slice_corrected", call(slice_), {"before": slice_.vlan_pool_start, "after": vlans[0]}
            )
            slice_.vlan_pool_start, slice_.vlan_pool_end = vlans[0], vlans[-1]
        yield from self._dangling_links(slice_)
        allowed = pool_vlans(*slice_.pools, management=self.management_vlan)
        used = [vlan for vlan in dict.fromkeys(slice_.vlan_pool_used) if vlan in allowed]
        moved: dict[int, int] = {}
        taken: set[int] = set()
        for link in slice_.links:
            if link.vlan_id not in allowed or link.vlan_id in taken:
                reserved = taken | set(used) | {each.vlan_id for each in slice_.links}
                free = next((each for each in allowed if each not in reserved), None)
                if free is None:
                    continue
                figures = {"before": link.vlan_id, "after": free}
                yield Refusal("vlan_of_link_changed", f"link {slice_label(slice_)}/{link.link_id}", figures)
                moved.setdefault(link.vlan_id, free)
                link.vlan_id = free
            taken.add(link.vlan_id)
        for network in slice_.networks:
            if network.vlan_id not in allowed:
                vlan = network.vlan_id
                new = moved.get(vlan, next((each for each in allowed if each not in taken | set(used)), None))
                if new is None:
                    continue
                network.vlan_id = new
                for vm in slice_.vms:
                    for interface in vm.interfaces:
                        if interface.vlan_id == vlan and interface.link_id is None and vlan != self.management_vlan:
                            interface.vlan_id = new
                yield Refusal("vlan_of_network_changed", f"network of VLAN {vlan} in {call(slice_)}", {"after": new})
            taken.add(network.vlan_id)
        used += sorted(vlan for vlan in taken if vlan in allowed and vlan not in used)
        if used != slice_.vlan_pool_used:
            yield Refusal("listed_vlans_corrected", call(slice_), {"before": slice_.vlan_pool_used, "after": [*used]})
            slice_.vlan_pool_used = used

    def _dangling_links(self, slice_: Slice) -> Iterator[Refusal]:
        there = {(vm.vm_id, interface.name) for vm in slice_.vms for interface in vm.interfaces}
        joined: set[tuple[int, str]] = set()
        numbers: set[int] = set()
        for link in list(slice_.links):
            both = ends(link)
            if both[0][0] == both[1][0] or not there.issuperset(both) or joined.intersection(both):
                slice_.links.remove(link)
                yield Refusal("link_removed", f"link {slice_label(slice_)}/{link.link_id}")
                continue
            joined.update(both)
            if link.link_id in numbers:
                old, link.link_id = link.link_id, max(each.link_id for each in slice_.links) + 1
                yield Refusal("link_renumbered", f"link {slice_label(slice_)}/{old}", {"after": link.link_id})
            numbers.add(link.link_id)

    def _interfaces(self, slice_: Slice) -> Iterator[Refusal]:
        at = {end: link for link in slice_.links for end in ends(link)}
        for vm in slice_.vms:
            for position, interface in enumerate(vm.interfaces):
                where = f"{call(slice_, vm)}: {interface.name}"
                made = mac_address(vm.vm_id, mac_index(interface, position))
                if interface.mac is not None and interface.mac.lower() != made:
                    yield Refusal("mac_corrected", where, {"before": interface.mac, "after": made})
                    interface.mac = made
                if not vm.deleting:
                    yield from _join(where, interface, at.get((vm.vm_id, interface.name)), slice_, self.management_vlan)

    def _states(self, slice_: Slice) -> Iterator[Refusal]:
        for vm in slice_.vms:
            if vm.status not in VM_STATES:
                yield Refusal("status_reset", call(slice_, vm), {"before": vm.status, "after": ERROR})
                vm.see(Observed(ERROR, vm.pid))

    def _ports(self) -> Iterator[Refusal]:
        free = self.cluster.free(VNC_PORT, FIRST_VNC_PORT, LAST_VNC_PORT)
        seen: set[int] = set()
        for slice_ in self._slices():
            for vm in slice_.vms:
                if vm.vnc_port in seen or not FIRST_VNC_PORT <= vm.vnc_port <= LAST_VNC_PORT:
                    port = next(free, vm.vnc_port)
                    yield Refusal("vnc_port_changed", call(slice_, vm), {"before": vm.vnc_port, "after": port})
                    vm.vnc_port = port
                seen.add(vm.vnc_port)

    def _addresses(self) -> Iterator[Refusal]:
        network = ManagementNetwork()
        first, last = (int(ipaddress.IPv4Address(each)) for each in (network.first_address, network.last_address))
        free = self.cluster.free(ADDRESS, first, last)
        seen: set[int] = set()
        for slice_ in self._slices():
            for vm in slice_.vms:
                for interface in vm.interfaces:
                    if not interface.ip_config:
                        continue
                    number = address_number(interface.ip_config.get("ip"))
                    if number is None or number in seen:
                        taken = next(free, None)
                        if taken is None:
                            continue
                        address = str(ipaddress.IPv4Address(taken))
                        figures = {"before": interface.ip_config.get("ip"), "after": address}
                        yield Refusal("address_changed", call(slice_, vm), figures)
                        interface.ip_config["ip"], number = address, taken
                    seen.add(number)
            yield from self._releasing(slice_, seen)

    def _releasing(self, slice_: Slice, seen: set[int]) -> Iterator[Refusal]:
        waiting = slice_.extra.get("releasing", {})
        kept = []
        for text in waiting.get("addresses", ()):
            number = address_number(text)
            if number is None or number in seen:
                yield Refusal("release_dropped", call(slice_), {"address": text})
            else:
                seen.add(number)
                kept.append(text)
        if kept != waiting.get("addresses", []):
            waiting["addresses"] = kept

    def _figures(self) -> Iterator[Refusal]:
        owned: dict[str, list[Slice]] = defaultdict(list)
        for slice_ in self._slices():
            owned[slice_.owner].append(slice_)
        for name, user in self.cluster.users.items():
            if user.username != name:
                yield Refusal("username_corrected", f"user {name}", {"before": user.username, "after": name})
                user.username = name
            ids = [slice_.slice_id for slice_ in owned[name]]
            if sorted(user.slices) != sorted(ids):
                yield Refusal("slices_of_user_corrected", f"user {name}", {"before": user.slices, "after": [*ids]})
                user.slices = ids
            vms = sum(len(slice_.vms) for slice_ in owned[name])
            if user.used_vms != vms:
                yield Refusal("used_vms_corrected", f"user {name}", {"before": user.used_vms, "after": vms})
                user.used_vms = vms
        for ip, worker in self.cluster.workers.items():
            there = len(self.cluster.vms_on(ip))
            for key in USED_KEYS:
                if key in worker.extra and worker.extra[key] != there:
                    figures = {"key": key, "before": worker.extra[key], "after": there}
                    yield Refusal("worker_vms_corrected", f"worker {ip}", figures)
                    worker.extra[key] = there


def _follow(slice_: Slice, old: int, new: int) -> None:
    """Change the id of a VM where links and networks refer to it."""
    for link in slice_.links:
        link.vm1_id = new if link.vm1_id == old else link.vm1_id
        link.vm2_id = new if link.vm2_id == old else link.vm2_id
    for network in slice_.networks:
        for member in network.extra.get("members", ()):
            member["vm_id"] = new if member["vm_id"] == old else member["vm_id"]


def _join(
    where: str, interface: Interface, link: Link | None, slice_: Slice, management_vlan: int
) -> Iterator[Refusal]:
    """Set VLAN and link of an interface to those of its link, or to none if there is no link."""
    wanted: tuple[int | None, int | None]
    if link is not None:
        wanted = link.vlan_id, link.link_id
    elif interface.ip_config:
        wanted = management_vlan, None
    elif interface.link_id is not None or interface.vlan_id not in (None, management_vlan, *slice_.vlan_pool_used):
        wanted = (interface.vlan_id, None) if interface.vlan_id == management_vlan else (None, None)
    else:
        return
    if (interface.vlan_id, interface.link_id) != wanted:
        figures = {
            "vlan": interface.vlan_id,
            "link_id": interface.link_id,
            "new_vlan": wanted[0],
            "new_link_id": wanted[1],
        }
        yield Refusal("interface_moved", where, figures)
        interface.vlan_id, interface.link_id = wanted


def _new_name(name: str, taken: set[str]) -> str:
    number = 2
    while f"{name}-{number}" in taken:
        number += 1
    return f"{name}-{number}"
