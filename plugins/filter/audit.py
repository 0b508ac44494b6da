# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The totals of a deploy in check mode, which compares hosts with the database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.filter.workers import worker_address

_KINDS = ("VMs", "disks", "taps", "ports", "reservations", "networks")


def audit_lines(
    hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]], orders: Mapping[str, Any]
) -> list[str]:
    """Return how many objects were compared and how many of them differ, and the hosts that were not compared.

    Args:
        hostvars: the hosts' variables, by host.
        groups: the hosts of each group.
        orders: C(work_orders) of M(cloudrepo.slices.slice_plan).
    """
    compared: Counter[str] = Counter(dict.fromkeys(_KINDS, 0))
    differing: Counter[str] = Counter()
    hosts, missing, orphans, errors = set(), [], 0, 0
    for name, result, wanted in _parts(hostvars, groups, orders):
        if "changes" not in result:
            missing.append(name)
            continue
        hosts.add(name)
        compared.update(wanted)
        differing.update(kind for kind, _id in {(each["kind"], str(each["id"])) for each in result["changes"]})
        orphans += len(result.get("orphans") or ())
        errors += sum(vm["state"] == "error" for vm in result.get("vms") or ())
    lines = [
        f"Compared on {len(hosts)} hosts: {_counts(compared)}.",
        f"Differences: {_total(differing)}. Orphans: {orphans}. VMs with errors: {errors}.",
    ]
    return [*lines, f"Not compared: {', '.join(dict.fromkeys(missing))}."] if missing else lines


def _parts(
    hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]], orders: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any], Counter[str]]]:
    """Yield each work order's host, its result and the objects in the work order, by kind."""
    for name in groups.get("workers", ()):
        order = orders["workers"].get(worker_address(hostvars[name]))
        vms = [vm for slice_ in (order or {}).get("slices", ()) for vm in slice_["vms"]]
        nics = [nic for vm in vms for nic in vm["interfaces"]]
        found = Counter(
            VMs=len(vms),
            disks=sum(len(vm["disks"]) for vm in vms),
            taps=len(nics),
            ports=sum(nic.get("vlan_id") is not None for nic in nics),
        )
        yield name, hostvars[name].get("apply_work_order_result") or {}, found
    for name in groups.get("network_node", ()):
        slices = orders["network_node"]["slices"]
        found = Counter(
            reservations=sum(len(slice_.get("reservations", ())) for slice_ in slices),
            networks=sum(len(slice_.get("networks", ())) for slice_ in slices),
        )
        yield name, hostvars[name].get("network_node_result") or {}, found


def _counts(counter: Mapping[str, int]) -> str:
    return ", ".join(f"{kind} {count}" for kind, count in counter.items())


def _total(differing: Counter[str]) -> str:
    total = sum(differing.values())
    return f"{total} ({_counts(dict(sorted(differing.items())))})" if total else "0"


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Any]:
        return {"audit_lines": audit_lines}
