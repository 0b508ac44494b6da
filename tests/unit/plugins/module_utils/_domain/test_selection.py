# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Exactly one variable selects slices, and a value that says nothing is refused by its name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.selection import (
    VARIABLES,
    Selection,
    problems,
    read,
)

WEB = [{"name": "web"}]
CHOICE = "Set exactly one of slices, slice_name, slice_owner, slice_all=true."


@pytest.mark.parametrize(
    ("given", "selection"),
    [
        ({"slices": WEB}, Selection(slices=WEB)),
        ({"slices": json.dumps(WEB)}, Selection(slices=WEB)),
        ({"slices": json.dumps({"slices": WEB})}, Selection(slices=WEB)),
        ({"slice_name": "web"}, Selection(names=("web",))),
        ({"slice_name": 1000}, Selection(names=("1000",))),
        ({"slice_name": ["alice/web", 1000]}, Selection(names=("alice/web", "1000"))),
        ({"slice_owner": "alice"}, Selection(owner="alice")),
        *(({"slice_all": true}, Selection(all=True)) for true in (True, "true", "True", "yes", 1, "1")),
    ],
)
def test_one_variable_selects(given: dict[str, Any], selection: Selection) -> None:
    assert problems(given, VARIABLES, json.loads) == []
    assert read(given, json.loads) == selection


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, [f"No slices are selected. {CHOICE}"]),
        ({"slice_name": "web", "slice_owner": "alice"}, [f"slice_name and slice_owner are set together. {CHOICE}"]),
        (
            {"slice_name": None, "slice_owner": "alice"},
            [f"slice_name and slice_owner are set together. {CHOICE}", "slice_name is null."],
        ),
        (
            {"slices": WEB, "slice_all": False},
            [f"slices and slice_all are set together. {CHOICE}", "slice_all must be true, got false."],
        ),
        *(({name: None}, [f"{name} is null."]) for name in VARIABLES),
        *(({name: ""}, [f"{name} is empty."]) for name in VARIABLES),
        *(({name: " "}, [f"{name} is empty."]) for name in VARIABLES),
        *(({name: []}, [f"{name} is empty."]) for name in VARIABLES),
        *(({name: {}}, [f"{name} is empty."]) for name in VARIABLES),
        ({"slice_name": ["web", ""]}, ["slice_name has a name that is empty."]),
        ({"slice_name": [None]}, ["slice_name has a name that is null."]),
        ({"slice_name": True}, ["slice_name must be a name, an id or a list of these, got True."]),
        ({"slice_name": [["web"]]}, ["slice_name must be a name, an id or a list of these, got ['web']."]),
        ({"slice_owner": ["alice"]}, ["slice_owner must be the name of one user, got ['alice']."]),
        ({"slice_all": False}, ["slice_all must be true, got false."]),
        ({"slice_all": "perhaps"}, ["slice_all must be true, got perhaps."]),
        ({"slices": '"web"'}, ["slices must be a list of topologies."]),
        ({"slices": ["web"]}, ["slices must be a list of topologies."]),
        ({"slices": {"name": "web"}}, ["slices must be a list of topologies."]),
        ({"slices": '{"slices": []}'}, ["slices is empty."]),
        (
            {"slices": "[{"},
            ["slices is neither YAML nor JSON: Expecting property name enclosed in double quotes: line 1"],
        ),
    ],
)
def test_anything_else_is_refused_by_name(given: dict[str, Any], told: list[str]) -> None:
    found = problems(given, VARIABLES, json.loads)
    assert len(found) == len(told)
    assert all(one.startswith(other) for one, other in zip(found, told)), found


def test_a_playbook_refuses_what_it_cannot_be_called_with() -> None:
    assert problems({"slices": WEB}, ["slice_name"], json.loads) == [
        "slices cannot be used with this playbook. Set exactly one of slice_name."
    ]
