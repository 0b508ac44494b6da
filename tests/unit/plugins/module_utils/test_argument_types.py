# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.argument_types import type_refusals

SPEC: dict[str, dict[str, Any]] = {
    "name": {"required": True},
    "note": {},
    "tags": {"type": "list"},
    "vms": {"type": "list", "options": {"name": {"required": True}, "port": {"type": "int"}}},
    "ids": {"type": "list", "elements": "int"},
    "internet": {"type": "bool"},
    "vlan_pools": {"type": "int"},
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
        ({"name": "web", "internet": True, "note": True, "vlan_pools": 1, "ids": [0, 1], "vms": [{"name": "a"}]}, []),
        ({"name": "web", "vlan_pools": True}, [("boolean_for_integer", "vlan_pools")]),
        ({"name": "web", "ids": [1, False]}, [("boolean_for_integer", "ids")]),
        ({"name": "web", "vms": [{"name": "a", "port": True}]}, [("boolean_for_integer", "vms.port")]),
    ],
)
def test_null_and_booleans_are_refused_for_other_values(values: dict[str, Any], wanted: list[tuple[str, str]]) -> None:
    assert [(refusal.code, refusal.object) for refusal in type_refusals(values, SPEC)] == wanted


def test_a_refused_boolean_is_named_with_the_words_that_yaml_reads_as_one() -> None:
    [refusal] = type_refusals({"name": "web", "vlan_pools": True}, SPEC)
    assert refusal.message == (
        "vlan_pools must be an integer, got True; set it to a number (YAML reads yes, no, on and off as booleans)"
    )
