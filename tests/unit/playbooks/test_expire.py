# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The playbook that deletes slices which have expired, up to where it needs hosts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cloudrepo.slices.plugins.plugin_utils.acting_user import ENVIRONMENT

from ..plugins.module_utils._domain.builders import cluster, deployed, put, topology
from .runs import run

PAST, FUTURE = "2001-01-01", "2999-01-01"


def database(**expiries: str) -> dict[str, Any]:
    held = cluster()
    for name, expires in expiries.items():
        deployed(put(held, topology(name, owner="alice", expires=expires)))
    return held.to_dict()


@pytest.mark.parametrize("options", [(), ("--check",)])
def test_only_slices_that_have_expired_are_deleted(options: tuple[str, ...], tmp_path: Path) -> None:
    held = database(old=PAST, new=FUTURE, plain="")
    done = run(tmp_path, "expire", {}, *options, database=held)
    assert "1 of 3 slices have expired." in done.stdout
    after = yaml.safe_load((tmp_path / "database.yaml").read_text(encoding="utf-8"))
    status = {slice_["name"]: slice_["status"] for slice_ in after["slices"].values()}
    # No host can be reached.
    assert status == {"old": "running" if options else "deleting", "new": "running", "plain": "running"}


def test_nothing_is_changed_before_a_slice_has_expired(tmp_path: Path) -> None:
    held = database(new=FUTURE)
    done = run(tmp_path, "expire", {}, database=held)
    assert done.rc == 0, done.stdout
    assert yaml.safe_load((tmp_path / "database.yaml").read_text(encoding="utf-8")) == held


def test_a_tenant_does_not_let_slices_of_others_expire(tmp_path: Path) -> None:
    done = run(tmp_path, "expire", {}, environment={ENVIRONMENT: "alice"}, database=database(old=PAST))
    assert [each["code"] for each in done.failure["refusals"]] == ["admins_only"]
