# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The invariants of a cluster, and a sentence for every violation.

Admission is not checked here: a quota or capacity that was lowered below the current use is not a violation.
"""

from __future__ import annotations

import ipaddress
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator
from typing import Any

from ..allocations import (
    ADDRESS,
    ID,
    KINDS,
    MAC_BLOCK,
    MAC_BLOCKS,
    VLAN_POOL,
    address_number,
    allocated,
    mac_number,
    show,
    vm_addresses,
)
from ..bounds import FIRST_VNC_PORT, LAST_VNC_PORT
from ..cluster import Cluster, slice_label
from ..lifecycle import VM_STATES
from ..models import VM, Interface, Link, Network, Slice
from ..vlans import POOL_COUNT, pool_number, pool_range, pool_vlans
from ..workers import USED_KEYS
from . import addressing, cloud_vlans, data_disks, kinds
from .allocation import mac_address


def breaches(cluster: Cluster) -> list[str]:
    """Return a sentence for every violation of an invariant, with objects and figures."""
    found = [*_given_twice(cluster), *_uuids(cluster), *_counter(cluster), *_users(cluster), *_workers(cluster)]
    vlans = cluster.vlans
    for slice_ in cluster.slices.values():
        found.extend(of_slice(slice_, vlans.management))
        found.extend(f"{call(slice_)}: {breach}" for breach in cloud_vlans.breaches(slice_, vlans))
    return found


def call(slice_: Slice, vm: VM | None = None) -> str:
    """Return the name of a slice, or of a VM in it, for messages."""
    if vm is None:
        return f"slice {slice_label(slice_)} ({slice_.slice_id}) of {slice_.owner}"
    return f"VM {slice_label(slice_)}/{vm.name} ({vm.vm_id})"


def mac_index(interface: Interface, position: int) -> int:
    """Return the index in an interface's MAC: the number in its name, otherwise its position in the VM."""
    digits = interface.name[3:]
    return int(digits) if interface.name.startswith("eth") and digits.isascii() and digits.isdigit() else position


def _twice(things: Iterable[Hashable]) -> list[Any]:
    return [thing for thing, count in Counter(things).items() if count > 1]


def _given_twice(cluster: Cluster) -> Iterator[str]:
    holders: dict[tuple[str, int], list[str]] = defaultdict(list)
    for slice_ in cluster.slices.values():
        names = {vm.vm_id: vm for vm in slice_.vms}
        seen: Counter[int] = Counter()
        for allocation in allocated(slice_):
            vm = None if allocation.vm_id is None else names[allocation.vm_id]
            if allocation.kind == ID and allocation.vm_id is not None:
                # If several VMs have the same id, their allocations are in the same order.
                vm = [each for each in slice_.vms if each.vm_id == allocation.vm_id][seen[allocation.vm_id]]
                seen[allocation.vm_id] += 1
            holders[allocation.kind, allocation.number].append(call(slice_, vm))
    for kind in KINDS:
        for (of_kind, number), held_by in holders.items():
            if of_kind != kind or len(held_by) == 1:
                continue
            if kind == MAC_BLOCK and len(holders[ID, number]) > 1:
                continue  # the duplicate id is reported already
            what = show(kind, number)
            if kind == VLAN_POOL:
                vlans = pool_range(number)
                what += f" (VLANs {vlans[0]} to {vlans[-1]})"
            elif kind == MAC_BLOCK:
                what += f" (ids that are the same modulo {MAC_BLOCKS})"
            yield f"{what} is allocated {len(held_by)} times: to {' and '.join(held_by)}"


def _uuids(cluster: Cluster) -> Iterator[str]:
    """Yield UUIDs that several objects have, because hosts identify objects by them, and tokens users."""
    holders: dict[str, list[str]] = defaultdict(list)
    for name, user in cluster.users.items():
        if user.uuid is not None:
            holders[user.uuid].append(f"user {name}")
    for slice_ in cluster.slices.values():
        things = [(slice_.uuid, call(slice_)), *((vm.uuid, call(slice_, vm)) for vm in slice_.vms)]
        things += [(disk.uuid, f"disk {disk.path} of {call(slice_, vm)}") for vm in slice_.vms for disk in vm.disks]
        things += [
            (each["uuid"], f"disk {each['name']} in the trash of {call(slice_, holder)}")
            for holder in (*slice_.vms, None)
            for each in (slice_ if holder is None else holder).extra.get(data_disks.TRASHED, ())
        ]
        for uuid, name in things:
            if uuid is not None:
                holders[uuid].append(name)
    for uuid, held_by in holders.items():
        if len(held_by) > 1:
            yield f"UUID {uuid} is allocated {len(held_by)} times: to {' and '.join(held_by)}"


def _counter(cluster: Cluster) -> Iterator[str]:
    highest = max(
        (allocation.number for slice_ in cluster.slices.values() for allocation in allocated(slice_, ID)), default=None
    )
    if highest is not None and cluster.next_vm_id <= highest:
        yield f"next_vm_id is {cluster.next_vm_id}, but id {highest} is in use"


def _users(cluster: Cluster) -> Iterator[str]:
    owned: dict[str, list[Slice]] = defaultdict(list)
    for slice_ in cluster.slices.values():
        owned[slice_.owner].append(slice_)
    for owner in owned:
        if owner not in cluster.users:
            names = ", ".join(f"{slice_label(slice_)} ({slice_.slice_id})" for slice_ in owned[owner])
            yield f"user {owner} does not exist, but owns {len(owned[owner])} slices: {names}"
    for name, user in cluster.users.items():
        if user.username != name:
            yield f"user {name}: username is {user.username}"
        ids = sorted(slice_.slice_id for slice_ in owned[name])
        if sorted(user.slices) != ids:
            yield f"user {name}: slices contains {_list(sorted(user.slices))}, but the user owns {_list(ids)}"
        for slice_ in owned[name]:
            if slice_.owner_uuid not in (None, user.uuid):
                yield (
                    f"{call(slice_)}: the owner is the user with UUID {slice_.owner_uuid}, but user {name} has "
                    f"UUID {user.uuid or 'none'}"
                )
        vms = sum(len(slice_.vms) for slice_ in owned[name])
        if user.used_vms != vms:
            yield f"user {name}: used_vms is {user.used_vms}, but the slices have {vms} VMs"
        for label in _twice(slice_label(slice_) for slice_ in owned[name]):
            numbers = _list([slice_.slice_id for slice_ in owned[name] if slice_label(slice_) == label])
            yield f"user {name} owns several slices with the name {label}: {numbers}"


def _workers(cluster: Cluster) -> Iterator[str]:
    there = Counter(vm.worker_ip for vm in cluster.vms())
    for ip, worker in cluster.workers.items():
        if worker.ip != ip:
            yield f"worker {ip}: ip is {worker.ip}"
        for key in USED_KEYS:
            if key in worker.extra and worker.extra[key] != there[ip]:
                yield f"worker {ip}: {key} is {worker.extra[key]}, but the worker has {there[ip]} VMs"
    for machine_id in _twice(worker.machine_id for worker in cluster.workers.values() if worker.machine_id):
        ips = [ip for ip, worker in cluster.workers.items() if worker.machine_id == machine_id]
        yield f"machine-id {machine_id} is that of {len(ips)} workers: {_list(ips)}"
    disks: dict[tuple[str, str], list[str]] = defaultdict(list)
    for slice_ in cluster.slices.values():
        for vm in slice_.vms:
            if vm.worker_ip not in cluster.workers:
                yield f"{call(slice_, vm)} is on worker {vm.worker_ip or 'none'}, which is not registered"
            for disk in vm.disks:
                disks[vm.worker_ip, disk.path].append(call(slice_, vm))
    for (ip, path), held_by in disks.items():
        if len(held_by) > 1:
            yield f"disk {path} on worker {ip} belongs to {len(held_by)} VMs: {' and '.join(held_by)}"


def of_slice(slice_: Slice, management_vlan: int) -> Iterator[str]:
    """Yield a sentence for every violation of an invariant by a slice alone."""
    where = call(slice_)
    vlans = pool_range(pool_number(slice_.slice_id))
    if (slice_.vlan_pool_start, slice_.vlan_pool_end) != (vlans[0], vlans[-1]):
        yield (
            f"{where}: the VLAN pool is {slice_.vlan_pool_start} to {slice_.vlan_pool_end}, "
            f"but must be {vlans[0]} to {vlans[-1]} for this id"
        )
    for pool in slice_.further_pools:
        if not 0 <= pool < POOL_COUNT:
            yield f"{where}: VLAN pool {pool} does not exist"
    allowed = set(pool_vlans(*slice_.pools, management=management_vlan))
    for vlan in dict.fromkeys(slice_.vlan_pool_used):
        if vlan not in allowed:
            yield f"{where}: vlan_pool_used contains VLAN {vlan}, {_outside(vlan, management_vlan)}"
    yield from _vms(slice_)
    yield from _links(slice_, allowed, management_vlan)
    yield from _networks(slice_, allowed, management_vlan)
    yield from _addresses(slice_)


def _outside(vlan: int, management_vlan: int) -> str:
    return "the management VLAN" if vlan == management_vlan else "which is not in its pool"


def _vms(slice_: Slice) -> Iterator[str]:
    for name in _twice(vm.name for vm in slice_.live_vms):
        ids = _list([vm.vm_id for vm in slice_.live_vms if vm.name == name])
        yield f"{call(slice_)}: several VMs have the name {name}: {ids}"
    for vm in slice_.vms:
        where = call(slice_, vm)
        if vm.owner != slice_.owner:
            yield f"{where}: the owner is {vm.owner}, but that of the slice is {slice_.owner}"
        if vm.status not in VM_STATES:
            yield f"{where}: unknown status {vm.status}"
        if not FIRST_VNC_PORT <= vm.vnc_port <= LAST_VNC_PORT:
            yield f"{where}: the VNC port must be {FIRST_VNC_PORT}-{LAST_VNC_PORT}, got {vm.vnc_port}"
        for name in _twice(each.name for each in vm.interfaces):
            yield f"{where}: several interfaces have the name {name}"
        for position, interface in enumerate(vm.interfaces):
            if interface.mac is None:
                continue
            if mac_number(interface.mac) is None:
                yield f"{where}: {interface.mac!r} of {interface.name} is not a MAC address"
            elif interface.mac.lower() != (made := mac_address(vm.vm_id, mac_index(interface, position))):
                yield f"{where}: {interface.name} has MAC {interface.mac}, but the VM's id requires {made}"
        yield from (f"{where}: {breach}" for breach in (*data_disks.breaches(vm), *kinds.breaches(vm)))
        for text in vm_addresses(vm):
            if address_number(text) is None:
                yield f"{where}: {text!r} is not an IPv4 address"
    for text in slice_.extra.get("releasing", {}).get("addresses", ()):
        if address_number(text) is None:
            yield f"{call(slice_)}: {text!r} in releasing is not an IPv4 {ADDRESS}"


def _links(slice_: Slice, allowed: set[int], management_vlan: int) -> Iterator[str]:
    vms = {vm.vm_id: vm for vm in slice_.vms}
    for link_id in _twice(link.link_id for link in slice_.links):
        yield f"{call(slice_)}: several links have the id {link_id}"
    for vlan in _twice(link.vlan_id for link in slice_.links):
        ids = _list([link.link_id for link in slice_.links if link.vlan_id == vlan])
        yield f"{call(slice_)}: several links are on VLAN {vlan}: {ids}"
    for end, name in _twice(end for link in slice_.links for end in ends(link)):
        yield f"{call(slice_)}: {name} of VM {end} is on several links"
    for link in slice_.links:
        where = f"link {slice_label(slice_)}/{link.link_id}"
        yield from _vlan(slice_, where, link.vlan_id, allowed, management_vlan)
        if link.vm1_id == link.vm2_id:
            yield f"{where} connects VM {link.vm1_id} with itself"
        for vm_id, name in ends(link):
            vm = vms.get(vm_id)
            interface = next((each for each in vm.interfaces if each.name == name), None) if vm else None
            if vm is None:
                yield f"{where} ends at VM {vm_id}, which is not in the slice"
            elif interface is None:
                yield f"{where} ends at {name} of {call(slice_, vm)}, which has no such interface"
            elif (interface.vlan_id, interface.link_id) != (link.vlan_id, link.link_id):
                yield (
                    f"{where} is on VLAN {link.vlan_id}, but its end {name} of {call(slice_, vm)} is on "
                    f"VLAN {interface.vlan_id} with link {interface.link_id}"
                )
    known = {(link.link_id, end) for link in slice_.links for end in ends(link)}
    for vm in slice_.vms:
        if vm.deleting:
            continue  # it keeps its VLANs until its host has removed it
        for interface in vm.interfaces:
            where = f"{call(slice_, vm)}: {interface.name}"
            if interface.link_id is not None and (interface.link_id, (vm.vm_id, interface.name)) not in known:
                yield f"{where} refers to link {interface.link_id}, which does not end there"
            if interface.link_id is None and interface.vlan_id not in (None, management_vlan):
                if interface.vlan_id not in slice_.vlan_pool_used:
                    yield f"{where} is on VLAN {interface.vlan_id}, which is not allocated to the slice"


def _networks(slice_: Slice, allowed: set[int], management_vlan: int) -> Iterator[str]:
    for vlan in _twice(network.vlan_id for network in slice_.networks):
        yield f"{call(slice_)}: several networks are on VLAN {vlan}"
    nics = {(vm.vm_id, nic.name): nic for vm in slice_.live_vms for nic in vm.interfaces}
    live = {vm.vm_id: vm for vm in slice_.live_vms}
    subnets: list[tuple[Network, ipaddress.IPv4Network]] = []
    for network in slice_.networks:
        where = f"network of VLAN {network.vlan_id} in {call(slice_)}"
        yield from _vlan(slice_, where, network.vlan_id, allowed, management_vlan)
        for each in network.extra.get("members", ()):
            vm, name = live.get(each["vm_id"]), each["interface"]
            if vm is not None and (each["vm_id"], name) not in nics:
                yield f"{where}: its member {call(slice_, vm)} has no interface {name}"
        try:
            subnet = ipaddress.IPv4Network(network.cidr)
        except ValueError:
            yield f"{where}: {network.cidr!r} is not an IPv4 network"
            continue
        if network.gateway_ip is not None:
            number = address_number(network.gateway_ip)
            if number is None or ipaddress.IPv4Address(number) not in subnet:
                yield f"{where}: gateway {network.gateway_ip} is not in {subnet}"
        for other, taken in subnets:
            if subnet.overlaps(taken):
                yield f"{where}: subnet {subnet} overlaps {taken} of VLAN {other.vlan_id}"
        subnets.append((network, subnet))


def _addresses(slice_: Slice) -> Iterator[str]:
    for segment in addressing.segments(slice_):
        where = f"VLAN {segment.vlan_id} in {call(slice_)}"
        for version, name in addressing.FAMILIES.items():
            told = [said[name] for _vm_id, _interface, said in addressing.ends(segment) if name in said]
            subnet = addressing.subnet(version, addressing.cidr(segment, version))
            for text in told:
                address = addressing.address(version, text)
                if subnet is None or address is None or address not in subnet:
                    yield f"{where}: address {text} is not in subnet {subnet}"
            for text in _twice(told):
                yield f"{where}: several ends have address {text}"
    loopbacks = [text for vm in slice_.live_vms for text in vm.extra.get(addressing.LOOPBACK, {}).values()]
    for text in _twice(loopbacks):
        yield f"{call(slice_)}: several VMs have loopback {text}"


def _vlan(slice_: Slice, where: str, vlan: int, allowed: set[int], management_vlan: int) -> Iterator[str]:
    if vlan not in allowed:
        yield f"{where} is on VLAN {vlan}, {_outside(vlan, management_vlan)}"
    elif vlan not in slice_.vlan_pool_used:
        yield f"{where} is on VLAN {vlan}, which vlan_pool_used does not list"


def ends(link: Link) -> tuple[tuple[int, str], tuple[int, str]]:
    """Return the two ends of a link: VM id and interface."""
    return (link.vm1_id, link.vm1_interface), (link.vm2_id, link.vm2_interface)


def _list(things: Iterable[object]) -> str:
    return ", ".join(str(thing) for thing in things) or "none"
