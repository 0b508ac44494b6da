# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Creates the work orders of slices, one for each host (see docs/work-order.md)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .. import network_order, vm_order, work_order
from ..bounds import BOOT_DEVICES, BOOT_IMAGES, DEFAULT_MTU, IMAGE_CONTENTS
from ..cluster import Cluster, slice_label
from ..errors import Refusal, Refused
from ..models import VM, Disk, Interface, Network, Slice
from ..network_order import Member, NetworkOrder, Reservation, Services
from ..report import NETWORK_NODE
from ..work_order import GivenUp, Image, Peer, WorkerOrder
from . import (
    addressing,
    cd,
    cloud_init,
    displays,
    host_requirements,
    kinds,
    lost_workers,
    machines,
    receipts,
    records,
    user_data,
)
from .allocation import server_ip, tap_name
from .identities import identify
from .records import SliceRecord

GIB = 1024**3


def hand_out(slices: Sequence[Slice]) -> None:
    """Assign UUIDs, and mark the VMs as handed out to hosts. From then on they are only removed from the database when
    their host has removed them."""
    for slice_ in slices:
        identify(slice_)
    for vm in _live(slices):
        vm.handed_out = True


@dataclass(frozen=True)
class Disks:
    """Parameters for disks in orders: the state folder of hosts, and the VMs whose disks are created again."""

    state_dir: str
    recreate: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Connectivity:
    """What all VMs of a slice need to know of its links and networks: their fields by VLAN, and the addresses."""

    segments: Mapping[int, Mapping[str, Any]]
    addresses: addressing.GuestAddresses

    @classmethod
    def of(cls, slice_: Slice) -> Connectivity:
        """Return that of a slice."""
        return cls(host_requirements.segments(slice_), addressing.guest_addresses(slice_))


def find_vms(slices: Iterable[Slice], names: Iterable[str]) -> frozenset[int]:
    """Return the ids of VMs that are given by id, by name or as C(SLICE/VM).

    Raises:
        Refused: no VM of the slices matches a name, or several do. The error lists all such names.
    """
    called: dict[str, list[VM]] = {}
    labels = {}
    for slice_ in slices:
        for vm in slice_.live_vms:
            labels[vm.vm_id] = f"{slice_label(slice_)}/{vm.name}"
            for name in dict.fromkeys((str(vm.vm_id), vm.name, labels[vm.vm_id], f"{slice_.slice_id}/{vm.name}")):
                called.setdefault(name, []).append(vm)
    refusals: list[Refusal] = []
    found: set[int] = set()
    for name in names:
        vms = called.get(name, [])
        if len(vms) > 1:
            several = [f"{labels[vm.vm_id]} ({vm.vm_id})" for vm in vms]
            refusals.append(Refusal("ambiguous_vm", f"VM {name}", {"count": len(vms), "found": several}))
        elif not vms:
            refusals.append(Refusal("not_found", f"VM {name}", {"known": list(labels.values())}))
        found.update(vm.vm_id for vm in vms)
    if refusals:
        raise Refused(refusals)
    return frozenset(found)


def work_orders(
    cluster: Cluster,
    slices: Sequence[Slice],
    state_dir: str,
    recreate: Collection[int] = (),
    *,
    complete: bool = False,
) -> dict[str, Any]:
    """Return C({workers: {ip: order}, network_node: order}) for the slices.

    Every worker that is not lost gets an order, so that leftovers are removed everywhere. C(recreate) contains the ids
    of VMs whose disks are created again if they are missing. C(complete) says whether these are all slices.
    """
    disks = Disks(state_dir, frozenset(recreate))
    connectivity = {slice_.slice_id: Connectivity.of(slice_) for slice_ in slices}
    crossings = {slice_.slice_id: _large(slice_) for slice_ in slices}
    known = {slice_.slice_id: records.record(slice_, cluster.next_vm_id) for slice_ in slices}
    issued = ",".join(map(str, cluster.issued)) or None
    common = {**_cloud(cluster), "complete": complete, "issued_revisions": issued}
    workers = [
        WorkerOrder(
            worker_ip=ip,
            images=_images([vm for vm in _live(slices) if vm.worker_ip == ip], state_dir),
            slices=tuple(
                replace(
                    _share(cluster, slice_, ip, disks, connectivity[slice_.slice_id]),
                    trunk=tuple(crossing for workers, crossing in crossings[slice_.slice_id] if ip in workers),
                    record=_text(known[slice_.slice_id], ip),
                )
                for slice_ in slices
            ),
            machine_mark=machines.mark(cluster, worker),
            **common,
        )
        for ip, worker in cluster.workers.items()
        if not worker.lost
    ]
    node = _network_order(cluster, slices, known, common)
    return {"workers": {order.worker_ip: order.to_dict() for order in workers}, "network_node": node.to_dict()}


def _network_order(
    cluster: Cluster, slices: Iterable[Slice], known: Mapping[int, SliceRecord | None], common: Mapping[str, Any]
) -> NetworkOrder:
    services = (replace(_services(cluster, slice_), record=_text(known[slice_.slice_id], None)) for slice_ in slices)
    return NetworkOrder(
        slices=tuple(services),
        lost_machines=lost_workers.machines(cluster),
        revision=cluster.revision,
        machine_mark=machines.network_node_mark(cluster),
        **common,
    )


def _text(known: SliceRecord | None, ip: str | None) -> str | None:
    """Return what a host stores of a slice: a worker, whose address is C(ip), its share, and the network node all."""
    share = known.on(ip) if known is not None and ip is not None else known
    return None if share is None else share.text()


def _cloud(cluster: Cluster) -> dict[str, Any]:
    """Return the fields of the cloud, which are the same in all orders."""
    cloud = cluster.cloud
    if cloud is None:
        return {}
    return {"cloud_uuid": cloud.uuid, "cloud_title": cloud.title, "cloud_incarnation": cloud.incarnation}


def faults(slice_: Slice) -> Iterator[Refusal]:
    """Yield refusals for values of a slice that a work order needs and the database does not have, or not as it should.

    Hosts check each slice by itself, but images belong to all slices of an order.
    """
    images: set[Image] = set()
    for vm in slice_.live_vms:
        yield from cloud_init.stored_problems(vm, slice_)
        try:
            for image in (each for each in _images([vm], "") if each not in images):
                images.add(image)
                Image.from_dict(image.to_dict())
            _given(vm, "a disk", vm.qcow_image)
            for interface in vm.interfaces:
                _mac(vm, interface)
        except Refused as refused:
            yield from refused.refusals
    for network in slice_.networks:
        try:
            server_ip(network.cidr, network.gateway_ip)
        except Refused as refused:
            yield from refused.refusals


def base_image_path(state_dir: str, checksum: str) -> str:
    """Return the path of a base image on workers. Its name is its checksum, so that it never changes in place."""
    return f"{state_dir}/images/{checksum}.img"


def _live(slices: Iterable[Slice]) -> list[VM]:
    return [vm for slice_ in slices for vm in slice_.live_vms]


def _flavor(vm: VM) -> dict[str, Any]:
    if vm.flavor is None or "checksum" not in vm.flavor:
        raise Refused([Refusal("flavor_without_checksum", f"VM {vm.name} ({vm.vm_id})")])
    return vm.flavor


def _images(vms: Sequence[VM], state_dir: str) -> tuple[Image, ...]:
    flavors = {_flavor(vm)["checksum"]: _flavor(vm) for vm in vms}
    disks = {
        checksum: (flavor["image"], IMAGE_CONTENTS[0]) for checksum, flavor in {**flavors, **cd.images(vms)}.items()
    }
    return tuple(
        Image(checksum=checksum, path=base_image_path(state_dir, checksum), source=source, content=content)
        for checksum, (source, content) in {**disks, **kinds.boot_images(vms)}.items()
    )


def _share(cluster: Cluster, slice_: Slice, ip: str, disks: Disks, connectivity: Connectivity) -> work_order.SliceOrder:
    return work_order.SliceOrder(
        slice_id=slice_.slice_id,
        slice_uuid=slice_.uuid,
        revision=cluster.revision,
        peers=_peers(slice_),
        vms=tuple(_vm(cluster, vm, slice_, disks, connectivity) for vm in slice_.live_vms if vm.worker_ip == ip),
        given_up=_given_up(slice_, ip),
        receipt=receipts.receipt(cluster, slice_, ip),
    )


def _given_up(slice_: Slice, ip: str) -> tuple[GivenUp, ...]:
    """Return the disks of VMs on this worker that are being deleted, and the data disks that others have given up."""
    return tuple(
        GivenUp(vm_id=vm.vm_id, path=disk.path, uuid=disk.uuid, name=disk.name)
        for vm in slice_.vms
        if vm.worker_ip == ip
        for disk in (vm.disks if vm.deleting else vm.given_up_disks)
    )


def _large(slice_: Slice) -> list[tuple[Collection[str], work_order.Crossing]]:
    """Return the links and networks that need more than the default MTU of trunks, each with the addresses of its
    workers, and C(NETWORK_NODE) if it is connected to the network node."""
    return [
        ((*each.workers, *([NETWORK_NODE] if each.is_served else [])), work_order.Crossing(each.name, each.mtu))
        for each in host_requirements.crossings(slice_)
        if each.mtu > DEFAULT_MTU
    ]


def _services(cluster: Cluster, slice_: Slice) -> Services:
    return Services(
        slice_id=slice_.slice_id,
        slice_uuid=slice_.uuid,
        revision=cluster.revision,
        reservations=_reservations(slice_),
        networks=_networks(slice_),
        trunk=tuple(crossing for hosts, crossing in _large(slice_) if NETWORK_NODE in hosts),
        receipt=receipts.receipt(cluster, slice_, NETWORK_NODE),
    )


def _vm(cluster: Cluster, vm: VM, slice_: Slice, disks: Disks, connectivity: Connectivity) -> vm_order.VM:
    flavor = _flavor(vm)
    return vm_order.VM(
        slice_id=slice_.slice_id,
        slice_uuid=slice_.uuid,
        vm_id=vm.vm_id,
        vm_uuid=vm.uuid,
        name=vm.name,
        cores=flavor["cores"],
        ram_mib=round(flavor["ram_gb"] * 1024),
        disks=(_overlay(vm, disks), *(_data_disk(vm, disk, disks) for disk in vm.data_disks)),
        vnc_port=vm.vnc_port,
        vnc_password_id=displays.password_id(cluster, vm),
        title=vm.extra.get("title"),
        seed=cloud_init.files(vm, slice_, connectivity.segments, connectivity.addresses),
        cdrom=base_image_path(disks.state_dir, checksum) if (checksum := cd.checksum(vm)) is not None else None,
        boot=",".join(vm.extra.get(cd.BOOT, BOOT_DEVICES[:1])),
        user_data_id=user_data.id_of(vm),
        **kinds.hardware(vm),
        **_booted(vm, disks),
        **kinds.shutdown(vm),
        state=vm.power,
        interfaces=tuple(
            vm_order.Interface(
                name=interface.name,
                tap=tap_name(vm.vm_id, interface.name),
                mac=_mac(vm, interface),
                vlan_id=interface.vlan_id,
                link_id=interface.link_id,
                address=_address(interface),
                **host_requirements.stored(interface).fields,
                **connectivity.segments.get(interface.vlan_id or 0, {}),
            )
            for interface in vm.interfaces
        ),
    )


def _booted(vm: VM, disks: Disks) -> dict[str, Any]:
    given = kinds.booted(vm)
    paths = {name: base_image_path(disks.state_dir, given[name]) for name in BOOT_IMAGES if name in given}
    return {**given, **paths}


def _overlay(vm: VM, disks: Disks) -> vm_order.Disk:
    """Return the first disk. Its base image is that of the flavor when the VM was created."""
    flavor = _flavor(vm)
    return vm_order.Disk(
        path=_given(vm, "a disk", vm.qcow_image),
        size_bytes=_bytes(flavor["disk_gb"]),
        backing_file=base_image_path(disks.state_dir, flavor["checksum"]),
        uuid=vm.disks[0].uuid,
        first_seen=vm.disks[0].first_seen,
        recreate=vm.vm_id in disks.recreate,
    )


def _data_disk(vm: VM, disk: Disk, disks: Disks) -> vm_order.Disk:
    return vm_order.Disk(
        path=disk.path,
        size_bytes=_bytes(disk.size_gb),
        name=disk.name,
        uuid=disk.uuid,
        first_seen=disk.first_seen,
        recreate=vm.vm_id in disks.recreate,
    )


def _bytes(size_gb: float) -> int:
    return round(size_gb * GIB) // 512 * 512


def _given(vm: VM, what: str, value: str | None) -> str:
    if value is None:
        raise Refused([Refusal("stored_without", f"VM {vm.name} ({vm.vm_id})", {"what": what})])
    return value


def _mac(vm: VM, interface: Interface) -> str:
    return _given(vm, f"a MAC address for {interface.name}", interface.mac).lower()


def _address(interface: Interface) -> str | None:
    return interface.ip_config["ip"] if interface.ip_config else None


def _peers(slice_: Slice) -> tuple[Peer, ...]:
    """Return the interfaces that may communicate on VLAN 400, which the slice's C(peers) controls."""
    if not slice_.extra.get("peers", False):
        return ()
    return tuple(
        Peer(mac=_mac(vm, interface), address=_address(interface))
        for vm in slice_.live_vms
        for interface in vm.interfaces
        if interface.ip_config
    )


def _reservations(slice_: Slice) -> tuple[Reservation, ...]:
    return tuple(
        Reservation(
            vm_id=vm.vm_id,
            name=vm.name,
            mac=_mac(vm, interface),
            address=address,
            loopback=loopback.ipv4,
            loopback6=loopback.ipv6,
        )
        for vm in slice_.live_vms
        for loopback in (addressing.Addresses.read(vm.extra.get(addressing.LOOPBACK)),)
        for interface in vm.interfaces
        if (address := _address(interface)) is not None
    )


def _networks(slice_: Slice) -> tuple[network_order.Network, ...]:
    """Return the networks with services on the network node.

    Networks and members are sorted, so that their order in a topology does not matter on the host. A network without
    members is omitted, because the slice could be removed from the database before the host has removed the network.
    """
    vms = {vm.vm_id: vm for vm in slice_.live_vms}
    return tuple(
        network_order.Network(
            vlan_id=network.vlan_id,
            name=network.extra["name"],
            cidr=network.cidr,
            server_ip=server_ip(network.cidr, network.gateway_ip),
            gateway=network.gateway_ip is not None,
            dhcp_range=network.dhcp_range if network.dhcp_enabled else None,
            nat=network.extra.get("nat", False),
            members=members,
            mtu=network.extra.get("mtu", DEFAULT_MTU),
        )
        for network in sorted(slice_.networks, key=lambda each: each.vlan_id)
        if "name" in network.extra and (network.gateway_ip is not None or network.dhcp_enabled)
        if (members := _members(network, vms))
    )


def _members(network: Network, vms: Mapping[int, VM]) -> tuple[Member, ...]:
    found = (
        Member(
            name=vms[each["vm_id"]].name,
            mac=_mac(vms[each["vm_id"]], interface),
            address=each.get("ipv4"),
            address6=each.get("ipv6"),
        )
        for each in network.extra.get("members", ())
        if each["vm_id"] in vms
        for interface in vms[each["vm_id"]].interfaces
        if interface.name == each["interface"]
    )
    return tuple(sorted(found, key=lambda member: member.mac))
