# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A database that is rebuilt from simulated hosts equals the lost one in all that hosts know."""

from __future__ import annotations

import copy
import importlib.util
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import displays
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.invariants import breaches
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.open_store import open_store
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.store import Store
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.modules import database_rebuild as module

from ..module_utils._domain.builders import refused
from .module_calls import Memory
from .test_random_operations import InSqlite, InYaml, Operations, has_slices, seen_of, some

CLOUD = {"cloud_uuid": "4c1f6a7e-8c1d-4f39-9a53-0d6f2b7e9c10", "cloud_title": "lab"}


def hosts_of(planned: dict[str, Any], machines: dict[str, str]) -> list[dict[str, Any]]:
    """Return what hosts store and return after they have applied work orders."""
    orders = planned["work_orders"]
    by_target = {**orders["workers"], "network_node": orders["network_node"]}
    hosts = []
    for target, order in by_target.items():
        applied = [
            {
                **{key: one[key] for key in ("slice_id", "slice_uuid", "revision", "record")},
                "vms": [seen_of(vm) for vm in one.get("vms", ())],
            }
            for one in order["slices"]
            if "record" in one
        ]
        highest = max((vm["vm_id"] for one in applied for vm in one["vms"]), default=None)
        newest = max((one["revision"] for one in order["slices"]), default=None)
        known = {"highest_id": highest, "highest_revision": newest, "machine_id": machines.get(target)}
        hosts.append({"host": f"host of {target}", "target": target, **CLOUD, **known, "applied": applied})
    return hosts


def known_to_hosts(data: dict[str, Any], lost: set[str]) -> dict[str, Any]:
    """Return the part of a database that hosts store: slices without times and without states on lost workers."""
    data = copy.deepcopy(data)
    for slice_ in data["slices"].values():
        for vm in slice_["vms"]:
            for key in ("observed", *(("status", "pid") if vm["worker_ip"] in lost else ())):
                vm.pop(key, None)
            for disk in vm["disks"]:
                disk.pop("first_seen", None)
        if lost & {vm["worker_ip"] for vm in slice_["vms"]}:
            del slice_["status"]
    owners = {slice_["owner"] for slice_ in data["slices"].values()}
    users = {name: (sorted(each["slices"]), each["used_vms"], each.get("uuid")) for name, each in data["users"].items()}
    return {
        "slices": data["slices"],
        "users": {name: users[name] for name in owners},
        "machines": {ip: worker.get("machine_id") for ip, worker in data["workers"].items() if ip not in lost},
    }


class Rebuilds(Operations):
    """The operations of users and operators, and the loss of the database."""

    def empty(self) -> Store:
        """Return the store of a database that does not exist."""
        return Memory(Cluster.initial())

    @precondition(has_slices)
    @rule()
    def rebuild(self) -> None:
        self.deploy(set())
        if not has_slices(self):
            return
        planned = self.do("slice_plan", all=True)
        with self.store.transaction(write=False) as cluster:
            passwords = [
                {
                    "vm_id": vm.vm_id,
                    "password_id": displays.password_id(cluster, vm),
                    "password": "hMr3kWpa",
                    "vm_uuid": vm.uuid,
                    "worker_ip": vm.worker_ip,
                }
                for vm in cluster.vms()
            ]
        lost, original = set(planned["lost_workers"]), self.door.data()
        hosts = hosts_of(planned, self.machines())
        self.door.store = self.empty()
        try:
            self.compare(hosts, passwords, original, lost, planned["work_orders"])
        finally:
            self.door.store = self.store

    def compare(
        self,
        hosts: list[dict[str, Any]],
        passwords: list[dict[str, Any]],
        original: dict[str, Any],
        lost: set[str],
        orders: dict[str, Any],
    ) -> None:
        foretold = self.door("database_rebuild", check_mode=True, hosts=hosts, displays=passwords)
        assert not self.door.store.exists()
        done = self.door("database_rebuild", hosts=hosts, displays=passwords)
        assert not done.get("failed"), done["msg"]
        assert {**done, "cloud": None} == {**foretold, "cloud": None}
        rebuilt = self.door.data()
        assert known_to_hosts(rebuilt, lost) == known_to_hosts(original, lost)
        assert rebuilt["next_vm_id"] == original["next_vm_id"]
        assert rebuilt["revision"] > original["revision"]
        with self.door.store.transaction(write=False) as cluster:
            assert breaches(cluster) == []
        again = self.door("slice_plan", all=True)
        assert again["changed"] is False
        for ip, order in orders["workers"].items():
            assert wanted(again["work_orders"]["workers"][ip]) == wanted(order)
        assert wanted(again["work_orders"]["network_node"]) == wanted(orders["network_node"])
        result = self.door("database_rebuild", hosts=hosts)
        assert [each.code for each in refused(result)] == ["database_exists"]
        assert self.door.data() == rebuilt


def wanted(order: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the slices of an order without fields that may differ from those of the lost database."""
    slices = copy.deepcopy(order["slices"])
    for one in slices:
        del one["revision"]
        for vm in one.get("vms", ()):
            for disk in vm["disks"]:
                disk.pop("first_seen", None)
    return slices


class RebuildsInYaml(Rebuilds, InYaml):
    """The same with YAML files."""

    def empty(self) -> Store:
        return open_store(f"{tempfile.mkdtemp(dir=self.folder)}/database.yaml", lock_timeout_s=5, backups=0)


class RebuildsInSqlite(Rebuilds, InSqlite):
    """The same with SQLite."""

    def empty(self) -> Store:
        folder = tempfile.mkdtemp(dir=self.folder)
        return open_store(f"sqlite:///{folder}/database.sqlite", lock_timeout_s=5, backups=0)


def test_in_memory() -> None:
    run_state_machine_as_test(Rebuilds, settings=some(20, 15))


def test_in_yaml() -> None:
    run_state_machine_as_test(RebuildsInYaml, settings=some(3, 12))


@pytest.mark.skipif(importlib.util.find_spec("sqlalchemy") is None, reason="SQLAlchemy is not installed")
def test_in_sqlite() -> None:
    run_state_machine_as_test(RebuildsInSqlite, settings=some(3, 12))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    def call(database: str, **arguments: Any) -> dict[str, Any]:
        with patch_module_args({"database": database, **arguments}), pytest.raises(SystemExit):
            module.main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return call


HOST = {"host": "worker1", "target": "10.0.10.1", **CLOUD}


def test_every_kind_of_database_is_created_once(run: Callable[..., dict[str, Any]], database: str) -> None:
    done = run(database, hosts=[HOST])
    assert (done["changed"], done["counts"]["workers"]) == (True, 1)
    assert (done["cloud"]["uuid"], done["cloud"]["title"]) == (CLOUD["cloud_uuid"], "lab")
    name = open_store(database, lock_timeout_s=1, backups=1).name
    assert refused(run(database, hosts=[HOST])) == [Refusal("database_exists", name)]


def test_a_damaged_database_is_not_a_missing_one(run: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    path = tmp_path / "database.yaml"
    path.write_text("{")
    assert refused(run(str(path), hosts=[HOST])) == [Refusal("database_exists", f"database {path}")]
    assert path.read_text() == "{"


def test_a_tenant_cannot_rebuild_a_database(run: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    result = run(str(tmp_path / "database.yaml"), hosts=[HOST], acting_user="bob")
    assert [each.code for each in refused(result)] == ["admins_only"]
    assert list(tmp_path.iterdir()) == []
