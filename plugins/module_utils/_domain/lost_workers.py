# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lost workers: their reports are not awaited, and their VMs may be created again on other workers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..changes import UPDATE, Change, between
from ..cluster import Cluster, slice_label, slice_ref
from ..errors import Refusal, Refused
from ..identity import machine_mark
from ..lifecycle import ERROR, Observed
from ..models import VM, Slice
from ..network_order import LostMachine
from ..workers import LOST
from . import data_disks
from .placement import POLICIES, Placement


def declare(cluster: Cluster, ip: str) -> None:
    """Mark a worker as lost. Its VMs become C(error).

    The network node only learns of it if the worker's machine-id is known (C(unfenced)).

    Raises:
        Refused: the worker is not registered.
    """
    worker = cluster.workers.get(ip)
    if worker is None:
        known = list(cluster.workers)
        raise Refused([Refusal("unknown_reference", f"worker {ip}", {"kind": "worker", "name": ip, "known": known})])
    if worker.lost:
        return
    cluster.mark_lost(ip)
    if worker.machine_id is not None:
        cluster.lost_machines |= {worker.machine_id}
    # Otherwise a late work order could replace the network node's list with an older one.
    cluster.revise()


def unfenced(cluster: Cluster, wants: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each worker of C(wants) that is lost and that the network node cannot recognize."""
    return [
        f"worker {want['ip']}: its machine-id is unknown, as after a rebuild of the database, so unless it was "
        "declared lost before, it starts its VMs if it comes back; keep it switched off or cut off from the trunk "
        "until cloudrepo.slices.site reaches it"
        for want in wants
        if want["state"] == "lost" and cluster.workers[want["ip"]].machine_id is None
    ]


def take_in(cluster: Cluster, marks: Collection[str]) -> None:
    """Keep the marks that only the network node has, because the database was rebuilt or restored since.

    Args:
        cluster: changed in place.
        marks: the list of the network node.
    """
    unknown = {*marks} - cluster.all_lost_marks
    if unknown:
        cluster.lost_marks |= unknown
        # Otherwise a late work order could replace the network node's list with one without them.
        cluster.revise()


def add_replaced(cluster: Cluster, wants: Iterable[Mapping[str, Any]]) -> None:
    """Treat the machines of workers as lost that are replaced by other machines: they may be switched on again.

    Args:
        cluster: changed in place, before the new machine-ids are stored.
        wants: entries of M(cloudrepo.slices.worker) that C(machines.follow) has accepted.
    """
    former = set()
    for want in wants:
        worker, machine_id = cluster.workers.get(want["ip"]), want.get("machine_id")
        if want["state"] == "present" and machine_id and worker and worker.machine_id not in (None, machine_id):
            former.add(str(worker.machine_id))
    if not former <= cluster.lost_machines:
        cluster.lost_machines |= former
        cluster.revise()


def known(cluster: Cluster) -> frozenset[str]:
    """Return all lost machines, by machine-id if it is known, otherwise by mark."""
    marks = {_mark(cluster, each) for each in cluster.lost_machines}
    return cluster.lost_machines | (cluster.lost_marks - marks)


def changes(before: Collection[str], after: Collection[str]) -> list[Change]:
    """Return each machine of C(known) that is lost or no longer lost."""
    return [
        *(between("lost machine", each, None, {}) for each in sorted({*after} - {*before})),
        *(between("lost machine", each, {}, None) for each in sorted({*before} - {*after})),
    ]


def mark_returned(cluster: Cluster, want: Mapping[str, Any]) -> None:
    """Mark a lost worker as no longer lost if it was reached, that is, if its machine-id is known."""
    machine_id = want.get("machine_id")
    if machine_id is None:
        return
    worker = cluster.workers[want["ip"]]
    if worker.lost or _is_lost(cluster, machine_id):
        worker.extra.pop(LOST, None)
        cluster.lost_machines -= {machine_id}
        cluster.lost_marks -= {_mark(cluster, machine_id)}
        cluster.revise()


def machines(cluster: Cluster) -> tuple[LostMachine, ...]:
    """Return the machines that must not start VMs, in the form that hosts get."""
    return tuple(map(LostMachine, sorted(cluster.all_lost_marks)))


def returned(cluster: Cluster, wants: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the addresses of the workers of C(wants) that were lost, and that C(mark_returned) uses again."""
    lost = addresses(cluster)
    return [
        want["ip"]
        for want in wants
        if want["state"] == "present" and want.get("machine_id") is not None
        if _is_lost(cluster, want["machine_id"]) or want["ip"] in lost
    ]


def addresses(cluster: Cluster) -> list[str]:
    """Return the addresses of the lost workers."""
    return [ip for ip, worker in cluster.workers.items() if worker.lost]


def is_on_lost(cluster: Cluster, vm: VM) -> bool:
    """Return whether the VM's worker is lost."""
    worker = cluster.workers.get(vm.worker_ip)
    return worker is not None and worker.lost


def replace(cluster: Cluster, slices: Sequence[Slice], vm_ids: Collection[int]) -> list[Change]:
    """Place VMs of lost workers on other workers, where they are created again with new disks.

    Args:
        cluster: changed in place.
        slices: the slices of the VMs.
        vm_ids: the VMs to create again. Those whose workers are not lost are not moved.

    Raises:
        Refused: no other worker has room.
    """
    placed: list[tuple[Slice, VM, str]] = []
    refusals: list[Refusal] = []
    for slice_, vm, place in _places(cluster, slices, vm_ids):
        if isinstance(place, Refusal):
            refusals.append(place)
        else:
            placed.append((slice_, vm, place))
    if refusals:
        raise Refused(refusals)
    changes = []
    for slice_, vm, ip in placed:
        before, after = {"worker": vm.worker_ip}, {"worker": ip}
        label = f"{slice_label(slice_)}/{vm.name}"
        why, ref = "its worker is lost", slice_ref(slice_)
        changes.append(Change("vm", vm.vm_id, UPDATE, before, after, reason=why, name=label, slice=ref))
        vm.worker_ip = ip
        if vm.observed is not None:
            # It was seen on the lost worker. A first report with the same process id has to be a change.
            vm.see(Observed(ERROR))
        data_disks.drop_given_up(vm)
        vm.extra.pop(data_disks.TRASHED, None)
        for disk in vm.disks:
            for key in ("uuid", "first_seen"):
                disk.extra.pop(key, None)
    return changes


def unplaced(cluster: Cluster, slices: Sequence[Slice], vm_ids: Collection[int]) -> dict[int, list[Refusal]]:
    """Return by slice the VMs that C(replace) would refuse. Without these slices, it refuses none.

    For the arguments see C(replace); nothing is changed.
    """
    found: dict[int, list[Refusal]] = {}
    while True:
        refused: dict[int, list[Refusal]] = {}
        left = [slice_ for slice_ in slices if slice_.slice_id not in found]
        for slice_, _vm, place in _places(cluster, left, vm_ids):
            if isinstance(place, Refusal):
                refused.setdefault(slice_.slice_id, []).append(place)
        if not refused:
            return found
        # There may be room for the others without it.
        first = next(iter(refused))
        found[first] = refused[first]


def _is_lost(cluster: Cluster, machine_id: str) -> bool:
    return machine_id in cluster.lost_machines or _mark(cluster, machine_id) in cluster.lost_marks


def _mark(cluster: Cluster, machine_id: str) -> str:
    """Return the mark of a machine; empty before there is a cloud, whose hosts have no marks either."""
    return "" if cluster.cloud is None else machine_mark(cluster.cloud.uuid, machine_id)


def _places(
    cluster: Cluster, slices: Iterable[Slice], vm_ids: Collection[int]
) -> Iterator[tuple[Slice, VM, str | Refusal]]:
    """Yield the VMs to create again, each with the address of another worker, or why there is none."""
    placements: dict[str, Placement] = {}
    for slice_ in slices:
        for vm in slice_.live_vms:
            if vm.vm_id not in vm_ids or not is_on_lost(cluster, vm):
                continue
            policy = vm.extra.get("placement", {}).get("policy", POLICIES[0])
            placement = placements.setdefault(policy, Placement(cluster, policy))
            size = vm.size or {}
            ip = placement.place(size, vm.pinned_to)
            yield slice_, vm, ip or placement.refusal(f"VM {slice_label(slice_)}/{vm.name}", size, vm.pinned_to)
