# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for the playbook smoke_test."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.allocation import link_prefix


def link_pings(slices: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return both directions of every link between VMs that should run, with an address for each end.

    The addresses are in the default subnet of a link's VLAN; its first end is .1 and its second .2.
    """
    pings = []
    for slice_ in slices:
        vms = {vm["vm_id"]: vm for vm in slice_["vms"]}
        for link in slice_["links"]:
            if any("power" in vms[link[f"vm{number}_id"]] for number in (1, 2)):
                continue
            ends = [
                {
                    "vm_id": link[f"vm{number}_id"],
                    **({"uuid": uuid} if (uuid := vms[link[f"vm{number}_id"]].get("uuid")) else {}),
                    "name": vms[link[f"vm{number}_id"]]["name"],
                    "worker_ip": vms[link[f"vm{number}_id"]]["worker_ip"],
                    "interface": link[f"vm{number}_interface"],
                    "address": f"{link_prefix(link['vlan_id'])}.{number}",
                }
                for number in (1, 2)
            ]
            for here, there in (ends, ends[::-1]):
                neighbor = {f"neighbor{suffix}": there[key] for suffix, key in _NEIGHBOR.items()}
                pings.append({**here, **neighbor, "vlan_id": link["vlan_id"]})
    return pings


_NEIGHBOR = {"": "name", "_address": "address", "_worker_ip": "worker_ip"}


def smoke_test_lines(hosts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line for each measurement of the playbook C(smoke_test) on the workers."""
    lines = []
    for result in _results(hosts, "smoke_test_link"):
        item = result["item"]
        times = re.search(r"min/avg/max = [0-9.]+/([0-9.]+)/", result["stdout"])
        lost = re.search(r"([0-9]+)% packet loss", result["stdout"])
        lines.append(
            f"ping {item['name']} → {item['neighbor']} over VLAN {item['vlan_id']} "
            f"({item['worker_ip']} → {item['neighbor_worker_ip']}): {times.group(1) if times else '?'} ms on average, "
            f"{lost.group(1) if lost else '?'} % lost"
        )
    for result in _results(hosts, "smoke_test_dhcp"):
        vm = result["item"]
        address = vm["interfaces"][0]["ip_config"]["ip"]
        lines.append(f"DHCP: {vm['name']} eth0 got {address} in {result['duration_s']:.2f} s")
    for result in _results(hosts, "smoke_test_nat"):
        answer = f"answered in {result['duration_s']:.2f} s: {result['stdout'].strip()}"
        lines.append(f"NAT: {result['item']['name']} asked the internet, which {answer}")
    lines.extend(
        f"no VLAN: {result['item']['name']} sees eth0 ({result['stdout_lines'][0]}) without a carrier"
        for result in _results(hosts, "smoke_test_isolated")
    )
    return lines


def _results(hosts: Sequence[Mapping[str, Any]], registered: str) -> list[Mapping[str, Any]]:
    return [result for host in hosts for result in host.get(registered, {}).get("results", ())]


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Any]:
        return {
            "link_pings": link_pings,
            "smoke_test_lines": smoke_test_lines,
        }
