# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for VNC displays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.filter.workers import worker_address
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.sockets import vnc_socket


def display_place(vm: Mapping[str, Any], listen: str | None) -> str | None:
    """Return where a VM's display listens: C(ADDRESS:PORT), the path of a socket on the worker, or C(None).

    Args:
        vm: the VM, with C(vm_id), C(worker_ip) and C(vnc_port).
        listen: C(apply_work_order_vnc_listen) of its worker, C(None) for the default.
    """
    port = vm["vnc_port"]
    places = {"loopback": f"127.0.0.1:{port}", "unix": vnc_socket(vm["vm_id"]), "none": None}
    return places.get(listen or "", f"{vm['worker_ip']}:{port}")


def display_lines(displays: Sequence[Mapping[str, Any]], hosts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line for each display: its VM, its address for a viewer, and its password if it requires one.

    Args:
        displays: as M(cloudrepo.slices.vnc_password_info) returns them.
        hosts: the variables of the workers; C(apply_work_order_vnc_listen) is where displays listen.
    """
    listen = {worker_address(host): host.get("apply_work_order_vnc_listen") for host in hosts}
    lines = []
    for each in displays:
        worker = each["worker_ip"]
        place = display_place(each, listen.get(worker))
        if place is None:
            place = "no display"
        else:
            on_worker = "" if place.startswith(worker) else f" on {worker}"
            place += on_worker + ("" if place.startswith("/") else f" {each['password']}")
        lines.append(f"{each['slice']}/{each['name']} {place}")
    return lines


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Any]:
        return {
            "display_lines": display_lines,
        }
