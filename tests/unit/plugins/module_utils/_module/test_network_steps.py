# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import CALLS
from ansible_collections.cloudrepo.slices.plugins.module_utils._module import network_steps
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.validation import validated

UUID = "4c1f6a7e-8c1d-4f39-9a53-0d6f2b7e9c10"
CLOUD = {"cloud_uuid": UUID, "cloud_title": "lab", "cloud_incarnation": UUID}


def params(tmp_path: Path, *slices: dict[str, Any], **more: Any) -> dict[str, Any]:
    args = {"slices": list(slices), "state_dir": str(tmp_path), **more}
    return validated("network_services", args, CALLS["network_services"])[0]


def test_an_unclaimed_host_refuses_the_order_before_it_is_read(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        network_steps.steps(params(tmp_path, {"slice_id": 1000, "reservations": []}, **CLOUD), False)
    assert [each.code for each in caught.value.refusals] == ["host_unclaimed"]


def test_in_check_mode_an_unclaimed_host_may_become_one_of_the_cloud(tmp_path: Path) -> None:
    steps = network_steps.steps(params(tmp_path, **CLOUD), True)
    assert steps.result is not network_steps.steps(params(tmp_path), True).result
    assert [*tmp_path.iterdir()] == []
