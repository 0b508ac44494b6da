# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for connections to VMs, with the ssh options of the hosts in between."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from ansible import constants as C
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.loader import connection_loader

from ansible_collections.cloudrepo.slices.plugins.filter.displays import display_place
from ansible_collections.cloudrepo.slices.plugins.filter.workers import worker_address
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.sockets import serial_socket


def console_connection(
    hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]], address: str
) -> dict[str, Any]:
    """Return how to connect to a worker: C({host, port, user, private_key_file, host_key_checking, ssh_args,
    common_args, extra_args, control_path_dir, through, become}).

    What nobody has set is C(None), so that Ansible and ssh use their own configuration.

    Args:
        hostvars: the variables of all hosts.
        groups: the hosts of each group; the worker is in C(workers), or reached by its address alone.
        address: the worker's address in the database.
    """
    host = _worker(hostvars, groups, address)
    return {
        **_login(host or {"inventory_hostname": address}),
        "control_path_dir": host.get("ansible_control_path_dir") or None,
        "through": "local" if _is_local(host) else "ssh",
        "become": _becomes_root(host),
    }


def _worker(hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]], address: str) -> Mapping[str, Any]:
    """Return the variables of a worker; none if the inventory does not have it."""
    workers: Iterator[Mapping[str, Any]] = (hostvars[name] for name in groups.get("workers", ()))
    return next((host for host in workers if worker_address(host) == address), {})


def _login(host: Mapping[str, Any]) -> dict[str, Any]:
    """Return what Ansible passes to ssh for a host; C(None) for what is not set anywhere."""
    connection_loader.get("ssh", class_only=True)  # so that its options are known
    port, text = _option("port", host), partial(_text, host=host)
    return {
        # The name of a host may be known to ssh only, which also knows its host key by it.
        "host": text("host") or str(host["inventory_hostname"]),
        "port": port and int(port),
        "user": text("remote_user"),
        "private_key_file": text("private_key_file"),
        "host_key_checking": _option("host_key_checking", host),
        "ssh_args": text("ssh_args"),
        "common_args": text("ssh_common_args"),
        "extra_args": text("ssh_extra_args"),
    }


def _text(name: str, host: Mapping[str, Any]) -> str | None:
    value = _option(name, host)
    return str(value) if value else None


def _option(name: str, host: Mapping[str, Any]) -> Any:
    """Return an option of Ansible's ssh connection, as that would find it for a host; C(None) for its default.

    It may be a variable, which often has several names, or be set on the command line, in the environment or in
    C(ansible.cfg).
    """
    value, origin = C.config.get_config_value_and_origin(
        name, plugin_type="connection", plugin_name="ssh", variables=host
    )
    return None if origin == "default" else value


def _ssh_options(login: Mapping[str, Any]) -> list[str]:
    """Return the words between C(ssh) and the host."""
    words = [*_unshared(shlex.split(login["ssh_args"] or ""))]
    words += [*shlex.split(login["common_args"] or ""), *shlex.split(login["extra_args"] or "")]
    if login["host_key_checking"] is False:
        words += ["-o", "StrictHostKeyChecking=no"]
    for option, name in (("-i", "private_key_file"), ("-p", "port"), ("-l", "user")):
        if login[name]:
            words += [option, str(login[name])]
    return words


def _unshared(words: Sequence[str]) -> Iterator[str]:
    """Yield ssh options except for those that share a connection.

    They are for Ansible's own connections. In a C(ProxyCommand), the process that keeps the connection would also keep
    the pipes, whose end the outer ssh waits for.
    """
    rest = iter(words)
    for word in rest:
        option = [word, next(rest, "")] if word == "-o" else [word]
        if not option[-1].removeprefix("-o").lower().startswith("control"):
            yield from option


def _is_local(host: Mapping[str, Any]) -> bool:
    return str(host.get("ansible_connection", "")).rpartition(".")[2] == "local"


def _becomes_root(host: Mapping[str, Any]) -> bool:
    """Return whether Ansible becomes root on a host with sudo."""
    method = str(host.get("ansible_become_method") or C.DEFAULT_BECOME_METHOD)
    user = host.get("ansible_become_user") or C.DEFAULT_BECOME_USER
    is_sudo = (method.rpartition(".")[2], user) == ("sudo", "root")
    return is_sudo and bool(boolean(host.get("ansible_become", C.DEFAULT_BECOME), strict=False))


def jump_arguments(host: Mapping[str, Any]) -> str:
    """Return the ssh options for a connection through a host.

    Unlike with C(ProxyJump), the options of the host itself are used.

    Args:
        host: its variables. The controller itself needs no options.
    """
    if _is_local(host):
        return ""
    login = _login(host)
    command = ["ssh", *_ssh_options(login), "-o", "BatchMode=yes"]
    # The outer ssh replaces %h and %p. The host's own options may have them as well, and its address a zone.
    own, address = (shlex.join(words).replace("%", "%%") for words in (command, [login["host"]]))
    return f"-o {shlex.quote(f'ProxyCommand={own} -W [%h]:%p {address}')}"


def connect_lines(hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]], vm: Mapping[str, Any]) -> list[str]:
    """Return lines with the commands that connect to a VM: to its console, by ssh and to its display.

    Args:
        hostvars: the variables of all hosts.
        groups: the hosts of each group.
        vm: the VM as M(cloudrepo.slices.vm_info) returns it.
    """
    worker = console_connection(hostvars, groups, vm["worker_ip"])
    to_worker = [] if worker["through"] == "local" else [*_ssh_options(worker), worker["host"]]
    console = ["socat", "-,raw,echo=0,escape=0x1d", f"UNIX-CONNECT:{serial_socket(vm['vm_id'])}"]
    if worker["become"]:
        console.insert(0, "sudo")
    lines = [
        f"VM {vm['name']} ({vm['vm_id']}) on worker {vm['worker_ip']}: {vm['status']}",
        "serial console (requires socat on the worker; press Ctrl-] to leave):",
        f"  {shlex.join(['ssh', '-t', *to_worker, *console] if to_worker else console)}",
    ]
    address = next((each["ip_config"]["ip"] for each in vm["interfaces"] if each["ip_config"]), None)
    network_node = next(iter(groups.get("network_node", ())), None)
    if address and network_node:
        words = filter(None, ["ssh", jump_arguments(hostvars[network_node]), f"USER@{address}"])
        lines += ["ssh, as a user of the guest:", f"  {' '.join(words)}"]
    listen = _worker(hostvars, groups, vm["worker_ip"]).get("apply_work_order_vnc_listen")
    return [*lines, *_display(vm, display_place(vm, listen), to_worker, becomes=worker["become"])]


def _display(vm: Mapping[str, Any], place: str | None, to_worker: Sequence[str], *, becomes: bool) -> list[str]:
    """Return the lines on a display.

    Args:
        vm: the VM.
        place: where its display listens, see C(display_place).
        to_worker: options and host for ssh to its worker; empty if that is this machine.
        becomes: whether who logs in on the worker is not root.
    """
    if place is None:
        return ["no display, as apply_work_order_vnc_listen is none for this worker"]
    if not to_worker:
        return ["display:", f"  {place}"]
    if becomes and place.startswith("/"):
        # sshd opens the socket as the user who logs in.
        return [f"display at {place} on the worker, which ssh forwards only for root: set ansible_user to root"]
    port = vm["vnc_port"]
    forward = shlex.join(["ssh", "-N", "-L", f"{port}:{place}", *to_worker])
    return [f"display, on 127.0.0.1:{port} while this command runs:", f"  {forward}"]


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Any]:
        return {
            "connect_lines": connect_lines,
            "console_connection": console_connection,
            "jump_arguments": jump_arguments,
        }
