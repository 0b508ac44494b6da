# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import revisions, worker_orphans
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import CALLS
from ansible_collections.cloudrepo.slices.plugins.module_utils._module import worker_steps
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import listed
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import SliceOrder
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.validation import validated

UUID = "4c1f6a7e-8c1d-4f39-9a53-0d6f2b7e9c10"
CLOUD = {"cloud_uuid": UUID, "cloud_title": "lab", "cloud_incarnation": UUID}


def params(tmp_path: Path, *slices: dict[str, Any], **more: Any) -> dict[str, Any]:
    args = {"slices": list(slices), "vnc_listen": "none", "state_dir": str(tmp_path), **more}
    return validated("slice_apply", args, CALLS["slice_apply"])[0]


def test_an_unclaimed_host_refuses_the_order_before_it_is_read(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        worker_steps.steps(params(tmp_path, {"slice_id": 1000, "vms": []}, **CLOUD), False)
    assert [each.code for each in caught.value.refusals] == ["host_unclaimed"]


@pytest.mark.parametrize("check_mode", [False, True])
def test_an_order_of_a_database_that_was_put_back_is_refused(tmp_path: Path, check_mode: bool) -> None:
    revisions.note([SliceOrder(slice_id=1003, vms=(), revision=7)], state_dir=str(tmp_path), kind=revisions.WORKER)
    with pytest.raises(Refused) as caught:
        worker_steps.steps(
            params(tmp_path, {"slice_id": 1000, "vms": [], "revision": 9}, issued_revisions="5,9"), check_mode
        )
    assert [each.code for each in caught.value.refusals] == ["database_put_back"]
    worker_steps.steps(
        params(tmp_path, {"slice_id": 1000, "vms": [], "revision": 9}, issued_revisions="5,7,9"), check_mode
    )


def test_in_check_mode_an_unclaimed_host_may_become_one_of_the_cloud(tmp_path: Path) -> None:
    steps = worker_steps.steps(params(tmp_path, **CLOUD), True)
    assert steps.result is not worker_steps.steps(params(tmp_path), True).result
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("check_mode", "complete", "is_told"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_what_only_the_host_has_is_part_of_a_preview_of_all_slices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check_mode: bool, complete: bool, is_told: bool
) -> None:
    monkeypatch.setattr(worker_orphans, "only_here", lambda *_args, **_options: [1003])
    change = Change("tap", "tap_1001_eth0", "delete", {}, None)
    todo: Any = SimpleNamespace(result={"vms": []}, changes=[change])
    found = worker_steps.steps(params(tmp_path, complete=complete), check_mode).result(todo)
    assert found == {"vms": [], "changes": listed([change]), **({"only_here": [1003]} if is_told else {})}
