# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Deleted slices, which can be restored as long as workers keep their disks in the trash (docs/decisions/0019).

They are stored in the field C(deleted_slices): C({deleted, until, slice}), with times in UTC and the stored form of the
slice before its deletion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from ..allocations import ADDRESS, ID, MAC_BLOCK, VLAN_POOL, VNC_PORT, address_number, allocated, show
from ..bounds import FIRST_VNC_PORT, LAST_VNC_PORT
from ..cluster import ADMIN, DELETED_SLICES, Cluster, slice_label
from ..errors import Refusal, Refused
from ..history import TIME
from ..lifecycle import ERROR, Observed
from ..models import VM, Slice
from . import access, cloud_vlans, data_disks, expiry, identities, lost_workers
from .allocation import Allocator, ManagementNetwork
from .placement import Placement
from .reconcile import quota_problems
from .teardown import drop_released

FIELD = DELETED_SLICES
# A clock that is ahead must not make the database forget slices whose disks still exist.
_GRACE = timedelta(days=7)


def keep(cluster: Cluster, slice_: Slice, *, now: str, retention_h: int) -> None:
    """Keep a slice that is about to be deleted, and remove those that have been expired for a week.

    One that hosts have not deleted yet is not removed: they keep its disks from when they do (C(renew)).

    Args:
        cluster: the cluster to change.
        slice_: the stored slice. It is only kept if a VM has been handed out, because otherwise there are no disks.
        now: the time in UTC.
        retention_h: the hours that workers keep its disks.
    """
    forgotten = (_read(now) - _GRACE).strftime(TIME)
    identities.bind(cluster, slice_)
    entries = [
        each for each in _entries(cluster) if each["until"] > forgotten or each["slice"]["slice_id"] in cluster.slices
    ]
    if retention_h and any(vm.handed_out for vm in slice_.live_vms):
        until = end_of_retention(cluster, now, retention_h)
        entries.append({"deleted": now, "until": until, "slice": slice_.to_dict()})
    _store(cluster, entries)


def renew(cluster: Cluster, slice_: Slice, *, until: str) -> None:
    """Extend the time of a slice that its hosts have deleted just now, perhaps long after they were to.

    Args:
        cluster: the cluster to change.
        slice_: the slice, which is being deleted.
        until: when its disks are removed from the trash, in UTC.
    """
    entries = [
        {**each, "until": max(each["until"], until)} if each["slice"].get("uuid") == slice_.uuid else each
        for each in _entries(cluster)
    ]
    _store(cluster, entries)


def end_of_retention(cluster: Cluster, now: str, retention_h: int) -> str:
    """Return when a disk that is deleted now is removed from the trash, in UTC.

    The clock may have been set back since the last change of the cluster.
    """
    last = datetime.fromtimestamp((cluster.revision or 0) // 1000, timezone.utc)
    return (max(_read(now), last) + timedelta(hours=retention_h)).strftime(TIME)


def restore(
    cluster: Cluster, name: str, *, owner: str | None, acting_user: str, now: str, network: ManagementNetwork
) -> Slice:
    """Store a deleted slice again, and return it.

    It keeps its ids, UUIDs, VLANs and MACs, but not a time at which it has expired. VNC ports and addresses on VLAN 400
    are replaced by free ones if they have been allocated to other slices in the meantime. VMs of lost workers are
    C(error), as those of other slices: their disks must not keep the others in the trash until these expire.

    Raises:
        Refused: there is no such slice, or the cluster no longer has room for it. The cluster is then unchanged.
    """
    entry = _find(cluster, name, owner, acting_user, now)
    slice_ = _as_before(entry)
    _return_to_owner(cluster, slice_)
    if expiry.has_expired(slice_, now):
        del slice_.extra[expiry.FIELD]  # else it would be deleted again
    for vm in slice_.vms:
        if lost_workers.is_on_lost(cluster, vm):
            vm.see(Observed(ERROR))
    refusals = [*_conflicts(cluster, slice_), *_shortages(cluster, slice_)]
    refusals = refusals or list(network.problems()) or list(_renew(cluster, slice_, network))
    if refusals:
        raise Refused(refusals)
    user = cluster.users[slice_.owner]
    user.slices.append(slice_.slice_id)
    user.used_vms += len(slice_.vms)
    cluster.slices[slice_.slice_id] = slice_
    _store(cluster, [each for each in _entries(cluster) if each is not entry])
    return slice_


def apply_to_deleted(cluster: Cluster, change: Callable[[Slice], None]) -> None:
    """Apply a change, such as that of a worker's address, to all deleted slices."""
    entries = list[Mapping[str, Any]]()
    for entry in _entries(cluster):
        slice_ = Slice.from_dict(entry["slice"])
        change(slice_)
        entries.append({**entry, "slice": slice_.to_dict()})
    _store(cluster, entries)


def _read(time: str) -> datetime:
    return datetime.strptime(time, TIME).replace(tzinfo=timezone.utc)


def _entries(cluster: Cluster) -> list[Mapping[str, Any]]:
    return list(cluster.extra.get(FIELD, ()))


def _store(cluster: Cluster, entries: Sequence[Mapping[str, Any]]) -> None:
    extra = {key: value for key, value in cluster.extra.items() if key != FIELD}
    cluster.extra = {**extra, FIELD: entries} if entries else extra


def _find(cluster: Cluster, name: str, owner: str | None, acting_user: str, now: str) -> Mapping[str, Any]:
    """Return the deleted slice with a name, C(OWNER/NAME) or an id that the user may act on."""
    is_admin = access.acts_for(cluster, acting_user, ADMIN)
    all_of_them = [(entry, Slice.from_dict(entry["slice"])) for entry in _entries(cluster)]
    visible = [
        (entry, slice_)
        for entry, slice_ in all_of_them
        if is_admin or access.owns(cluster.users[acting_user], slice_.owner, slice_.owner_uuid)
    ]
    called = [
        entry
        for entry, slice_ in visible
        if owner in (None, slice_.owner)
        and name in (slice_label(slice_), f"{slice_.owner}/{slice_label(slice_)}", str(slice_.slice_id))
    ]
    found = [entry for entry in called if entry["until"] > now]
    if len(found) == 1:
        return found[0]
    if called and not found:
        figures = {"deleted": called[-1]["deleted"], "until": called[-1]["until"], "now": now}
        raise Refused([Refusal("deleted_slice_expired", f"deleted slice {name}", figures)])
    if found:
        several = [f"{each['slice']['slice_id']}, deleted {each['deleted']}" for each in found]
        raise Refused([Refusal("ambiguous_slice", f"deleted slice {name}", {"count": len(found), "found": several})])
    known = [
        f"{slice_label(slice_)} ({slice_.slice_id}) until {entry['until']}"
        for entry, slice_ in visible
        if entry["until"] > now
    ]
    raise Refused([Refusal("not_found", f"deleted slice {name}", {"known": known})])


def _as_before(entry: Mapping[str, Any]) -> Slice:
    """Return the slice before its deletion, without VMs that were being deleted and VLANs that were being released."""
    slice_ = Slice.from_dict(entry["slice"])
    for vm in slice_.vms:
        data_disks.drop_given_up(vm, now=entry["deleted"], until=entry["until"])
    data_disks.keep_of_deleted(slice_, (), now=entry["deleted"], until=entry["until"])
    drop_released(slice_)
    for vm in slice_.vms:
        vm.observed = None  # unknown until the next report of its host
    return slice_


def _return_to_owner(cluster: Cluster, slice_: Slice) -> None:
    """Set the name that the owner of a deleted slice has now.

    Raises:
        Refused: the owner was removed. Another user may have the name since.
    """
    owner = cluster.users.get(slice_.owner)
    if slice_.owner_uuid is None or (owner is not None and owner.uuid == slice_.owner_uuid):
        return
    owner = next((user for user in cluster.users.values() if user.uuid == slice_.owner_uuid), None)
    if owner is None:
        figures = {"owner": slice_.owner, "uuid": slice_.owner_uuid}
        raise Refused([Refusal("owner_was_removed", f"slice {slice_label(slice_)}", figures)])
    slice_.owner = owner.username
    for vm in slice_.vms:
        vm.owner = owner.username


def _conflicts(cluster: Cluster, slice_: Slice) -> Iterator[Refusal]:
    """Yield conflicts with other slices, and a missing owner."""
    where = f"slice {slice_label(slice_)}"
    if slice_.slice_id in cluster.slices:
        yield Refusal("slice_not_deleted_yet", where, {"slice_id": slice_.slice_id})
        return
    if slice_.owner not in cluster.users:
        known = list(cluster.users)
        yield Refusal("unknown_reference", where, {"kind": "user", "name": slice_.owner, "known": known})
        return
    other = cluster.find_slice(slice_.owner, slice_label(slice_))
    if other is not None:
        figures = {"got": slice_label(slice_), "slice_id": other.slice_id, "owner": slice_.owner}
        yield Refusal("slice_name_in_use", where, figures)
    yield from (
        Refusal("vlans_of_another_setting", where, {"breach": breach})
        for breach in cloud_vlans.vlan_conflicts(slice_, cluster.vlans)
    )
    for allocation in allocated(slice_):
        if allocation.kind not in (ID, MAC_BLOCK, VLAN_POOL):
            continue
        if allocation.number in cluster.left_behind(allocation.kind):
            yield Refusal("left_on_hosts", where, {"what": show(allocation.kind, allocation.number)})
        elif cluster.held(allocation.kind, allocation.number, allocation.number):
            yield Refusal("allocated_meanwhile", where, {"what": show(allocation.kind, allocation.number)})


def _shortages(cluster: Cluster, slice_: Slice) -> Iterator[Refusal]:
    """Yield violations of the owner's quota and of the capacity of the workers that have the VMs' disks.

    A VM takes no room on a lost worker.
    """
    if slice_.owner in cluster.users:
        yield from quota_problems(cluster.users[slice_.owner], len(slice_.vms))
    placement = Placement(cluster)
    for vm in slice_.vms:
        if lost_workers.is_on_lost(cluster, vm):
            continue
        if (size := vm.size) is not None and placement.place(size, vm.worker_ip) is None:
            yield placement.refusal(_call(slice_, vm), size, vm.worker_ip)


def _renew(cluster: Cluster, slice_: Slice, network: ManagementNetwork) -> Iterator[Refusal]:
    """Replace VNC ports and addresses that are in use, and yield a refusal for each without a free replacement."""
    allocator = Allocator(cluster, network)
    mine = {(allocation.kind, allocation.number) for allocation in allocated(slice_)}
    ports = (port for port in iter(allocator.vnc_port, None) if (VNC_PORT, port) not in mine)
    addresses = (text for text in iter(allocator.address, None) if (ADDRESS, address_number(text)) not in mine)
    for vm in slice_.vms:
        if _is_taken(cluster, VNC_PORT, vm.vnc_port):
            vm.vnc_port = next(ports, 0)
            if not vm.vnc_port:
                yield Refusal("no_free_vnc_port", _call(slice_, vm), {"first": FIRST_VNC_PORT, "last": LAST_VNC_PORT})
        for nic in vm.interfaces:
            number = address_number((nic.ip_config or {}).get("ip"))
            if number is not None and _is_taken(cluster, ADDRESS, number):
                nic.ip_config = {**(nic.ip_config or {}), "ip": next(addresses, "")}
                if not nic.ip_config["ip"]:
                    ends = {"first": network.first_address, "last": network.last_address}
                    figures = {"vlan": cluster.vlans.management, **ends}
                    yield Refusal("no_free_address", _call(slice_, vm), figures)


def _is_taken(cluster: Cluster, kind: str, number: int) -> bool:
    return number in cluster.left_behind(kind) or bool(cluster.held(kind, number, number))


def _call(slice_: Slice, vm: VM) -> str:
    return f"VM {slice_label(slice_)}/{vm.name}"
