# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The playbook that tells whether nothing but the quota prevents topologies from being stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cloudrepo.slices.plugins.module_utils.models import User
from ansible_collections.cloudrepo.slices.plugins.module_utils.workers import Worker
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.acting_user import ENVIRONMENT

from ..plugins.module_utils._domain import builders
from .runs import run


def database(quota: int) -> dict[str, Any]:
    held = builders.cluster()
    held.workers["10.0.10.1"] = Worker("10.0.10.1", **builders.ROOM)
    held.users["alice"] = User("alice", "!", quota_vms=quota)
    return held.to_dict()


WEB, SHOP = (builders.topology(name, owner="alice") for name in ("web", "shop"))
WRONG = {**SHOP, "name": "wrong", "vms": [builders.vm("vm1", flavor="cirrus")], "links": []}
QUOTA = "user alice: {quota} VMs allowed, {used} owned, {more} more requested"


@pytest.mark.parametrize(
    ("slices", "quota", "told"),
    [
        ([WEB], 1, QUOTA.format(quota=1, used=0, more=2)),
        # The first one fits.
        ([WEB, SHOP], 3, QUOTA.format(quota=3, used=2, more=2)),
    ],
)
def test_topologies_that_only_exceed_the_quota(
    slices: list[dict[str, Any]], quota: int, told: str, tmp_path: Path
) -> None:
    held = database(quota)
    done = run(tmp_path, "quota", {"slices": slices}, environment={ENVIRONMENT: "alice"}, database=held)
    assert done.rc == 0, done.stdout
    assert told in done.stdout
    assert yaml.safe_load((tmp_path / "database.yaml").read_text(encoding="utf-8")) == held


@pytest.mark.parametrize(
    ("slices", "quota", "told"),
    [
        ([WEB], 2, "The quota is sufficient."),
        ([WEB, WRONG], 2, "flavor cirrus (VMs vm1) does not exist"),
        ([WEB, SHOP, WRONG], 3, "flavor cirrus (VMs vm1) does not exist"),
        ([WEB, SHOP, {**SHOP, "name": "more", "flavour": "cirros"}], 3, "flavour"),
        ([{**WEB, "flavour": "cirros"}], 1, "flavour"),
    ],
)
def test_topologies_that_fit_or_are_refused_for_another_reason(
    slices: list[dict[str, Any]], quota: int, told: str, tmp_path: Path
) -> None:
    done = run(tmp_path, "quota", {"slices": slices}, environment={ENVIRONMENT: "alice"}, database=database(quota))
    assert done.rc == 2
    assert told in done.stdout
