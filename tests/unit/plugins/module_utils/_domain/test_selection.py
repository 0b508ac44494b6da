# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Exactly one variable selects slices, and an empty value is refused with the variable's name."""

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
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal

WEB = [{"name": "web"}]
CHOICE = {"accepted": ["slices", "slices_file", "slice_name", "slice_owner", "slice_all=true"]}


@pytest.mark.parametrize(
    ("given", "selection"),
    [
        ({"slices": WEB}, Selection(slices=WEB)),
        ({"slices": json.dumps(WEB)}, Selection(slices=WEB)),
        ({"slices": json.dumps({"slices": WEB})}, Selection(slices=WEB)),
        ({"slices": [None, *WEB, "x"]}, Selection(slices=[None, *WEB, "x"])),
        ({"slice_name": "web"}, Selection(names=("web",))),
        ({"slice_name": 1000}, Selection(names=("1000",))),
        ({"slice_name": ["alice/web", 1000]}, Selection(names=("alice/web", "1000"))),
        ({"slice_owner": "alice"}, Selection(owner="alice")),
        *(({"slice_all": true}, Selection(all=True)) for true in (True, "true", "True", "yes", 1, "1")),
    ],
)
def test_one_variable_selects_slices(given: dict[str, Any], selection: Selection) -> None:
    assert problems(given, VARIABLES, json.loads) == []
    assert read(given, json.loads) == selection


def together(*variables: str) -> Refusal:
    return Refusal("several_variables", "selection", {"variables": list(variables), **CHOICE})


def empty(variable: str, state: str) -> Refusal:
    return Refusal("variable_is_empty", variable, {"state": state})


def wrong(variable: str, allowed: str, got: Any) -> Refusal:
    return Refusal("field_not_allowed", "selection", {"field": variable, "allowed": allowed, "got": got})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, [Refusal("nothing_selected", "selection", CHOICE)]),
        ({"slice_name": "web", "slice_owner": "alice"}, [together("slice_name", "slice_owner")]),
        (
            {"slice_name": None, "slice_owner": "alice"},
            [together("slice_name", "slice_owner"), empty("slice_name", "null")],
        ),
        (
            {"slices": WEB, "slice_all": False},
            [together("slices", "slice_all"), wrong("slice_all", "true", False)],
        ),
        *(({name: None}, [empty(name, "null")]) for name in VARIABLES),
        *(({name: ""}, [empty(name, "empty")]) for name in VARIABLES),
        *(({name: " "}, [empty(name, "empty")]) for name in VARIABLES),
        *(({name: []}, [empty(name, "empty")]) for name in VARIABLES),
        *(({name: {}}, [empty(name, "empty")]) for name in VARIABLES),
        ({"slice_name": ["web", ""]}, [empty("a name in slice_name", "empty")]),
        ({"slice_name": [None]}, [empty("a name in slice_name", "null")]),
        ({"slice_name": True}, [wrong("slice_name", "a name, an id or a list of these", True)]),
        ({"slice_name": [["web"]]}, [wrong("slice_name", "a name, an id or a list of these", ["web"])]),
        ({"slice_owner": ["alice"]}, [wrong("slice_owner", "the name of one user", ["alice"])]),
        ({"slice_all": False}, [wrong("slice_all", "true", False)]),
        ({"slice_all": "perhaps"}, [wrong("slice_all", "true", "perhaps")]),
        ({"slices": '"web"'}, [wrong("slices", "a list of topologies", '"web"')]),
        ({"slices": ["web"]}, [wrong("slices", "a list of topologies", ["web"])]),
        ({"slices": {"name": "web"}}, [wrong("slices", "a list of topologies", {"name": "web"})]),
        ({"slices": '{"slices": []}'}, [empty("slices", "empty")]),
    ],
)
def test_other_variables_are_refused_by_name(given: dict[str, Any], told: list[Refusal]) -> None:
    assert problems(given, VARIABLES, json.loads) == told


def test_unreadable_text_is_refused_with_its_position() -> None:
    (refusal,) = problems({"slices": "[{"}, VARIABLES, json.loads)
    assert (refusal.code, refusal.object) == ("topologies_unreadable", "slices")
    assert refusal.figures["why"].startswith("Expecting property name enclosed in double quotes: line 1")


def test_a_playbook_refuses_unsupported_selections() -> None:
    assert problems({"slices": WEB}, ["slice_name"], json.loads) == [
        Refusal("variable_not_accepted", "selection", {"variables": ["slices"], "accepted": ["slice_name"]})
    ]
