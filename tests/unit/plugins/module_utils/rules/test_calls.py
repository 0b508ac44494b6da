# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Messages on calls, as a person reads them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal


@pytest.mark.parametrize(
    ("code", "about", "figures", "message"),
    [
        (
            "nothing_selected",
            "deploy",
            {"accepted": ["slices", "slice_name"]},
            "deploy: nothing is selected; set one of slices, slice_name",
        ),
        (
            "several_variables",
            "delete",
            {"variables": ["slice_name", "slice_owner"], "accepted": ["slice_name", "slice_owner"]},
            "delete: several variables are set: slice_name, slice_owner; set only one of slice_name, slice_owner",
        ),
        ("variable_is_empty", "slice_name", {"state": "null"}, "slice_name is null"),
        (
            "orchestrator_left_out",
            "--limit workers",
            {"host": "orch1"},
            "--limit workers excludes the orchestrator; add orch1 to it",
        ),
        ("slice_listed_twice", "slice web", {"count": 2}, "slice web is listed 2 times"),
    ],
)
def test_a_message_has_object_figures_and_rule(code: str, about: str, figures: dict[str, Any], message: str) -> None:
    assert Refusal(code, about, figures).message == message
