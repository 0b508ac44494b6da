# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
from ansible_collections.cloudrepo.slices.plugins.modules.awx_check import check

TEMPLATE = {"name": "deploy", "playbook": "playbooks/deploy.yml", "ask_limit_on_launch": True}
TEAM = {
    "name": "tenants",
    "related": {"roles": [{"name": "Admin", "content_object": {"type": "job_template", "name": "deploy"}}]},
}


def test_settings_are_returned_as_data_and_as_text(tmp_path: Path) -> None:
    source = tmp_path / "awx.json"
    source.write_text(json.dumps({"job_templates": [TEMPLATE], "teams": [TEAM]}), encoding="utf-8")
    done = check({"src": str(source), "playbooks": ["deploy"], "admins": ["tenants"]})
    limit = {"object": "job template deploy", "setting": "ask_limit_on_launch", "why": "hosts could be left out"}
    assert done.result == {
        "unlocked": [limit],
        "lines": ["job template deploy: ask_limit_on_launch: hosts could be left out"],
    }
    assert not done.changes
    unlocked: Any = check({"src": str(source), "playbooks": ["deploy"], "admins": []}).result["unlocked"]
    role = "role Admin of team tenants"  # It may change the template, and sees the jobs of others.
    assert [each["setting"] for each in unlocked] == ["ask_limit_on_launch", role, role]


@pytest.mark.parametrize(
    ("content", "code", "why"),
    [
        (None, "file_unreadable", "No such file"),
        (b"\xff", "file_unreadable", "can't decode"),
        (b"{", "file_unreadable", "Expecting property name"),
        (b"[]", "awx_export_unusable", "must contain what awx.awx.export or the API of AWX returns"),
        (b"{}", "awx_templates_missing", "no job template in it runs a playbook of cloudrepo.slices"),
    ],
)
def test_a_file_without_templates_is_named(content: bytes | None, code: str, why: str, tmp_path: Path) -> None:
    source = tmp_path / "awx.json"
    if content is not None:
        source.write_bytes(content)
    with pytest.raises(Refused) as caught:
        check({"src": str(source), "playbooks": ["deploy"], "admins": []})
    (refusal,) = caught.value.refusals
    assert refusal.code == code
    assert why in refusal.message
    assert str(source) in refusal.message
