# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs with several slices, of which one is refused: the others continue, and a table at the end shows the outcomes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import teardown, undelete

from ..plugins.module_utils._domain.builders import cluster, deployed, put, topology
from .runs import Done, run
from .test_status import shown

# No host of the inventory is registered, so none gets a work order or is contacted.
VMS = {"vms": [{"name": "a", "flavor": "cirros"}]}


def database() -> dict[str, Any]:
    held = cluster()
    put(held, topology("web"))
    put(held, topology("shop", owner="alice"))
    return held.to_dict()


def table(done: Done) -> list[list[str]]:
    """The cells of the table of outcomes, without the reasons."""
    lines = shown(done.stdout)
    start = next(number for number, line in enumerate(lines) if re.match("SLICE +ID +RESULT", line))
    cells = [line.split()[:3] for line in lines[start + 1 :]]
    return cells[: cells.index([])]


def stored(folder: Path) -> list[str]:
    return [each["name"] for each in yaml.safe_load((folder / "database.yaml").read_text())["slices"].values()]


def test_topologies(tmp_path: Path) -> None:
    two = {"name": "two", "vms": [{"name": "a", "flavor": "none"}]}
    wanted = [{"name": "one", **VMS}, two, {"name": "three", **VMS}, None, "four"]
    done = run(tmp_path, "deploy", {"slices": wanted}, database=database())
    assert done.rc != 0
    assert table(done) == [
        ["admin/one", "1006", "failed"],
        ["admin/three", "1008", "failed"],
        ["slices[3]", "-", "refused"],
        ["slices[4]", "-", "refused"],
        ["admin/two", "-", "refused"],
    ]
    assert stored(tmp_path) == ["web", "shop", "one", "three"]


def test_names_of_stored_slices(tmp_path: Path) -> None:
    done = run(tmp_path, "deploy", {"slice_name": ["web", "wbe"]}, database=database())
    assert table(done) == [["admin/web", "1000", "failed"], ["wbe", "-", "refused"]]


def test_names_of_slices_to_delete(tmp_path: Path) -> None:
    held = cluster()
    for owner in ("admin", "alice"):
        put(held, topology("web", owner=owner))
    put(held, topology("lab"))
    done = run(tmp_path, "delete", {"slice_name": ["web", "lab"]}, database=held.to_dict())
    assert table(done) == [["web", "-", "refused"]]
    assert "2 slices have this name" in done.stdout
    assert stored(tmp_path) == ["web", "web"]


def test_slices_to_restore(tmp_path: Path) -> None:
    held = cluster()
    gone = deployed(put(held, topology("lab")))
    for vm in gone.vms:
        vm.handed_out = True
    undelete.keep(held, gone, now="2026-01-01T00:00:00Z", retention_h=8760)
    teardown.remove(held, gone)
    teardown.forget(held, gone)
    done = run(tmp_path, "undelete", {"slice_name": ["lab", "wbe"]}, database=held.to_dict())
    assert done.rc != 0
    assert "deleted slice wbe does not exist" in done.stdout
    assert stored(tmp_path) == ["lab"]
    assert "admin/lab" in done.stdout
