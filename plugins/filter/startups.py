# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for the start-ups of guests in a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.filter.workers import worker_address
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.module_utils.lifecycle import RUNNING

RESULT = "apply_work_orders_startups"
FAILURE = "apply_work_orders_startup_failure"


def startups_on_host(
    plan: Mapping[str, Any], host: Mapping[str, Any], *, check_mode: bool = False
) -> list[dict[str, Any]]:
    """Return the option C(vms) of M(cloudrepo.slices.guest_startup) for a worker.

    Args:
        plan: the result of M(cloudrepo.slices.slice_plan) or M(cloudrepo.slices.slice).
        host: the variables of the worker, with the result of its work order.
        check_mode: whether VMs count that do not run yet.
    """
    reported = (host.get("apply_work_order_result") or {}).get("vms") or ()
    running = {vm["vm_id"] for vm in reported if vm["state"] == RUNNING}
    return [vm for vm in _mine(plan, host) if check_mode or vm["vm_id"] in running]


def _mine(plan: Mapping[str, Any], host: Mapping[str, Any]) -> list[dict[str, Any]]:
    address = worker_address(host)
    return [
        {name: value for name, value in vm.items() if name != "worker_ip"}
        for vm in plan.get("startups") or ()
        if vm["worker_ip"] == address
    ]


def startup_failures(
    plan: Mapping[str, Any], hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]]
) -> list[dict[str, Any]]:
    """Return the start-ups that have failed, each as C({slice_id, failure}).

    Args:
        plan: as for C(startups_on_host).
        hostvars: the variables of all hosts.
        groups: the hosts of each group.
    """
    if not plan.get("startups"):
        return []
    return [failure for name in groups.get("workers", ()) for failure in _of_worker(plan, name, hostvars[name])]


def _of_worker(plan: Mapping[str, Any], name: str, host: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    result = host.get(RESULT) or {}
    vms = _mine(plan, host) if RESULT in host else []
    why = host.get(FAILURE) or ("the host did not respond" if result.get("unreachable") else None)
    if why is not None:
        for slice_id in dict.fromkeys(vm["slice_id"] for vm in vms):
            yield {"slice_id": slice_id, "failure": f"{name}: start-ups of slice {slice_id} were not run: {why}"}
        return
    for each in result.get("failed_startups") or ():
        yield {"slice_id": each["slice_id"], "failure": f"{name}: {each['failure']}"}
    missing = result.get("missing_startups") or ()
    for vm in (vm for vm in vms if vm["vm_id"] in missing):
        refusal = Refusal("startup_missing", f"VM {vm['name']} ({vm['vm_id']})")
        yield {"slice_id": vm["slice_id"], "failure": refusal.message}


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Any]:
        return {"startups_on_host": startups_on_host, "startup_failures": startup_failures}
