# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Messages on work orders, as a person reads them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal


@pytest.mark.parametrize(
    ("code", "about", "figures", "message"),
    [
        ("field_missing", "slice 1000, VM 1001", {"field": "cores"}, "slice 1000, VM 1001: cores is missing"),
        (
            "field_not_allowed",
            "slice 1000",
            {"field": "state", "allowed": "running, stopped or paused", "got": "on"},
            "slice 1000: state must be running, stopped or paused, got 'on'",
        ),
        (
            "disk_elsewhere",
            "VM 1001 (vm1)",
            {"folder": "/var/lib/cloudrepo/vms/1001", "got": "/etc/passwd"},
            ("VM 1001 (vm1): a disk must be a .qcow2 file in /var/lib/cloudrepo/vms/1001, got '/etc/passwd'"),
        ),
    ],
)
def test_a_message_has_object_figures_and_rule(code: str, about: str, figures: dict[str, Any], message: str) -> None:
    assert Refusal(code, about, figures).message == message
