# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the hosts report, taken into the cluster: what they saw of VMs, and what may be forgotten now."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

from ..cluster import Cluster
from ..lifecycle import POWERS, UNKNOWN, Observed
from ..models import VM, Slice
from ..report import NETWORK_NODE, HostReport, VmReport
from .teardown import drop_empty_pools, forget
from .work_orders import fingerprint


def record(
    cluster: Cluster,
    slices: Sequence[Slice],
    reports: Sequence[HostReport],
    fingerprints: Mapping[str, str] | None = None,
    *,
    seen_at: str,
) -> list[str]:
    """Take the reports into the slices and return what failed, a sentence each.

    Args:
        cluster: changed in place.
        slices: those that the hosts had orders for.
        reports: what the hosts said.
        fingerprints: by slice id as a string, the C(fingerprint) of each slice when its order was made. A slice that
            was changed since gives nothing up now, and its new VMs wait for their own order.
        seen_at: when the hosts looked, as C(Observed) has it.

    Whatever was given up (VMs that are deleting, VLANs and addresses that are releasing) is forgotten only when all
    hosts that may still hold it have reported success.
    """
    deleting = {slice_.slice_id for slice_ in slices if slice_.deleting}
    failures = [failure for report in reports for failure in failures_of(report, deleting)]
    by_target: dict[str, list[HostReport]] = {}
    for report in reports:
        by_target.setdefault(report.target, []).append(report)
    seen = {(report.target, vm.vm_id): vm for report in reports for vm in report.vms}
    for slice_ in slices:
        is_current = (fingerprints or {}).get(str(slice_.slice_id)) in (None, fingerprint(slice_))
        for vm in slice_.vms:
            if is_current or vm.handed_out:
                found = seen.get((vm.worker_ip, vm.vm_id))
                told = by_target.get(vm.worker_ip, [])
                if not told:
                    failures.append(f"VM {vm.name} ({vm.vm_id}): its worker {vm.worker_ip} is not in the inventory")
                if not any(each.slice_id == slice_.slice_id for report in told for each in report.refused):
                    _record_vm(vm, found, seen_at)
        if is_current:
            done = {target for target, told in by_target.items() if all(_has_done(each, slice_) for each in told)}
            _forget_what_is_gone(cluster, slice_, done, has_network_node=NETWORK_NODE in by_target)
    return failures


def failures_of(report: HostReport, deleting: Container[int]) -> list[str]:
    """Return what failed on a host, a sentence each.

    Of a slice that is being deleted, a host that holds another one of its id has nothing, and is done.
    """
    refused = [each.failure for each in report.refused if not (each.another and each.slice_id in deleting)]
    return [f"{report.host}: {failure}" for failure in (report.failure, *refused) if failure]


def _has_done(report: HostReport, slice_: Slice) -> bool:
    """Whether a host has done what its order says of a slice."""
    refused = any(each.slice_id == slice_.slice_id for each in report.refused if not (each.another and slice_.deleting))
    return report.failure is None and not refused


def recorded(slices: Sequence[Slice]) -> list[dict[str, Any]] | None:
    """Return the VMs that hosts would have to report for the slices to stay as they are.

    Returns:
        C([{vm_id, state, pid}]); C(None) where every report changes something, because hosts have yet to hear of
        something or to let go of it.
    """
    vms = [vm for slice_ in slices for vm in slice_.vms]
    if any(vm.deleting for vm in vms) or any(slice_.deleting or "releasing" in slice_.extra for slice_ in slices):
        return None
    seen = [
        {"vm_id": vm.vm_id, "state": vm.observed.state, "pid": vm.pid}
        for vm in vms
        if vm.observed is not None and vm.observed.state in POWERS
    ]
    return seen if len(seen) == len(vms) else None


def _record_vm(vm: VM, seen: VmReport | None, seen_at: str) -> None:
    if vm.deleting:
        return
    state, pid = (seen.state, seen.pid) if seen else (UNKNOWN, None)
    if vm.observed is None or (vm.observed.state, vm.observed.pid) != (state, pid):
        vm.see(Observed(state, pid, seen_at))
    if state in POWERS:
        for disk in vm.disks:
            disk.extra.setdefault("first_seen", seen_at)


def _forget_what_is_gone(cluster: Cluster, slice_: Slice, done: set[str], *, has_network_node: bool) -> None:
    concerned = {vm.worker_ip for vm in slice_.vms}
    if has_network_node:
        concerned.add(NETWORK_NODE)
    if concerned <= done:
        gone = [vm for vm in slice_.vms if vm.deleting]
        slice_.vms = slice_.live_vms
        cluster.users[slice_.owner].used_vms -= len(gone)
        released = slice_.extra.pop("releasing", {}).get("vlan_ids", [])
        slice_.vlan_pool_used = [vlan for vlan in slice_.vlan_pool_used if vlan not in released]
        drop_empty_pools(slice_)
    if slice_.deleting and not slice_.vms:
        forget(cluster, slice_)
