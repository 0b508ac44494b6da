# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Messages on users, flavors and workers, as a person reads them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal


@pytest.mark.parametrize(
    ("code", "about", "figures", "message"),
    [
        (
            "user_owns_slices",
            "user bob",
            {"count": 2, "slices": ["web", "db"]},
            "user bob still owns slices: web, db; delete them first",
        ),
        ("flavor_in_use", "flavor guest", {"count": 1, "vms": ["web/vm1"]}, "flavor guest is used by VMs: web/vm1"),
        (
            "disk_smaller_than_image",
            "flavor guest",
            {"least": 2.2, "got": 1.0},
            "flavor guest: disk_gb must be at least 2.2, the size of the disk in the image, got 1",
        ),
        (
            "worker_holds_vms",
            "worker 10.0.10.1",
            {
                "count": 12,
                "vms": [
                    "web/vm1",
                    "web/vm2",
                    "web/vm3",
                    "web/vm4",
                    "web/vm5",
                    "web/vm6",
                    "web/vm7",
                    "web/vm8",
                    "web/vm9",
                    "web/vm10",
                    "web/vm11",
                    "web/vm12",
                ],
            },
            (
                "worker 10.0.10.1 still has VMs: web/vm1, web/vm2, web/vm3, web/vm4, web/vm5, web/vm6, web/vm7, "
                "web/vm8, web/vm9, web/vm10 and 2 more; delete them first"
            ),
        ),
    ],
)
def test_a_message_has_object_figures_and_rule(code: str, about: str, figures: dict[str, Any], message: str) -> None:
    assert Refusal(code, about, figures).message == message
