# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The playbooks that only read the database and show its content."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from ..plugins.module_utils._domain.builders import cluster, put, topology
from .runs import run


def database() -> dict[str, Any]:
    held = cluster()
    put(held, topology("web"))
    put(held, topology("shop", owner="alice"))
    return held.to_dict()


def shown(stdout: str) -> list[str]:
    """The lines of the message of the last task."""
    message: str = re.findall(r'"msg": "(.*)"', stdout)[-1]
    return message.split("\\n")


def test_status_shows_slices_and_their_vms(tmp_path: Path) -> None:
    done = run(tmp_path, "status", {"slice_all": True}, database=database())
    assert done.rc == 0
    lines = shown(done.stdout)
    assert [line.split()[:3] for line in lines[:3]] == [
        ["SLICE", "ID", "OWNER"],
        ["web", "1000", "admin"],
        ["shop", "1003", "alice"],
    ]
    assert [line for line in lines if line.startswith("slice ")] == [
        "slice web (1000) of admin: design, VLAN pool 100–119",
        "slice shop (1003) of alice: design, VLAN pool 160–179",
    ]


def test_status_of_a_missing_database(tmp_path: Path) -> None:
    done = run(tmp_path, "status", {"slice_all": True})
    assert done.failure["msg"].startswith(f"database {tmp_path}/database.yaml does not exist; ")


def test_connect_shows_the_commands_for_a_vm(tmp_path: Path) -> None:
    done = run(tmp_path, "connect", {"slice_name": "web", "connect_vm": "vm1"}, database=database())
    assert done.rc == 0
    lines = shown(done.stdout)
    assert lines[0] == "VM vm1 (1001) on worker 10.0.10.1: pending"
    assert [line.split()[0] for line in lines if line.startswith("  ")] == ["ssh", "ssh", "ssh"]


def test_connect_lists_the_existing_vms(tmp_path: Path) -> None:
    done = run(tmp_path, "connect", {"slice_name": "web", "connect_vm": "vm3"}, database=database())
    (refusal,) = done.failure["refusals"]
    assert (refusal["code"], refusal["object"]) == ("not_found", "VM vm3")
    assert refusal["figures"] == {"known": ["web/vm1", "web/vm2"]}


def test_a_name_that_matches_no_slice_does_not_hide_the_others(tmp_path: Path) -> None:
    done = run(tmp_path, "status", {"slice_name": ["web", "wbe"]}, database=database())
    assert done.rc != 0
    assert "slice web (1000) of admin: design" in done.stdout
    assert done.failure["msg"] == "slice wbe does not exist; existing: web (1000), shop (1003)"


def test_displays_of_the_existing_slices_are_written(tmp_path: Path) -> None:
    file = tmp_path / "displays.txt"
    variables = {"slice_name": ["web", "wbe"], "displays_dest": str(file)}
    done = run(tmp_path, "displays", variables, database=database())
    assert done.rc != 0
    assert done.failure["msg"].startswith("slice wbe does not exist")
    assert "vm1" in file.read_text()


def test_a_topology_from_another_tool_is_converted(tmp_path: Path) -> None:
    (tmp_path / "lab.yml").write_text("name: lab\nmodule: [ospf]\nnodes: [a, b]\nlinks: [a-b]\n")
    files = {"topology_import_src": str(tmp_path / "lab.yml"), "topology_import_dest": str(tmp_path / "slice.yml")}
    done = run(tmp_path, "topology_import", {**files, "topology_import_flavor": "cirros"}, database=database())
    assert done.rc == 0, done.stdout
    assert f"{tmp_path}/slice.yml: slice lab with 2 VMs, 1 links and 0 networks; not imported: 1" in done.stdout
    assert "line 2: module" in done.stdout


def test_history_shows_the_user_of_each_change(tmp_path: Path) -> None:
    done = run(tmp_path, "history", {"slice_all": True}, database=database())
    assert (done.rc, shown(done.stdout)) == (0, ["no entries"])
    line = {
        "number": 1,
        "at": "9999-01-01T00:00:00Z",
        "user": "alice",
        "proof": "awx",
        "because": "",
        "controller": "c",
        "login": "r",
        "playbook": "p",
        "job": "7",
        "module": "slice",
        "revision": 5,
        "slices": [{"slice_id": 1003, "name": "shop", "owner": "alice"}],
        "changes": [
            {"kind": "vm", "id": 1004, "name": "shop/vm1", "action": "delete", "before": {}, "after": None}
            | {"slice_id": 1003}
        ],
    }
    entries = json.dumps({"last": 1, "at": line["at"], "entries": [line]})
    (tmp_path / "database.yaml.history").write_text(f"{entries}\n")
    done = run(tmp_path, "history", {"slice_owner": "alice", "history_limit": 1}, database=database())
    lines = shown(done.stdout)
    assert [line.split() for line in lines[1:]] == [
        ["1", "9999-01-01T00:00:00Z", "5", "alice", "awx", "p,", "job", "7,", "r@c"],
        ["vm", "shop/vm1", "deleted"],
    ]
    done = run(tmp_path, "history", {"slice_name": "web"}, database=database())
    assert shown(done.stdout) == ["no entries"]
