# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A run shows neither user data nor start-ups, however verbose it is: real runs of the playbook deploy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ..plugins.module_utils._domain import builders
from .runs import run

SECRET = "hunter2-Zq8"
VERBOSE = ("-vvvv", "--diff")


def topology(text: str, option: str = "user_data", **fields: Any) -> dict[str, Any]:
    return builders.topology(vms=[builders.vm("vm1", cloud_init={option: text}, **fields)], links=[])


@pytest.mark.parametrize("way", ["variables", "file"])
def test_user_data_is_stored_as_it_is_and_not_shown(way: str, tmp_path: Path) -> None:
    text = f"#cloud-config\npassword: {SECRET}-{{{{ 7 * 191 }}}}\n"
    slices = [topology(text)]
    (tmp_path / "slices.json").write_text(json.dumps(slices), encoding="utf-8")
    given = {
        "variables": {"slices": slices},
        "file": {"slices_file": str(tmp_path / "slices.json")},
    }[way]
    done = run(tmp_path, "deploy", given, *VERBOSE, database=builders.cluster().to_dict())
    assert "user_data_id" in done.stdout
    assert SECRET not in done.stdout
    stored = (tmp_path / "database.yaml").read_text(encoding="utf-8")
    assert f"{SECRET}-{{{{ 7 * 191 }}}}" in stored


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (topology(f"password: {SECRET}\n"), "user data must be a line #cloud-config or #!COMMAND"),
        (topology(f"#cloud-config\na: 1\n b: {SECRET}\n"), "line 3 of the user data"),
        (topology(f"#!/bin/sh\n{SECRET}\n", "userdata"), "Unsupported parameters"),
        (topology(f"#!/bin/sh\n{SECRET}\n", flavour="cirros"), "flavour"),
    ],
)
def test_refusals_do_not_show_user_data(wrong: dict[str, Any], message: str, tmp_path: Path) -> None:
    done = run(tmp_path, "deploy", {"slices": [wrong]}, *VERBOSE, database=builders.cluster().to_dict())
    assert done.rc == 2
    assert message in done.stdout
    assert SECRET not in done.stdout


def started(**said: Any) -> dict[str, Any]:
    return builders.topology(vms=[builders.vm("vm1", startup=said)], links=[])


@pytest.mark.parametrize("way", ["variables", "file"])
def test_a_start_up_is_stored_as_it_is_and_not_shown(way: str, tmp_path: Path) -> None:
    content = f"{SECRET}-{{{{ 7 * 191 }}}}\n"
    # Short texts are in many results, and must not be censored there.
    slices = [started(files=[{"path": "/etc/key", "content": content}], commands=["1", "admin", f"login {SECRET}"])]
    (tmp_path / "slices.json").write_text(json.dumps(slices), encoding="utf-8")
    given = {"variables": {"slices": slices}, "file": {"slices_file": str(tmp_path / "slices.json")}}[way]
    done = run(tmp_path, "deploy", given, *VERBOSE, database=builders.cluster().to_dict())
    assert "startup_id" in done.stdout
    assert "slice web (1000) of admin" in done.stdout
    assert SECRET not in done.stdout
    assert f"{SECRET}-{{{{ 7 * 191 }}}}" in (tmp_path / "database.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (started(commands=[SECRET, 1]), "startup command 2 must be 1-4,096 characters"),
        (started(commands=SECRET), "commands of startup must be a list"),
        (started(command=[SECRET]), "field command is unknown"),
        (
            builders.topology(vms=[builders.vm("vm1", start={"commands": [SECRET]})], links=[]),
            "Unsupported parameters",
        ),
    ],
)
def test_refusals_do_not_show_start_ups(wrong: dict[str, Any], message: str, tmp_path: Path) -> None:
    done = run(tmp_path, "deploy", {"slices": [wrong]}, *VERBOSE, database=builders.cluster().to_dict())
    assert done.rc == 2
    assert message in done.stdout
    assert SECRET not in done.stdout
