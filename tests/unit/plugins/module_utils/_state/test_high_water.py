# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""No number is allocated again after restoring a backup or an old file, or in a copy."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import lost_workers
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.teardown import forget
from ansible_collections.cloudrepo.slices.plugins.module_utils._state import high_water
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.high_water import HighWater
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.open_store import open_store
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.store import Store
from ansible_collections.cloudrepo.slices.plugins.module_utils.cloud import Cloud
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import DatabaseRefused
from ansible_collections.cloudrepo.slices.plugins.module_utils.identity import machine_mark
from ansible_collections.cloudrepo.slices.plugins.module_utils.workers import Worker

from .._domain import builders

AHEAD = 10**14
NAMES = ("database.yaml", "database.sqlite")


def opened(database: str, tmp_path: Path) -> Store:
    return open_store(database, lock_timeout_s=10, backups=9, backup_dir=str(tmp_path / "kept"))


def file_store(tmp_path: Path, name: str) -> tuple[Store, Path]:
    path = tmp_path / "made" / name
    scheme = "sqlite:///" if name.endswith("sqlite") else ""
    return opened(f"{scheme}{path}", tmp_path), path


def take_id(store: Store) -> int:
    """Allocate an id like for a slice that hosts know."""
    with store.transaction(write=True) as cluster:
        taken = cluster.next_vm_id
        cluster.next_vm_id += 1
        cluster.identify("lab")
        cluster.revise(AHEAD)
        return taken


def look(store: Store) -> Cluster:
    with store.transaction(write=False) as cluster:
        return Cluster.from_dict(cluster.to_dict())


def cloud_of(store: Store) -> Cloud:
    found = look(store).cloud
    assert found is not None
    return found


def test_a_restore_does_not_lower_counters_and_keeps_the_identity(database: str, tmp_path: Path) -> None:
    store = opened(database, tmp_path)
    assert take_id(store) == 1000
    with store.transaction(write=True) as cluster:
        cluster.users["admin"].quota_vms = 77
    name = store.backup()
    before = cloud_of(store)
    assert [take_id(store), take_id(store)] == [1001, 1002]
    revision = look(store).revision
    with store.transaction(write=True) as cluster:
        cluster.users["admin"].quota_vms = 78
    store.restore(str(name))
    restored = look(store)
    assert (restored.users["admin"].quota_vms, restored.next_vm_id, restored.cloud) == (77, 1003, before)
    assert (restored.revision or 0) > (revision or 0)
    assert take_id(store) == 1003


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_restored_by_hand_does_not_lower_counters(tmp_path: Path, name: str) -> None:
    store, path = file_store(tmp_path, name)
    take_id(store)
    old = path.read_bytes()
    before = cloud_of(store)
    assert [take_id(store), take_id(store)] == [1001, 1002]
    revision = look(store).revision
    path.write_bytes(old)
    assert (look(store).next_vm_id, look(store).revision, cloud_of(store)) == (1003, revision, before)
    assert look(store).issued == [AHEAD + 1, AHEAD + 2, AHEAD + 3], "hosts have applied them"
    assert take_id(store) == 1003
    assert look(store).revision == (revision or 0) + 1


@pytest.mark.parametrize("name", NAMES)
def test_machines_that_were_lost_since_an_older_version_remain_so(tmp_path: Path, name: str) -> None:
    """The next work order would make the network node forget them."""
    store, path = file_store(tmp_path, name)
    take_id(store)
    with store.transaction(write=True) as cluster:
        cluster.workers["10.0.10.1"] = Worker("10.0.10.1", extra={"machine_id": "ab" * 16})
        cluster.revise()
    old, backup = path.read_bytes(), store.backup()
    with store.transaction(write=True) as cluster:
        lost_workers.declare(cluster, "10.0.10.1")
    lost = {machine_mark(cloud_of(store).uuid, "ab" * 16)}
    path.write_bytes(old)
    assert (look(store).lost_machines, look(store).all_lost_marks) == (frozenset(), lost)
    path.unlink()
    store.restore(str(backup))
    assert look(store).all_lost_marks == lost
    with store.transaction(write=True) as cluster:
        lost_workers.mark_returned(cluster, {"ip": "10.0.10.1", "machine_id": "ab" * 16})
    assert look(store).all_lost_marks == frozenset()


@pytest.mark.parametrize("name", NAMES)
def test_a_lost_database_is_another_cloud_with_higher_ids(tmp_path: Path, name: str) -> None:
    store, path = file_store(tmp_path, name)
    take_id(store)
    backup, before = store.backup(), cloud_of(store)
    path.unlink()
    assert look(store).next_vm_id == 1001
    assert look(store).cloud is None
    assert take_id(store) == 1001
    assert cloud_of(store).uuid != before.uuid
    store.restore(str(backup))
    restored = cloud_of(store)
    assert (restored.uuid, restored.incarnation == before.incarnation) == (before.uuid, False)


@pytest.mark.parametrize("name", NAMES)
def test_a_lost_file_that_is_restored_from_a_backup_keeps_the_identity(tmp_path: Path, name: str) -> None:
    store, path = file_store(tmp_path, name)
    take_id(store)
    backup, before = store.backup(), cloud_of(store)
    take_id(store)
    path.unlink()
    store.restore(str(backup))
    assert (cloud_of(store), look(store).next_vm_id) == (before, 1002)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("with_mark", [False, True])
def test_a_copy_is_another_incarnation(tmp_path: Path, name: str, with_mark: bool) -> None:
    store, path = file_store(tmp_path, name)
    take_id(store)
    before = cloud_of(store)
    copied = tmp_path / "copied"
    if with_mark:
        shutil.copytree(path.parent, copied)
    else:
        copied.mkdir()
        shutil.copy(path, copied)
    copy = opened(str(copied / name) if name.endswith("yaml") else f"sqlite:///{copied / name}", tmp_path)
    found = cloud_of(copy)
    assert (found.uuid, found.title) == (before.uuid, "lab")
    assert found.incarnation != before.incarnation
    with copy.transaction(write=True):
        pass
    assert cloud_of(copy) == cloud_of(copy)
    assert cloud_of(copy).incarnation != before.incarnation
    assert cloud_of(store) == before


@pytest.mark.parametrize("name", NAMES)
def test_the_same_place_on_another_machine_is_another_incarnation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    store, _path = file_store(tmp_path, name)
    machine_id, container = tmp_path / "machine-id", tmp_path / "containerenv"
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setattr(high_water, "MACHINE_ID_PATH", str(machine_id))
    monkeypatch.setattr(high_water, "CONTAINER_PATHS", (str(container),))

    def found(text: str | None) -> Cloud:
        machine_id.unlink(missing_ok=True)
        if text is not None:
            machine_id.write_text(text)
        with store.transaction(write=True):
            pass  # stores the machine
        return cloud_of(store)

    take_id(store)
    before = cloud_of(store)
    assert "machine" not in before.to_dict()
    known = found(f"{'a' * 32}\n")
    assert (known.incarnation, known.machine) == (before.incarnation, machine_mark(before.uuid, "a" * 32))
    # What has no machine-id of its own says nothing about the machine, and forgets none.
    assert found(None) == found("uninitialized\n") == found("") == known
    container.touch()
    assert found("b" * 32) == known
    container.unlink()
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.43.0.1")
    assert found("b" * 32) == known
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST")
    other = found("b" * 32)
    assert (other.uuid, other.place, other.machine) == (
        known.uuid,
        known.place,
        machine_mark(before.uuid, "b" * 32),
    )
    assert other.incarnation not in (known.incarnation, found("a" * 32).incarnation)


@pytest.mark.parametrize("name", NAMES)
def test_a_backup_of_this_machine_is_no_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    store, _path = file_store(tmp_path, name)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setattr(high_water, "CONTAINER_PATHS", ())
    machine_id = tmp_path / "machine-id"
    monkeypatch.setattr(high_water, "MACHINE_ID_PATH", str(machine_id))
    take_id(store)
    backup = str(store.backup())
    machine_id.write_text("a" * 32)
    take_id(store)
    before = cloud_of(store)
    store.restore(backup)
    assert cloud_of(store) == before != look_at_backup(store, backup)


def look_at_backup(store: Store, name: str) -> Cloud | None:
    return store.read_backup(name).cloud


def test_a_loaded_dump_of_postgresql_is_another_incarnation(new_postgresql: Callable[[], str], tmp_path: Path) -> None:
    from sqlalchemy import create_engine, text

    url = new_postgresql()
    store = opened(url, tmp_path)
    take_id(store)
    with store.transaction(write=True):
        pass  # stores the place of the tables
    before = cloud_of(store)
    assert before.place
    assert cloud_of(store) == before
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE cloudrepo_meta RENAME TO was"))
        connection.execute(text("CREATE TABLE cloudrepo_meta (LIKE was INCLUDING ALL)"))
        connection.execute(text("INSERT INTO cloudrepo_meta SELECT * FROM was"))
        connection.execute(text("DROP TABLE was"))
    engine.dispose()
    assert (cloud_of(store).uuid, cloud_of(store).incarnation == before.incarnation) == (before.uuid, False)


def test_the_high_water_mark_belongs_to_the_owner_and_is_written_when_it_increases(tmp_path: Path) -> None:
    store, path = file_store(tmp_path, "database.yaml")
    take_id(store)
    mark = path.with_name("database.yaml.high-water")
    said = json.loads(mark.read_text())
    assert said == {
        "next_vm_id": 1001,
        "revision": AHEAD + 1,
        "incarnation": cloud_of(store).incarnation,
        "in_use": {},
        "left_behind": {},
        "issued": [AHEAD + 1],
        "lost_marks": [],
    }
    assert mark.stat().st_mode & 0o777 == 0o600
    written = mark.stat().st_mtime_ns, mark.stat().st_ino
    with store.transaction(write=True) as cluster:
        cluster.users["admin"].quota_vms += 1
    assert (mark.stat().st_mtime_ns, mark.stat().st_ino) == written


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"next_vm_id": 1}',
        '{"next_vm_id": "x", "revision": 1, "incarnation": null}',
        '{"next_vm_id": 1, "revision": 1, "incarnation": null, "in_use": {"vlan_pool": ["x"]}}',
        '{"next_vm_id": 1, "revision": 1, "incarnation": null, "lost_marks": [7]}',
        '{"next_vm_id": 1, "revision": 1, "incarnation": null, "left_behind": []}',
        '{"next_vm_id": 1, "revision": 1, "incarnation": null, "issued": ["x"]}',
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_an_unreadable_high_water_mark_is_reported_with_a_remedy(tmp_path: Path, name: str, text: str) -> None:
    store, path = file_store(tmp_path, name)
    take_id(store)
    path.with_name(f"{name}.high-water").write_text(text)
    for write in (False, True):
        with pytest.raises(DatabaseRefused) as caught, store.transaction(write=write):
            pytest.fail("the block must not run")
        assert [refusal.code for refusal in caught.value.refusals] == ["high_water_unreadable"]
        assert str(caught.value).startswith(
            f"{path}.high-water, which contains the highest ids of {store.name}, cannot be read ("
        )
        assert str(caught.value).endswith(
            "); remove it, and run cloudrepo.slices.site, which reads them from the hosts"
        )


def test_higher_counters_of_a_cluster_are_kept(tmp_path: Path) -> None:
    mark = HighWater(str(tmp_path / "d.yaml"), name="database")
    mark.note(Cluster(next_vm_id=1005))
    further = Cluster(next_vm_id=1010, extra={"revision": 3})
    mark.lift(further)
    assert (further.next_vm_id, further.revision) == (1010, 3)


def test_an_empty_new_sqlite_file_is_removed(tmp_path: Path) -> None:
    store, path = file_store(tmp_path, "database.sqlite")
    with store.transaction(write=True) as cluster:
        assert cluster.cloud is None
    assert not path.exists()
    take_id(store)
    with sqlite3.connect(path) as connection:
        rows: list[Any] = connection.execute("SELECT next_vm_id FROM cloudrepo_meta").fetchall()
    assert rows == [(1001,)]


def test_a_backup_that_replaces_a_damaged_file_gets_a_higher_revision_than_all_orders(tmp_path: Path) -> None:
    store, path = file_store(tmp_path, "database.yaml")
    take_id(store)
    backup = store.backup()
    take_id(store)
    before = look(store)
    path.write_text("{")
    store.restore(str(backup))
    assert look(store).next_vm_id == before.next_vm_id
    assert (look(store).revision or 0) > (before.revision or 0)


def test_only_a_lost_database_with_a_mark_gets_the_identity_of_its_backup(tmp_path: Path) -> None:
    mark, (lost, other, backup) = HighWater(str(tmp_path / "d.yaml"), name="d"), (Cluster.initial() for _each in "123")
    backup.identify("lab")
    mark.recognize(lost, backup)
    assert lost.cloud is None, "there is no mark"
    mark.note(backup)
    mark.recognize(lost, Cluster.initial())
    assert lost.cloud is None, "the backup has no identity"
    before = other.identify("other")
    mark.recognize(other, backup)
    assert other.cloud == before
    mark.recognize(lost, backup)
    assert lost.cloud == backup.cloud != before


def put(store: Store, name: str, **fields: Any) -> None:
    with store.transaction(write=True) as cluster:
        if not cluster.workers:
            cluster.replace(builders.cluster())
        builders.put(cluster, builders.topology(name, **fields))
        cluster.revise(AHEAD)


def in_use(store: Store) -> dict[str, list[int]]:
    with store.transaction(write=False) as cluster:
        return cluster.in_use()


MANY = {
    "vms": [builders.vm("vm1", data_interfaces=13), builders.vm("vm2", data_interfaces=13, internet=True)],
    "links": [builders.link(f"vm1:eth{number}", f"vm2:eth{number}") for number in range(1, 14)],
    "max_vlan_pools": 3,
}
FIRST_ADDRESS = 10 * 2**24 + 60 * 2**16 + 7 * 2**8 + 101


@pytest.mark.parametrize("name", NAMES)
def test_an_older_file_gives_away_nothing_that_slices_got_since(tmp_path: Path, name: str) -> None:
    store, path = file_store(tmp_path, name)
    put(store, "first", vms=[builders.vm("vm1")], links=[])
    with store.transaction(write=True) as cluster:
        cluster.leave_behind({"vlan_pool": [77]})
    old, before = path.read_bytes(), in_use(store)
    put(store, "web", **MANY)
    with store.transaction(write=True) as cluster:
        cluster.leave_behind({"vlan_pool": [78]})
    now = in_use(store)
    (web,) = (slice_ for slice_ in look(store).slices.values() if slice_.name == "web")
    assert now == {
        "vlan_pool": sorted({*before["vlan_pool"], *web.pools, 78}),
        "address": [FIRST_ADDRESS],
        "vnc_port": [5901, 5902, 5903],
    }
    for _each in "12":
        path.write_bytes(old)
        assert in_use(store) == now
        (first,) = look(store).slices.values()
        assert look(store).left_behind("vlan_pool") == {*now["vlan_pool"]} - {*first.pools}
        put(store, "other", **MANY)
        (other,) = (slice_ for slice_ in look(store).slices.values() if slice_.name == "other")
        assert {*other.pools}.isdisjoint(now["vlan_pool"])
        assert {vm.vnc_port for vm in other.vms}.isdisjoint(now["vnc_port"])
        now = in_use(store)
        assert now["address"][0] == FIRST_ADDRESS < now["address"][-1]


@pytest.mark.parametrize("name", NAMES)
def test_a_backup_in_place_of_a_lost_file_gives_away_nothing_that_slices_got_since(tmp_path: Path, name: str) -> None:
    store, path = file_store(tmp_path, name)
    put(store, "first")
    backup = str(store.backup())
    put(store, "web")
    now = in_use(store)
    path.unlink()
    assert in_use(store) == now
    store.restore(backup)
    assert in_use(store) == now
    assert [slice_.name for slice_ in look(store).slices.values()] == ["first"]


def test_a_backup_in_place_of_a_damaged_file_gives_away_nothing_that_slices_got_since(tmp_path: Path) -> None:
    store, path = file_store(tmp_path, "database.yaml")
    put(store, "first")
    backup = str(store.backup())
    put(store, "web")
    now = in_use(store)
    path.write_text("{")
    store.restore(backup)
    assert in_use(store) == now


@pytest.mark.parametrize("name", NAMES)
def test_what_is_free_again_is_not_left_behind(tmp_path: Path, name: str) -> None:
    """An older file with a slice that is gone since has more in use, and nothing else is."""
    store, path = file_store(tmp_path, name)
    put(store, "web")
    old = path.read_bytes()
    with store.transaction(write=True) as cluster:
        forget(cluster, next(iter(cluster.slices.values())))
        cluster.revise(AHEAD)
    assert in_use(store) == {}
    assert look(store).left_behind("vlan_pool") == frozenset()
    path.write_bytes(old)
    assert look(store).left_behind("vlan_pool") == frozenset()
    assert in_use(store)["vnc_port"] == [5901, 5902]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_left_behind_without_a_new_revision_stays_so(tmp_path: Path, name: str) -> None:
    """Such as what site has found on hosts."""
    store, path = file_store(tmp_path, name)
    take_id(store)
    old = path.read_bytes()
    with store.transaction(write=True) as cluster:
        cluster.leave_behind({"address": [FIRST_ADDRESS]})
    path.write_bytes(old)
    assert in_use(store) == {"address": [FIRST_ADDRESS]}


def test_a_mark_without_what_is_in_use_raises_the_counters_only(tmp_path: Path) -> None:
    store, path = file_store(tmp_path, "database.yaml")
    put(store, "web")
    mark = path.with_name("database.yaml.high-water")
    said = {key: value for key, value in json.loads(mark.read_text()).items() if key not in ("in_use", "left_behind")}
    mark.write_text(json.dumps({**said, "revision": said["revision"] + 5}))
    assert (look(store).revision, look(store).left_behind("vnc_port")) == (said["revision"] + 5, frozenset())
