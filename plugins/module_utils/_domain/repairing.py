# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Mending breaches of invariants with as little renumbering as may be: who came first keeps what two hold.

Nothing is thrown away but links that lead nowhere. What only a host could mend (two VMs on one disk) stays, and so
does what has no room (no pool, port or address is free): C(checking.breaches) tells of it afterwards.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterator

from ..cluster import NO_PASSWORD, USED_KEYS, Cluster, Worker, slice_label
from ..leases import ADDRESS, ID, MAC_BLOCKS, VNC_PORT, address_number, leases
from ..models import Interface, Link, Slice, User
from ..vlans import FURTHER_POOLS, MANAGEMENT_VLAN, POOL_COUNT, pool_number, pool_range, pool_vlans
from .allocation import FIRST_VNC_PORT, LAST_VNC_PORT, Allocator, ManagementNetwork, mac_address
from .checking import SLICE_STATES, VM_STATES, call, ends, mac_index


def repair(cluster: Cluster) -> list[str]:
    """Mend what can be mended in C(cluster), and return what was changed, a sentence each."""
    return list(_Repair(cluster).steps())


class _Repair:
    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def steps(self) -> Iterator[str]:
        yield from self._counter()
        yield from self._missing()
        yield from self._slice_ids()
        yield from self._vm_ids()
        for one in list(self.cluster.slices.values()):
            yield from self._names(one)
            yield from self._vlans(one)
            yield from self._interfaces(one)
            yield from self._states(one)
        yield from self._ports()
        yield from self._addresses()
        yield from self._figures()

    def _slices(self) -> list[Slice]:
        return list(self.cluster.slices.values())

    def _counter(self) -> Iterator[str]:
        highest = max((lease.number for one in self._slices() for lease in leases(one, ID)), default=0)
        if self.cluster.next_vm_id <= highest:
            yield f"next_vm_id {self.cluster.next_vm_id} → {highest + 1}"
            self.cluster.next_vm_id = highest + 1

    def _missing(self) -> Iterator[str]:
        for one in self._slices():
            if one.owner not in self.cluster.users:
                quota = sum(len(each.vms) for each in self._slices() if each.owner == one.owner)
                self.cluster.users[one.owner] = User(one.owner, NO_PASSWORD, quota_vms=quota)
                yield f"user {one.owner}: added, without a password, with a quota of the {quota} VMs that are there"
            for vm in one.vms:
                if vm.worker_ip and vm.worker_ip not in self.cluster.workers:
                    self.cluster.workers[vm.worker_ip] = Worker(vm.worker_ip, schedulable=False)
                    yield f"worker {vm.worker_ip}: added, without room for new VMs (schedulable: false)"

    def _slice_ids(self) -> Iterator[str]:
        """Give a slice whose pool another holds a new id: the pool comes from the id."""
        held: set[int] = set()
        for one in self._slices():
            first = pool_number(one.slice_id)
            if first in held:
                yield from self._renumber(one)
                first = pool_number(one.slice_id)
            held.add(first)
        for one in self._slices():
            further = one.further_pools
            kept = [pool for pool in dict.fromkeys(further) if 0 <= pool < POOL_COUNT and pool not in held]
            held.update(kept)
            if kept != further:
                yield f"{call(one)}: {FURTHER_POOLS} {further} → {kept}"
                one.extra[FURTHER_POOLS] = kept

    def _renumber(self, one: Slice) -> Iterator[str]:
        allocator = Allocator(self.cluster, ManagementNetwork())
        slice_id = allocator.slice_id()
        if slice_id is None:
            return
        before, old_start = call(one), one.vlan_pool_start
        owner = self.cluster.users[one.owner]
        owner.slices = [slice_id if each == one.slice_id else each for each in owner.slices]
        del self.cluster.slices[one.slice_id]
        one.slice_id = slice_id
        vlans = pool_range(pool_number(slice_id))
        one.vlan_pool_start, one.vlan_pool_end = vlans[0], vlans[-1]
        self.cluster.slices[slice_id] = one
        self.cluster.next_vm_id = allocator.next_id
        yield f"{before}: id → {slice_id}, VLAN pool {old_start} → {one.vlan_pool_start}"

    def _vm_ids(self) -> Iterator[str]:
        ids, blocks = set(self.cluster.slices), set[int]()
        for one in self._slices():
            again: set[int] = set()
            for vm in one.vms:
                if vm.vm_id in ids or vm.vm_id % MAC_BLOCKS in blocks:
                    before = call(one, vm)
                    # Links tell their ends by id: where it is another VM of the slice, they stay with that one.
                    follows = vm.vm_id not in again
                    old, vm.vm_id = vm.vm_id, self._free_id(blocks)
                    for link in one.links if follows else ():
                        link.vm1_id = vm.vm_id if link.vm1_id == old else link.vm1_id
                        link.vm2_id = vm.vm_id if link.vm2_id == old else link.vm2_id
                    yield f"{before}: id → {vm.vm_id}"
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

    def _names(self, one: Slice) -> Iterator[str]:
        names: set[str] = set()
        for vm in one.vms:
            if vm.owner != one.owner:
                yield f"{call(one, vm)}: owner {vm.owner} → {one.owner}"
                vm.owner = one.owner
            if vm.status == "deleting":
                continue
            if vm.name in names:
                before = call(one, vm)
                vm.name = _new_name(vm.name, names | {each.name for each in one.vms})
                yield f"{before}: name → {vm.name}"
            names.add(vm.name)
        labels = {slice_label(each) for each in self._slices() if each.owner == one.owner and each is not one}
        earlier = [each for each in self._slices() if each.owner == one.owner and slice_label(each) == slice_label(one)]
        if slice_label(one) in labels and earlier[0] is not one:
            before = call(one)
            one.extra["name"] = _new_name(slice_label(one), labels)
            yield f"{before}: name → {one.name}"

    def _vlans(self, one: Slice) -> Iterator[str]:
        vlans = pool_range(pool_number(one.slice_id))
        if (one.vlan_pool_start, one.vlan_pool_end) != (vlans[0], vlans[-1]):
            yield f"{call(one)}: VLAN pool {one.vlan_pool_start} → {vlans[0]}"
            one.vlan_pool_start, one.vlan_pool_end = vlans[0], vlans[-1]
        yield from self._dangling_links(one)
        allowed = pool_vlans(*one.pools)
        used = [vlan for vlan in dict.fromkeys(one.vlan_pool_used) if vlan in allowed]
        moved: dict[int, int] = {}
        taken: set[int] = set()
        for link in one.links:
            if link.vlan_id not in allowed or link.vlan_id in taken:
                reserved = taken | set(used) | {each.vlan_id for each in one.links}
                free = next((each for each in allowed if each not in reserved), None)
                if free is None:
                    continue
                yield f"link {slice_label(one)}/{link.link_id}: VLAN {link.vlan_id} → {free}"
                moved.setdefault(link.vlan_id, free)
                link.vlan_id = free
            taken.add(link.vlan_id)
        for network in one.networks:
            if network.vlan_id not in allowed:
                vlan = network.vlan_id
                new = moved.get(vlan, next((each for each in allowed if each not in taken | set(used)), None))
                if new is None:
                    continue
                network.vlan_id = new
                for vm in one.vms:
                    for interface in vm.interfaces:
                        if interface.vlan_id == vlan and interface.link_id is None and vlan != MANAGEMENT_VLAN:
                            interface.vlan_id = new
                yield f"network of VLAN {vlan} in {call(one)}: VLAN → {new}"
            taken.add(network.vlan_id)
        used += sorted(vlan for vlan in taken if vlan in allowed and vlan not in used)
        if used != one.vlan_pool_used:
            yield f"{call(one)}: vlan_pool_used {one.vlan_pool_used} → {used}"
            one.vlan_pool_used = used

    def _dangling_links(self, one: Slice) -> Iterator[str]:
        there = {(vm.vm_id, interface.name) for vm in one.vms for interface in vm.interfaces}
        joined: set[tuple[int, str]] = set()
        numbers: set[int] = set()
        for link in list(one.links):
            both = ends(link)
            if both[0][0] == both[1][0] or not there.issuperset(both) or joined.intersection(both):
                one.links.remove(link)
                yield f"link {slice_label(one)}/{link.link_id}: removed, for it does not join two interfaces of its own"
                continue
            joined.update(both)
            if link.link_id in numbers:
                old, link.link_id = link.link_id, max(each.link_id for each in one.links) + 1
                yield f"link {slice_label(one)}/{old}: id → {link.link_id}"
            numbers.add(link.link_id)

    def _interfaces(self, one: Slice) -> Iterator[str]:
        at = {end: link for link in one.links for end in ends(link)}
        for vm in one.vms:
            for position, interface in enumerate(vm.interfaces):
                where = f"{call(one, vm)}: {interface.name}"
                made = mac_address(vm.vm_id, mac_index(interface, position))
                if interface.mac is not None and interface.mac.lower() != made:
                    yield f"{where}: MAC {interface.mac} → {made}"
                    interface.mac = made
                if vm.status != "deleting":
                    yield from _join(where, interface, at.get((vm.vm_id, interface.name)), one)

    def _states(self, one: Slice) -> Iterator[str]:
        if one.status not in SLICE_STATES:
            yield f"{call(one)}: status {one.status} → error"
            one.status = "error"
        for vm in one.vms:
            if vm.status not in VM_STATES:
                yield f"{call(one, vm)}: status {vm.status} → error"
                vm.status = "error"

    def _ports(self) -> Iterator[str]:
        free = self.cluster.free(VNC_PORT, FIRST_VNC_PORT, LAST_VNC_PORT)
        seen: set[int] = set()
        for one in self._slices():
            for vm in one.vms:
                if vm.vnc_port in seen or not FIRST_VNC_PORT <= vm.vnc_port <= LAST_VNC_PORT:
                    port = next(free, vm.vnc_port)
                    yield f"{call(one, vm)}: VNC port {vm.vnc_port} → {port}"
                    vm.vnc_port = port
                seen.add(vm.vnc_port)

    def _addresses(self) -> Iterator[str]:
        network = ManagementNetwork()
        first, last = (int(ipaddress.IPv4Address(each)) for each in (network.first_address, network.last_address))
        free = self.cluster.free(ADDRESS, first, last)
        seen: set[int] = set()
        for one in self._slices():
            for vm in one.vms:
                for interface in vm.interfaces:
                    if interface.vlan_id != MANAGEMENT_VLAN or not interface.ip_config:
                        continue
                    number = address_number(interface.ip_config.get("ip"))
                    if number is None or number in seen:
                        taken = next(free, None)
                        if taken is None:
                            continue
                        address = str(ipaddress.IPv4Address(taken))
                        yield f"{call(one, vm)}: address {interface.ip_config.get('ip')} → {address}"
                        interface.ip_config["ip"], number = address, taken
                    seen.add(number)
            yield from self._releasing(one, seen)

    def _releasing(self, one: Slice, seen: set[int]) -> Iterator[str]:
        waiting = one.extra.get("releasing", {})
        kept = []
        for text in waiting.get("addresses", ()):
            number = address_number(text)
            if number is None or number in seen:
                yield f"{call(one)}: no longer releases address {text}"
            else:
                seen.add(number)
                kept.append(text)
        if kept != waiting.get("addresses", []):
            waiting["addresses"] = kept

    def _figures(self) -> Iterator[str]:
        owned: dict[str, list[Slice]] = defaultdict(list)
        for one in self._slices():
            owned[one.owner].append(one)
        for name, user in self.cluster.users.items():
            if user.username != name:
                yield f"user {name}: username {user.username} → {name}"
                user.username = name
            ids = [one.slice_id for one in owned[name]]
            if sorted(user.slices) != sorted(ids):
                yield f"user {name}: slices {user.slices} → {ids}"
                user.slices = ids
            vms = sum(len(one.vms) for one in owned[name])
            if user.used_vms != vms:
                yield f"user {name}: used_vms {user.used_vms} → {vms}"
                user.used_vms = vms
        for ip, worker in self.cluster.workers.items():
            there = len(self.cluster.vms_on(ip))
            for key in USED_KEYS:
                if key in worker.extra and worker.extra[key] != there:
                    yield f"worker {ip}: {key} {worker.extra[key]} → {there}"
                    worker.extra[key] = there


def _join(where: str, interface: Interface, link: Link | None, one: Slice) -> Iterator[str]:
    """Put an interface where its link is, or off a link that is not there."""
    wanted: tuple[int | None, int | None]
    if link is not None:
        wanted = link.vlan_id, link.link_id
    elif interface.link_id is not None or interface.vlan_id not in (None, MANAGEMENT_VLAN, *one.vlan_pool_used):
        wanted = (interface.vlan_id, None) if interface.vlan_id == MANAGEMENT_VLAN else (None, None)
    else:
        return
    if (interface.vlan_id, interface.link_id) != wanted:
        yield f"{where}: VLAN {interface.vlan_id}, link {interface.link_id} → VLAN {wanted[0]}, link {wanted[1]}"
        interface.vlan_id, interface.link_id = wanted


def _new_name(name: str, taken: set[str]) -> str:
    number = 2
    while f"{name}-{number}" in taken:
        number += 1
    return f"{name}-{number}"
