# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for the rebuild of a lost database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.filter.workers import IN_USE, worker_address
from ansible_collections.cloudrepo.slices.plugins.module_utils.report import NETWORK_NODE, NO_RESPONSE

_FACTS = ("machine_id", "cores", "ram_gb", "trunk_mtu", "netem", *IN_USE, "lost_machines")


def rebuild_hosts(
    hostvars: Mapping[str, Mapping[str, Any]], groups: Mapping[str, Sequence[str]]
) -> list[dict[str, Any]]:
    """Return the option C(hosts) of M(cloudrepo.slices.database_rebuild).

    Args:
        hostvars: the variables of all hosts, with C(rebuild_info) and C(rebuild_orders).
        groups: the inventory's groups.
    """
    return [_record_of(name, target, kind, hostvars[name]) for name, target, kind in _targets(hostvars, groups)]


def rebuild_displays(
    hostvars: Mapping[str, Mapping[str, Any]], groups: Mapping[str, Sequence[str]], without: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return the passwords of the displays on all workers except those in C(without), from C(rebuild_displays).

    Each has the address of its worker.
    """
    return [
        {**each, "worker_ip": worker_address(hostvars[name])}
        for name in groups.get("workers", ())
        if name not in without
        for each in (hostvars[name].get("rebuild_displays") or {}).get("displays") or ()
    ]


def rebuild_lines(result: Mapping[str, Any]) -> list[str]:
    """Return the summary of a rebuild: how many objects were created, and the settings that hosts do not know."""
    counts = ", ".join(f"{kind} {count}" for kind, count in result["counts"].items())
    cloud = result["cloud"]
    return [
        f"The database of cloud {cloud['title']} ({cloud['uuid']}) was rebuilt: {counts}.",
        "Hosts do not know:",
        *(f"- {sentence}" for sentence in result["unknown"]),
    ]


def _targets(
    hostvars: Mapping[str, Mapping[str, Any]], groups: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, str, str]]:
    for name in groups.get("workers", ()):
        yield name, worker_address(hostvars[name]), "worker"
    for name in groups.get("network_node", ()):
        yield name, NETWORK_NODE, NETWORK_NODE


def _record_of(name: str, target: str, kind: str, host: Mapping[str, Any]) -> dict[str, Any]:
    info, orders = host.get("rebuild_info") or {}, host.get("rebuild_orders") or {}
    for result in (info, orders):
        # Unreachable hosts have a result as well.
        if result.get("failed") and not result.get("unreachable"):
            return {"host": name, "target": target, "failure": str(result.get("msg"))}
    if kind not in orders:
        return {"host": name, "target": target, "failure": NO_RESPONSE}
    claim = info.get("claim") or {}
    facts = {key: info[key] for key in _FACTS if info.get(key) is not None}
    cloud = {f"cloud_{key}": claim[key] for key in ("uuid", "title") if key in claim}
    cloud.update({key: claim[key] for key in ("vlan_pools", "management_vlan") if key in claim})
    return {"host": name, "target": target, **cloud, **facts, "applied": orders[kind]}


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Any]:
        return {
            "rebuild_hosts": rebuild_hosts,
            "rebuild_lines": rebuild_lines,
            "rebuild_displays": rebuild_displays,
        }
