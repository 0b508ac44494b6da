# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Playbooks refuse a selection before they read or store anything: real runs of ansible-playbook, without hosts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .runs import NOBODY, run
from .test_status import database


@pytest.mark.parametrize(
    ("playbook", "variables", "options", "told"),
    [
        ("deploy", {"slices": [{"name": "web"}], "slice_name": None}, (), "slice_name is null"),
        ("deploy", {"slices": [{"name": "web"}], "slice_all": False}, (), "slice_all must be true, got False"),
        ("delete", {"slice_name": None, "slice_owner": "admin"}, (), "slice_name is null"),
        ("displays", {}, (), "selection: nothing is selected; set one of slice_name, slice_owner, slice_all=true"),
        ("capture", {"slice_owner": "admin"}, (), "selection: this playbook does not accept slice_owner; set one of "),
        ("smoke_test", {"slice_name": ""}, (), "slice_name is empty"),
        (
            "deploy",
            {"slice_all": True},
            ("--limit=worker1",),
            "--limit excludes the orchestrator; add localhost to it",
        ),
        *(
            (name, {}, ("--limit=worker1",), "--limit excludes the orchestrator; add localhost to it")
            for name in ("site", "quota", "lab_up")
        ),
        (
            "deploy",
            {"slices_file": "/nowhere.yml"},
            (),
            "slices_file must be a file that can be read, got /nowhere.yml ([Errno 2] No such file or directory",
        ),
    ],
)
def test_an_invalid_selection_is_refused_before_anything_is_read(
    tmp_path: Path, playbook: str, variables: dict[str, Any], options: tuple[str, ...], told: str
) -> None:
    done = run(tmp_path, playbook, variables, *options)
    assert done.rc != 0
    assert told in done.stdout
    assert done.tasks == 1
    assert not (tmp_path / "database.yaml").exists()


@pytest.mark.parametrize("name", ["slices", "slices_file"])
def test_topologies_may_be_text(tmp_path: Path, name: str) -> None:
    text = "[{name: web, vms: [{name: vm1, flavor: nowhere}]}]"
    (tmp_path / "topology.yml").write_text(text)
    done = run(tmp_path, "deploy", {name: {"slices": text, "slices_file": "topology.yml"}[name]})
    assert done.rc != 0
    assert "slice web: flavor nowhere" in done.stdout


@pytest.mark.parametrize(
    ("playbook", "task"),
    [
        ("deploy", "Show the slices"),
        ("delete", "Record the reports of the hosts"),
        ("site", "Register the workers"),
        ("site", "Check that the hosts meet the requirements of the slices"),
        ("orphans", "Show the orphans"),
    ],
)
def test_a_run_with_start_at_task_is_refused(tmp_path: Path, playbook: str, task: str) -> None:
    done = run(tmp_path, playbook, {"slice_name": "web"}, f"--start-at-task={task}", database=database())
    assert done.rc not in (0, 4)
    assert "run the playbook from its start" in done.stdout


def test_a_limit_to_a_host_without_a_role_is_refused(tmp_path: Path) -> None:
    """With forged results of the plays that the limit leaves out, as only an admin could set them."""
    inventory = {
        "orchestrator": {"hosts": {"localhost": {"ansible_connection": "local"}}},
        "workers": {"hosts": {"worker1": NOBODY}},
        "others": {"hosts": {"stray": {**NOBODY, "ansible_ssh_executable": "/bin/false"}}},
    }
    (tmp_path / "more.json").write_text(json.dumps(inventory), encoding="utf-8")
    forged = {"retire": True, "site_cloud": {"hosts": ["stray"], "cloud": {"uuid": "x"}}}
    done = run(tmp_path, "site", forged, "--limit=stray", inventory=tmp_path / "more.json")
    assert (done.rc, done.tasks) == (2, 1)
    assert done.failure["msg"] == "--limit excludes the orchestrator; add localhost to it"
