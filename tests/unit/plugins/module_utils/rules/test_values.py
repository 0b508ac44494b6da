# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Messages on values, as a person reads them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal


@pytest.mark.parametrize(
    ("code", "about", "figures", "message"),
    [
        (
            "out_of_range",
            "slice web",
            {"option": "vlan_pools", "least": 1, "most": 100, "got": 0},
            "slice web: vlan_pools must be 1-100, got 0",
        ),
        (
            "invalid_name",
            "slice web",
            {"kind": "VM", "form": "1-31 letters, digits, '-' or '_'", "got": "a b"},
            "slice web: a VM name must be 1-31 letters, digits, '-' or '_', got 'a b'",
        ),
        (
            "unknown_reference",
            "slice web",
            {"kind": "VM", "name": "vm9", "known": ["vm1", "vm2"]},
            "slice web: VM vm9 does not exist; existing: vm1, vm2",
        ),
        (
            "unknown_reference",
            "slice web",
            {"kind": "VM", "name": "vm9", "known": []},
            "slice web: VM vm9 does not exist; existing: none",
        ),
    ],
)
def test_a_message_has_object_figures_and_rule(code: str, about: str, figures: dict[str, Any], message: str) -> None:
    assert Refusal(code, about, figures).message == message
