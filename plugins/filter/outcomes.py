# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for the outcome of a run with several slices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.filter.reports import host_reports
from ansible_collections.cloudrepo.slices.plugins.filter.startups import RESULT, startup_failures
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import data_disks, render_text
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import DELETE
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import first_lines, first_names
from ansible_collections.cloudrepo.slices.plugins.module_utils.lifecycle import ERROR

_KINDS = {"slice": "slice", "vm": "VM", "link": "link", "network": "network", "vlan": "reserved VLAN"}


def outcome_table(
    plan: Mapping[str, Any],
    hostvars: Mapping[str, Any],
    groups: Mapping[str, Sequence[str]],
    *,
    recorded: Sequence[Mapping[str, Any]] | None = None,
    check_mode: bool = False,
) -> str:
    """Return the outcome of each slice as a text table.

    It is empty if there is one slice and it was not refused, unless an earlier run has begun to delete it: such a slice
    is neither among the deletions of this run nor, once its hosts have reported, among the slices that exist.

    Args:
        plan: the result of M(cloudrepo.slices.slice_plan) or M(cloudrepo.slices.slice).
        hostvars: the hosts' variables, by host.
        groups: the hosts of each group.
        recorded: the slices that still exist, with what the hosts reported; None if nothing was recorded.
        check_mode: whether nothing was changed.
    """
    unplanned = plan.get("refused") or ()
    if len(plan["slice_ids"]) < 2 and not unplanned and not _is_continued(plan):
        return ""
    outcomes = _outcomes(plan, hostvars, groups, recorded=recorded, check_mode=check_mode)
    rows = [(each.name, str(each.slice_id or "-"), each.result, _line(each.reason)) for each in outcomes]
    return "\n".join(render_text.aligned([("SLICE", "ID", "RESULT", "REASON"), *rows]))


def _is_continued(plan: Mapping[str, Any]) -> bool:
    """Return whether a run continues the deletion of a slice that an earlier one has begun."""
    begun = {change["id"] for change in plan["changes"] if (change["kind"], change["action"]) == ("slice", DELETE)}
    return any(slice_id not in begun for slice_id in plan["deleting"])


def workflow_artifacts(
    plan: Mapping[str, Any],
    hostvars: Mapping[str, Any],
    groups: Mapping[str, Sequence[str]],
    *,
    recorded: Sequence[Mapping[str, Any]] | None = None,
    check_mode: bool = False,
) -> dict[str, Any]:
    """Return what the next job of a workflow needs, as its variables. For the arguments see C(outcome_table)."""
    revisions = {
        slice_["slice_id"]: slice_["revision"]
        for order in (plan["work_orders"]["network_node"], *plan["work_orders"]["workers"].values())
        for slice_ in order["slices"]
    }
    outcomes = _outcomes(plan, hostvars, groups, recorded=recorded, check_mode=check_mode)
    slices = [
        {"id": each.slice_id, "name": each.name, "result": each.result, "revision": revisions.get(each.slice_id)}
        for each in outcomes
    ]
    # In check mode, a new slice is not stored.
    left = [] if check_mode else [each for each in plan["slice_ids"] if each not in plan["deleting"]]
    selected = {"slice_name": left} if left else {}
    return {"slices_result": {"slices": slices, "changes": len(plan["changes"])}, **selected}


def deletion_notes(plan: Mapping[str, Any], *, check_mode: bool = False) -> list[str]:
    """Return a line for each object that the run deletes; those after the first twenty are only counted.

    Args:
        plan: the result of M(cloudrepo.slices.slice_plan) or M(cloudrepo.slices.slice).
        check_mode: whether nothing was deleted.
    """
    verb = "To be deleted" if check_mode else "Deleted"
    gone = [change for change in plan["changes"] if change["action"] == DELETE and change["kind"] in _KINDS]
    disks = [
        f"{verb}: data disk {disk} of VM {change['name']} ({change['id']})"
        for change in plan["changes"]
        for disk in _lost_disks(change)
    ]
    return first_lines([*(f"{verb}: {_KINDS[each['kind']]} {each['name']} ({each['id']})" for each in gone), *disks])


def _lost_disks(change: Mapping[str, Any]) -> list[str]:
    """Return the data disks that a VM gives up, or that are deleted with it."""
    before, after = ((change.get(state) or {}).get("data_disks", ()) for state in ("before", "after"))
    kept = data_disks.names(after)
    return [disk for disk in before if data_disks.names([disk])[0] not in kept]


def failure_lines(failures: Iterable[str]) -> str:
    """Return failures as text, of which the lines after the first twenty are only counted."""
    return "\n".join(first_lines("\n".join(failures).splitlines()))


def _done(*, is_deleted: bool, is_gone: bool, dry: bool) -> str:
    if dry:
        return "to be deleted" if is_deleted else "to be deployed"
    return ("deleted" if is_gone else "deleting") if is_deleted else "deployed"


@dataclass(frozen=True)
class _Outcome:
    """What a run has done with a slice; C(slice_id) is None if it was not found."""

    slice_id: int | None
    name: str
    result: str
    reason: str


def _outcomes(
    plan: Mapping[str, Any],
    hostvars: Mapping[str, Any],
    groups: Mapping[str, Sequence[str]],
    *,
    recorded: Sequence[Mapping[str, Any]] | None,
    check_mode: bool,
) -> Iterator[_Outcome]:
    reports = host_reports(hostvars, groups, plan["work_orders"]["workers"], plan["lost_workers"])
    owners = _owners(plan["work_orders"])
    unstarted = startup_failures(plan, hostvars, groups)
    changed = {*plan["changed_slices"], *_changed_on_hosts(hostvars, groups)}
    left = {slice_["slice_id"]: slice_ for slice_ in recorded or ()}
    for slice_id in plan["slice_ids"]:
        refused, failed = _reasons(slice_id, plan, reports, owners)
        failed += [each["failure"] for each in unstarted if each["slice_id"] == slice_id]
        failed = failed or [*_errors(left.get(slice_id, {}))]
        is_deleted = slice_id in plan["deleting"]
        word = "refused" if refused else "failed" if failed else "unchanged"
        is_gone = recorded is not None and slice_id not in left
        if word == "unchanged" and is_gone and not is_deleted:
            word = "deleted by another run"
        elif word == "unchanged" and (is_deleted or slice_id in changed):
            word = _done(is_deleted=is_deleted, is_gone=is_gone, dry=check_mode)
        reason = next(iter([*refused, *failed]), "")
        yield _Outcome(slice_id, plan["slice_names"][str(slice_id)], word, reason)
    for each in plan.get("refused") or ():
        yield _Outcome(each["slice_id"], each["slice"], "refused", each["failure"])


def _line(text: str) -> str:
    first, *others = text.splitlines() or [""]
    return f"{first} (and {len(others)} more)" if others else first


def _owners(orders: Mapping[str, Any]) -> dict[int, int]:
    """Return the slice of each VM in work orders, including VMs that are being deleted."""
    return {
        vm["vm_id"]: slice_["slice_id"]
        for order in orders["workers"].values()
        for slice_ in order["slices"]
        for vm in (*slice_["vms"], *slice_.get("given_up", ()))
    }


def _reasons(
    slice_id: int, plan: Mapping[str, Any], reports: Sequence[Mapping[str, Any]], owners: Mapping[int, int]
) -> tuple[list[str], list[str]]:
    """Return why hosts refused the slice, and what failed on them."""
    refused: list[str] = []
    failed: list[str] = []
    for report in reports:
        for each in report["refused"]:
            is_nothing = each["another"] and slice_id in plan["deleting"]
            if each["slice_id"] == slice_id and not is_nothing:
                (failed if each["begun"] else refused).append(f"{report['host']}: {each['failure']}")
        own = [vm for vm in report["vms"] if owners.get(vm["vm_id"], vm.get("slice_id")) == slice_id]
        failed += [f"{report['host']}: {vm['failure']}" for vm in own if vm["failure"]]
        # The failures of VMs are in their own reports.
        is_vms = any(vm["failure"] for vm in report["vms"])
        if report["failure"] and not is_vms and _is_concerned(slice_id, report["target"], plan["work_orders"]):
            failed.append(f"{report['host']}: {report['failure']}")
    return refused, failed


def _errors(slice_: Mapping[str, Any]) -> Iterator[str]:
    """Yield VMs that no host reported, such as those of a lost worker."""
    for vm in slice_.get("vms", ()):
        if vm["status"] == ERROR:
            yield f"VM {vm['name']} ({vm['vm_id']}) on worker {vm['worker_ip']} has the state {ERROR}"


def _is_concerned(slice_id: int, target: str, orders: Mapping[str, Any]) -> bool:
    order = orders["workers"].get(target, orders["network_node"])
    return any(
        each["slice_id"] == slice_id and any(isinstance(value, list) and value for value in each.values())
        for each in order["slices"]
    )


def _changed_on_hosts(hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]]) -> Iterator[int | None]:
    """Yield the slice of each object that hosts changed, None for an object that does not belong to one slice."""
    for name in dict.fromkeys([*groups.get("workers", ()), *groups.get("network_node", ())]):
        for key in ("apply_work_order_result", "network_node_result", RESULT):
            for change in (hostvars[name].get(key) or {}).get("changes") or ():
                yield change["slice_id"]


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Any]:
        return {
            "deletion_notes": deletion_notes,
            "failure_lines": failure_lines,
            "first_names": first_names,
            "outcome_table": outcome_table,
            "workflow_artifacts": workflow_artifacts,
        }
