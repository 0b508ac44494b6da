# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Common behavior of all kinds of databases: YAML file, SQLite, PostgreSQL."""

from __future__ import annotations

import copy
import multiprocessing
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils import allocations
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.invariants import breaches
from ansible_collections.cloudrepo.slices.plugins.module_utils._state import lock
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.open_store import open_store
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.store import Store
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import (
    DatabaseError,
    DatabaseRefused,
    Refusal,
    Refused,
    SlicesError,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.history import Caller, Entry, Kept
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import VM, Interface, Link, Network, Slice, User
from ansible_collections.cloudrepo.slices.plugins.module_utils.workers import Load, Worker

from .test_files import NoSpace


@pytest.fixture
def store(database: str) -> Store:
    return open_store(database, lock_timeout_s=10, backups=3)


def make_slice(slice_id: int, owner: str = "admin", vms: int = 2, name: str | None = None) -> Slice:
    """Return a slice whose VMs have the ids after its own, with a link from each VM to the next one."""
    slice_ = Slice(slice_id, owner)
    if name:
        slice_.extra["name"] = name
    for number in range(1, vms + 1):
        vm_id = slice_id + number
        first = "52:54:00:" + f"{vm_id >> 8 & 255:02x}:{vm_id & 255:02x}"
        management = Interface("eth0", mac=f"{first}:00")
        if number == 1:
            management.vlan_id = 400
            management.ip_config = {"ip": f"10.60.7.{101 + slice_id % 100}", "cidr": "10.60.7.0/24", "gateway": "x"}
        slice_.vms.append(
            VM(
                vm_id,
                f"vm{number}",
                owner,
                f"10.0.10.{number % 2 + 1}",
                5901 + vm_id - 1000,
                [management, Interface("eth1", mac=f"{first}:01"), Interface("eth2", mac=f"{first}:02")],
                flavor={"cores": 1, "ram_gb": 0.5, "disk_gb": 2.2, "image": "/i.img", "checksum": "ab" * 32},
            )
        )
    for number in range(1, vms):
        vlan_id = slice_.get_next_vlan()
        assert vlan_id is not None
        slice_.links.append(Link(number, vlan_id, slice_id + number, "eth1", slice_id + number + 1, "eth2"))
        slice_.vms[number - 1].interfaces[1].vlan_id = slice_.vms[number].interfaces[2].vlan_id = vlan_id
        slice_.vms[number - 1].interfaces[1].link_id = slice_.vms[number].interfaces[2].link_id = number
    return slice_


def put_slice(cluster: Cluster, slice_: Slice) -> None:
    cluster.slices[slice_.slice_id] = slice_
    owner = cluster.users[slice_.owner]
    owner.slices.append(slice_.slice_id)
    owner.used_vms += len(slice_.vms)
    cluster.next_vm_id = max(cluster.next_vm_id, slice_.slice_id + len(slice_.vms) + 1)


def fill(store: Store) -> None:
    """Add slices web (1000) and one without a name (1003) of admin, and lab (1006) of alice."""
    with store.transaction(write=True) as cluster:
        for number in (1, 2):
            cluster.workers[f"10.0.10.{number}"] = Worker(f"10.0.10.{number}")
        cluster.users["alice"] = User("alice", "!", quota_vms=6)
        put_slice(cluster, make_slice(1000, name="web"))
        put_slice(cluster, make_slice(1003))
        put_slice(cluster, make_slice(1006, "alice", name="lab"))


def entry(user: str = "admin") -> Entry:
    return Entry("9999-01-01T00:00:00Z", user, Caller(), 7, [{"id": user}])


def users_of(store: Store) -> list[str]:
    """Return who made the changes in the history, in their order."""
    with store.transaction(write=False) as cluster:
        return [each.user for each in cluster.history.newest_first()][::-1]


def test_an_entry_is_stored_only_with_its_change(store: Store) -> None:
    with store.transaction(write=True) as cluster:
        cluster.next_vm_id += 1
        cluster.noted.append(entry("alice"))
    with store.transaction(write=True) as cluster:
        cluster.noted.append(entry("bob"))
    with store.transaction(write=False) as cluster:
        cluster.next_vm_id += 1
        cluster.noted.append(entry("carol"))
    with pytest.raises(ValueError), store.transaction(write=True) as cluster:  # noqa: PT011, PT012 # any error
        cluster.next_vm_id += 1
        cluster.noted.append(entry("dave"))
        raise ValueError
    assert users_of(store) == ["alice"]
    before = stored(store)
    store.note(entry("erin"))
    assert (users_of(store), stored(store)) == (["alice", "erin"], before)


def test_with_a_limit_of_zero_no_entries_are_stored(store: Store) -> None:
    with store.transaction(write=True) as cluster:
        cluster.keep(Kept(entries=0))
        cluster.noted.append(entry())
    store.note(entry())
    with store.transaction(write=True) as cluster:
        cluster.keep(Kept())
    assert users_of(store) == []


def test_the_history_continues_when_a_backup_is_restored(database: str, tmp_path: Path) -> None:
    store = open_store(database, lock_timeout_s=10, backups=3, backup_dir=str(tmp_path / "backups"))
    fill(store)
    name = store.backup()
    assert name is not None
    with store.transaction(write=True) as cluster:
        cluster.next_vm_id += 1
        cluster.users["bob"] = User("bob", "!")
        cluster.noted.append(entry("alice"))
    store.restore(name, entry("bob"))
    with store.transaction(write=False) as cluster:
        newest = next(cluster.history.newest_first())
        assert (newest.number, newest.user, newest.revision) == (2, "bob", cluster.revision)
    with store.transaction(write=True) as cluster:
        cluster.next_vm_id += 1
        cluster.noted.append(entry("carol"))
    assert users_of(store) == ["alice", "bob", "carol"]


def stored(store: Store) -> dict[str, Any]:
    with store.transaction(write=False) as cluster:
        return copy.deepcopy(cluster.to_dict())


@pytest.mark.parametrize("write", [True, False])
def test_a_missing_database_is_an_error_unless_it_may_be_created(store: Store, write: bool) -> None:
    with pytest.raises(Refused) as error, store.transaction(write=write, create=False):
        pass
    assert error.value.refusals == [Refusal("database_missing", store.name)]
    with store.transaction(write=True) as cluster:
        cluster.users["admin"].quota_vms = 11
    with store.transaction(write=write, create=False) as cluster:
        assert cluster.users["admin"].quota_vms == 11


NOBODY = 65534


def become_nobody() -> None:
    """Root may enter every folder."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def told_by(act: Callable[[Store], object], database: str) -> str:
    try:
        return str(act(open_store(database, lock_timeout_s=1, backups=0)))
    except SlicesError as error:
        return error.message


def is_there(store: Store) -> bool:
    return store.exists()


def read(store: Store, *, write: bool = False, create: bool = False) -> int:
    with store.transaction(write=write, create=create) as cluster:
        return len(cluster.users)


@pytest.mark.parametrize("database", ["yaml", "sqlite"], indirect=True)
def test_a_database_in_a_folder_that_may_not_be_entered_is_not_missing(
    database: str, store: Store, tmp_path: Path
) -> None:
    """Playbooks run as root, and the folder of their database has mode 0700."""
    acts = [is_there, read, partial(read, create=True), partial(read, write=True)]
    fill(store)
    assert [told_by(act, database) for act in acts] == ["True", "2", "2", "2"]
    (tmp_path / "made").chmod(0)
    try:
        with multiprocessing.get_context("fork").Pool(1, become_nobody) as pool:
            told = pool.starmap(told_by, [(act, database) for act in acts])
    finally:
        (tmp_path / "made").chmod(0o700)
    wanted = f"{store.name} cannot be read: Permission denied; run as a user who may read it, such as root with become"
    assert [each.partition(", or")[0] for each in told] == [wanted] * len(acts)


def test_a_new_database(store: Store) -> None:
    assert stored(store) == Cluster.initial().to_dict()
    with store.transaction(write=True) as cluster:
        assert cluster.to_dict() == Cluster.initial().to_dict()
        assert next(cluster.free(allocations.VNC_PORT, 5901, 5910)) == 5901
        assert (cluster.held(allocations.VLAN_POOL, 0, 99), cluster.loads(), cluster.newest_vm_worker()) == (
            set(),
            {},
            None,
        )
        assert (cluster.called("web"), cluster.vms_on("x"), cluster.vms_from("x", None)) == ([], [], [])
    assert stored(store) == Cluster.initial().to_dict()


def test_stored_objects_are_read_back(store: Store) -> None:
    fill(store)
    expected = Cluster.initial()
    for number in (1, 2):
        expected.workers[f"10.0.10.{number}"] = Worker(f"10.0.10.{number}")
    expected.users["alice"] = User("alice", "!", quota_vms=6)
    for slice_ in (make_slice(1000, name="web"), make_slice(1003), make_slice(1006, "alice", name="lab")):
        put_slice(expected, slice_)
    assert stored(store) == expected.to_dict()
    assert breaches(Cluster.from_dict(stored(store))) == []


def test_a_nested_change_is_stored(store: Store) -> None:
    fill(store)
    with store.transaction(write=True) as cluster:
        slice_ = cluster.slices[1000]
        slice_.extra["releasing"] = {"vlan_ids": [1], "addresses": ["10.60.7.200"]}
        slice_.networks.append(Network(101, "192.168.101.0/24", None))
    with store.transaction(write=True) as cluster:
        cluster.slices[1000].extra["releasing"]["addresses"].append("10.60.7.201")
    with store.transaction(write=True) as cluster:
        assert cluster.held(allocations.ADDRESS, 0, 2**32) >= {int("0a3c07c8", 16), int("0a3c07c9", 16)}
        cluster.slices[1000].vms[0].interfaces[0].ip_config["ip"] = "10.60.7.9"  # type: ignore[index] # it has one
        cluster.slices[1000].networks[0].extra["members"] = [{"vm_id": 1001, "interface": "eth2"}]
        cluster.users["alice"].quota_vms = 9
        cluster.flavors["cirros"]["cores"] = 2
        cluster.workers["10.0.10.1"].max_vms = 3
        cluster.extra["next_vlan_id"] = 7
    data = stored(store)
    slice_ = data["slices"]["1000"]
    assert slice_["vms"][0]["interfaces"][0]["ip_config"]["ip"] == "10.60.7.9"
    assert slice_["networks"][0]["members"] == [{"vm_id": 1001, "interface": "eth2"}]
    assert slice_["releasing"]["addresses"] == ["10.60.7.200", "10.60.7.201"]
    assert (data["users"]["alice"]["quota_vms"], data["flavors"]["cirros"]["cores"]) == (9, 2)
    assert (data["workers"]["10.0.10.1"]["max_vms"], data["next_vlan_id"]) == (3, 7)


def test_deleted_objects_are_not_read_back(store: Store) -> None:
    fill(store)
    before = stored(store)
    with store.transaction(write=True) as cluster:
        put_slice(cluster, make_slice(1010, "alice", vms=3))
        cluster.users["bob"] = User("bob", "!")
        cluster.workers["10.0.10.9"] = Worker("10.0.10.9")
        cluster.flavors["odd"] = {"cores": 1, "ram_gb": 1, "disk_gb": 1, "image": "x"}
    with store.transaction(write=True) as cluster:
        del cluster.slices[1010], cluster.users["bob"], cluster.workers["10.0.10.9"], cluster.flavors["odd"]
        cluster.users["alice"].slices.remove(1010)
        cluster.users["alice"].used_vms -= 3
        cluster.next_vm_id = before["next_vm_id"]
        assert 1010 not in cluster.slices
        assert "bob" not in cluster.users
    assert stored(store) == before


def test_vms_are_removed_and_added_within_a_slice(store: Store) -> None:
    fill(store)
    with store.transaction(write=True) as cluster:
        slice_ = cluster.slices[1000]
        slice_.vms[0].name, slice_.vms[1].name = slice_.vms[1].name, slice_.vms[0].name
        slice_.vms[0].vnc_port, slice_.vms[1].vnc_port = slice_.vms[1].vnc_port, slice_.vms[0].vnc_port
        slice_.vms.reverse()
        first, second = cluster.slices[1003], cluster.slices[1000]
        first.extra["name"], second.extra["name"] = "web", "other"
    data = stored(store)
    assert [(vm["vm_id"], vm["name"], vm["vnc_port"]) for vm in data["slices"]["1000"]["vms"]] == [
        (1002, "vm1", 5902),
        (1001, "vm2", 5903),
    ]
    assert (data["slices"]["1000"]["name"], data["slices"]["1003"]["name"]) == ("other", "web")


def test_queries_before_and_after_a_change(store: Store) -> None:
    fill(store)
    for touched in (False, True):
        with store.transaction(write=False) as cluster:
            if touched:
                assert len(cluster.slices[1003].vms) == 2
            assert [slice_.slice_id for slice_ in cluster.called("web")] == [1000]
            assert [slice_.slice_id for slice_ in cluster.called("1003")] == [1003]
            assert [slice_.slice_id for slice_ in cluster.called("lab", "admin")] == []
            assert [slice_.slice_id for slice_ in cluster.called("²")] == []
            found = cluster.find_slice("admin", "1003")
            assert found is not None
            assert found.slice_id == 1003
            assert cluster.find_slice("nobody", "web") is None
            assert cluster.find_slice("admin", "1000") is None  # it has a name
            assert cluster.held(allocations.VLAN_POOL, 0, 99) == {0, 3, 6}
            assert cluster.held(allocations.MAC_BLOCK, 1001, 1004) == {1001, 1002, 1004}
            assert cluster.held(allocations.ID, 0, 2000) == {*range(1000, 1009)}
            assert [*cluster.free(allocations.VNC_PORT, 5901, 5912)] == [5901, 5904, 5907, 5910, 5911, 5912]
            assert cluster.loads() == {
                "10.0.10.1": Load(3, 1.5, pytest.approx(6.6), 3),  # type: ignore[arg-type] # equal to a float
                "10.0.10.2": Load(3, 1.5, pytest.approx(6.6), 3),  # type: ignore[arg-type] # equal to a float
            }
            assert cluster.newest_vm_worker() == "10.0.10.1"
            assert sorted(vm.vm_id for vm in cluster.vms_on("10.0.10.2")) == [1001, 1004, 1007]
            assert sorted((label, vm.vm_id) for label, vm in cluster.vms_from("/i.img", "ab" * 32)) == [
                ("1003", 1004),
                ("1003", 1005),
                ("lab", 1007),
                ("lab", 1008),
                ("web", 1001),
                ("web", 1002),
            ]
            assert cluster.vms_from("/i.img", None) == []
            assert sorted(cluster.users) == ["admin", "alice"]
            assert (len(cluster.slices), list(cluster.slices)) == (3, [1000, 1003, 1006])
            assert [slice_.slice_id for slice_ in cluster.slices_of("admin")] == [1000, 1003]


def test_queries_see_uncommitted_changes_of_the_block(store: Store) -> None:
    fill(store)
    with store.transaction(write=False) as cluster:
        put_slice(cluster, make_slice(1020, vms=1, name="new"))
        cluster.slices[1003].vms[0].vnc_port = 5901
        cluster.users["alice"].slices.remove(1006)
        del cluster.slices[1006]
        assert next(iter(cluster.free(allocations.VNC_PORT, 5901, 5920))) == 5904
        assert cluster.held(allocations.VLAN_POOL, 0, 99) == {0, 3, 20}
        assert [slice_.slice_id for slice_ in cluster.called("new")] == [1020]
        assert cluster.called("lab") == []
        assert {ip: load.vms for ip, load in cluster.loads().items()} == {"10.0.10.2": 3, "10.0.10.1": 2}
        assert cluster.newest_vm_worker() == "10.0.10.2"
        assert len(cluster.vms_on("10.0.10.1")) == 2
        assert list(cluster.slices) == [1000, 1003, 1020]
    assert sorted(stored(store)["slices"]) == ["1000", "1003", "1006"]


def test_the_lowest_free_number_is_found_repeatedly(store: Store) -> None:
    """Ports are allocated from the start, released in the middle, and allocated again."""
    fill(store)

    ids = iter(range(1020, 1100, 2))

    def take() -> int:
        with store.transaction(write=True) as cluster:
            port = next(cluster.free(allocations.VNC_PORT, 5901, 65535))
            slice_ = make_slice(next(ids), vms=1)
            slice_.vms[0].vnc_port = port
            slice_.vms[0].interfaces[0].ip_config = None
            put_slice(cluster, slice_)
        return port

    def give_back(port: int) -> None:
        with store.transaction(write=True) as cluster:
            slice_ = next(slice_ for slice_ in cluster.slices.values() if any(vm.vnc_port == port for vm in slice_.vms))
            slice_.vms = [vm for vm in slice_.vms if vm.vnc_port != port]
            slice_.links = []

    assert [take(), take(), take(), take()] == [5901, 5904, 5907, 5910]
    give_back(5903)
    give_back(5904)
    give_back(5908)
    assert [take(), take()] == [5903, 5904]
    with store.transaction(write=True) as cluster:
        slice_ = next(slice_ for slice_ in cluster.slices.values() if any(vm.vnc_port == 5901 for vm in slice_.vms))
        del cluster.slices[slice_.slice_id]
        assert next(cluster.free(allocations.VNC_PORT, 5901, 65535)) == 5901
        assert next(cluster.free(allocations.VNC_PORT, 5902, 65535)) == 5908
    assert [take(), take(), take()] == [5901, 5908, 5911]


def test_nothing_is_stored_after_an_exception(store: Store) -> None:
    fill(store)
    before = stored(store)

    def change_and_fail() -> None:
        with store.transaction(write=True) as cluster:
            cluster.next_vm_id = 5000
            put_slice(cluster, make_slice(1020))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change_and_fail()
    assert stored(store) == before


def _pools(cluster: Cluster) -> None:
    cluster.slices[1003].extra["max_vlan_pools"] = True


def _interfaces(cluster: Cluster) -> None:
    cluster.slices[1003].vms[1].extra["data_interfaces"] = True


def _quota(cluster: Cluster) -> None:
    cluster.users["alice"].quota_vms = True


def _cores(cluster: Cluster) -> None:
    cluster.flavors["cirros"]["cores"] = True


def _max_vms(cluster: Cluster) -> None:
    cluster.workers["10.0.10.1"].max_vms = True


@pytest.mark.parametrize("change", [_pools, _interfaces, _quota, _cores, _max_vms])
def test_nothing_is_stored_that_could_not_be_read(store: Store, change: Callable[[Cluster], None]) -> None:
    """Otherwise the next run, and every later one, would fail for all slices."""
    fill(store)
    before = stored(store)
    with pytest.raises(DatabaseError) as caught, store.transaction(write=True) as cluster:
        change(cluster)
    assert caught.value.message.endswith("got bool 'True'; it was not changed")
    assert stored(store) == before


@pytest.mark.parametrize("is_replaced", [True, False])
def test_a_file_that_is_replaced_or_removed_during_a_transaction_is_not_written(
    store: Store, database: str, is_replaced: bool
) -> None:
    if database.startswith("postgresql"):
        pytest.skip("a server has no such file")
    fill(store)
    path = database.partition("sqlite:///")[2] or database
    other = Path(path).read_bytes() + (b"" if "sqlite" in database else b"# edited\n")

    def edit() -> None:
        os.unlink(path)
        if is_replaced:
            Path(path).write_bytes(other)

    def change() -> None:
        with store.transaction(write=True) as cluster:
            cluster.users["alice"].quota_vms = 7
            edit()

    with pytest.raises(
        DatabaseRefused, match=r"was replaced by another program during this run, .*; run again$"
    ) as caught:
        change()
    assert [refusal.code for refusal in caught.value.refusals] == ["database_replaced"]
    assert not is_replaced or Path(path).read_bytes() == other
    assert os.path.exists(path) is is_replaced


def test_reading_stores_nothing_and_takes_no_lock(store: Store, database: str) -> None:
    fill(store)
    before = stored(store)
    with (
        store.transaction(write=True),
        open_store(database, lock_timeout_s=0.1, backups=3).transaction(write=False) as cluster,
    ):
        cluster.next_vm_id = 5000
    assert stored(store) == before


def test_a_lock_timeout_reports_the_holder(store: Store, database: str) -> None:
    fill(store)
    other = open_store(database, lock_timeout_s=0.05, backups=3)
    with store.transaction(write=True) as cluster:
        cluster.next_vm_id += 1
        with pytest.raises(DatabaseError) as caught, other.transaction(write=True):
            pytest.fail("the block must not run")
    assert f"process {os.getpid()} on {os.uname().nodename}" in str(caught.value)
    assert str(caught.value).startswith(f"{store.name} is locked by ")
    assert str(caught.value).endswith("; gave up after 0.05 s; run again")


def take_ids(database: str, count: int) -> None:
    for _each in range(count):
        with open_store(database, lock_timeout_s=60, backups=3).transaction(write=True) as cluster:
            cluster.next_vm_id += 1


def test_no_update_of_concurrent_writers_is_lost(database: str) -> None:
    writers = [multiprocessing.get_context("fork").Process(target=take_ids, args=(database, 5)) for _each in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert stored(open_store(database, lock_timeout_s=1, backups=3))["next_vm_id"] == 1000 + 4 * 5


def test_figures_of_use_in_the_entry_of_a_worker_are_updated(store: Store) -> None:
    fill(store)
    with store.transaction(write=True) as cluster:
        cluster.workers["10.0.10.1"].extra["used_vms"] = 3
        cluster.workers["10.0.10.2"].extra["used_vms"] = 9  # stays wrong by 6
    with store.transaction(write=True) as cluster:
        put_slice(cluster, make_slice(1020, vms=3))
    data = stored(store)["workers"]
    assert (data["10.0.10.1"]["used_vms"], data["10.0.10.2"]["used_vms"]) == (4, 11)
    with store.transaction(write=True) as cluster:
        cluster.users["alice"].slices.remove(1006)
        del cluster.slices[1006]
    data = stored(store)["workers"]
    assert (data["10.0.10.1"]["used_vms"], data["10.0.10.2"]["used_vms"]) == (3, 10)


def test_one_cluster_replaces_another(store: Store) -> None:
    fill(store)
    other = Cluster.initial()
    other.workers["10.0.10.7"] = Worker("10.0.10.7", extra={"used_vms": 0})
    put_slice(other, make_slice(1003, name="kept"))
    with store.transaction(write=True) as cluster:
        cluster.replace(Cluster.from_dict(other.to_dict()))
    found = stored(store)
    assert Cluster.from_dict(found).content() == other.content()
    # Counters are not reset, and values that hosts may still use are not allocated again.
    assert (found["next_vm_id"], found["left_behind"]["vlan_pool"]) == (1009, [0, 6])
    assert found["left_behind"]["vnc_port"] == [5902, 5903, 5908, 5909]


def with_backups(database: str, tmp_path: Path) -> Store:
    return open_store(database, lock_timeout_s=10, backups=5, backup_dir=str(tmp_path / "backups"))


def test_a_damaged_newest_backup_prevents_neither_the_next_one_nor_a_restore(database: str, tmp_path: Path) -> None:
    store = with_backups(database, tmp_path)
    fill(store)
    first = str(store.backup())
    with store.transaction(write=True) as cluster:
        cluster.users["alice"].quota_vms = 7
    second = tmp_path / "backups" / str(store.backup())
    second.write_bytes(second.read_bytes()[:-1])
    with pytest.raises(DatabaseError, match=rf"backup {second} is damaged: its SHA-256 begins with"):
        store.restore(second.name)
    third = str(store.backup())
    assert third not in (first, second.name)
    assert store.read_backup(third).users["alice"].quota_vms == 7
    second = tmp_path / "backups" / third
    second.write_bytes(b"")
    store.restore(first)
    with store.transaction(write=False) as cluster:
        assert cluster.users["alice"].quota_vms == 6


@pytest.mark.parametrize("action", ["backup", "restore"])
def test_a_backup_that_cannot_be_written_is_reported_with_its_path(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    """Nothing is restored then, because the current version would be lost."""
    store = with_backups(database, tmp_path)
    fill(store)
    name = str(store.backup())
    with store.transaction(write=True) as cluster:
        cluster.users["alice"].quota_vms = 7
    before = (tmp_path / "backups" / name).read_bytes()
    monkeypatch.setattr(lock, "system", NoSpace())
    expected = r"cannot be (backed up|written): .*No space left on device: '.*/backups/backup\.new'"
    with pytest.raises(DatabaseError, match=expected):
        store.backup() if action == "backup" else store.restore(name)
    monkeypatch.undo()
    with store.transaction(write=False) as cluster:
        assert cluster.users["alice"].quota_vms == 7
    assert (tmp_path / "backups" / name).read_bytes() == before
