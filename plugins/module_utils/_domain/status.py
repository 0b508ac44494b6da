# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Records the hosts' reports in the cluster: the observed states of VMs, and the removal of deleted objects."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..cluster import REVISION, Cluster, slice_label
from ..errors import Refusal
from ..lifecycle import POWERS, UNKNOWN, Observed
from ..models import VM, Slice
from ..report import NETWORK_NODE, Answer, HostReport, VmReport
from ..work_order import revision_text
from . import data_disks, lost_workers, machines, receipts, undelete
from .teardown import drop_released, forget


@dataclass(frozen=True)
class CountedReports:
    """The reports of hosts that count, which are not those of lost workers.

    Attributes:
        by_target: the reports by recipient of the work order.
        vms: the VMs in them, each with its report, by recipient and VM id.
    """

    by_target: Mapping[str, Sequence[HostReport]]
    vms: Mapping[tuple[str, int], tuple[HostReport, VmReport]]

    @classmethod
    def of(cls, cluster: Cluster, reports: Iterable[HostReport]) -> CountedReports:
        """Return those of a cluster."""
        lost = set(lost_workers.addresses(cluster))
        by_target: dict[str, list[HostReport]] = {}
        for report in reports:
            if report.target not in lost:
                by_target.setdefault(report.target, []).append(report)
        known = [report for own in by_target.values() for report in own]
        return cls(by_target, {(report.target, vm.vm_id): (report, vm) for report in known for vm in report.vms})

    @property
    def all(self) -> list[HostReport]:
        """All reports."""
        return [report for own in self.by_target.values() for report in own]

    def of_vm(self, slice_: Slice, vm: VM) -> Observed | None:
        """Return the state of a VM without a time, C(None) if the reports do not contain it.

        The state of VMs of a slice that was refused before it was begun is kept. A worker that has not failed reports
        all VMs of its order. If one is missing, another run has added it since.
        """
        own = self.by_target.get(vm.worker_ip, ())
        refused = [each for report in own for each in report.refused if each.slice_id == slice_.slice_id]
        if any(not each.begun for each in refused):
            return None
        if (vm.worker_ip, vm.vm_id) in self.vms:
            report, found = self.vms[vm.worker_ip, vm.vm_id]
            return Observed(found.state, found.pid, revision=report.revision, moment=report.moment)
        if own and not refused and not any(report.failure for report in own):
            return None
        revisions = (report.revision for report in own or self.all if report.revision is not None)
        return Observed(UNKNOWN, revision=max(revisions, default=None))


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
    disks that VMs have given up, unless a running VM still has them open. Nothing waits for lost workers. The
    network node has to report even if it is not in the inventory, once the cluster knows its machine. VMs that have not
    been handed out wait for their own order. A VM keeps its state if a report on a newer order was recorded
    (C(superseded)).
    """
    counted, lost = CountedReports.of(cluster, reports), set(lost_workers.addresses(cluster))
    deleting = {slice_.slice_id for slice_ in slices if slice_.deleting}
    failures = [failure for report in counted.all for failure in failures_of(report, deleting)]
    for slice_ in slices:
        for vm in (vm for vm in slice_.vms if vm.handed_out):
            failures += _failures_of_vm(vm, counted.by_target.get(vm.worker_ip, ()), lost)
            found = counted.of_vm(slice_, vm)
            if found is not None and not _is_late(slice_, vm, found):
                _record_vm(vm, found, seen_at)
        if receipts.gives_up(slice_):
            _forget_what_is_gone(cluster, slice_, counted.by_target, now=seen_at, retention_h=retention_h)
    return failures


def superseded(cluster: Cluster, slices: Iterable[Slice], reports: Sequence[HostReport]) -> list[Refusal]:
    """Return the slices of which VMs keep another state than the reports have, because a newer one was recorded."""
    counted, refusals = CountedReports.of(cluster, reports), []
    for slice_ in slices:
        live = ((vm, counted.of_vm(slice_, vm), vm.observed) for vm in slice_.live_vms if vm.handed_out)
        late = [
            (vm, found, kept)
            for vm, found, kept in live
            if found is not None and kept is not None and found.precedes(kept)
            if (found.state, found.pid) != (kept.state, kept.pid)
        ]
        if late:
            _vm, found, kept = late[0]
            figures = {
                "got": revision_text(found.revision),
                "recorded": revision_text(kept.revision),
                "vms": [f"{vm.name} ({vm.vm_id})" for vm, _found, _kept in late],
            }
            refusals.append(Refusal("report_superseded", f"slice {slice_label(slice_)}", figures))
    return refusals


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
        on hosts, or because a slice was changed since its last report: a late report on an order from before the change
        must find the newer one.
    """
    vms = [vm for slice_ in slices for vm in slice_.vms]
    if any(receipts.gives_up(slice_) for slice_ in slices):
        return None
    if any(disk.first_seen is None for vm in vms for disk in vm.data_disks):
        return None
    if any(_has_changed_since(slice_, vm.observed) for slice_ in slices for vm in slice_.vms):
        return None
    seen = [
        {"vm_id": vm.vm_id, "state": vm.observed.state, "pid": vm.pid}
        for vm in vms
        if vm.observed is not None and vm.observed.state in POWERS
    ]
    return seen if len(seen) == len(vms) else None


def _failures_of_vm(vm: VM, own: Collection[HostReport], lost: Container[str]) -> Iterator[str]:
    """Yield a sentence if a VM's worker has not reported."""
    if vm.worker_ip in lost:
        if not vm.deleting:
            yield (
                f"VM {vm.name} ({vm.vm_id}): its worker {vm.worker_ip} is lost; delete the VM, or deploy with "
                f"-e recreate_disks={vm.vm_id} to create it again on another worker"
            )
    elif not own:
        yield f"VM {vm.name} ({vm.vm_id}): its worker {vm.worker_ip} is not in the inventory"


def _is_late(slice_: Slice, vm: VM, found: Observed) -> bool:
    """Return whether a report answers an older order than the recorded one, or does not know the VM yet."""
    if vm.observed is not None:
        return found.precedes(vm.observed)
    return found.state == UNKNOWN and found.revision is not None and found.revision < slice_.extra.get(REVISION, 0)


def _has_changed_since(slice_: Slice, observed: Observed | None) -> bool:
    return observed is None or (observed.revision or 0) < slice_.extra.get(REVISION, 0)


def _record_vm(vm: VM, found: Observed, seen_at: str) -> None:
    if vm.deleting:
        return
    kept = vm.observed
    same = kept is not None and (kept.state, kept.pid) == (found.state, found.pid)
    vm.see(replace(found, since=kept.since if kept is not None and same else seen_at))
    if found.state in POWERS:
        for disk in (*vm.disks[:1], *vm.data_disks):
            disk.extra.setdefault("first_seen", seen_at)


def _forget_what_is_gone(
    cluster: Cluster, slice_: Slice, by_target: Mapping[str, Sequence[HostReport]], *, now: str, retention_h: int
) -> None:
    done = {target for target, own in by_target.items() if all(_has_done(cluster, each, slice_) for each in own)}
    lost = set(lost_workers.addresses(cluster))
    concerned = {vm.worker_ip for vm in slice_.vms} - lost
    if NETWORK_NODE in by_target or machines.network_node_mark(cluster) is not None:
        concerned.add(NETWORK_NODE)
    if concerned <= done:
        holding = {vm.vm_id for own in by_target.values() for each in own for vm in each.vms if vm.holds_given_up}
        until = undelete.end_of_retention(cluster, now, retention_h)
        if slice_.deleting:
            undelete.renew(cluster, slice_, until=until)
        _drop_disks(slice_, holding, lost, now=now, until=until)
        data_disks.keep_of_deleted(slice_, lost, now=now, until=until)
        cluster.users[slice_.owner].used_vms -= sum(vm.deleting for vm in slice_.vms)
        drop_released(slice_)
    if slice_.deleting and not slice_.vms:
        forget(cluster, slice_)


def _drop_disks(slice_: Slice, holding: Container[int], lost: Container[str], *, now: str, until: str) -> None:
    """Drop the data disks that VMs have given up, except for those in C(holding), whose QEMU has them open."""
    for vm in slice_.live_vms:
        if vm.given_up_disks and vm.vm_id not in holding:
            data_disks.drop_given_up(vm, now=now, until="" if vm.worker_ip in lost else until)
