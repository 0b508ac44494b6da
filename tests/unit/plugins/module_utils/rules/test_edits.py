# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Messages on changes, as a person reads them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal


@pytest.mark.parametrize(
    ("code", "about", "figures", "message"),
    [
        (
            "disk_cannot_shrink",
            "VM web/vm1",
            {"disk": "data disk db", "got": 1.0, "size": 2.5},
            "VM web/vm1: data disk db would have 1 GiB instead of 2.5 GiB; a disk never shrinks",
        ),
        (
            "worker_is_fixed",
            "VM web/vm1",
            {"worker": "10.0.10.1", "got": "10.0.10.2"},
            "VM web/vm1 is on worker 10.0.10.1, got 10.0.10.2; a VM cannot move to another worker",
        ),
        (
            "changed_since",
            "slice web",
            {"got": 5, "user": "bob", "revision": 6, "at": "2026-01-31T12:00:00Z", "changes": ["add VM vm2"]},
            (
                "slice web: based_on is 5, and bob made revision 6 at 2026-01-31T12:00:00Z, which this "
                "topology would undo: add VM vm2; add these changes to the topology and set based_on to the "
                "slice's revision, or set overwrite=true"
            ),
        ),
    ],
)
def test_a_message_has_object_figures_and_rule(code: str, about: str, figures: dict[str, Any], message: str) -> None:
    assert Refusal(code, about, figures).message == message
