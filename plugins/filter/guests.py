# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for connections to VMs, with the ssh options of the hosts in between."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.filter.workers import worker_address
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.sockets import serial_socket

CONTROL_PATH_DIR = "~/.ansible/cp"
"""Ansible's default."""


def console_connection(
    hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]], address: str
) -> dict[str, Any]:
    """Return how to connect to a worker: C({host, port, user, private_key_file, common_args, control_path_dir,
    through}).

    Args:
        hostvars: the variables of all hosts.
        groups: the hosts of each group; the worker is in C(workers), or reached by its address alone.
        address: the worker's address in the database.
    """
    name = next((name for name in groups.get("workers", ()) if worker_address(hostvars[name]) == address), None)
    host: Mapping[str, Any] = {} if name is None else hostvars[name]
    return {
        "host": str(host.get("ansible_host") or address),
        "port": int(host.get("ansible_port") or 22),
        "user": str(host.get("ansible_user") or "root"),
        "private_key_file": str(host.get("ansible_ssh_private_key_file") or ""),
        "common_args": str(host.get("ansible_ssh_common_args") or ""),
        "control_path_dir": str(host.get("ansible_control_path_dir") or CONTROL_PATH_DIR),
        "through": "local" if _is_local(host) else "ssh",
    }


def _is_local(host: Mapping[str, Any]) -> bool:
    return str(host.get("ansible_connection", "")).rpartition(".")[2] == "local"


def jump_arguments(host: Mapping[str, Any]) -> str:
    """Return the ssh options for a connection through a host.

    Unlike with C(ProxyJump), the options of the host itself are used.

    Args:
        host: its variables. The controller itself needs no options.
    """
    if _is_local(host):
        return ""
    address = str(host.get("ansible_host") or host["inventory_hostname"])
    command = ["ssh", *shlex.split(str(host.get("ansible_ssh_common_args") or ""))]
    if host.get("ansible_ssh_private_key_file"):
        command += ["-i", str(host["ansible_ssh_private_key_file"])]
    command += ["-o", "BatchMode=yes", "-p", str(host.get("ansible_port") or 22)]
    command += ["-l", str(host.get("ansible_user") or "root")]
    # The outer ssh replaces %h and %p, which the host's own options may have as well.
    own = " ".join(shlex.quote(each) for each in command).replace("%", "%%")
    return f"-o {shlex.quote(f'ProxyCommand={own} -W [%h]:%p {shlex.quote(address)}')}"


def connect_lines(hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]], vm: Mapping[str, Any]) -> list[str]:
    """Return lines with the commands that connect to a VM: to its console, by ssh and to its display.

    Args:
        hostvars: the variables of all hosts.
        groups: the hosts of each group.
        vm: the VM as M(cloudrepo.slices.vm_info) returns it.
    """
    worker = console_connection(hostvars, groups, vm["worker_ip"])
    to_worker = shlex.split(worker["common_args"])
    if worker["private_key_file"]:
        to_worker += ["-i", worker["private_key_file"]]
    to_worker += ["-p", str(worker["port"]), "-l", worker["user"], worker["host"]]
    console = ["socat", "-,raw,echo=0,escape=0x1d", f"UNIX-CONNECT:{serial_socket(vm['vm_id'])}"]
    is_local = worker["through"] == "local"
    lines = [
        f"VM {vm['name']} ({vm['vm_id']}) on worker {vm['worker_ip']}: {vm['status']}",
        "serial console (requires socat on the worker; press Ctrl-] to leave):",
        f"  {shlex.join(console if is_local else ['ssh', '-t', *to_worker, *console])}",
    ]
    address = next((each["ip_config"]["ip"] for each in vm["interfaces"] if each["ip_config"]), None)
    network_node = next(iter(groups.get("network_node", ())), None)
    if address and network_node:
        words = filter(None, ["ssh", jump_arguments(hostvars[network_node]), f"USER@{address}"])
        lines += ["ssh, as a user of the guest:", f"  {' '.join(words)}"]
    port = vm["vnc_port"]
    display = f"{vm['worker_ip']}:{port}"
    if not is_local:
        lines += [f"display, on 127.0.0.1:{port} while this command runs:"]
        display = shlex.join(["ssh", "-N", "-L", f"{port}:{display}", *to_worker])
    else:
        lines += ["display:"]
    return [*lines, f"  {display}"]


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Any]:
        return {
            "connect_lines": connect_lines,
            "console_connection": console_connection,
            "jump_arguments": jump_arguments,
        }
