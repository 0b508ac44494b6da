# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for workers in the inventory and in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.registration import WORKER_FIELDS, WORKER_OFFERS
from ansible_collections.cloudrepo.slices.plugins.module_utils.report import NETWORK_NODE


def worker_address(host: Mapping[str, Any]) -> str:
    """Return the address of a worker in the database: C(worker_ip), or the address that Ansible uses."""
    return str(host.get("worker_ip") or host.get("ansible_host") or host["inventory_hostname"])


def worker_name(hosts: Sequence[Mapping[str, Any]], address: str) -> str:
    """Return the name in the inventory of the worker with this address, or an empty string."""
    return next((str(host["inventory_hostname"]) for host in hosts if worker_address(host) == address), "")


def not_in_inventory(
    hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]], orders: Mapping[str, Any]
) -> dict[str, str]:
    """Return what workers have that no host of the inventory is, by address; empty for those that have nothing.

    Args:
        hostvars: the hosts' variables, by host.
        groups: the hosts of each group.
        orders: the work orders of the workers, by address.
    """
    here = {worker_address(hostvars[name]) for name in groups.get("workers", ())}
    return {address: _held(order["slices"]) for address, order in orders.items() if address not in here}


def _held(slices: Sequence[Mapping[str, Any]]) -> str:
    vms = sum(len(slice_["vms"]) for slice_ in slices)
    disks = sum(len(slice_.get("given_up", ())) for slice_ in slices)
    counts = (("VM", "VMs", vms), ("disk to delete", "disks to delete", disks))
    return " and ".join(f"{count} {singular if count == 1 else plural}" for singular, plural, count in counts if count)


def worker_records(hosts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the option C(workers) of M(cloudrepo.slices.worker), for the workers that were reached.

    Args:
        hosts: the variables of the workers: C(worker_host_info), which the role C(worker) registers, and variables such
            as C(worker_cores), which take precedence.
    """
    records = []
    for host in hosts:
        if not _is_reached(host):
            continue
        info = host["worker_host_info"]
        found = {name: info[name] for name in OFFERS if info.get(name) is not None}
        # Refused by the module: another address of such a host would be that of another worker.
        found.setdefault("machine_id", "none")
        given = {name: host[f"worker_{name}"] for name in _GIVEN if f"worker_{name}" in host}
        records.append({"ip": worker_address(host), **found, **given})
    return records


def unreached_workers(hosts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of the workers that C(worker_records) leaves out, each with its address."""
    return [f"{host['inventory_hostname']} ({worker_address(host)})" for host in hosts if not _is_reached(host)]


def _is_reached(host: Mapping[str, Any]) -> bool:
    return (host.get("worker_host_info") or {}).get("cores") is not None


OFFERS = ("cores", "ram_gb", "machine_id", *WORKER_OFFERS)
_GIVEN = (*WORKER_FIELDS, *WORKER_OFFERS, "accept_machine")


def trunk_mtu(hosts: Sequence[Mapping[str, Any]]) -> int | None:
    """Return the MTU of the network node's uplink, or None if it is unknown.

    Args:
        hosts: the variables of the network node, with C(network_node_host_info).
    """
    found = [(host.get("network_node_host_info") or {}).get("trunk_mtu") for host in hosts]
    return min((mtu for mtu in found if mtu is not None), default=None)


def hosts_in_use(
    hostvars: Mapping[str, Mapping[str, Any]], groups: Mapping[str, Sequence[str]]
) -> list[dict[str, Any]]:
    """Return the option C(hosts) of M(cloudrepo.slices.cloud).

    Args:
        hostvars: the variables of all hosts, with C(worker_host_info) and C(network_node_host_info).
        groups: the inventory's groups.
    """
    facts = {"workers": "worker_host_info", NETWORK_NODE: "network_node_host_info"}
    found = [
        (group, name, hostvars[name].get(fact) or {}) for group, fact in facts.items() for name in groups.get(group, ())
    ]
    return [
        {
            "host": name,
            "target": NETWORK_NODE if group == NETWORK_NODE else worker_address(hostvars[name]),
            **{key: info[key] for key in IN_USE if info[key] is not None},
        }
        for group, name, info in found
        if "slices" in info
    ]


IN_USE = ("highest_id", "highest_revision", "slices")


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Any]:
        return {
            "hosts_in_use": hosts_in_use,
            "trunk_mtu": trunk_mtu,
            "unreached_workers": unreached_workers,
            "worker_address": worker_address,
            "worker_name": worker_name,
            "worker_records": worker_records,
        }
