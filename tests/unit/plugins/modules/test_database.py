# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module database, from arguments to results, with every kind of database."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import lost_workers
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.open_store import open_store
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.store import does_not_exist
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.module_utils.workers import Worker
from ansible_collections.cloudrepo.slices.plugins.modules import database as module

from ..module_utils._domain.builders import refused

SLICE = json.loads((Path(__file__).parents[3] / "fixtures" / "slice_1000.json").read_text(encoding="utf-8"))
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    def call(database: str, *, check: bool = False, **arguments: Any) -> dict[str, Any]:
        if "postgresql" in database:
            arguments.setdefault("backup_dir", str(tmp_path / "kept"))
        with (
            patch_module_args({"database": database, "_ansible_check_mode": check, "_ansible_diff": True, **arguments}),
            pytest.raises(SystemExit),
        ):
            module.main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return call


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    """Return a file of Cloud Repositorio with two slices that share a VNC port, and a wrong number of VMs."""
    second = copy.deepcopy(SLICE)
    second.update(slice_id=1003, vlan_pool_start=160, vlan_pool_end=179, vlan_pool_used=[160])
    for number, vm in enumerate(second["vms"]):
        vm["vm_id"] = 1004 + number
        vm["qcow_image"] = f"~/vm_images/other{number}.qcow2"
        for index, interface in enumerate(vm["interfaces"]):
            interface["mac"] = f"52:54:00:03:{0xEC + number:02x}:{index:02x}"
            interface["vlan_id"] = 160 if interface["vlan_id"] == 100 else None
            interface["ip_config"] = None
    second["links"][0].update(vlan_id=160, vm1_id=1004, vm2_id=1005)
    data = {
        "workers_list": ["10.0.10.1", "10.0.10.2"],
        "users": {
            "admin": {"username": "admin", "password_hash": "!", "quota_vms": 10, "used_vms": 4, "slices": [1000, 1003]}
        },
        "workers": {"10.0.10.1": {"max_vms": 10, "used_vms": 2}, "10.0.10.2": {"max_vms": 10, "used_vms": 1}},
        "slices": {"1000": SLICE, "1003": second},
        "next_vm_id": 1006,
        "next_vlan_id": 101,
    }
    path = tmp_path / "old.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    return path


BREACHES = [
    "VNC port 5901 is allocated 2 times: to VM 1000/vm1 (1001), VM 1003/vm1 (1004)",
    "VNC port 5902 is allocated 2 times: to VM 1000/vm2 (1002), VM 1003/vm2 (1005)",
    "worker 10.0.10.2: used_vms is 1, but the worker has 2 VMs",
]
REPAIRS = [
    "VM 1003/vm1 (1004): VNC port 5901 → 5903",
    "VM 1003/vm2 (1005): VNC port 5902 → 5904",
    "worker 10.0.10.2: used_vms 1 → 2",
]


def stored(database: str) -> dict[str, Any]:
    with open_store(database, lock_timeout_s=1, backups=1).transaction(write=False) as cluster:
        return copy.deepcopy(cluster.content())


def change(database: str) -> None:
    with open_store(database, lock_timeout_s=1, backups=10).transaction(write=True) as cluster:
        cluster.users["admin"].quota_vms += 1


def test_check_lists_violations(run: Run, old_file: Path) -> None:
    text = old_file.read_text()
    result = run(str(old_file), state="check")
    assert (result["changed"], result["breaches"]) == (False, BREACHES)
    assert result["counts"] == {"users": 1, "workers": 2, "flavors": 2, "slices": 2, "vms": 4}
    result = run(str(old_file), state="check", fail_on_breach=True)
    assert result["failed"]
    assert [each["code"] for each in result["refusals"]] == ["database_violates_rules"]
    assert (result["breaches"], len(result["breach_codes"])) == (BREACHES, 3)
    assert result["breach_codes"][0] == "allocated_twice"
    (refusal,) = result["refusals"]
    assert [each["code"] for each in refusal["figures"]["breaches"]] == result["breach_codes"]
    assert result["msg"].startswith(f"database {old_file} violates 3 rules: {'; '.join(BREACHES)}; restore a backup")
    assert old_file.read_text() == text


def test_an_old_file_is_repaired_during_the_migration(run: Run, old_file: Path, database: str, tmp_path: Path) -> None:
    text = old_file.read_text()
    result = run(str(old_file), state="migrate", destination=database)
    assert result["failed"]
    assert result["msg"].startswith(f"database {old_file} violates 3 rules: {BREACHES[0]}; ")
    assert result["msg"].endswith("; set repair to true to repair them in the migration")
    planned = run(str(old_file), state="migrate", destination=database, repair=True, check=True)
    assert stored(database)["slices"] == {}
    result = run(str(old_file), state="migrate", destination=database, repair=True)
    assert (result["changed"], result["repairs"], result["breaches"]) == (True, REPAIRS, [])
    assert (planned["changed"], planned["diff"]) == (True, result["diff"])
    lines = result["diff"]["after"].splitlines()
    (told,) = (line for line in lines if line.startswith("vm 1003/vm1 (1004): name vm1, "))
    assert ", worker 10.0.10.1, " in told
    data = stored(database)
    assert (data["next_vlan_id"], data["workers_list"]) == (101, ["10.0.10.1", "10.0.10.2"])
    assert data["slices"]["1000"] == SLICE
    assert not run(str(old_file), state="migrate", destination=database, repair=True)["changed"]
    assert old_file.read_text() == text

    back = str(tmp_path / "back.yaml")
    assert run(database, state="migrate", destination=back)["changed"]
    assert stored(back) == data
    change(back)
    result = run(database, state="migrate", destination=back)
    assert refused(result) == [Refusal("destination_not_empty", f"database {back}")]
    assert run(database, state="migrate", destination=back, replace=True)["changed"]
    assert stored(back) == data


def test_a_database_is_repaired_in_place(run: Run, old_file: Path) -> None:
    result = run(str(old_file), state="migrate", repair=True)
    assert (result["changed"], result["repairs"], len(result["backups"])) == (True, REPAIRS, 1)
    assert run(str(old_file), state="check")["breaches"] == []
    assert not run(str(old_file), state="migrate", repair=True)["changed"]


def test_backups_are_created_and_restored(run: Run, database: str) -> None:
    change(database)
    first = stored(database)
    assert run(database, state="backup", check=True)["backups"] == []
    result = run(database, state="backup")
    assert (result["changed"], result["backups"]) == (True, [result["backup"]])
    assert not run(database, state="backup")["changed"]
    change(database)
    second = stored(database)
    planned = run(database, state="restore", name=result["backup"], check=True)
    assert (planned["changed"], stored(database)) == (True, second)
    assert "user admin: username admin, quota_vms 12" in planned["diff"]["before"]
    assert "user admin: username admin, quota_vms 11" in planned["diff"]["after"]
    assert run(database, state="restore", name=result["backup"])["changed"]
    assert stored(database) == first
    names = run(database)["backups"]
    assert len(names) == 2
    assert not run(database, state="restore", name=names[0])["changed"]
    assert run(database, state="restore", name=names[1])["changed"]
    assert stored(database) == second
    (refusal,) = run(database, state="restore", name="odd")["refusals"]
    assert (refusal["code"], refusal["figures"]) == ("not_found", {"known": run(database)["backups"][::-1]})


@pytest.mark.parametrize("state", ["check", "backup", "migrate"])
def test_a_missing_database_cannot_be_checked(run: Run, database: str, state: str) -> None:
    result = run(database, state=state)
    assert result["failed"]
    assert result["msg"] == does_not_exist(open_store(database, lock_timeout_s=1, backups=1).name).message


@pytest.mark.parametrize("lost_before", [True, False])
def test_which_workers_are_lost_is_not_restored(run: Run, database: str, lost_before: bool) -> None:
    """A lost machine could start VMs that run elsewhere by now, and one that is back would stop its own."""
    ip, machine = "10.0.10.1", "ab" * 16
    acts: list[Callable[[Cluster], None]] = [
        lambda cluster: lost_workers.declare(cluster, ip),
        lambda cluster: lost_workers.mark_returned(cluster, {"ip": ip, "machine_id": machine}),
    ]
    before, after = acts if lost_before else acts[::-1]
    with open_store(database, lock_timeout_s=5, backups=3).transaction(write=True) as cluster:
        cluster.workers[ip] = Worker(ip, extra={"machine_id": machine})
        before(cluster)
    name = run(database, state="backup")["backup"]
    with open_store(database, lock_timeout_s=5, backups=3).transaction(write=True) as cluster:
        after(cluster)
    assert not run(database, state="restore", name=name)["changed"], "nothing else differs"
    with open_store(database, lock_timeout_s=5, backups=3).transaction(write=True) as cluster:
        cluster.workers[ip].cores = 7
    planned = run(database, state="restore", name=name, check=True)
    assert {text: ", lost true\n" in lines for text, lines in planned["diff"].items()} == {
        "before": not lost_before,
        "after": not lost_before,
    }
    assert run(database, state="restore", name=name)["changed"]
    with open_store(database, lock_timeout_s=5, backups=3).transaction(write=False) as cluster:
        assert (cluster.workers[ip].cores, cluster.workers[ip].lost) == (None, not lost_before)
        assert cluster.lost_machines == (frozenset() if lost_before else {machine})


def test_a_lost_file_is_restored(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "database.yaml"
    change(str(path))
    first = stored(str(path))
    name = run(str(path), state="backup")["backup"]
    path.unlink()
    assert run(str(path), state="restore", name=name)["changed"]
    assert stored(str(path)) == first


def test_only_an_admin_may(run: Run, database: str) -> None:
    change(database)
    for arguments in ({}, {"state": "backup"}, {"state": "migrate"}):
        result = run(database, acting_user="bob", **arguments)
        assert result["failed"]
        assert "bob is not an admin" in result["msg"]


def test_postgresql_requires_a_folder_for_backups(run: Run, new_postgresql: Callable[[], str]) -> None:
    url = new_postgresql()
    change(url)
    assert run(url, state="backup", backup_dir=None)["msg"].endswith(": a backup of a database server needs backup_dir")


def test_results_contain_no_password(run: Run, tmp_path: Path) -> None:
    url = f"postgresql+psycopg://bob:s3cret@/db?host={tmp_path}"
    result = run(url, destination=url)
    assert result["failed"]
    assert "s3cret" not in json.dumps(result)
    assert f"@/db?host={tmp_path}" in result["msg"]
    assert refused(run("/x", backups=-1)) == [
        Refusal("too_small", "settings", {"option": "backups", "got": -1, "least": 0})
    ]
