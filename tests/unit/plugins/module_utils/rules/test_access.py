# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Messages on who acts, as a person reads them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal


@pytest.mark.parametrize(
    ("code", "about", "figures", "message"),
    [
        (
            "not_owner_or_admin",
            "slice web",
            {"user": "bob"},
            "slice web: bob is not an admin; only admins may act for other users",
        ),
        (
            "acting_users_differ",
            "acting user",
            {"first": "cloudrepo_acting_user", "got": "bob", "second": "CLOUDREPO_ACTING_USER", "other": "alice"},
            (
                "acting user: cloudrepo_acting_user is bob, but CLOUDREPO_ACTING_USER is alice; all sources "
                "of the acting user must agree"
            ),
        ),
        (
            "ambiguous_vm",
            "VM vm1",
            {"count": 2, "found": ["web/vm1", "db/vm1"]},
            "VM vm1: 2 VMs have this name (web/vm1, db/vm1); give SLICE/NAME or the id",
        ),
    ],
)
def test_a_message_has_object_figures_and_rule(code: str, about: str, figures: dict[str, Any], message: str) -> None:
    assert Refusal(code, about, figures).message == message
