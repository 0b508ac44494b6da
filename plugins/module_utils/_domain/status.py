# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Records the hosts' reports in the cluster: the observed states of VMs, and the removal of deleted objects."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from typing import Any

from ..cluster import Cluster
from ..lifecycle import POWERS, UNKNOWN, Observed
from ..models import VM, Slice
from ..report import NETWORK_NODE, Answer, HostReport, VmReport
from . import data_disks, lost_workers, receipts, undelete
from .teardown import drop_released, forget


def record(
    cluster: Cluster,
    slices: Sequence[Slice],
    reports: Sequence[HostReport],
    *,
    seen_at: str,
    retention_h: int = 0,
) -> list[str]:
    """Record the reports and return a sentence for each failure.

    Args:
        cluster: the cluster to change.
        slices: the slices in the work orders.
        reports: the hosts' reports.
        seen_at: the time of the reports, in the format of C(Observed).
        retention_h: the hours that workers keep deleted disks in the trash.

    VMs that are being deleted, and VLANs and addresses that are being released, are only removed when all hosts that
    may have them have reported success, each with its receipt for exactly these (C(receipts)). The same applies to data
    disks that VMs have given up, unless a running VM still has them open. Nothing waits for lost workers. VMs that have
    not been handed out wait for their own order.
    """
    lost = set(lost_workers.addresses(cluster))
    reports = [report for report in reports if report.target not in lost]
    deleting = {slice_.slice_id for slice_ in slices if slice_.deleting}
    failures = [failure for report in reports for failure in failures_of(report, deleting)]
    by_target: dict[str, list[HostReport]] = {}
    for report in reports:
        by_target.setdefault(report.target, []).append(report)
    seen = {(report.target, vm.vm_id): vm for report in reports for vm in report.vms}
    for slice_ in slices:
        for vm in (vm for vm in slice_.vms if vm.handed_out):
            told = by_target.get(vm.worker_ip, [])
            failures += _failures_of_vm(vm, told, lost)
            found = seen.get((vm.worker_ip, vm.vm_id))
            if _is_told(slice_, found, told):
                _record_vm(vm, found, seen_at)
        if receipts.gives_up(slice_):
            _forget_what_is_gone(cluster, slice_, by_target, now=seen_at, retention_h=retention_h)
    return failures


def failures_of(report: HostReport, deleting: Container[int]) -> list[str]:
    """Return a sentence for each failure of a host.

    If a slice is being deleted, it is not a failure that the host has another slice with the same id.
    """
    refused = [each.failure for each in report.refused if not (each.another and each.slice_id in deleting)]
    # A host in check mode has not failed, although it found what is wrong with VMs.
    failures = [report.failure] if report.failure else [vm.failure for vm in report.vms]
    return [f"{report.host}: {failure}" for failure in (*failures, *refused) if failure]


def _has_done(cluster: Cluster, report: HostReport, slice_: Slice) -> bool:
    """Return whether a host has applied the work order that releases what the slice is releasing now."""
    wanted = receipts.receipt(cluster, slice_, report.target)
    if wanted is None or Answer(slice_.slice_id, wanted) not in report.answers:
        return False
    refused = any(each.slice_id == slice_.slice_id for each in report.refused if not (each.another and slice_.deleting))
    return report.failure is None and not refused


def recorded(slices: Sequence[Slice]) -> list[dict[str, Any]] | None:
    """Return the VMs in a report that would not change the slices.

    Returns:
        C([{vm_id, state, pid}]); C(None) if any report would change them, because objects have to be created or removed
        on hosts.
    """
    vms = [vm for slice_ in slices for vm in slice_.vms]
    if any(receipts.gives_up(slice_) for slice_ in slices):
        return None
    if any(disk.first_seen is None for vm in vms for disk in vm.data_disks):
        return None
    seen = [
        {"vm_id": vm.vm_id, "state": vm.observed.state, "pid": vm.pid}
        for vm in vms
        if vm.observed is not None and vm.observed.state in POWERS
    ]
    return seen if len(seen) == len(vms) else None


def _failures_of_vm(vm: VM, told: Collection[HostReport], lost: Container[str]) -> Iterator[str]:
    """Yield a sentence if a VM's worker has not reported."""
    if vm.worker_ip in lost:
        if not vm.deleting:
            yield (
                f"VM {vm.name} ({vm.vm_id}): its worker {vm.worker_ip} is lost; delete the VM, or deploy with "
                f"-e recreate_disks={vm.vm_id} to create it again on another worker"
            )
    elif not told:
        yield f"VM {vm.name} ({vm.vm_id}): its worker {vm.worker_ip} is not in the inventory"


def _is_told(slice_: Slice, found: VmReport | None, told: Collection[HostReport]) -> bool:
    """Return whether the reports on a VM's worker change its state: that of a refused slice is kept.

    A worker that has not failed reports all VMs of its order. If one is missing, another run has added it since.
    """
    refused = [each for report in told for each in report.refused if each.slice_id == slice_.slice_id]
    if any(not each.begun for each in refused):
        return False
    return found is not None or not told or bool(refused) or any(report.failure for report in told)


def _record_vm(vm: VM, seen: VmReport | None, seen_at: str) -> None:
    if vm.deleting:
        return
    state, pid = (seen.state, seen.pid) if seen else (UNKNOWN, None)
    if vm.observed is None or (vm.observed.state, vm.observed.pid) != (state, pid):
        vm.see(Observed(state, pid, seen_at))
    if state in POWERS:
        for disk in (*vm.disks[:1], *vm.data_disks):
            disk.extra.setdefault("first_seen", seen_at)


def _forget_what_is_gone(
    cluster: Cluster, slice_: Slice, by_target: Mapping[str, Sequence[HostReport]], *, now: str, retention_h: int
) -> None:
    done = {target for target, told in by_target.items() if all(_has_done(cluster, each, slice_) for each in told)}
    lost = set(lost_workers.addresses(cluster))
    concerned = {vm.worker_ip for vm in slice_.vms} - lost
    if NETWORK_NODE in by_target:
        concerned.add(NETWORK_NODE)
    if concerned <= done:
        holding = {vm.vm_id for told in by_target.values() for each in told for vm in each.vms if vm.holds_given_up}
        _drop_disks(slice_, holding, lost, now=now, until=undelete.end_of_retention(now, retention_h))
        cluster.users[slice_.owner].used_vms -= sum(vm.deleting for vm in slice_.vms)
        drop_released(slice_)
    if slice_.deleting and not slice_.vms:
        forget(cluster, slice_)


def _drop_disks(slice_: Slice, holding: Container[int], lost: Container[str], *, now: str, until: str) -> None:
    """Drop the data disks that VMs have given up, except for those in C(holding), whose QEMU has them open."""
    for vm in slice_.live_vms:
        if vm.given_up_disks and vm.vm_id not in holding:
            data_disks.drop_given_up(vm, now=now, until="" if vm.worker_ip in lost else until)
