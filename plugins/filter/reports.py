# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for the hosts' reports on their work orders."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.filter.workers import not_in_inventory, worker_address
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.status import failures_of
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.report import NETWORK_NODE, NO_RESPONSE, HostReport


def host_reports(
    hostvars: Mapping[str, Any],
    groups: Mapping[str, Sequence[str]],
    orders: Mapping[str, Any],
    lost: Container[str] = (),
    network_node: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Return the reports for M(cloudrepo.slices.slice_report) from the variables that hosts registered.

    Args:
        hostvars: the hosts' variables, by host.
        groups: the hosts of each group.
        orders: the work orders of the workers, by address. A worker with VMs or disks in its order is reported as
            failed if it is not in the inventory.
        lost: the addresses of the lost workers, which have none and do not report.
        network_node: the work order of the network node, which an inventory may lack. The revision of its slices is
            that of all orders.
    """
    services = (network_node or {}).get("slices", ())
    reports, revision = [], next((slice_.get("revision") for slice_ in services), None)
    for name in groups.get("workers", ()):
        host = hostvars[name]
        target = worker_address(host)
        if target in lost:
            continue
        reports.append(_of_worker(name, host, target, revision, is_registered=target in orders))
    for address, held in not_in_inventory(hostvars, groups, orders).items():
        if held:
            refusal = Refusal("worker_left_out", f"worker {address}", {"held": held})
            reports.append(HostReport(address, address, refusal.message, revision=revision))
    missing = None if groups.get("network_node") else _without_network_node(network_node or {})
    if missing is not None:
        reports.append(HostReport("network_node", NETWORK_NODE, missing.message, (), revision=revision))
    for name in groups.get("network_node", ()):
        host, key = hostvars[name], "network_node_result"
        failure = _failure(host, "apply_work_orders_network_node_failure", key)
        reports.append(_read(name, NETWORK_NODE, failure, host.get(key) or {}, revision, ("refused", "answers")))
    return [report.to_dict() for report in reports]


def _of_worker(
    name: str, host: Mapping[str, Any], target: str, revision: int | None, *, is_registered: bool
) -> HostReport:
    key = "apply_work_order_result"
    stranger = Refusal("worker_not_registered", f"worker {target}")
    failure = _failure(host, "apply_work_orders_worker_failure", key) if is_registered else stranger.message
    return _read(name, target, failure, host.get(key) or {}, revision, ("refused", "vms", "answers", "moment"))


def _read(
    name: str,
    target: str,
    failure: str | None,
    result: Mapping[str, Any],
    revision: int | None,
    fields: Sequence[str],
) -> HostReport:
    """Return the report of a host with these fields of its result.

    One that is malformed, such as that of a host in the hands of somebody else, must not be an obstacle to the others.
    """
    common = {"host": name, "target": target, "failure": failure, "revision": revision}
    try:
        return HostReport.from_dict({**{key: result.get(key) for key in fields}, **common})
    except Refused as error:
        return HostReport(name, target, f"its report is malformed: {error.message}", revision=revision)


def has_news(reports: Sequence[Mapping[str, Any]], recorded: Sequence[Mapping[str, Any]] | None) -> bool:
    """Return whether reports differ from the stored state.

    Args:
        reports: as C(host_reports) returns them.
        recorded: as M(cloudrepo.slices.slice_plan) returns it.
    """
    if recorded is None or any(report["failure"] or report["refused"] for report in reports):
        return True
    seen = {vm["vm_id"]: (vm["state"], vm["pid"]) for report in reports for vm in report["vms"]}
    return seen != {vm["vm_id"]: (vm["state"], vm["pid"]) for vm in recorded}


def report_failures(reports: Sequence[Mapping[str, Any]], deleting: Sequence[int] = ()) -> list[str]:
    """Return a sentence for each failure in the hosts' reports; see C(failures_of)."""
    return [failure for report in reports for failure in failures_of(HostReport.from_dict(report), deleting)]


def _without_network_node(order: Mapping[str, Any]) -> Refusal | None:
    """Return why a work order for the network node cannot do without one, C(None) if it can."""
    group, slices = "the group network_node of the inventory", order.get("slices", ())
    # The database has its machine, and it may still serve what the slices give up.
    if order.get("machine_mark") and any(slice_.get("receipt") for slice_ in slices):
        return Refusal("network_node_left_out", group)
    if any(slice_.get("reservations") or slice_.get("networks") for slice_ in slices):
        return Refusal("network_node_missing", group)
    return None


def _failure(host: Mapping[str, Any], kept: str, result: str) -> str | None:
    # Unreachable hosts have a result as well.
    said = host.get(result) or {"unreachable": True}
    if said.get("refused"):
        # The message contains the refusals as well.
        return said["failure"] if said["failure"] is None else str(said["failure"])
    if host.get(kept):
        return str(host[kept])
    if said.get("unreachable"):
        return NO_RESPONSE
    return str(said.get("msg")) if said.get("failed") else None


def restart_notes(hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a line for each VM that has to be restarted for its changes to take effect."""
    return [
        f"VM {vm['name']} ({vm['vm_id']}) needs a restart (apply_work_order_restart=true) for: "
        + ", ".join(vm["reasons"])
        for name in groups.get("workers", ())
        for vm in (hostvars[name].get("apply_work_order_result") or {}).get("restart_required") or ()
    ]


def orphan_notes(hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a line for each overlay that a worker keeps although it is in no work order."""
    return [
        f"{name}: overlay {orphan['path']} of VM {orphan['vm_id']} in slice {orphan['slice_id']} is an orphan: no VM "
        "has it, and it was not given up; it is kept"
        for name in groups.get("workers", ())
        for orphan in (hostvars[name].get("apply_work_order_result") or {}).get("orphans") or ()
    ]


def image_notes(hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a line for each worker on which base images could not be installed, with the reasons."""
    return [
        f"{name}: {hostvars[name]['apply_work_order_images_failure']}"
        for name in groups.get("workers", ())
        if "apply_work_order_images_failure" in hostvars[name]
    ]


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Any]:
        return {
            "host_reports": host_reports,
            "has_news": has_news,
            "image_notes": image_notes,
            "orphan_notes": orphan_notes,
            "report_failures": report_failures,
            "restart_notes": restart_notes,
        }
