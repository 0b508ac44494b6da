# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The playbook that checks the settings of AWX."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .runs import run

TEMPLATE = {"name": "deploy", "playbook": "playbooks/deploy.yml", "ask_variables_on_launch": False}


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        (False, None),
        (True, "ask_variables_on_launch: extra variables have precedence over the inventory and over results"),
    ],
)
def test_it_fails_if_a_setting_is_not_locked(setting: bool, told: str | None, tmp_path: Path) -> None:
    data = {"assets": {"job_templates": [{**TEMPLATE, "ask_variables_on_launch": setting}]}}
    (tmp_path / "awx.json").write_text(json.dumps(data), encoding="utf-8")
    done = run(tmp_path, "awx_check", {"check_awx_src": str(tmp_path / "awx.json"), "check_awx_admins": "operators"})
    if told is None:
        assert done.rc == 0, done.stdout
    else:
        assert done.failure["msg"] == f"job template deploy: {told}"
