# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The VLANs that a cloud may use on its trunk, which it shares with other clouds (docs/decisions/0026)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..cluster import Cluster, slice_label
from ..errors import Refusal, Refused
from ..models import Slice
from ..vlans import POOL_COUNT, Vlans, pool_range, read_pools


def breaches(slice_: Slice, vlans: Vlans) -> Iterator[str]:
    """Yield a sentence for each VLAN pool of a slice that the cloud may not use."""
    for number in slice_.pools:
        if number not in vlans.pools and 0 <= number < POOL_COUNT:
            pool = pool_range(number)
            yield f"VLAN pool {number} (VLANs {pool[0]} to {pool[-1]}) is not one of {vlans.pools_text}"


def change(cluster: Cluster, *, vlan_pools: str | None) -> None:
    """Set the VLANs of the cloud.

    Args:
        cluster: changed in place.
        vlan_pools: the pools of its slices as ranges, C(None) to keep them.

    Raises:
        Refused: a value is invalid, or slices have VLANs that the cloud could no longer use. Nothing is changed then.
    """
    wanted = cluster.vlans
    if vlan_pools is not None:
        try:
            wanted = replace(wanted, pools=read_pools(vlan_pools))
        except ValueError as error:
            figures = {"got": vlan_pools, "why": str(error)}
            raise Refused([Refusal("vlan_pools_invalid", "cloud", figures)]) from None
    if wanted == cluster.vlans:
        return
    stranded = [
        f"slice {slice_label(slice_)} ({slice_.slice_id}): {', '.join(found)}"
        for slice_ in cluster.slices.values()
        if (found := list(breaches(slice_, wanted)))
    ]
    if stranded:
        raise Refused([Refusal("vlans_in_use", "cloud", {"count": len(stranded), "found": stranded})])
    cluster.vlans = wanted
