# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Connections to guests. The tests of the inventory plugin cover them from end to end."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

from ansible_collections.cloudrepo.slices.plugins.filter.guests import connect_lines, console_connection, jump_arguments

HOSTVARS = {
    "worker1": {"inventory_hostname": "worker1", "ansible_host": "w1.example.org", "worker_ip": "192.0.2.11"},
    "worker2": {
        "inventory_hostname": "worker2",
        "ansible_host": "192.0.2.12",
        "ansible_port": "2222",
        "ansible_user": "ops",
        "ansible_ssh_private_key_file": "/key",
        "ansible_control_path_dir": "/cp",
        "ansible_connection": "ansible.builtin.local",
    },
}
GROUPS = {"workers": ["worker1", "worker2"]}


def test_a_worker_is_found_by_its_address_in_the_database() -> None:
    assert console_connection(HOSTVARS, GROUPS, "192.0.2.11")["host"] == "w1.example.org"
    assert console_connection(HOSTVARS, GROUPS, "192.0.2.12") == {
        "host": "192.0.2.12",
        "port": 2222,
        "user": "ops",
        "private_key_file": "/key",
        "common_args": "",
        "control_path_dir": "/cp",
        "through": "local",
    }


def test_a_worker_that_is_not_in_the_inventory_is_reached_by_its_address() -> None:
    for groups in (GROUPS, {}):
        assert console_connection(HOSTVARS, groups, "192.0.2.13") == {
            "host": "192.0.2.13",
            "port": 22,
            "user": "root",
            "private_key_file": "",
            "common_args": "",
            "control_path_dir": "~/.ansible/cp",
            "through": "ssh",
        }


VM = {
    "vm_id": 1001,
    "name": "vm1",
    "status": "running",
    "worker_ip": "192.0.2.11",
    "vnc_port": 5901,
    "interfaces": [{"ip_config": {"ip": "10.60.7.101"}}, {"ip_config": None}],
}


def test_the_commands_to_connect() -> None:
    hostvars = {**HOSTVARS, "gate": {"inventory_hostname": "gate", "ansible_user": "ops"}}
    groups = {**GROUPS, "network_node": ["gate"]}
    socat = "socat -,raw,echo=0,escape=0x1d UNIX-CONNECT:/run/cloudrepo/1001/serial.sock"
    jump = "-o 'ProxyCommand=ssh -o BatchMode=yes -p 22 -l ops -W [%h]:%p gate'"
    lines = connect_lines(hostvars, groups, VM)
    assert lines[0] == "VM vm1 (1001) on worker 192.0.2.11: running"
    assert [line.strip() for line in lines if line.startswith("  ")] == [
        f"ssh -t -p 22 -l root w1.example.org {socat}",
        f"ssh {jump} USER@10.60.7.101",
        "ssh -N -L 5901:192.0.2.11:5901 -p 22 -l root w1.example.org",
    ]


def test_a_worker_on_this_machine_needs_no_ssh() -> None:
    lines = connect_lines(HOSTVARS, GROUPS, {**VM, "worker_ip": "192.0.2.12", "interfaces": []})
    assert [line for line in lines if "ssh" in line] == []
    assert lines[-1] == "  192.0.2.12:5901"


def test_the_options_of_a_jump_host_are_quoted_for_three_parsers(tmp_path: Path) -> None:
    """Ansible splits them, ssh replaces %h and %p, a shell runs the command; then the inner ssh has its own."""
    inner = "ProxyCommand=ip netns exec lab nc %h %p"
    host = {
        "inventory_hostname": "gate",
        "ansible_host": "10.0.10.3",
        "ansible_ssh_common_args": f"-F none -o {shlex.quote(inner)}",
        "ansible_ssh_private_key_file": "/a folder/key",
    }
    assert jump_arguments({**host, "ansible_connection": "local"}) == ""
    option, given = shlex.split(jump_arguments(host))
    assert option == "-o"
    told = subprocess.run(
        ["ssh", "-F", "none", option, given, "-G", "10.60.7.101"], check=True, capture_output=True, text=True
    )
    (command,) = (line.partition(" ")[2] for line in told.stdout.splitlines() if line.startswith("proxycommand "))
    expanded = command.replace("%%", "\0").replace("%h", "10.60.7.101").replace("%p", "22").replace("\0", "%")
    (tmp_path / "ssh").write_text('#!/bin/sh\nfor each; do echo "$each"; done\n')
    (tmp_path / "ssh").chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    ran = subprocess.run(["sh", "-c", expanded], check=True, capture_output=True, text=True, env={"PATH": path})
    assert ran.stdout.splitlines() == [
        *("-F", "none", "-o", inner, "-i", "/a folder/key", "-o", "BatchMode=yes", "-p", "22", "-l", "root"),
        *("-W", "[10.60.7.101]:22", "10.0.10.3"),
    ]
