# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for VNC displays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.filter.workers import worker_address
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.sockets import vnc_socket


def display_lines(displays: Sequence[Mapping[str, Any]], hosts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line for each display: its VM, its address for a viewer, and its password if it requires one.

    Args:
        displays: as M(cloudrepo.slices.vnc_password_info) returns them.
        hosts: the variables of the workers; C(apply_work_order_vnc_listen) is where displays listen.
    """
    listen = {worker_address(host): host.get("apply_work_order_vnc_listen") for host in hosts}
    lines = []
    for each in displays:
        worker, port, password = each["worker_ip"], each["vnc_port"], each["password"]
        place = {
            "loopback": f"127.0.0.1:{port} on {worker} {password}",
            "unix": f"{vnc_socket(each['vm_id'])} on {worker}",
            "none": "no display",
        }.get(listen.get(worker) or "", f"{worker}:{port} {password}")
        lines.append(f"{each['slice']}/{each['name']} {place}")
    return lines


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Any]:
        return {
            "display_lines": display_lines,
        }
