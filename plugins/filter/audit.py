# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The totals of a deploy in check mode, which compares hosts with the database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.filter.orphans import described
from ansible_collections.cloudrepo.slices.plugins.filter.workers import not_in_inventory, worker_address
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import CREATE, DELETE

_KINDS = ("VMs", "disks", "taps", "ports", "reservations", "networks")
# Kinds of changes, and of what an orphan holds, on workers and on the network node.
_ON_WORKERS = {"VM folder": "VMs", "unit": "VMs", "overlay": "disks", "tap": "taps", "port": "ports"}
_ON_NODE = {"slice reservation": "reservations", "reservations": "reservations", "port": "networks"}


def audit_lines(
    hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]], orders: Mapping[str, Any]
) -> list[str]:
    """Return how many objects were compared, how many of them differ or are only in the database or only on hosts.

    Before these totals are the objects that are only on hosts, and after them the hosts that were not compared, which
    include workers that are not in the inventory. If the work orders do not contain all slices, nothing is known about
    the former.

    Args:
        hostvars: the hosts' variables, by host.
        groups: the hosts of each group.
        orders: C(work_orders) of M(cloudrepo.slices.slice_plan).
    """
    compared: Counter[str] = Counter(dict.fromkeys(_KINDS, 0))
    differing: Counter[str] = Counter()
    absent, surplus = (Counter(dict.fromkeys(_KINDS, 0)) for _side in range(2))
    hosts, missing, only_here, orphans, errors = set(), [], list[str](), 0, 0
    for name, result, wanted, kinds, releasing in _parts(hostvars, groups, orders):
        if "changes" not in result:
            missing.append(name)
            continue
        hosts.add(name)
        compared.update(wanted)
        differing.update(kind for kind, _id in {(each["kind"], str(each["id"])) for each in result["changes"]})
        absent.update(kinds[each["kind"]] for each in result["changes"] if _is_absent(each, kinds))
        surplus.update(_surplus(result.get("only_here") or (), kinds))
        surplus.update(kinds[each["kind"]] for each in result["changes"] if _is_unlisted(each, kinds, releasing))
        only_here += _only_here(name, result)
        orphans += len({each["path"] for each in (*(result.get("orphans") or ()), *_disks_only_here(result))})
        errors += sum(vm["state"] == "error" for vm in result.get("vms") or ())
    lines = [
        f"Compared on {len(hosts)} hosts: {_counts(compared)}.",
        f"Differences: {_total(differing)}. Orphans: {orphans}. VMs with errors: {errors}.",
        f"Only in the database: {_counts(absent)}.",
    ]
    if orders["network_node"].get("complete"):
        lines = [*only_here, *lines, f"Only on hosts: {_counts(surplus)}."]
    missing += _left_out(hostvars, groups, orders)
    return [*lines, f"Not compared: {', '.join(dict.fromkeys(missing))}."] if missing else lines


def _left_out(hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]], orders: Mapping[str, Any]) -> list[str]:
    """Return the addresses of workers that are not in the inventory.

    One that has nothing may have orphans, of which only a complete audit says anything.
    """
    is_complete = orders["network_node"].get("complete")
    held_by = not_in_inventory(hostvars, groups, orders["workers"])
    return [address for address, held in held_by.items() if held or is_complete]


def _is_absent(change: Mapping[str, Any], kinds: Mapping[str, str]) -> bool:
    """Return whether a change creates an object; a VM is created with its folder, not with its unit."""
    return change["action"] == CREATE and change["kind"] in kinds and change["kind"] != "unit"


def _is_unlisted(change: Mapping[str, Any], kinds: Mapping[str, str], releasing: Collection[int]) -> bool:
    """Return whether a change removes an object that its slice does not have in the database.

    What the slices C(releasing) have given up is in the database until it is removed.
    """
    is_removed = change["action"] == DELETE and change["kind"] in kinds and change["kind"] != "VM folder"
    return is_removed and change["slice_id"] not in releasing


def _disks_only_here(result: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the disks that are only on a host, of which those of slices in the order are among its orphans as well."""
    yield from (each for each in result.get("only_here") or () if each["kind"] == "disk")


def _surplus(found: Sequence[Mapping[str, Any]], kinds: Mapping[str, str]) -> Iterator[str]:
    """Yield the kind of each object that is only on a host, without the folders of VMs, which have units or disks."""
    for orphan in found:
        if orphan["kind"] == "disk":
            yield "disks"
        for each in orphan["holds"]:
            kind = next((kind for kind in kinds if each.startswith(f"{kind} ")), "VM folder")
            if kind != "VM folder":
                yield kinds[kind]


def _only_here(host: str, result: Mapping[str, Any]) -> list[str]:
    """Return a line for each object that is only on a host, except for disks that the run lists anyway."""
    listed = {each["path"] for each in result.get("orphans") or ()}
    found = (each for each in result.get("only_here") or () if each["path"] not in listed)
    return [f"{host}: only here: {described(each)}" for each in found]


def _parts(
    hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]], orders: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any], Counter[str], Mapping[str, str], set[int]]]:
    """Yield each work order's host, its result, the objects in the work order by kind, its kinds of changes, and the
    slices that give something up.
    """
    for name in groups.get("workers", ()):
        slices = (orders["workers"].get(worker_address(hostvars[name])) or {}).get("slices", ())
        vms = [vm for slice_ in slices for vm in slice_["vms"]]
        nics = [nic for vm in vms for nic in vm["interfaces"]]
        found = Counter(
            VMs=len(vms),
            disks=sum(len(vm["disks"]) for vm in vms),
            taps=len(nics),
            ports=sum(nic.get("vlan_id") is not None for nic in nics),
        )
        yield name, hostvars[name].get("apply_work_order_result") or {}, found, _ON_WORKERS, _releasing(slices)
    for name in groups.get("network_node", ()):
        slices = orders["network_node"]["slices"]
        found = Counter(
            reservations=sum(len(slice_.get("reservations", ())) for slice_ in slices),
            networks=sum(len(slice_.get("networks", ())) for slice_ in slices),
        )
        yield name, hostvars[name].get("network_node_result") or {}, found, _ON_NODE, _releasing(slices)


def _releasing(slices: Sequence[Mapping[str, Any]]) -> set[int]:
    return {slice_["slice_id"] for slice_ in slices if slice_.get("receipt") is not None}


def _counts(counter: Mapping[str, int]) -> str:
    return ", ".join(f"{kind} {count}" for kind, count in counter.items())


def _total(differing: Counter[str]) -> str:
    total = sum(differing.values())
    return f"{total} ({_counts(dict(sorted(differing.items())))})" if total else "0"


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Any]:
        return {"audit_lines": audit_lines}
