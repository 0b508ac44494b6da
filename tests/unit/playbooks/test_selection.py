# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Playbooks refuse a selection before they read or store anything: real runs of ansible-playbook, without hosts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

INVENTORY = {
    "orchestrator": {"hosts": {"localhost": {"ansible_connection": "local"}}},
    # Nobody answers there, and nobody is asked.
    "workers": {"hosts": {"worker1": {"ansible_host": "192.0.2.1"}}},
}


def run(folder: Path, playbook: str, variables: dict[str, Any], *options: str) -> subprocess.CompletedProcess[str]:
    """Run a playbook of the collection with a database in C(folder) that does not exist yet."""
    (folder / "hosts.json").write_text(json.dumps(INVENTORY), encoding="utf-8")
    return subprocess.run(
        [
            *(sys.executable, "-m", "ansible", "playbook", f"cloudrepo.slices.{playbook}"),
            *(
                "-i",
                str(folder / "hosts.json"),
                "-e",
                json.dumps({"cloudrepo_database": str(folder / "database.yaml")}),
            ),
            *("-e", json.dumps(variables), *options),
        ],
        cwd=folder,
        env={**os.environ, "ANSIBLE_LOCALHOST_WARNING": "false"},
        capture_output=True,
        text=True,
        check=False,
    )


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
            "--limit leaves out the orchestrator; add localhost to it",
        ),
        ("site", {}, ("--limit=worker1",), "--limit leaves out the orchestrator; add localhost to it"),
    ],
)
def test_a_selection_is_refused_before_anything_is_read(
    tmp_path: Path, playbook: str, variables: dict[str, Any], options: tuple[str, ...], told: str
) -> None:
    done = run(tmp_path, playbook, variables, *options)
    assert done.returncode != 0
    assert told in done.stdout
    assert done.stdout.count("TASK [") == 1
    assert not (tmp_path / "database.yaml").exists()


def test_topologies_may_be_text(tmp_path: Path) -> None:
    variables = {"slices": "[{name: web, vms: [{name: vm1, flavor: nowhere}]}]"}
    done = run(tmp_path, "deploy", variables)
    assert done.returncode != 0
    assert "slice web: flavor nowhere" in done.stdout
