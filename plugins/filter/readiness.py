# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for the playbook wait."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.filter.workers import worker_address
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import readiness, render_text

RESULT = "wait_for_vms_result"
CONSOLES = "wait_for_vms_consoles"


def readiness_checks(
    slices: Sequence[Mapping[str, Any]],
    hostvars: Mapping[str, Any] | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    host: str | None = None,
) -> list[dict[str, Any]]:
    """Return the checks of the VMs that should run, as arguments of M(cloudrepo.slices.wait_for_vms).

    Args:
        slices: the slices as modules return them.
        hostvars: the variables of all hosts.
        groups: the hosts of each group.
        host: only the checks that are made on this host.
    """
    found = readiness.checks(slices)
    if host is not None:
        found = [check for check in found if host in _hosts(check, hostvars or {}, groups or {})]
    return [{key: value for key, value in check.items() if key != "worker_ip"} for check in found]


def _hosts(check: Mapping[str, Any], hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the host that makes a check, none if the inventory does not have it."""
    if check["check"] in readiness.ON_NETWORK_NODE:
        return list(groups.get("network_node", ())[:1])
    return [each for each in groups.get("workers", ()) if worker_address(hostvars[each]) == check["worker_ip"]]


def readiness_report(
    slices: Sequence[Mapping[str, Any]], hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """Return which VMs are ready: C({ready, waiting, seconds, text}).

    Args:
        slices: the slices as modules return them.
        hostvars: the variables of all hosts, of which workers and network node have registered the results of the
            modules.
        groups: the hosts of each group.
    """
    hosts = [hostvars[name] for name in dict.fromkeys([*groups.get("workers", ()), *groups.get("network_node", ())])]
    by_vm = {each["vm_id"]: each for host in hosts for each in _of(host, RESULT, "ready", "waiting")}
    consoles = {each["vm_id"]: each["lines"] for host in hosts for each in _of(host, CONSOLES, "consoles")}
    checks = readiness.checks(slices)
    outcomes = [{**check, "reason": None, **by_vm.get(check["vm_id"], _unknown(check))} for check in checks]
    waiting = [each for each in outcomes if each["reason"] is not None]
    ready = [each for each in outcomes if each["reason"] is None]
    seconds = max((each["seconds"] for each in outcomes), default=0)
    lines = [f"{len(ready)} of {len(outcomes)} VMs are ready after {seconds:.1f} s", *_table(ready)]
    for each in waiting:
        lines += ["", f"VM {each['name']} ({each['vm_id']}) is not ready ({each['check']}): {each['reason']}"]
        lines += [f"  | {line}" for line in consoles.get(each["vm_id"], ["nothing was read from its console"])]
    return {
        "ready": [each["name"] for each in ready],
        "waiting": [each["name"] for each in waiting],
        "seconds": seconds,
        "text": "\n".join(lines),
    }


def _of(host: Mapping[str, Any], registered: str, *keys: str) -> Iterator[Mapping[str, Any]]:
    result = host.get(registered) or {}
    for key in keys:
        yield from result.get(key) or ()


def _unknown(check: Mapping[str, Any]) -> dict[str, Any]:
    where = "the network node" if check["check"] in readiness.ON_NETWORK_NODE else f"worker {check['worker_ip']}"
    return {"seconds": 0, "reason": f"{where} could not be asked"}


def _table(ready: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [(each["name"], str(each["vm_id"]), each["check"], f"{each['seconds']:.1f} s") for each in ready]
    return render_text.aligned([("VM", "ID", "CHECK", "READY AFTER"), *rows]) if rows else []


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Any]:
        return {"readiness_checks": readiness_checks, "readiness_report": readiness_report}
