# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A lost database is rebuilt by the playbook, from hosts that are folders of this machine."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.work_orders import hand_out, work_orders
from ansible_collections.cloudrepo.slices.plugins.module_utils._host import applied_orders, claims, revisions
from ansible_collections.cloudrepo.slices.plugins.module_utils.claim import Claim
from ansible_collections.cloudrepo.slices.plugins.module_utils.cloud import Cloud
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.network_order import NetworkOrder
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import WorkerOrder

from ..plugins.module_utils._domain.builders import cluster, put, topology
from .runs import Done, run

# One, because all folders are on the same machine.
WORKERS = {"worker1": "10.0.10.1"}
CLOUD = Cloud.new("lab")


def hosts(folder: Path, held: Cluster) -> str:
    """Make hosts that have applied everything of a database, and return their inventory."""
    slices = list(held.slices.values())
    hand_out(slices)
    orders = work_orders(held, slices, "/var/lib/cloudrepo")
    node = NetworkOrder.from_dict(orders["network_node"]).slices
    variables = {}
    for name, ip in {**WORKERS, "netnode": None}.items():
        place = folder / name
        place.mkdir()
        claim = Claim(CLOUD.uuid, CLOUD.title, CLOUD.incarnation, "2026-01-31T12:00:00Z", "controller1")
        (place / claims.FILE).write_text(json.dumps(claim.to_dict()))
        if ip is None:
            applied_orders.note(node, state_dir=str(place), kind=revisions.NETWORK_NODE)
        else:
            told = WorkerOrder.from_dict(orders["workers"][ip]).slices
            applied_orders.note(told, state_dir=str(place), kind=revisions.WORKER)
        address = {} if ip is None else {"worker_ip": ip}
        variables[name] = {"ansible_connection": "local", "cloudrepo_state_dir": str(place), **address}
    path = folder / "local.json"
    path.write_text(json.dumps({"all": {"hosts": variables}}))
    return str(path)


def lost_database() -> Cluster:
    held = cluster(workers=1)
    put(held, topology("web"))
    put(held, topology("shop", owner="alice"))
    return held


def rebuild(folder: Path, inventory: str, *options: str, **variables: object) -> Done:
    return run(folder, "rebuild", variables, "-i", inventory, *options)


def claim_of(folder: Path, name: str) -> str:
    claim = claims.read(str(folder / name))
    assert claim is not None
    return claim.incarnation


def test_a_lost_database_is_rebuilt_and_its_hosts_are_claimed(tmp_path: Path) -> None:
    held = lost_database()
    inventory = hosts(tmp_path, held)
    path = tmp_path / "database.yaml"
    assert rebuild(tmp_path, inventory, "--check", "--diff").rc == 0
    assert (path.exists(), claim_of(tmp_path, "worker1")) == (False, CLOUD.incarnation)
    done = rebuild(tmp_path, inventory)
    assert done.rc == 0, done.stdout
    assert "was rebuilt: users 2, workers 1" in done.stdout
    stored = yaml.safe_load(path.read_text())
    assert stored["slices"] == Cluster.from_dict(held.to_dict()).to_dict()["slices"]
    incarnations = {claim_of(tmp_path, name) for name in (*WORKERS, "netnode")}
    assert incarnations == {stored["cloud"]["incarnation"]} != {CLOUD.incarnation}
    assert rebuild(tmp_path, inventory).failure["msg"].startswith(f"database {path} exists; ")


def test_an_unreadable_host_is_listed_and_can_be_left_out(tmp_path: Path) -> None:
    inventory = hosts(tmp_path, lost_database())
    (tmp_path / "worker1/applied/worker/1000.json").write_text("{")
    done = rebuild(tmp_path, inventory)
    refusals = [message for message in done.stdout.splitlines() if "host worker1 could not be read: " in message]
    assert (bool(refusals), (tmp_path / "database.yaml").exists()) == (True, False)
    assert claim_of(tmp_path, "netnode") == CLOUD.incarnation
    done = rebuild(tmp_path, inventory, rebuild_without="worker1")
    assert done.rc == 0, done.stdout
    assert "what only host worker1 knows, which was left out" in done.stdout
    assert claim_of(tmp_path, "worker1") == CLOUD.incarnation != claim_of(tmp_path, "netnode")
