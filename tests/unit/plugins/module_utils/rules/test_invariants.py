# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Messages on violations of invariants, as a person reads them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal


@pytest.mark.parametrize(
    ("code", "about", "figures", "message"),
    [
        (
            "allocated_twice",
            "id 1001",
            {"count": 2, "holders": ["VM web/vm1", "VM lab/vm1"]},
            "id 1001 is allocated 2 times: to VM web/vm1, VM lab/vm1",
        ),
        (
            "counter_too_low",
            "next_vm_id",
            {"got": 1001, "highest": 1004},
            "next_vm_id is 1001, but id 1004 is in use",
        ),
        (
            "used_vms_differ",
            "user alice",
            {"got": 2, "vms": 3},
            "user alice: used_vms is 2, but the slices have 3 VMs",
        ),
    ],
)
def test_a_message_has_object_and_both_figures(code: str, about: str, figures: dict[str, Any], message: str) -> None:
    assert Refusal(code, about, figures).message == message
