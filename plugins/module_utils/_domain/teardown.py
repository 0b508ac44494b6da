# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Releases the resources of a slice.

Resources that hosts may use are not removed here. VMs become C(deleting), and released VLANs and addresses stay
allocated as C(releasing), until the hosts have reported that they removed them (C(status)).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..cluster import Cluster
from ..models import Slice
from ..vlans import FURTHER_POOLS, pool_range
from . import receipts, user_data


def segment_vlans(slice_: Slice) -> Iterator[int]:
    """Yield the VLANs of a slice's links and of its networks, except for networks that only describe a link's VLAN."""
    yield from (link.vlan_id for link in slice_.links)
    yield from (network.vlan_id for network in slice_.networks if "name" in network.extra)


def release_vlans(slice_: Slice, vlan_ids: Iterable[int]) -> None:
    """Release VLANs of a slice: at once, or after the hosts' reports if any VM has been handed out.

    In that case, hosts may use any VLAN of the slice.
    """
    gone = dict.fromkeys(vlan_ids)
    if gone and any(vm.handed_out for vm in slice_.vms):
        releasing(slice_, "vlan_ids").extend(gone)
    elif gone:
        slice_.vlan_pool_used = [vlan_id for vlan_id in slice_.vlan_pool_used if vlan_id not in gone]


def releasing(slice_: Slice, what: str) -> list[Any]:
    """Return the list of what the slice releases, to be extended."""
    receipts.mark(slice_)
    held: list[Any] = slice_.extra.setdefault("releasing", {}).setdefault(what, [])
    return held


def drop_released(slice_: Slice) -> None:
    """Drop VMs that are being deleted and VLANs that are being released, which no host uses now."""
    slice_.vms = slice_.live_vms
    released = slice_.extra.pop("releasing", {}).get("vlan_ids", [])
    if not receipts.gives_up(slice_):
        slice_.extra.pop(receipts.RELEASE_ID, None)
    slice_.vlan_pool_used = [vlan_id for vlan_id in slice_.vlan_pool_used if vlan_id not in released]
    drop_empty_pools(slice_)


def drop_empty_pools(slice_: Slice) -> None:
    """Release the further pools of which no VLAN is in use."""
    used = set(slice_.vlan_pool_used)
    kept = [number for number in slice_.further_pools if not used.isdisjoint(pool_range(number))]
    set_extra(slice_.extra, FURTHER_POOLS, kept or None)


def set_extra(extra: dict[str, Any], key: str, value: Any) -> None:
    """Set a field beyond the data model, or remove it if C(value) is None."""
    if value is None:
        extra.pop(key, None)
    else:
        extra[key] = value


def remove(cluster: Cluster, slice_: Slice) -> None:
    """Delete a slice: at once if no VM has been handed out, otherwise it is C(deleting) until its hosts report."""
    release_vlans(slice_, () if slice_.deleting else segment_vlans(slice_))
    release_vlans(slice_, [each["vlan_id"] for each in slice_.extra.pop("reserved_vlans", ())])
    slice_.links, slice_.networks = [], []
    drop_empty_pools(slice_)
    for vm in [vm for vm in slice_.vms if not vm.handed_out]:
        slice_.vms.remove(vm)
        cluster.users[slice_.owner].used_vms -= 1
    for vm in slice_.vms:
        vm.deleting = True
    if slice_.vms:
        receipts.mark(slice_)
    slice_.deleting = True
    if not slice_.vms and "releasing" not in slice_.extra:
        forget(cluster, slice_)


def forget(cluster: Cluster, slice_: Slice) -> None:
    """Remove a slice without VMs from the cluster, which releases its pools."""
    cluster.users[slice_.owner].slices.remove(slice_.slice_id)
    del cluster.slices[slice_.slice_id]
    user_data.forget_unused(cluster)
