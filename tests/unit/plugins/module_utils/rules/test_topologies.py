# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Messages on topologies, as a person reads them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal


@pytest.mark.parametrize(
    ("code", "about", "figures", "message"),
    [
        ("endpoint_count", "link core", {"got": 3}, "link core: a link has 2 endpoints, got 3"),
        (
            "link_to_itself",
            "link core",
            {"vm": "vm1"},
            "link core: a link must connect two different VMs, got VM vm1 twice",
        ),
        (
            "names_differ_in_case",
            "slice web",
            {"kind": "VM", "names": ["a", "A"]},
            "slice web: VMs a, A differ only in case; names are unique within a slice regardless of case",
        ),
        (
            "topology_too_large",
            "slice web",
            {"pool_size": 20, "segments": 45, "kind": "links", "needed": 3, "pools": 1, "pool_count": 100},
            "slice web: 45 links need 3 VLAN pools, vlan_pools is 1, a trunk has 100",
        ),
    ],
)
def test_a_message_has_object_figures_and_rule(code: str, about: str, figures: dict[str, Any], message: str) -> None:
    assert Refusal(code, about, figures).message == message
