# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settle a topology: from what a tenant asks for to what is allocated, all of it or nothing.

What exists and is asked for again keeps everything it holds. What hosts may have heard of is not forgotten here
(C(teardown)).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..cluster import Cluster, slice_label
from ..defaults import STATE_DIR
from ..errors import Refused
from ..models import Slice, User
from ..vlans import MANAGEMENT_VLAN
from . import access, host_requirements, networks, validate
from .allocation import Allocator, ManagementNetwork
from .match import wire
from .placement import Placement
from .segments import SegmentBuilder
from .teardown import set_extra
from .topology_spec import WantedSlice
from .vms import VmBuilder
from .wording import some


@dataclass(frozen=True)
class Settings:
    """What an operator decides for the whole cluster.

    Attributes:
        network: VLAN 400.
        infrastructure: subnets of the hosts' own networks, which no network with a way out may overlap.
        state_dir: the folder on every worker below which overlays and base images lie.
        placement: the placement policy.
    """

    network: ManagementNetwork = field(default_factory=ManagementNetwork)
    state_dir: str = STATE_DIR
    placement: str = "round_robin"
    infrastructure: tuple[str, ...] = ()


def settle(cluster: Cluster, want: WantedSlice, settings: Settings, *, acting_user: str) -> Slice:
    """Make C(cluster) hold the slice as asked for, and return it.

    Raises:
        Refused: with every rule that is broken; the cluster is then as it was.
    """
    before = stored_slice(cluster, want, acting_user)
    reasons = [
        *settings.network.problems(),
        *networks.infrastructure_problems(settings.infrastructure),
        *validate.problems(want),
        *_standing_problems(cluster, want, before),
        *_flavor_problems(cluster, want),
        *_overlap_problems(want, settings.network),
    ]
    if reasons:
        raise Refused(reasons)
    allocator = Allocator(cluster, settings.network)
    slice_, reasons = _draft(cluster, want, settings, before, allocator)
    # VMs that hosts still have count until they are gone.
    owner, more = cluster.users[want.owner], len(slice_.vms) - (len(before.vms) if before else 0)
    reasons += _quota_problems(owner, more)
    reasons += _moved_problems(slice_, settings.network)
    reasons = reasons or list(host_requirements.shortcomings(slice_, cluster))
    if reasons:
        raise Refused(reasons)
    owner.used_vms += more
    if before is None:
        owner.slices.append(slice_.slice_id)
    cluster.slices[slice_.slice_id] = slice_
    cluster.next_vm_id = allocator.next_id
    return slice_


def stored_slice(cluster: Cluster, want: WantedSlice, acting_user: str) -> Slice | None:
    """Return the stored slice that is asked for, as it is now.

    Raises:
        Refused: the acting user may not act for its owner.
    """
    access.require_acts_for(cluster, acting_user, want.owner, f"slice {want.name}")
    if want.slice_id is not None:
        return access.numbered(cluster, want.slice_id, acting_user)
    return cluster.find_slice(want.owner, want.name)


def _standing_problems(cluster: Cluster, want: WantedSlice, before: Slice | None) -> Iterator[str]:
    if want.owner not in cluster.users:
        yield f"slice {want.name}: its owner {want.owner} {access.no_such_user(cluster)}"
    if before is None:
        if want.slice_id is not None:
            yield f"slice {want.name}: there is no slice {want.slice_id} to change"
    else:
        if want.owner != before.owner:
            yield f"slice {want.name} ({before.slice_id}) belongs to {before.owner}, and stays with its owner"
        if before.deleting:
            yield f"slice {want.name} ({before.slice_id}) is being deleted; deploy it anew when it is gone"
    if before is None or want.name != slice_label(before):
        yield from _name_problems(cluster, want, before)


def _name_problems(cluster: Cluster, want: WantedSlice, before: Slice | None) -> Iterator[str]:
    if want.name.isdigit():
        yield f"slice {want.name}: a name of digits alone is taken for an id"
    other = cluster.find_slice(want.owner, want.name)
    if other is not None and before is not None:
        yield (
            f"slice {slice_label(before)} ({before.slice_id}) cannot be called {want.name}: "
            f"so is slice {other.slice_id} of {want.owner}"
        )


def _flavor_problems(cluster: Cluster, want: WantedSlice) -> Iterator[str]:
    users: dict[str, list[str]] = {}
    for vm in want.vms:
        if vm.flavor is not None:
            users.setdefault(vm.flavor, []).append(vm.name)
    for name in sorted(users):
        flavor, of = cluster.flavors.get(name), some(users[name])
        if flavor is None:
            known = ", ".join(cluster.flavors) or "none"
            yield f"slice {want.name}: flavor {name} of {of} does not exist; flavors are {known}"
        elif "checksum" not in flavor:
            yield (
                f"slice {want.name}: flavor {name} of {of} has no base image: {flavor['image']} was never "
                "registered; register the flavor with a file that exists, or with a URL and its checksum"
            )


def _overlap_problems(want: WantedSlice, management: ManagementNetwork) -> Iterator[str]:
    """As far as subnets are told; those that follow from a VLAN are looked at when it is known."""
    told = [(network.name, network.cidr) for network in want.networks if network.cidr is not None]
    for overlap in networks.overlaps(told, management.cidr):
        yield f"slice {want.name}: {overlap}"


def _moved_problems(slice_: Slice, management: ManagementNetwork) -> Iterator[str]:
    """A VM keeps its address for life, so VLAN 400 cannot get another subnet under it."""
    subnet = ipaddress.IPv4Network(management.cidr)
    for vm in slice_.live_vms:
        for nic in vm.interfaces:
            address = (nic.ip_config or {}).get("ip")
            if nic.vlan_id == MANAGEMENT_VLAN and address and ipaddress.IPv4Address(address) not in subnet:
                yield (
                    f"VM {slice_label(slice_)}/{vm.name} has the address {address}, which is not in the management "
                    f"network {subnet}; delete the slice and deploy it anew"
                )


def _quota_problems(owner: User, more: int) -> Iterator[str]:
    if more > 0 and not owner.can_create_vms(more):
        yield f"{owner.username} may own {owner.quota_vms} VMs, owns {owner.used_vms}, asks for {more} more"


def _draft(
    cluster: Cluster, want: WantedSlice, settings: Settings, before: Slice | None, allocator: Allocator
) -> tuple[Slice, list[str]]:
    """Return the slice as it would be stored, and why it cannot be."""
    slice_id = before.slice_id if before else allocator.slice_id()
    full = [] if slice_id is not None else [f"slice {want.name}: all 100 VLAN pools are held by live slices"]
    slice_ = Slice.from_dict(before.to_dict()) if before else Slice(slice_id or 0, want.owner)
    _describe(slice_, want)
    wiring = wire(want, slice_)
    placement = Placement(cluster, settings.placement)
    vm_builder = VmBuilder(
        cluster, want, slice_, allocator=allocator, placement=placement, state_dir=settings.state_dir
    )
    live = vm_builder.equip(wiring)
    segment_builder = SegmentBuilder(want, slice_, live, allocator=allocator, infrastructure=settings.infrastructure)
    segment_builder.connect(wiring)
    return slice_, [*full, *wiring.reasons, *vm_builder.reasons, *segment_builder.reasons]


def _describe(slice_: Slice, want: WantedSlice) -> None:
    slice_.topology_type = want.topology_type
    if want.name != slice_label(slice_):
        slice_.extra["name"] = want.name
    if want.vlan_pools is not None:
        set_extra(slice_.extra, "max_vlan_pools", want.vlan_pools if want.vlan_pools > 1 else None)
    if want.peers is not None:
        set_extra(slice_.extra, "peers", want.peers or None)
