# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.nulls import nulls

SPEC: dict[str, dict[str, Any]] = {
    "name": {"required": True},
    "note": {},
    "tags": {"type": "list"},
    "vms": {"type": "list", "options": {"name": {"required": True}}},
}


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({"name": "web", "note": None, "tags": ["a"], "vms": [{"name": "vm1"}]}, []),
        ({}, [("required_option_is_null", "name")]),
        ({"name": None}, [("required_option_is_null", "name")]),
        ({"name": "web", "tags": [None]}, [("null_in_list", "tags")]),
        (
            {"name": "web", "vms": [{"name": None}, None]},
            [("required_option_is_null", "vms.name"), ("null_in_list", "vms")],
        ),
        ({"name": "web", "vms": {"name": None}}, [("required_option_is_null", "vms.name")]),
        ({"name": "web", "note": {"a": None}, "vms": ["text", {"name": "a"}]}, []),
    ],
)
def test_null_is_refused_for_required_values(values: dict[str, Any], wanted: list[tuple[str, str]]) -> None:
    assert [(refusal.code, refusal.object) for refusal in nulls(values, SPEC)] == wanted
