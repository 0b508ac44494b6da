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


def breaches(slice_: Slice, vlans: Vlans) -> Iterator[str]:
    """Yield a sentence for each VLAN pool of a slice that the cloud may not use, and for addresses on other VLANs."""
    for number in slice_.pools:
        if number not in vlans.pools and 0 <= number < POOL_COUNT:
            pool = pool_range(number)
            yield f"VLAN pool {number} (VLANs {pool[0]} to {pool[-1]}) is not one of {vlans.pools_text}"
    for vm in slice_.vms:
        for interface in vm.interfaces:
            if interface.ip_config and interface.vlan_id != vlans.management:
                where, has = f"{interface.name} of VM {vm.name} ({vm.vm_id})", interface.ip_config.get("ip")
                yield f"{where} with address {has} is on VLAN {interface.vlan_id}, not on {vlans.management}"


def stranded(slice_: Slice, vlans: Vlans) -> Iterator[str]:
    """Yield the same, and a sentence if the slice uses the management VLAN, which the check reports by object."""
    yield from breaches(slice_, vlans)
    if vlans.management in slice_.vlan_pool_used:
        yield f"it uses VLAN {vlans.management}, the management VLAN"


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
    found = [
        f"slice {slice_label(slice_)} ({slice_.slice_id}): {', '.join(lost)}"
        for slice_ in cluster.slices.values()
        if (lost := list(stranded(slice_, wanted)))
    ]
    if found:
        raise Refused([Refusal("vlans_in_use", "cloud", {"count": len(found), "found": found})])
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
