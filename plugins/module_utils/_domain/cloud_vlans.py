# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The VLANs that a cloud may use on its trunk, which it shares with other clouds (docs/decisions/0026)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .. import bounds
from ..cluster import Cluster, slice_label
from ..errors import Refusal, Refused
from ..models import Slice
from ..vlans import POOL_COUNT, ReversedRange, Vlans, pool_range, read_pools


def violations(slice_: Slice, vlans: Vlans) -> Iterator[Refusal]:
    """Yield each VLAN pool of a slice that the cloud may not use, and addresses on other VLANs, without the slice."""
    for number in slice_.pools:
        if number not in vlans.pools and 0 <= number < POOL_COUNT:
            pool = pool_range(number)
            where = f"VLAN pool {number} (VLANs {pool[0]} to {pool[-1]})"
            yield Refusal("pool_of_another_cloud", where, {"pools": vlans.pools_text})
    for vm in slice_.vms:
        for interface in vm.interfaces:
            if interface.ip_config and interface.vlan_id != vlans.management:
                where, address = f"{interface.name} of VM {vm.name} ({vm.vm_id})", interface.ip_config.get("ip")
                figures = {"address": address, "vlan": interface.vlan_id, "management": vlans.management}
                yield Refusal("address_on_another_vlan", where, figures)


def vlan_conflicts(slice_: Slice, vlans: Vlans) -> Iterator[Refusal]:
    """Yield C(violations), and one if the slice uses the management VLAN, which C(invariants) reports by object."""
    yield from violations(slice_, vlans)
    if vlans.management in slice_.vlan_pool_used:
        yield Refusal("vlan_is_management_vlan", f"VLAN {vlans.management}")


def change(cluster: Cluster, *, vlan_pools: str | None, management_vlan: int | None = None) -> None:
    """Set the VLANs of the cloud.

    Args:
        cluster: changed in place.
        vlan_pools: the pools of its slices as ranges, C(None) to keep them.
        management_vlan: the management VLAN, C(None) to keep it.

    Raises:
        Refused: a value is invalid, or slices have VLANs that the cloud could no longer use. Nothing is changed then.
    """
    refusals: list[Refusal] = []
    wanted = _read("cloud", vlan_pools, management_vlan, cluster.vlans, refusals)
    if refusals:
        raise Refused(refusals)
    if wanted == cluster.vlans:
        return
    found, count = list[Refusal](), 0
    for slice_ in cluster.slices.values():
        where = f"slice {slice_label(slice_)} ({slice_.slice_id})"
        lost = [replace(each, object=f"{where}: {each.object}") for each in vlan_conflicts(slice_, wanted)]
        found += lost
        count += bool(lost)
    if found:
        raise Refused([Refusal("vlans_in_use", "cloud", {"count": count, "found": found})])
    cluster.vlans = wanted


@dataclass(frozen=True)
class Neighbour:
    """Another cloud on the same trunk, as an administrator describes it."""

    title: str
    vlans: Vlans


def read_neighbours(given: Iterable[Mapping[str, Any]]) -> list[Neighbour]:
    """Return other clouds from a module's argument, a list of C({title, vlan_pools, management_vlan}).

    Raises:
        Refused: a value is invalid.
    """
    refusals: list[Refusal] = []
    found = []
    for each in given:
        where = f"neighbour {each['title']}"
        vlans = _read(where, each["vlan_pools"], each["management_vlan"], Vlans(), refusals)
        found.append(Neighbour(each["title"], vlans))
    if refusals:
        raise Refused(refusals)
    return found


def _read(where: str, pools: str | None, management: int | None, held: Vlans, refusals: list[Refusal]) -> Vlans:
    """Return VLANs, those of C(held) for what is C(None) or invalid, and add why something is to C(refusals)."""
    invalid = list(bounds.VLAN.problems(where, "management_vlan", management))
    refusals += invalid
    if management is not None and not invalid:
        held = replace(held, management=management)
    if pools is not None:
        try:
            held = replace(held, pools=read_pools(pools))
        except ReversedRange as error:
            refusals.append(Refusal("vlan_pools_reversed", where, {"got": pools, "part": error.part}))
        except ValueError:
            refusals.append(Refusal("vlan_pools_invalid", where, {"got": pools}))
    return held


def compare(title: str, vlans: Vlans, neighbours: Iterable[Neighbour]) -> None:
    """Compare the VLANs of a cloud with those of others on its trunk.

    Raises:
        Refused: they have VLANs in common.
    """
    refusals = [
        Refusal(
            "vlans_shared",
            f"cloud {title}",
            {"vlans": shared, "other": other.title, "own": str(vlans), "others": str(other.vlans)},
        )
        for other in neighbours
        if (shared := vlans.shared_with(other.vlans))
    ]
    if refusals:
        raise Refused(refusals)
