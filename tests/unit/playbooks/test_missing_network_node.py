# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A slice is not deleted without the network node of the database, which the inventory may lack."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import lost_workers, machines
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.work_orders import hand_out

from ..plugins.module_utils._domain.builders import cluster, deployed, put, topology
from .runs import run


def test_a_slice_is_deleting_until_the_network_node_is_back_or_lost(tmp_path: Path) -> None:
    held = cluster()
    held.identify(title="lab")
    machines.note_network_node(held, "ab" * 16)
    slice_ = put(held, topology())
    hand_out([slice_])
    deployed(slice_)
    # Nothing waits for them, so no host has to be reached.
    for ip in list(held.workers):
        lost_workers.declare(held, ip)
    path, inventory = tmp_path / "database.yaml", tmp_path / "inventory.json"
    groups = {"orchestrator": {"hosts": {"localhost": {"ansible_connection": "local"}}}, "workers": {}}
    inventory.write_text(json.dumps({"all": {"vars": {"cloudrepo_database": str(path)}}, **groups}), encoding="utf-8")
    done = run(tmp_path, "delete", {"slice_name": "web"}, database=held.to_dict(), inventory=inventory)
    assert "run cloudrepo.slices.site with -e network_node_lost=true first" in done.stdout
    assert done.rc != 0
    left = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert [each["status"] for each in left["slices"].values()] == ["deleting"]
    del left["network_node_machine_id"]
    done = run(tmp_path, "delete", {"slice_name": "web"}, database=left, inventory=inventory)
    assert done.rc == 0, done.stdout
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["slices"] == {}
