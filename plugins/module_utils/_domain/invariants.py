# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The invariants of a cluster, and a refusal for every violation.

Admission is not checked here: a quota or capacity that was lowered below the current use is not a violation.
"""

from __future__ import annotations

import ipaddress
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from ..allocations import (
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
from ..errors import Refusal
from ..lifecycle import VM_STATES
from ..models import VM, Interface, Link, Network, Slice
from ..vlans import POOL_COUNT, pool_number, pool_range, pool_vlans
from ..workers import USED_KEYS
from . import addressing, cloud_vlans, data_disks, kinds
from .allocation import mac_address


def breaches(cluster: Cluster) -> list[str]:
    """Return a sentence for every violation of an invariant, with objects and figures."""
    return [violation.message for violation in violations(cluster)]


def violations(cluster: Cluster) -> list[Refusal]:
    """Return every violation of an invariant."""
    found = [*_allocated_twice(cluster), *_uuids(cluster), *_counter(cluster), *_users(cluster), *_workers(cluster)]
    vlans = cluster.vlans
    for slice_ in cluster.slices.values():
        found.extend(of_slice(slice_, vlans.management))
        found.extend(within(call(slice_), cloud_vlans.violations(slice_, vlans)))
    return found


def within(where: str, found: Iterable[Refusal]) -> Iterator[Refusal]:
    """Yield violations with the name of the object that theirs belong to."""
    yield from (replace(each, object=f"{where}: {each.object}") for each in found)


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


def _allocated_twice(cluster: Cluster) -> Iterator[Refusal]:
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
            yield Refusal("allocated_twice", what, {"count": len(held_by), "holders": held_by})


def _uuids(cluster: Cluster) -> Iterator[Refusal]:
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
            yield Refusal("allocated_twice", f"UUID {uuid}", {"count": len(held_by), "holders": held_by})


def _counter(cluster: Cluster) -> Iterator[Refusal]:
    highest = max(
        (allocation.number for slice_ in cluster.slices.values() for allocation in allocated(slice_, ID)), default=None
    )
    if highest is not None and cluster.next_vm_id <= highest:
        yield Refusal("counter_too_low", "next_vm_id", {"got": cluster.next_vm_id, "highest": highest})


def _users(cluster: Cluster) -> Iterator[Refusal]:
    owned: dict[str, list[Slice]] = defaultdict(list)
    for slice_ in cluster.slices.values():
        owned[slice_.owner].append(slice_)
    for owner in owned:
        if owner not in cluster.users:
            names = [f"{slice_label(slice_)} ({slice_.slice_id})" for slice_ in owned[owner]]
            yield Refusal("owner_missing", f"user {owner}", {"count": len(names), "slices": names})
    for name, user in cluster.users.items():
        where = f"user {name}"
        if user.username != name:
            yield Refusal("username_differs", where, {"got": user.username})
        ids = sorted(slice_.slice_id for slice_ in owned[name])
        if sorted(user.slices) != ids:
            yield Refusal("slices_of_user_differ", where, {"got": sorted(user.slices), "owned": ids})
        for slice_ in owned[name]:
            if slice_.owner_uuid not in (None, user.uuid):
                figures = {"got": slice_.owner_uuid, "owner": name, "uuid": user.uuid or "none"}
                yield Refusal("owner_uuid_differs", call(slice_), figures)
        vms = sum(len(slice_.vms) for slice_ in owned[name])
        if user.used_vms != vms:
            yield Refusal("used_vms_differ", where, {"got": user.used_vms, "vms": vms})
        for label in _twice(slice_label(slice_) for slice_ in owned[name]):
            numbers = [slice_.slice_id for slice_ in owned[name] if slice_label(slice_) == label]
            yield Refusal("slice_name_twice", where, {"name": label, "slices": numbers})


def _workers(cluster: Cluster) -> Iterator[Refusal]:
    there = Counter(vm.worker_ip for vm in cluster.vms())
    for ip, worker in cluster.workers.items():
        if worker.ip != ip:
            yield Refusal("worker_ip_differs", f"worker {ip}", {"got": worker.ip})
        for key in USED_KEYS:
            if key in worker.extra and worker.extra[key] != there[ip]:
                figures = {"key": key, "got": worker.extra[key], "vms": there[ip]}
                yield Refusal("worker_vms_differ", f"worker {ip}", figures)
    for machine_id in _twice(worker.machine_id for worker in cluster.workers.values() if worker.machine_id):
        ips = [ip for ip, worker in cluster.workers.items() if worker.machine_id == machine_id]
        yield Refusal("machine_id_twice", f"machine-id {machine_id}", {"count": len(ips), "workers": ips})
    disks: dict[tuple[str, str], list[str]] = defaultdict(list)
    for slice_ in cluster.slices.values():
        for vm in slice_.vms:
            if vm.worker_ip not in cluster.workers:
                yield Refusal("worker_of_vm_missing", call(slice_, vm), {"worker": vm.worker_ip or "none"})
            for disk in vm.disks:
                disks[vm.worker_ip, disk.path].append(call(slice_, vm))
    for (ip, path), held_by in disks.items():
        if len(held_by) > 1:
            figures = {"count": len(held_by), "vms": held_by}
            yield Refusal("disk_of_several_vms", f"disk {path} on worker {ip}", figures)


def of_slice(slice_: Slice, management_vlan: int) -> Iterator[Refusal]:
    """Yield every violation of an invariant by a slice alone."""
    where = call(slice_)
    vlans = pool_range(pool_number(slice_.slice_id))
    if (slice_.vlan_pool_start, slice_.vlan_pool_end) != (vlans[0], vlans[-1]):
        has = {"first": slice_.vlan_pool_start, "last": slice_.vlan_pool_end}
        needs = {"needed_first": vlans[0], "needed_last": vlans[-1]}
        yield Refusal("pool_of_slice_differs", where, {**has, **needs})
    for pool in slice_.further_pools:
        if not 0 <= pool < POOL_COUNT:
            yield Refusal("pool_unknown", where, {"pool": pool, "last": POOL_COUNT - 1})
    allowed = set(pool_vlans(*slice_.pools, management=management_vlan))
    for vlan in dict.fromkeys(slice_.vlan_pool_used):
        if vlan == management_vlan:
            yield Refusal("management_vlan_listed", where, {"vlan": vlan})
        elif vlan not in allowed:
            yield Refusal("foreign_vlan_listed", where, {"vlan": vlan})
    yield from _vms(slice_)
    yield from _links(slice_, allowed, management_vlan)
    yield from _networks(slice_, allowed, management_vlan)
    yield from _addresses(slice_)


def _vms(slice_: Slice) -> Iterator[Refusal]:
    for name in _twice(vm.name for vm in slice_.live_vms):
        ids = [vm.vm_id for vm in slice_.live_vms if vm.name == name]
        yield Refusal("vm_name_twice", call(slice_), {"name": name, "ids": ids})
    for vm in slice_.vms:
        where = call(slice_, vm)
        if vm.owner != slice_.owner:
            yield Refusal("vm_owner_differs", where, {"got": vm.owner, "owner": slice_.owner})
        if vm.status not in VM_STATES:
            yield Refusal("status_unknown", where, {"got": vm.status})
        if not FIRST_VNC_PORT <= vm.vnc_port <= LAST_VNC_PORT:
            limits = {"option": "the VNC port", "least": FIRST_VNC_PORT, "most": LAST_VNC_PORT}
            yield Refusal("out_of_range", where, {**limits, "got": vm.vnc_port})
        for name in _twice(each.name for each in vm.interfaces):
            yield Refusal("interface_name_twice", where, {"name": name})
        for position, interface in enumerate(vm.interfaces):
            if interface.mac is None:
                continue
            if mac_number(interface.mac) is None:
                yield Refusal("mac_unreadable", where, {"got": interface.mac, "interface": interface.name})
            elif interface.mac.lower() != (made := mac_address(vm.vm_id, mac_index(interface, position))):
                figures = {"interface": interface.name, "got": interface.mac, "mac": made}
                yield Refusal("mac_differs", where, figures)
        yield from data_disks.violations(vm, where)
        yield from within(where, kinds.violations(vm))
        for text in vm_addresses(vm):
            if address_number(text) is None:
                yield Refusal("address_unreadable", where, {"got": text})
    for text in slice_.extra.get("releasing", {}).get("addresses", ()):
        if address_number(text) is None:
            yield Refusal("released_address_unreadable", call(slice_), {"got": text})


def _links(slice_: Slice, allowed: set[int], management_vlan: int) -> Iterator[Refusal]:
    vms = {vm.vm_id: vm for vm in slice_.vms}
    for link_id in _twice(link.link_id for link in slice_.links):
        yield Refusal("link_id_twice", call(slice_), {"link_id": link_id})
    for vlan in _twice(link.vlan_id for link in slice_.links):
        ids = [link.link_id for link in slice_.links if link.vlan_id == vlan]
        yield Refusal("links_share_vlan", call(slice_), {"vlan": vlan, "links": ids})
    for end, name in _twice(end for link in slice_.links for end in ends(link)):
        yield Refusal("interface_of_several_links", call(slice_), {"interface": name, "vm_id": end})
    for link in slice_.links:
        where = f"link {slice_label(slice_)}/{link.link_id}"
        yield from _vlan(slice_, where, link.vlan_id, allowed, management_vlan)
        if link.vm1_id == link.vm2_id:
            yield Refusal("vm_linked_to_itself", where, {"vm_id": link.vm1_id})
        for vm_id, name in ends(link):
            vm = vms.get(vm_id)
            interface = next((each for each in vm.interfaces if each.name == name), None) if vm else None
            if vm is None:
                yield Refusal("vm_of_link_missing", where, {"vm_id": vm_id})
            elif interface is None:
                yield Refusal("interface_of_link_missing", where, {"interface": name, "vm": call(slice_, vm)})
            elif (interface.vlan_id, interface.link_id) != (link.vlan_id, link.link_id):
                figures = {"vlan": link.vlan_id, "interface": name, "vm": call(slice_, vm)}
                there = {"other": interface.vlan_id, "link_id": interface.link_id}
                yield Refusal("end_of_link_differs", where, {**figures, **there})
    known = {(link.link_id, end) for link in slice_.links for end in ends(link)}
    for vm in slice_.vms:
        if vm.deleting:
            continue  # it keeps its VLANs until its host has removed it
        for interface in vm.interfaces:
            where = f"{call(slice_, vm)}: {interface.name}"
            if interface.link_id is not None and (interface.link_id, (vm.vm_id, interface.name)) not in known:
                yield Refusal("link_of_interface_missing", where, {"link_id": interface.link_id})
            if interface.link_id is None and interface.vlan_id not in (None, management_vlan):
                if interface.vlan_id not in slice_.vlan_pool_used:
                    yield Refusal("vlan_of_interface_not_allocated", where, {"vlan": interface.vlan_id})


def _networks(slice_: Slice, allowed: set[int], management_vlan: int) -> Iterator[Refusal]:
    for vlan in _twice(network.vlan_id for network in slice_.networks):
        yield Refusal("networks_share_vlan", call(slice_), {"vlan": vlan})
    nics = {(vm.vm_id, nic.name): nic for vm in slice_.live_vms for nic in vm.interfaces}
    live = {vm.vm_id: vm for vm in slice_.live_vms}
    subnets: list[tuple[Network, ipaddress.IPv4Network]] = []
    for network in slice_.networks:
        where = f"network of VLAN {network.vlan_id} in {call(slice_)}"
        yield from _vlan(slice_, where, network.vlan_id, allowed, management_vlan)
        for each in network.extra.get("members", ()):
            vm, name = live.get(each["vm_id"]), each["interface"]
            if vm is not None and (each["vm_id"], name) not in nics:
                yield Refusal("interface_of_member_missing", where, {"vm": call(slice_, vm), "interface": name})
        try:
            subnet = ipaddress.IPv4Network(network.cidr)
        except ValueError:
            yield Refusal("subnet_unreadable", where, {"got": network.cidr})
            continue
        if network.gateway_ip is not None:
            number = address_number(network.gateway_ip)
            if number is None or ipaddress.IPv4Address(number) not in subnet:
                yield Refusal("gateway_outside_subnet", where, {"got": network.gateway_ip, "subnet": str(subnet)})
        for other, taken in subnets:
            if subnet.overlaps(taken):
                figures = {"subnet": str(subnet), "other": str(taken), "vlan": other.vlan_id}
                yield Refusal("subnets_of_networks_overlap", where, figures)
        subnets.append((network, subnet))


def _addresses(slice_: Slice) -> Iterator[Refusal]:
    for segment in addressing.segments(slice_):
        where = f"VLAN {segment.vlan_id} in {call(slice_)}"
        for version, name in addressing.FAMILIES.items():
            listed = [said[name] for _vm_id, _interface, said in addressing.ends(segment) if name in said]
            subnet = addressing.subnet(version, addressing.cidr(segment, version))
            for text in listed:
                address = addressing.address(version, text)
                if subnet is None or address is None or address not in subnet:
                    yield Refusal("address_not_in_subnet", where, {"got": text, "subnet": str(subnet)})
            for text in _twice(listed):
                yield Refusal("address_of_several_ends", where, {"got": text})
    loopbacks = [text for vm in slice_.live_vms for text in vm.extra.get(addressing.LOOPBACK, {}).values()]
    for text in _twice(loopbacks):
        yield Refusal("loopback_of_several_vms", call(slice_), {"got": text})


def _vlan(slice_: Slice, where: str, vlan: int, allowed: set[int], management_vlan: int) -> Iterator[Refusal]:
    if vlan == management_vlan:
        yield Refusal("on_vlan_of_management", where, {"vlan": vlan})
    elif vlan not in allowed:
        yield Refusal("on_foreign_vlan", where, {"vlan": vlan})
    elif vlan not in slice_.vlan_pool_used:
        yield Refusal("vlan_not_listed", where, {"vlan": vlan})


def ends(link: Link) -> tuple[tuple[int, str], tuple[int, str]]:
    """Return the two ends of a link: VM id and interface."""
    return (link.vm1_id, link.vm1_interface), (link.vm2_id, link.vm2_interface)
