# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kinds of guests: their registry, the kinds of VMs, and the two names of interfaces.

A VM stores its kind as it was when the topology was last deployed, so that neither hosts nor tables need the registry.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from .. import bounds, direct_boot
from ..bounds import BOOT_IMAGES, DISK_BUSES, FIRMWARES, NIC_MODELS
from ..cluster import Cluster, slice_label
from ..errors import Refusal, Refused
from ..kinds import CLOUD_INIT, KIND, Kind
from ..models import VM, Interface, Slice
from ..shipped_kinds import SHIPPED
from .teardown import set_extra
from .topology_spec import Endpoint, WantedSlice, WantedVM

FIELD = KIND
GUEST_NAME = "guest_name"
"""The extra field of an interface with its name in the guest, if that is another one."""


def known(cluster: Cluster) -> dict[str, Kind]:
    """Return all kinds by name. A registered one replaces a shipped one."""
    shipped = {name: each.kind for name, each in SHIPPED.items()}
    return {**shipped, **{name: Kind.stored({**data, "name": name}) for name, data in cluster.kinds.items()}}


def put_kind(cluster: Cluster, want: Mapping[str, Any]) -> None:
    """Add or change a kind.

    Args:
        cluster: changed in place.
        want: the fields of C(Kind); null leaves a value unchanged, also that of a shipped kind. An empty C(kernel),
            C(initrd) or C(kernel_arguments) removes it. A new C(kernel) or C(initrd) comes with its checksum.

    Raises:
        Refused: a field is invalid, or interfaces would have the same name.
    """
    name = want["name"]
    where = f"kind {name}"
    refusals = list(bounds.IDENTIFIER.problems(where, "kind", name))
    if refusals:
        raise Refused(refusals)
    have = known(cluster).get(name)
    given = {part.name: want[part.name] for part in Kind.parts() if want.get(part.name) is not None}
    kind = Kind.from_dict(_merged({} if have is None else have.to_dict(), given))
    if kind.is_ambiguous:
        figures = {"names": [kind.own_name(each) for each in ("eth0", "eth1", "eth2")]}
        raise Refused([Refusal("kind_names_ambiguous", where, figures)])
    cluster.kinds = {**cluster.kinds, name: {key: value for key, value in kind.to_dict().items() if key != "name"}}


def _merged(have: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    stale = [f"{name}_checksum" for name in BOOT_IMAGES if name in given]
    found = {**{name: value for name, value in have.items() if name not in stale}, **given}
    return {name: value for name, value in found.items() if value != "" or name not in direct_boot.FIELDS}


def remove_kind(cluster: Cluster, name: str) -> None:
    """Remove a registered kind.

    Raises:
        Refused: a flavor or a VM has it.
    """
    if name not in cluster.kinds:
        return
    users = [f"flavor {each}" for each, flavor in cluster.flavors.items() if flavor.get(FIELD) == name]
    users += [
        f"VM {slice_label(slice_)}/{vm.name}"
        for slice_ in cluster.slices.values()
        for vm in slice_.vms
        if vm.extra.get(FIELD, {}).get("name") == name
    ]
    if users:
        raise Refused([Refusal("kind_in_use", f"kind {name}", {"count": len(users), "users": users})])
    cluster.kinds = {each: data for each, data in cluster.kinds.items() if each != name}


def unknown(where: str, cluster: Cluster, name: str | None) -> Iterator[Refusal]:
    """Yield a refusal if a kind does not exist."""
    if name is not None and name not in known(cluster):
        yield Refusal("unknown_kind", where, {"name": name, "known": sorted(known(cluster))})


def of(vm: VM) -> Kind | None:
    """Return the kind that a VM has."""
    return Kind.of(vm.extra)


def with_kinds(cluster: Cluster, want: WantedSlice, before: Slice | None) -> WantedSlice:
    """Return the topology with the kind of each VM, and with the names of interfaces in topologies.

    A VM without a kind has that of the flavor that its image is from. Without a flavor, it keeps its kind.

    Raises:
        Refused: a kind does not exist.
    """
    live = before.live_vms if before else []
    names, ids = {vm.name: vm for vm in live}, {vm.vm_id: vm for vm in live}
    registry, found = known(cluster), {}
    own: list[WantedVM] = []
    refusals: list[Refusal] = []
    for vm in want.vms:
        name, stored = _name(cluster, vm), names.get(vm.name) if vm.vm_id is None else ids.get(vm.vm_id)
        refusals += unknown(f"VM {want.name}/{vm.name}", cluster, name)
        kept = of(stored) if stored is not None and vm.flavor is None else None
        found[vm.name] = kept if name is None else registry.get(name)
        own.append(_of_kind(vm, found[vm.name], stored))
    if refusals:
        raise Refused(refusals)
    return _standard(replace(want, vms=tuple(own)), {**{name: of(vm) for name, vm in names.items()}, **found})


def _name(cluster: Cluster, vm: WantedVM) -> str | None:
    """Return the name of the kind that a VM has by itself or by its flavor."""
    if vm.kind is not None:
        return vm.kind
    flavor = cluster.flavors.get(vm.image or vm.flavor or "") if vm.flavor is not None else None
    return None if flavor is None else flavor.get(FIELD)


def _of_kind(vm: WantedVM, kind: Kind | None, stored: VM | None) -> WantedVM:
    if kind is None:
        return replace(vm, of_kind=None)
    image = vm.image
    if image is None and kind.image is not None:
        image = kind.image if stored is None else stored.extra.get("image")
    limits = tuple(replace(each, name=kind.standard_name(each.name)) for each in vm.interfaces)
    set_up = vm.cloud_init
    if set_up is not None:
        interfaces = tuple(replace(each, name=kind.standard_name(each.name)) for each in set_up.interfaces)
        set_up = replace(set_up, interfaces=interfaces)
    return replace(vm, of_kind=kind, image=image, interfaces=limits, cloud_init=set_up)


def _standard(want: WantedSlice, kinds: Mapping[str, Kind | None]) -> WantedSlice:
    def named(ends: Iterable[Endpoint]) -> tuple[Endpoint, ...]:
        return tuple(_standard_end(end, kinds) for end in ends)

    return replace(
        want,
        links=tuple(replace(link, endpoints=named(link.endpoints)) for link in want.links),
        networks=tuple(replace(network, members=named(network.members)) for network in want.networks),
    )


def _standard_end(end: Endpoint, kinds: Mapping[str, Kind | None]) -> Endpoint:
    kind = kinds.get(end.vm)
    if kind is None or end.interface is None:
        return end
    return replace(end, interface=kind.standard_name(end.interface))


def with_standard_names(slice_: Slice, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments for a part of a slice, in which the names of interfaces are those in topologies.

    Args:
        slice_: the stored slice.
        data: may have C(endpoints) or C(members), as C(VM:INTERFACE), which are found among the stored ones by them.
    """
    kinds = {vm.name: of(vm) for vm in slice_.live_vms}
    given = {key: data[key] for key in ("endpoints", "members") if data.get(key) is not None}
    return {
        **data,
        **{key: [str(_standard_end(Endpoint.parse(end), kinds)) for end in ends] for key, ends in given.items()},
    }


def problems(where: str, want: WantedVM) -> Iterator[Refusal]:
    """Yield refusals for a VM that its kind does not allow."""
    kind = want.of_kind
    if kind is None:
        return
    if want.cloud_init is not None and kind.set_up != CLOUD_INIT:
        yield Refusal("kind_without_cloud_init", where, {"name": kind.name})
    most, count = kind.most_data_interfaces, want.data_interfaces
    if count is not None and count > most:
        yield Refusal("kind_has_fewer_interfaces", where, {"name": kind.name, "most": most, "got": count})


def set_kind(vm: VM, kind: Kind | None) -> None:
    """Store the kind of a VM, and the names that its interfaces have in the guest."""
    set_extra(vm.extra, FIELD, None if kind is None else kind.to_dict())
    for interface in vm.interfaces:
        own = interface.name if kind is None else kind.own_name(interface.name)
        set_extra(interface.extra, GUEST_NAME, own if own != interface.name else None)


def hardware(vm: VM) -> dict[str, Any]:
    """Return the hardware of a VM as fields of work orders."""
    kind = of(vm)
    if kind is None:
        return {"firmware": FIRMWARES[0], "disk_bus": DISK_BUSES[0], "nic_model": NIC_MODELS[0]}
    return {"firmware": kind.firmware, "disk_bus": kind.disk_bus, "nic_model": kind.nic_model}


def booted(vm: VM) -> dict[str, str]:
    """Return the checksums of the kernel and the initrd that a VM boots directly, and the kernel's arguments.

    What it does not have is omitted.
    """
    kind = of(vm)
    if kind is None:
        return {}
    checksums = {content: checksum for checksum, _source, content in kind.boot_images}
    return {**direct_boot.given(kind), **checksums}


def boot_images(vms: Iterable[VM]) -> dict[str, tuple[str, str]]:
    """Return the kernels and initrds of VMs by checksum, each with its source and what it is."""
    kinds = (kind for vm in vms if (kind := of(vm)) is not None)
    return {checksum: (source, content) for kind in kinds for checksum, source, content in kind.boot_images}


def violations(vm: VM) -> Iterator[Refusal]:
    """Yield violations of the invariants of a VM's kind, without the VM's name."""
    kind = of(vm)
    if kind is not None:
        yield from kind.faults(f"kind {kind.name}")


def shutdown(vm: VM) -> dict[str, Any]:
    """Return how the guest of a VM is asked to shut down, as fields of work orders."""
    kind = of(vm)
    return {} if kind is None else {"shutdown": kind.shutdown, "shutdown_timeout_s": kind.shutdown_timeout_s}


def shown(interface: Interface) -> str:
    """Return an interface for people: both of its names, if it has two, such as C(eth1=swp1)."""
    return both_names(interface.name, interface.extra.get(GUEST_NAME))


def both_names(name: str, own: str | None) -> str:
    """Return the two names of an interface for people, or the only one; C(own) is the one in the guest."""
    return name if own in (None, name) else f"{name}={own}"


def links_shown(slice_: Slice) -> list[dict[str, Any]]:
    """Return the links as plain data, with the names that interfaces have in guests where they differ."""
    own = _own_names(slice_)
    found = []
    for link in slice_.links:
        ends = {"vm1": (link.vm1_id, link.vm1_interface), "vm2": (link.vm2_id, link.vm2_interface)}
        named = {f"{vm}_guest_interface": own[end] for vm, end in ends.items() if end in own}
        found.append({**link.to_dict(), **named})
    return found


def networks_shown(slice_: Slice) -> list[dict[str, Any]]:
    """Return the networks as plain data, whose members have C(guest_interface) where it differs."""
    own = _own_names(slice_)

    def with_guest_interface(member: Mapping[str, Any]) -> dict[str, Any]:
        end = member["vm_id"], member["interface"]
        return {**member, **({"guest_interface": own[end]} if end in own else {})}

    said = (network.to_dict() for network in slice_.networks)
    return [
        {**each, **({"members": [*map(with_guest_interface, each["members"])]} if "members" in each else {})}
        for each in said
    ]


def _own_names(slice_: Slice) -> dict[tuple[int, str], str]:
    return {
        (vm.vm_id, each.name): each.extra[GUEST_NAME]
        for vm in slice_.vms
        for each in vm.interfaces
        if GUEST_NAME in each.extra
    }


def names_shown(slice_: Slice) -> dict[tuple[int, str], str]:
    """Return C(shown) for all interfaces of a slice, by VM id and name."""
    return {(vm.vm_id, each.name): shown(each) for vm in slice_.vms for each in vm.interfaces}
