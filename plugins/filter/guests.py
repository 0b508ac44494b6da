# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for the way to the VMs of the inventory plugin: by which host, and with its options for ssh."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.filter.workers import worker_address


def console_way(hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]], address: str) -> dict[str, Any]:
    """Return how to connect to a worker: C({host, port, user, private_key_file, common_args, through}).

    Args:
        hostvars: the variables of all hosts.
        groups: the hosts of each group; the worker is in C(workers), or reached by its address alone.
        address: the worker's address in the database.
    """
    name = next((name for name in groups.get("workers", ()) if worker_address(hostvars[name]) == address), None)
    host: Mapping[str, Any] = {} if name is None else hostvars[name]
    is_local = str(host.get("ansible_connection", "")).rpartition(".")[2] == "local"
    return {
        "host": str(host.get("ansible_host") or address),
        "port": int(host.get("ansible_port") or 22),
        "user": str(host.get("ansible_user") or "root"),
        "private_key_file": str(host.get("ansible_ssh_private_key_file") or ""),
        "common_args": str(host.get("ansible_ssh_common_args") or ""),
        "through": "local" if is_local else "ssh",
    }


def jump_arguments(host: Mapping[str, Any]) -> str:
    """Return the ssh options for a connection through a host.

    Unlike with C(ProxyJump), the options of the host itself are followed.

    Args:
        host: its variables.
    """
    address = str(host.get("ansible_host") or host["inventory_hostname"])
    command = ["ssh", *shlex.split(str(host.get("ansible_ssh_common_args") or ""))]
    if host.get("ansible_ssh_private_key_file"):
        command += ["-i", str(host["ansible_ssh_private_key_file"])]
    command += ["-o", "BatchMode=yes", "-p", str(host.get("ansible_port") or 22)]
    command += ["-l", str(host.get("ansible_user") or "root")]
    # The outer ssh replaces %h and %p, which the host's own options may have as well.
    own = " ".join(shlex.quote(each) for each in command).replace("%", "%%")
    return f"-o {shlex.quote(f'ProxyCommand={own} -W [%h]:%p {shlex.quote(address)}')}"


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Any]:
        return {"console_way": console_way, "jump_arguments": jump_arguments}
