# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A program that runs a shell on this machine replaces ssh."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.action.guest_startup import both_ways
from ansible_collections.cloudrepo.slices.plugins.module_utils._host import ssh_shell, startup
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import startup_notes
from ansible_collections.cloudrepo.slices.plugins.modules import guest_startup

from ..module_utils._host import modules
from ..module_utils._host.test_startup import opened

ID = "0d9c8b7a65f4e3d2c1b0a9f8e7d6c5b4"
SECRET = "hunter2-Zq8"


@pytest.fixture(autouse=True)
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the program on the path, and return where it writes its arguments."""
    monkeypatch.setattr(ssh_shell, "PAUSE_S", 0.1)
    program = tmp_path / "bin/ssh"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/argv\n'
        "case $* in *192.168.0.9*) echo 'No route to host' >&2; exit 255;; esac\nexec sh\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    run_all = startup.run_all
    ready = {"open_console": opened, "wait": lambda _guest, _deadline: None}
    monkeypatch.setattr(startup, "run_all", lambda *args, **options: run_all(*args, **options, **ready))
    return tmp_path / "argv"


def guest(folder: Path, vm_id: int, **fields: Any) -> dict[str, Any]:
    place = folder / f"vms/{vm_id}"
    place.mkdir(parents=True, exist_ok=True)
    known = {"vm_id": vm_id, "vm_uuid": "", "name": f"web/vm{vm_id}", "slice_id": 1000, "startup_id": ID}
    return {**known, "disk": f"{place}/a_img.qcow2", "files": 0, "commands": 1, "timeout_s": 30, **fields}


def by_ssh(folder: Path, vm_id: int, address: str = "192.168.0.2", **fields: Any) -> dict[str, Any]:
    return guest(folder, vm_id, via="ssh", address=address, user="debian", **fields)


def run(
    monkeypatch: pytest.MonkeyPatch, folder: Path, vms: list[dict[str, Any]], commands: Mapping[int, str], **args: Any
) -> dict[str, Any]:
    texts = {str(vm_id): json.dumps({"commands": [command]}) for vm_id, command in commands.items()}
    given = {"vms": vms, "startups": texts, "state_dir": str(folder), **args}
    return both_ways(given, lambda each: modules.run(monkeypatch, guest_startup, **each))


def test_both_ways_in_one_call_and_nothing_in_the_next(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ssh: Path
) -> None:
    vms = [guest(tmp_path, 1001), by_ssh(tmp_path, 1002), by_ssh(tmp_path, 1003)]
    said = {1001: f"echo console >> {tmp_path}/runs", 1002: f": {SECRET}; echo ssh >> {tmp_path}/runs"}
    options = {"ssh_arguments": "-o 'ProxyCommand=ssh -W [%h]:%p node'", "private_key_file": "~/.ssh/guests"}
    done = run(monkeypatch, tmp_path, vms, said, **options)
    assert (done["changed"], done["missing_startups"], done["failed_startups"]) == (True, [1003], [])
    assert [change["id"] for change in done["changes"]] == [1001, 1002]
    assert done["diff"]["after"] == (
        "startup web/vm1001 (1001): files 0, commands 1\nstartup web/vm1002 (1002): files 0, commands 1\n"
    )
    assert sorted((tmp_path / "runs").read_text().split()) == ["console", "ssh"]
    (called,) = ssh.read_text().splitlines()
    assert called.endswith("-o ProxyCommand=ssh -W [%h]:%p node -l debian -- 192.168.0.2 sh")
    assert f"-i {Path.home()}/.ssh/guests" in called
    assert SECRET not in called + json.dumps(done)
    again = run(monkeypatch, tmp_path, vms, said, **options)
    assert (again["changed"], again["changes"], again["missing_startups"]) == (False, [], [1003])
    assert len(ssh.read_text().splitlines()) == 1


def test_failures_of_both_ways_are_told_and_affect_nobody_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    vms = [
        guest(tmp_path, 1001),
        by_ssh(tmp_path, 1002),
        by_ssh(tmp_path, 1003, "192.168.0.9", timeout_s=1),
        by_ssh(tmp_path, 1004),
    ]
    said = {1001: "exit 3", 1002: "echo broken; exit 7", 1003: "true", 1004: "true"}
    done = run(monkeypatch, tmp_path, vms, said)
    assert done["failed"]
    told = [
        "VM web/vm1001 (1001): command 1 of the start-up (exit 3) failed with return code 3: no output; correct it, "
        "and deploy again",
        "VM web/vm1002 (1002): command 1 of the start-up (echo broken; exit 7) failed with return code 7: broken; "
        "correct it, and deploy again",
        "VM web/vm1003 (1003): debian got no root shell over ssh at 192.168.0.9 within 1 s: No route to host; check "
        "the guest's ssh server, and the key of this user, and deploy again",
    ]
    assert [each["failure"] for each in done["failed_startups"]] == told
    assert all(each in done["msg"] for each in told)
    assert startup_notes.read(vms[3]["disk"]) == ID


def test_invalid_arguments_are_refused_before_any_connection(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ssh: Path
) -> None:
    done = run(monkeypatch, tmp_path, [by_ssh(tmp_path, 1002, "guest")], {1002: "true"})
    assert "address must be" in done["msg"]
    assert not ssh.exists()
