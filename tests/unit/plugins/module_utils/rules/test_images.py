# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Messages on images, as a person reads them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal


@pytest.mark.parametrize(
    ("code", "about", "figures", "message"),
    [
        (
            "image_empty",
            "image /srv/guest.qcow2",
            {},
            (
                "image /srv/guest.qcow2 is empty; a base image must be qcow2, or raw with a boot sector or a "
                "file system; fetch it again"
            ),
        ),
        (
            "image_cut_short",
            "image /srv/guest.qcow2",
            {"got": 100, "needed": 65536},
            "image /srv/guest.qcow2 has 100 bytes, its content needs 65536; fetch it again",
        ),
        (
            "convert_needs_file",
            "flavor guest",
            {"got": "https://images.example.com/guest.vmdk"},
            ("flavor guest: convert needs a file on the orchestrator, got https://images.example.com/guest.vmdk"),
        ),
    ],
)
def test_a_message_has_object_figures_and_rule(code: str, about: str, figures: dict[str, Any], message: str) -> None:
    assert Refusal(code, about, figures).message == message
