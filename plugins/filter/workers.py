# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for workers, as the inventory and the database know them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.registering import WORKER_FIELDS, WORKER_OFFERS


def worker_address(host: Mapping[str, Any]) -> str:
    """Return the address by which the database knows a worker: its C(worker_ip), or where Ansible reaches it."""
    return str(host.get("worker_ip") or host.get("ansible_host") or host["inventory_hostname"])


def worker_name(hosts: Sequence[Mapping[str, Any]], address: str) -> str:
    """Return the inventory's name of the worker with this address, nothing where it has none."""
    return next((str(host["inventory_hostname"]) for host in hosts if worker_address(host) == address), "")


def worker_records(hosts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what M(cloudrepo.slices.worker) takes, from the variables and facts of the workers."""
    records = []
    for host in hosts:
        facts = host.get("ansible_facts") or {}
        seen: dict[str, Any] = {"ip": worker_address(host)}
        if "processor_vcpus" in facts:
            seen["cores"] = facts["processor_vcpus"]
        if "memtotal_mb" in facts:
            seen["ram_gb"] = round(facts["memtotal_mb"] / 1024, 1)
        seen.update(network_offers(host.get("__worker_offers") or {}))
        seen.update(
            {name: host[f"worker_{name}"] for name in (*WORKER_FIELDS, *WORKER_OFFERS) if f"worker_{name}" in host}
        )
        records.append(seen)
    return records


def network_offers(look: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a worker's network offers, from what the role C(worker) saw: C(netem yes) and C(trunk_mtu 1500)."""
    seen = dict(line.split() for line in look.get("stdout", "").splitlines() if len(line.split()) == 2)
    offers: dict[str, Any] = {"netem": seen["netem"] == "yes"} if "netem" in seen else {}
    if seen.get("trunk_mtu", "").isdigit():
        offers["trunk_mtu"] = int(seen["trunk_mtu"])
    return offers


def trunk_mtu(hosts: Sequence[Mapping[str, Any]]) -> int | None:
    """Return the MTU of the network node's uplink, from what its role C(network_node) saw; nothing where it did not
    look."""
    found = [
        device["mtu"]
        for host in hosts
        for device in json.loads((host.get("__network_node_addresses") or {}).get("stdout") or "[]")
        if device.get("ifname") == host.get("network_node_uplink")
    ]
    return min(found, default=None)


class FilterModule:
    """The filters by their names."""

    def filters(self) -> dict[str, Any]:
        return {
            "trunk_mtu": trunk_mtu,
            "worker_address": worker_address,
            "worker_name": worker_name,
            "worker_records": worker_records,
        }
