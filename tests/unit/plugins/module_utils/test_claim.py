# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.claim import (
    Asked,
    Claim,
    HeldAddress,
    HeldSlice,
    HeldVlan,
    HeldVncPort,
    InUse,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused

from ...generated import is_current

UUID = "4c1f6a7e-8c1d-4f39-9a53-0d6f2b7e9c10"


def test_a_claim_is_read_back_and_shown_by_title_and_uuid() -> None:
    claim = Claim(UUID, "lab", UUID, since="2026-01-31T12:00:00Z", controller="controller1")
    assert Claim.from_dict(claim.to_dict()) == claim
    assert str(claim) == f"lab ({UUID})"


@pytest.mark.parametrize("field", ["uuid", "title", "incarnation", "since", "controller"])
def test_a_claim_without_a_field_is_refused(field: str) -> None:
    data = Claim(UUID, "lab", UUID, since="2026-01-31T12:00:00Z", controller="controller1").to_dict()
    del data[field]
    with pytest.raises(Refused):
        Claim.from_dict(data)


def test_values_in_use_are_read_back() -> None:
    held = HeldSlice(1000, UUID, (HeldAddress("10.60.7.101"),), (HeldVlan(100),), (HeldVncPort(5901),))
    asked = Asked((InUse("worker1", 1001, 5, (held,), "10.0.10.1"), InUse("worker2")))
    assert Asked.from_dict(asked.to_dict()) == asked
    with pytest.raises(Refused):
        Asked.from_dict({"hosts": [{"host": "worker1", "slices": [{"slice_id": 1, "slice_uuid": "none"}]}]})


@pytest.mark.parametrize(
    "name", ["plugins/modules/host_claim.py", "plugins/modules/cloud.py", "plugins/modules/host_info.py"]
)
def test_documentation_follows_from_the_fields(name: str) -> None:
    assert is_current(name)
