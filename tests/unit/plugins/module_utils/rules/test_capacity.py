# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Messages on capacity, as a person reads them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal


@pytest.mark.parametrize(
    ("code", "about", "figures", "message"),
    [
        (
            "resource_exhausted",
            "worker 10.0.10.1",
            {"total": 8, "resource": "cores", "allocated": 8, "requested": 1},
            "worker 10.0.10.1: 8 cores total, 8 allocated, 1 requested",
        ),
        (
            "no_room",
            "VM web/vm1",
            {
                "shortages": [
                    Refusal(code="not_schedulable", object="worker 10.0.10.1", figures={}),
                    Refusal(code="worker_lost", object="worker 10.0.10.2", figures={}),
                ]
            },
            ("VM web/vm1: no worker has room: worker 10.0.10.1: schedulable is false; worker 10.0.10.2: state is lost"),
        ),
        (
            "quota_exceeded",
            "user bob",
            {"quota": 10, "owned": 9, "used": 9, "requested": 2},
            "user bob: 10 VMs allowed, 9 owned, 2 more requested",
        ),
    ],
)
def test_a_message_has_object_figures_and_rule(code: str, about: str, figures: dict[str, Any], message: str) -> None:
    assert Refusal(code, about, figures).message == message
