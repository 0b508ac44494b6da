# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lost workers: their reports are not awaited, and their VMs may be created again on other workers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ..changes import UPDATE, Change
from ..cluster import LOST, LOST_MACHINES, Cluster, slice_label, slice_ref
from ..errors import Refusal, Refused
from ..identity import machine_mark
from ..lifecycle import ERROR, Observed
from ..models import VM, Slice
from ..network_order import LostMachine
from . import data_disks
from .placement import POLICIES, Placement


def declare(cluster: Cluster, ip: str) -> None:
    """Mark a worker as lost. Its VMs become C(error).

    Raises:
        Refused: the worker is not registered.
    """
    worker = cluster.workers.get(ip)
    if worker is None:
        known = list(cluster.workers)
        raise Refused([Refusal("unknown_reference", f"worker {ip}", {"kind": "worker", "name": ip, "known": known})])
    if worker.lost:
        return
    worker.extra[LOST] = True
    if worker.machine_id is not None:
        cluster.extra[LOST_MACHINES] = sorted({*_machine_ids(cluster), worker.machine_id})
    for vm in cluster.vms_on(ip):
        if vm.handed_out and not vm.deleting:
            vm.see(Observed(ERROR))


def welcome(cluster: Cluster, want: Mapping[str, Any]) -> None:
    """Use a lost worker again if it was reached, that is, if its machine-id is known."""
    machine_id = want.get("machine_id")
    if machine_id is None:
        return
    cluster.workers[want["ip"]].extra.pop(LOST, None)
    remaining = [each for each in _machine_ids(cluster) if each != machine_id]
    if remaining:
        cluster.extra[LOST_MACHINES] = remaining
    else:
        cluster.extra.pop(LOST_MACHINES, None)


def _machine_ids(cluster: Cluster) -> Sequence[str]:
    """Return the machine-ids of lost workers, also of those that were removed since."""
    found: Sequence[str] = cluster.extra.get(LOST_MACHINES, ())
    return found


def machines(cluster: Cluster) -> tuple[LostMachine, ...]:
    """Return the machines that must not start VMs, as hosts are told of them."""
    if cluster.cloud is None:
        return ()
    return tuple(LostMachine(machine_mark(cluster.cloud.uuid, each)) for each in _machine_ids(cluster))


def returned(cluster: Cluster, wants: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the addresses of the workers of C(wants) that were lost, and that C(welcome) uses again."""
    lost = set(_machine_ids(cluster))
    return [
        want["ip"]
        for want in wants
        if want["state"] == "present" and want.get("machine_id") is not None
        if want["machine_id"] in lost or want["ip"] in addresses(cluster)
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
    lost = [(slice_, vm) for slice_ in slices for vm in slice_.live_vms if vm.vm_id in vm_ids]
    lost = [(slice_, vm) for slice_, vm in lost if is_on_lost(cluster, vm)]
    places = _places(cluster, [(f"VM {slice_label(slice_)}/{vm.name}", vm) for slice_, vm in lost])
    changes = []
    for (slice_, vm), ip in zip(lost, places):
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


def _places(cluster: Cluster, vms: Iterable[tuple[str, VM]]) -> list[str]:
    placements: dict[str, Placement] = {}
    found, refusals = [], []
    for where, vm in vms:
        policy = vm.extra.get("placement", {}).get("policy", POLICIES[0])
        placement = placements.setdefault(policy, Placement(cluster, policy))
        size = vm.size or {}
        ip = placement.place(size, vm.pinned_to)
        if ip is None:
            refusals.append(placement.refusal(where, size, vm.pinned_to))
        found.append(ip or "")
    if refusals:
        raise Refused(refusals)
    return found
