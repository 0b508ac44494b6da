# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reconciles a slice with a desired topology: allocates everything that it requires, or refuses the topology.

Existing objects keep their allocations. Objects that hosts may have are not removed here (C(teardown)).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ..cluster import Cluster, slice_label
from ..defaults import STATE_DIR
from ..errors import Refusal, Refused
from ..models import VM, Slice, User
from . import (
    access,
    address_rules,
    addressing,
    cloud_init,
    expiry,
    host_requirements,
    invariants,
    kinds,
    networks,
    titles,
    user_data,
    validate,
)
from .address_plan import AddressPlan
from .addressing import Addresses, Addressing
from .allocation import Allocator, ManagementNetwork
from .identities import bind, identify
from .match import match_topology
from .placement import Placement
from .segments import SegmentBuilder
from .teardown import set_extra
from .topology_spec import WantedSlice
from .vms import VmBuilder


@dataclass(frozen=True)
class Settings:
    """Settings of the operator for the whole cluster.

    Attributes:
        network: VLAN 400.
        infrastructure: subnets of the hosts' own networks, which no network with NAT may overlap.
        state_dir: the folder for overlays and base images on every worker.
        placement: the placement policy.
        yaml_fault: finds the line in which user data is not a YAML mapping.
    """

    network: ManagementNetwork = field(default_factory=ManagementNetwork)
    state_dir: str = STATE_DIR
    placement: str = "round_robin"
    infrastructure: tuple[str, ...] = ()
    yaml_fault: user_data.YamlFault = lambda _text: None


def reconcile_slice(
    cluster: Cluster,
    want: WantedSlice,
    settings: Settings,
    *,
    acting_user: str,
    refuse: Callable[[Slice | None, Slice], Iterable[Refusal]] = lambda _before, _after: (),
) -> Slice:
    """Store the desired slice in C(cluster) and return it.

    C(refuse) returns further refusals for the change from the stored slice to the desired one.

    Raises:
        Refused: with all violations, or because the stored slice violates invariants; the cluster is then unchanged.
    """
    before = stored_slice(cluster, want, acting_user)
    try:
        return _reconcile(cluster, want, settings, before, refuse)
    except Refused:
        raise
    except Exception as error:
        # A bug, unless somebody has edited the database: that concerns this slice alone.
        broken = [] if before is None else [*invariants.of_slice(before, cluster.vlans.management), *_misnamed(before)]
        if before is None or not broken:
            raise
        raise Refused([Refusal("slice_damaged", f"slice {slice_label(before)}", {"breaches": broken})]) from error


def _misnamed(slice_: Slice) -> Iterator[Refusal]:
    """Yield each VM whose interfaces are not C(eth0), C(eth1) and so on.

    Other names may be in a database that was imported, and are wrong only where a topology needs them.
    """
    for vm in slice_.live_vms:
        names = [nic.name for nic in vm.interfaces]
        if names != [f"eth{number}" for number in range(len(names))]:
            yield Refusal("interfaces_misnamed", invariants.call(slice_, vm), {"interfaces": names})


def _reconcile(
    cluster: Cluster,
    want: WantedSlice,
    settings: Settings,
    before: Slice | None,
    refuse: Callable[[Slice | None, Slice], Iterable[Refusal]],
) -> Slice:
    want = kinds.with_kinds(cluster, titles.named(want, before), before)
    refusals = list(_problems(cluster, want, settings, before))
    if refusals:
        raise Refused(refusals)
    vault = user_data.Vault(cluster, before)
    want = vault.sealed(want)
    allocator = Allocator(cluster, settings.network)
    slice_, refusals = _draft(cluster, want, settings, before, allocator)
    # VMs count against the quota until their hosts have removed them.
    owner, more = cluster.users[want.owner], len(slice_.vms) - (len(before.vms) if before else 0)
    refusals += quota_problems(owner, more)
    refusals += _moved_problems(slice_, settings.network)
    refusals = refusals or list(host_requirements.shortcomings(slice_, cluster)) or list(refuse(before, slice_))
    if refusals:
        raise Refused(refusals)
    if before is None or slice_.to_dict() != before.to_dict():
        _complete(slice_)
        bind(cluster, slice_)
    owner.used_vms += more
    if before is None:
        owner.slices.append(slice_.slice_id)
    cluster.slices[slice_.slice_id] = slice_
    vault.store(slice_)
    cluster.next_vm_id = allocator.next_id
    return slice_


def _complete(slice_: Slice) -> None:
    """Give new objects their UUIDs, which the files of guests contain.

    Raises:
        Refused: such a file is too long.
    """
    identify(slice_)
    refusals = list(cloud_init.oversized(slice_))
    if refusals:
        raise Refused(refusals)


def _problems(cluster: Cluster, want: WantedSlice, settings: Settings, before: Slice | None) -> Iterator[Refusal]:
    """Yield what is wrong with the topology, before anything is allocated."""
    yield from settings.network.problems()
    yield from networks.infrastructure_problems(settings.infrastructure)
    yield from validate.problems(want)
    yield from user_data.problems(want, settings.yaml_fault)
    yield from address_rules.problems(want, settings.network.cidr)
    yield from _standing_problems(cluster, want, before)
    yield from _flavor_problems(cluster, want)
    yield from _overlap_problems(want, settings.network)


def stored_slice(cluster: Cluster, want: WantedSlice, acting_user: str) -> Slice | None:
    """Return the stored slice that the topology describes, C(None) if there is none.

    Raises:
        Refused: the acting user may not act for its owner.
    """
    access.require_acts_for(cluster, acting_user, want.owner, f"slice {want.name}")
    if want.slice_id is not None:
        return access.numbered(cluster, want.slice_id, acting_user)
    return cluster.find_slice(want.owner, want.name)


def _standing_problems(cluster: Cluster, want: WantedSlice, before: Slice | None) -> Iterator[Refusal]:
    where = f"slice {want.name}"
    if want.owner not in cluster.users:
        yield Refusal("unknown_reference", where, {"kind": "user", "name": want.owner, "known": list(cluster.users)})
    if before is None:
        if want.slice_id is not None:
            yield Refusal("unknown_slice_id", where, {"got": want.slice_id})
    else:
        if want.owner != before.owner:
            yield Refusal("owner_is_fixed", where, {"owner": before.owner, "got": want.owner})
        if before.deleting:
            yield Refusal("slice_is_being_deleted", where, {"slice_id": before.slice_id})
    if before is None or want.name != slice_label(before):
        yield from _name_problems(cluster, want, before)


def _name_problems(cluster: Cluster, want: WantedSlice, before: Slice | None) -> Iterator[Refusal]:
    if want.name.isdigit():
        yield Refusal("numeric_name", f"slice {want.name}", {"got": want.name})
    other = cluster.find_slice(want.owner, want.name)
    if other is not None and before is not None:
        figures = {"got": want.name, "slice_id": other.slice_id, "owner": want.owner}
        yield Refusal("slice_name_in_use", f"slice {slice_label(before)}", figures)


def _flavor_problems(cluster: Cluster, want: WantedSlice) -> Iterator[Refusal]:
    users: dict[str, list[str]] = {}
    for vm in want.vms:
        for each in dict.fromkeys((vm.flavor, vm.image)) if vm.flavor is not None else ():
            if each is not None:
                users.setdefault(each, []).append(vm.name)
    for name in sorted(users):
        flavor, where = cluster.flavors.get(name), f"slice {want.name}"
        if flavor is None:
            yield Refusal("unknown_flavor", where, {"flavor": name, "vms": users[name], "known": list(cluster.flavors)})
        elif "checksum" not in flavor:
            figures = {"flavor": name, "vms": users[name], "image": flavor["image"]}
            yield Refusal("flavor_without_image", where, figures)


def _overlap_problems(want: WantedSlice, management: ManagementNetwork) -> Iterator[Refusal]:
    """Check the given subnets; those that are derived from a VLAN are checked when it has been allocated."""
    labelled = [(f"network {network.name}", network.cidr) for network in want.networks if network.cidr is not None]
    return networks.overlaps(f"slice {want.name}", labelled, management.cidr)


def _moved_problems(slice_: Slice, management: ManagementNetwork) -> Iterator[Refusal]:
    """Refuse another subnet of VLAN 400 if VMs have addresses outside it, because these never change."""
    subnet = ipaddress.IPv4Network(management.cidr)
    for vm in slice_.live_vms:
        for nic in vm.interfaces:
            address = (nic.ip_config or {}).get("ip")
            if address and ipaddress.IPv4Address(address) not in subnet:
                where = f"VM {slice_label(slice_)}/{vm.name}"
                yield Refusal("address_outside_management", where, {"got": address, "subnet": str(subnet)})


def quota_problems(owner: User, more: int) -> Iterator[Refusal]:
    """Yield why the owner may not have C(more) VMs in addition."""
    if more > 0 and not owner.can_create_vms(more):
        figures = {"quota": owner.quota_vms, "used": owner.used_vms, "requested": more}
        yield Refusal("quota_exceeded", f"user {owner.username}", figures)


def _draft(
    cluster: Cluster, want: WantedSlice, settings: Settings, before: Slice | None, allocator: Allocator
) -> tuple[Slice, list[Refusal]]:
    """Return the slice as it would be stored, and refusals."""
    slice_id = before.slice_id if before else allocator.slice_id()
    full = [] if slice_id is not None else [allocator.no_free_pool(f"slice {want.name}")]
    slice_ = Slice.from_dict(before.to_dict()) if before else Slice(slice_id or 0, want.owner)
    _describe(slice_, want)
    matches = match_topology(want, slice_)
    placement = Placement(cluster, settings.placement)
    vm_builder = VmBuilder(
        cluster, want, slice_, allocator=allocator, placement=placement, state_dir=settings.state_dir
    )
    live = vm_builder.build(matches)
    plan = AddressPlan(want.name, Addressing.read(slice_.extra.get(addressing.FIELD)))
    _set_loopbacks(want, live, plan)
    segment_builder = SegmentBuilder(
        want, slice_, live, allocator=allocator, infrastructure=settings.infrastructure, plan=plan
    )
    segment_builder.connect(matches)
    refusals = [*full, *matches.refusals, *vm_builder.refusals, *segment_builder.refusals, *plan.refusals]
    return slice_, refusals or list(cloud_init.conflicts(slice_))


def _set_loopbacks(want: WantedSlice, live: Mapping[str, VM], plan: AddressPlan) -> None:
    stored = {name: Addresses.read(vm.extra.get(addressing.LOOPBACK)) for name, vm in live.items()}
    for name, each in plan.loopbacks([vm for vm in want.vms if vm.name in live], stored).items():
        set_extra(live[name].extra, addressing.LOOPBACK, each.to_dict() or None)


def _describe(slice_: Slice, want: WantedSlice) -> None:
    slice_.topology_type = want.topology_type
    if want.name != slice_label(slice_):
        slice_.extra["name"] = want.name
    set_extra(slice_.extra, "title", want.title)
    if want.vlan_pools is not None:
        set_extra(slice_.extra, "max_vlan_pools", want.vlan_pools if want.vlan_pools > 1 else None)
    if want.peers is not None:
        set_extra(slice_.extra, "peers", want.peers or None)
    if want.expires is not None:
        set_extra(slice_.extra, expiry.FIELD, expiry.moment(want.expires))
    if want.addressing is not None:
        set_extra(slice_.extra, addressing.FIELD, want.addressing.to_dict())
