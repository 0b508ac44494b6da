# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Connections to guests. The tests of the inventory plugin cover them from end to end."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.filter import guests
from ansible_collections.cloudrepo.slices.plugins.filter.guests import connect_lines, console_connection, jump_arguments

HOSTVARS: dict[str, dict[str, Any]] = {
    "worker1": {"inventory_hostname": "worker1", "ansible_host": "w1.example.org", "worker_ip": "192.0.2.11"},
    "worker2": {
        "inventory_hostname": "worker2",
        "ansible_host": "192.0.2.12",
        "ansible_port": "2222",
        "ansible_user": "ops",
        "ansible_become": "yes",
        "ansible_ssh_private_key_file": "/key",
        "ansible_ssh_common_args": "-F none",
        "ansible_ssh_extra_args": "-o Compression=yes",
        "ansible_control_path_dir": "/cp",
        "ansible_connection": "ansible.builtin.local",
    },
    "worker3.example.org": {"inventory_hostname": "worker3.example.org", "worker_ip": "192.0.2.13"},
}
GROUPS = {"workers": list(HOSTVARS)}
CONFIGURED = {
    "ANSIBLE_REMOTE_USER": "ops",
    "ANSIBLE_REMOTE_PORT": "2022",
    "ANSIBLE_PRIVATE_KEY_FILE": "/k",
    "ANSIBLE_SSH_ARGS": "-C -o ControlMaster=auto -oControlPersist=9 -o 'ControlPath /c' -F cfg",
    "ANSIBLE_SSH_COMMON_ARGS": "-J bastion",
    "ANSIBLE_SSH_EXTRA_ARGS": "-4",
    "ANSIBLE_HOST_KEY_CHECKING": "false",
}
NOTHING_SET = {
    "port": None,
    "user": None,
    "private_key_file": None,
    "host_key_checking": True,
    "ssh_args": None,
    "common_args": None,
    "extra_args": None,
    "control_path_dir": None,
    "through": "ssh",
    "become": False,
}


@pytest.fixture(autouse=True)
def configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """The configuration of the machine that runs the tests does not matter."""
    for name in CONFIGURED:
        monkeypatch.delenv(name, raising=False)
    # In the ansible.cfg of this checkout, which applies if tests are run in it.
    monkeypatch.setenv("ANSIBLE_SSH_ARGS", "")
    monkeypatch.setenv("ANSIBLE_HOST_KEY_CHECKING", "true")


def with_variables(**variables: Any) -> dict[str, dict[str, Any]]:
    """The hosts, with further variables of worker1."""
    return {**HOSTVARS, "worker1": {**HOSTVARS["worker1"], **variables}}


def test_a_worker_is_found_by_its_address_in_the_database() -> None:
    assert console_connection(HOSTVARS, GROUPS, "192.0.2.11") == {"host": "w1.example.org", **NOTHING_SET}
    assert console_connection(HOSTVARS, GROUPS, "192.0.2.12") == {
        "host": "192.0.2.12",
        "port": 2222,
        "user": "ops",
        "private_key_file": "/key",
        "host_key_checking": True,
        "ssh_args": None,
        "common_args": "-F none",
        "extra_args": "-o Compression=yes",
        "control_path_dir": "/cp",
        "through": "local",
        "become": True,
    }


def test_a_worker_that_the_inventory_knows_by_name_is_reached_by_name() -> None:
    """Its host key, and what the configuration of ssh says on it, are those of the name."""
    assert console_connection(HOSTVARS, GROUPS, "192.0.2.13") == {"host": "worker3.example.org", **NOTHING_SET}


def test_a_worker_that_is_not_in_the_inventory_is_reached_by_its_address() -> None:
    for groups in (GROUPS, {}):
        assert console_connection(HOSTVARS, groups, "192.0.2.14") == {"host": "192.0.2.14", **NOTHING_SET}


def test_what_ansible_is_configured_with_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guests.C, "DEFAULT_BECOME", True)
    for name, value in CONFIGURED.items():
        monkeypatch.setenv(name, value)
    assert console_connection(HOSTVARS, GROUPS, "192.0.2.13") == {
        **NOTHING_SET,
        "host": "worker3.example.org",
        "port": 2022,
        "user": "ops",
        "private_key_file": "/k",
        "host_key_checking": False,
        "ssh_args": CONFIGURED["ANSIBLE_SSH_ARGS"],
        "common_args": "-J bastion",
        "extra_args": "-4",
        "become": True,
    }
    options = "-C -F cfg -J bastion -4 -o StrictHostKeyChecking=no -i /k -p 2022 -l ops"
    assert jump_arguments(HOSTVARS["worker3.example.org"]) == (
        f"-o 'ProxyCommand=ssh {options} -o BatchMode=yes -W [%h]:%p worker3.example.org'"
    )
    assert console_connection(HOSTVARS, GROUPS, "192.0.2.12")["common_args"] == "-F none"


def test_all_names_of_a_variable_are_used() -> None:
    """Those of the first releases of Ansible still work, and have precedence."""
    host = {
        "inventory_hostname": "gate",
        "ansible_user": "nobody",
        "ansible_ssh_host": "192.0.2.1",
        "ansible_ssh_port": "2222",
        "ansible_ssh_user": "ops",
        "ansible_private_key_file": "/key",
        "ansible_ssh_args": "-F cfg",
        "ansible_ssh_host_key_checking": False,
    }
    assert jump_arguments(host) == (
        "-o 'ProxyCommand=ssh -F cfg -o StrictHostKeyChecking=no -i /key -p 2222 -l ops -o BatchMode=yes -W [%h]:%p "
        "192.0.2.1'"
    )


def test_a_jump_host_may_have_a_link_local_address(tmp_path: Path) -> None:
    """ssh refuses a C(ProxyCommand) with a percent sign before any other letter than those that it replaces."""
    (tmp_path / "ssh").write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/called\n')
    (tmp_path / "ssh").chmod(0o755)
    arguments = shlex.split(jump_arguments({"inventory_hostname": "gate", "ansible_host": "fe80::1%eth1"}))
    told = subprocess.run(
        [str(shutil.which("ssh")), "-F", "none", *arguments, "user@10.60.7.101"],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "SHELL": "/bin/sh"},
    )
    assert "percent_expand" not in told.stderr
    assert (tmp_path / "called").read_text() == "-o BatchMode=yes -W [10.60.7.101]:22 fe80::1%eth1\n"


@pytest.mark.parametrize(
    ("variables", "becomes"),
    [
        ({"ansible_become": True}, True),
        ({"ansible_become": "true", "ansible_become_method": "ansible.builtin.sudo"}, True),
        ({"ansible_become": True, "ansible_become_user": "root"}, True),
        ({"ansible_become": False}, False),
        ({"ansible_become": "no"}, False),
        ({"ansible_become": ""}, False),
        ({"ansible_become": True, "ansible_become_user": "cloudrepo"}, False),
        ({"ansible_become": True, "ansible_become_method": "community.general.doas"}, False),
    ],
)
def test_the_console_becomes_root_if_ansible_does_with_sudo(variables: dict[str, Any], becomes: bool) -> None:
    assert console_connection(with_variables(**variables), GROUPS, "192.0.2.11")["become"] is becomes


VM = {
    "vm_id": 1001,
    "name": "vm1",
    "status": "running",
    "worker_ip": "192.0.2.11",
    "vnc_port": 5901,
    "interfaces": [{"ip_config": {"ip": "10.60.7.101"}}, {"ip_config": None}],
}
SOCAT = "socat -,raw,echo=0,escape=0x1d UNIX-CONNECT:/run/cloudrepo/1001/serial.sock"


def commands(lines: list[str]) -> list[str]:
    return [line.strip() for line in lines if line.startswith("  ")]


def test_the_commands_to_connect() -> None:
    hostvars = {**HOSTVARS, "gate": {"inventory_hostname": "gate", "ansible_user": "ops"}}
    groups = {**GROUPS, "network_node": ["gate"]}
    jump = "-o 'ProxyCommand=ssh -l ops -o BatchMode=yes -W [%h]:%p gate'"
    lines = connect_lines(hostvars, groups, VM)
    assert lines[0] == "VM vm1 (1001) on worker 192.0.2.11: running"
    assert commands(lines) == [
        f"ssh -t w1.example.org {SOCAT}",
        f"ssh {jump} USER@10.60.7.101",
        "ssh -N -L 5901:192.0.2.11:5901 w1.example.org",
    ]


def test_the_commands_have_all_options_of_the_worker() -> None:
    hostvars = with_variables(**{**HOSTVARS["worker2"], "ansible_connection": "ssh", "worker_ip": "192.0.2.11"})
    options = "-F none -o Compression=yes -i /key -p 2222 -l ops 192.0.2.12"
    assert commands(connect_lines(hostvars, {"workers": ["worker1"]}, VM)) == [
        f"ssh -t {options} sudo {SOCAT}",
        f"ssh -N -L 5901:192.0.2.11:5901 {options}",
    ]


def test_a_worker_on_this_machine_needs_no_ssh() -> None:
    lines = connect_lines(HOSTVARS, GROUPS, {**VM, "worker_ip": "192.0.2.12", "interfaces": []})
    assert [line for line in lines if "ssh" in line] == []
    assert commands(lines) == [f"sudo {SOCAT}", "192.0.2.12:5901"]


@pytest.mark.parametrize(
    ("listen", "through", "told"),
    [
        ("worker", "ssh", "  ssh -N -L 5901:192.0.2.11:5901 w1.example.org"),
        ("loopback", "ssh", "  ssh -N -L 5901:127.0.0.1:5901 w1.example.org"),
        ("unix", "ssh", "  ssh -N -L 5901:/run/cloudrepo/1001/vnc.sock w1.example.org"),
        ("none", "ssh", "no display, as apply_work_order_vnc_listen is none for this worker"),
        ("loopback", "local", "  127.0.0.1:5901"),
        ("unix", "local", "  /run/cloudrepo/1001/vnc.sock"),
        ("none", "local", "no display, as apply_work_order_vnc_listen is none for this worker"),
    ],
)
def test_a_display_is_forwarded_from_where_it_listens(listen: str, through: str, told: str) -> None:
    hostvars = with_variables(apply_work_order_vnc_listen=listen, ansible_connection=through)
    assert connect_lines(hostvars, GROUPS, VM)[-1] == told


def test_a_display_that_only_root_can_open_is_not_forwarded_for_others() -> None:
    become = {"ansible_become": True, "ansible_user": "ops"}
    lines = connect_lines(with_variables(apply_work_order_vnc_listen="unix", **become), GROUPS, VM)
    assert lines[-1] == (
        "display at /run/cloudrepo/1001/vnc.sock on the worker, which ssh forwards only for root: set ansible_user to "
        "root"
    )
    lines = connect_lines(with_variables(apply_work_order_vnc_listen="loopback", **become), GROUPS, VM)
    assert lines[-1] == "  ssh -N -L 5901:127.0.0.1:5901 -l ops w1.example.org"


def test_the_options_of_a_jump_host_are_quoted_for_three_parsers(tmp_path: Path) -> None:
    """Ansible splits them, ssh replaces %h and %p, a shell runs the command; then the inner ssh has its own."""
    inner = "ProxyCommand=ip netns exec lab nc %h %p"
    host = {
        "inventory_hostname": "gate",
        "ansible_host": "10.0.10.3",
        "ansible_ssh_common_args": f"-F none -o {shlex.quote(inner)}",
        "ansible_ssh_extra_args": "-o Compression=yes",
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
        *("-F", "none", "-o", inner, "-o", "Compression=yes", "-i", "/a folder/key", "-o", "BatchMode=yes"),
        *("-W", "[10.60.7.101]:22", "10.0.10.3"),
    ]
