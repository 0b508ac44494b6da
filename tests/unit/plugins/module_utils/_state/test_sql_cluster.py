# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A cluster in SQL gives the same answers as one in memory, reads on demand, and writes only differences."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from ansible_collections.cloudrepo.slices.plugins.module_utils import allocations
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.sql import SqlDatabase
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.sql_cluster import SqlCluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import DatabaseError
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import VM, Slice, User
from ansible_collections.cloudrepo.slices.plugins.module_utils.workers import Worker

FLAVOR = {"cores": 2, "ram_gb": 0.5, "disk_gb": 2.2, "image": "/i.img", "checksum": "ab" * 32}
FIRST_PORT, LAST_PORT = 5901, 65535


@pytest.fixture
def store(tmp_path: Path) -> SqlDatabase:
    return SqlDatabase(f"sqlite:///{tmp_path}/d.sqlite", lock_timeout_s=5)


@contextmanager
def statements() -> Iterator[list[str]]:
    """Record the statements that databases run in the block."""
    told: list[str] = []

    def tell(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        told.append(" ".join(statement.split()))

    event.listen(Engine, "before_cursor_execute", tell)
    try:
        yield told
    finally:
        event.remove(Engine, "before_cursor_execute", tell)


def a_slice(slice_id: int, name: str | None = None, owner: str = "admin", ports: tuple[int, ...] = ()) -> Slice:
    slice_ = Slice(slice_id, owner)
    if name:
        slice_.extra["name"] = name
    for number, port in enumerate(ports, start=1):
        worker = f"10.0.10.{number % 2 + 1}"
        slice_.vms.append(VM(slice_id + number, f"vm{number}", owner, worker, port, [], flavor=dict(FLAVOR)))
    return slice_


def fill(cluster: Cluster) -> None:
    """Add slices web (1000) and 1010 with the name 1000, another one's id, of admin, and web (1020) of alice."""
    cluster.users["alice"] = User("alice", "!", quota_vms=6)
    cluster.workers["10.0.10.1"] = Worker("10.0.10.1")
    cluster.slices[1000] = a_slice(1000, "web", ports=(5901, 5902))
    cluster.slices[1010] = a_slice(1010, "1000", ports=(5904,))
    cluster.slices[1020] = a_slice(1020, "web", owner="alice", ports=(5903, 5906))
    del cluster.slices[1020].vms[1].flavor["checksum"]  # type: ignore[union-attr] # it has one
    cluster.slices[1010].vms[0].flavor = None


QUESTIONS: list[Callable[[Cluster], Any]] = [
    *(
        lambda cluster, name=name, owner=owner: [slice_.slice_id for slice_ in cluster.called(name, owner)]
        for name in ("web", "1000", "1010", "2000", "01000", "٣", "9" * 18, "9" * 19, "9" * 30, "")
        for owner in (None, "admin", "alice", "nobody")
    ),
    *(
        lambda cluster, span=span: cluster.held(allocations.VNC_PORT, *span)
        for span in ((5901, 5906), (5902, 5903), (5903, 5903), (5905, 5905), (5907, 6000))
    ),
    *(
        lambda cluster, span=span: list(cluster.free(allocations.VNC_PORT, *span))
        for span in ((5901, 5910), (5902, 5902), (5905, 5905), (5906, 5907), (5908, 5907), (1, 600))
    ),
    lambda cluster: cluster.held(allocations.VLAN_POOL, 0, 99),
    lambda cluster: cluster.loads(),
    lambda cluster: cluster.newest_vm_worker(),
    lambda cluster: [vm.vm_id for vm in cluster.vms_on("10.0.10.2")],
    lambda cluster: [vm.vm_id for vm in cluster.vms_on("10.0.10.9")],
    lambda cluster: [(label, vm.vm_id) for label, vm in cluster.vms_from("/i.img", "ab" * 32)],
    lambda cluster: [(label, vm.vm_id) for label, vm in cluster.vms_from("/i.img", None)],
    lambda cluster: [(label, vm.vm_id) for label, vm in cluster.vms_from("/other.img", None)],
    lambda cluster: list(cluster.slices),
    lambda cluster: 1010 in cluster.slices,
]


def nothing(_cluster: Cluster) -> None:
    pass


def touch(cluster: Cluster) -> None:
    cluster.slices[1000].vms[0].vnc_port = 5905
    cluster.slices[1000].vms[1].worker_ip = "10.0.10.9"


def delete(cluster: Cluster) -> None:
    del cluster.slices[1020]


def add(cluster: Cluster) -> None:
    cluster.slices[1030] = a_slice(1030, "1010", ports=(5905,))


def filled(store: SqlDatabase, change: Callable[[Cluster], None]) -> Cluster:
    """Fill the database, and return the same cluster in memory, with the change."""
    with store.transaction(write=True) as cluster:
        fill(cluster)
    plain = Cluster.initial()
    fill(plain)
    change(plain)
    return plain


@pytest.mark.parametrize("change", [nothing, touch, delete, add])
def test_queries_return_the_same_as_for_a_cluster_in_memory(
    store: SqlDatabase, change: Callable[[Cluster], None]
) -> None:
    plain = filled(store, change)
    with store.transaction(write=True) as cluster:
        change(cluster)
        for number, question in enumerate(QUESTIONS):
            wanted, answer = question(plain), question(cluster)
            if number >= len(QUESTIONS) - 7 and isinstance(wanted, list):
                wanted, answer = sorted(wanted), sorted(answer)  # touched ones are last
            assert (number, answer) == (number, wanted)
    with store.transaction(write=False) as cluster:
        assert cluster.to_dict() == plain.to_dict()


def test_a_slice_is_read_without_the_others(store: SqlDatabase) -> None:
    with store.transaction(write=True) as cluster:
        fill(cluster)
    with store.transaction(write=False) as cluster, statements() as told:
        assert cluster.slices[1000].vms[0].vm_id == 1001
        assert cluster.users["alice"].quota_vms == 6
    assert all("slice_id = ?" in each or "slice_id IN (?)" in each or "username = ?" in each for each in told)
    assert len(told) == 5, "a slice, its VMs, its links, its networks; a user"


def test_only_rows_that_differ_are_written(store: SqlDatabase) -> None:
    with store.transaction(write=True) as cluster:
        fill(cluster)
    with statements() as told, store.transaction(write=True) as cluster:
        cluster.slices[1000].vms[0].vnc_port = 5907
    changes = [each.split(" WHERE ")[0].split(" SET ")[0] for each in told if each.split()[0] != "SELECT"]
    changes = [each for each in changes if not each.startswith(("BEGIN", "PRAGMA"))]
    assert [each.split(" (")[0] for each in changes] == [
        "DELETE FROM cloudrepo_allocations",
        "UPDATE cloudrepo_vms",
        "INSERT INTO cloudrepo_allocations",
    ]
    with statements() as told, store.transaction(write=True) as cluster:
        assert cluster.slices[1000].vms[0].vnc_port == 5907
    assert not [each for each in told if each.startswith(("INSERT", "UPDATE", "DELETE", "CREATE"))]


def test_save_returns_whether_anything_was_written(store: SqlDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[bool] = []
    save = SqlCluster.save

    def note(cluster: SqlCluster) -> bool:
        saved.append(save(cluster))
        return saved[-1]

    monkeypatch.setattr(SqlCluster, "save", note)
    for change in (nothing, fill, nothing, touch, nothing):
        with store.transaction(write=True) as cluster:
            change(cluster)
    assert saved == [False, True, False, True, False]


def swap_names(cluster: Cluster) -> None:
    first, second = cluster.slices[1000], cluster.slices[1010]
    first.extra["name"], second.extra["name"] = second.extra["name"], first.extra["name"]


def swap_vm_names(cluster: Cluster) -> None:
    first, second = cluster.slices[1000].vms
    first.name, second.name = second.name, first.name


def swap_ports(cluster: Cluster) -> None:
    first, second = cluster.slices[1000].vms[0], cluster.slices[1020].vms[0]
    first.vnc_port, second.vnc_port = second.vnc_port, first.vnc_port


@pytest.mark.parametrize("swap", [swap_names, swap_vm_names, swap_ports])
def test_two_rows_can_exchange_unique_values(store: SqlDatabase, swap: Callable[[Cluster], None]) -> None:
    plain = Cluster.initial()
    fill(plain)
    swap(plain)
    with store.transaction(write=True) as cluster:
        fill(cluster)
    with store.transaction(write=True) as cluster:
        swap(cluster)
    with store.transaction(write=False) as cluster:
        assert cluster.to_dict() == plain.to_dict()


def test_the_lowest_free_number_is_found_beyond_the_first_batch(store: SqlDatabase) -> None:
    count = 600
    with store.transaction(write=True) as cluster:
        cluster.slices[1000] = a_slice(1000, ports=tuple(range(FIRST_PORT, FIRST_PORT + count)))
        cluster.slices[1000].vms.pop(299)
    with store.transaction(write=True) as cluster:
        free = cluster.free(allocations.VNC_PORT, FIRST_PORT, LAST_PORT)
        assert [next(free) for _each in range(3)] == [FIRST_PORT + 299, FIRST_PORT + 600, FIRST_PORT + 601]
        assert list(cluster.free(allocations.VNC_PORT, FIRST_PORT, FIRST_PORT + 298)) == []
        assert list(cluster.free(allocations.VNC_PORT, FIRST_PORT, FIRST_PORT + 299)) == [FIRST_PORT + 299]
        assert list(cluster.free(allocations.VNC_PORT, LAST_PORT, LAST_PORT)) == [LAST_PORT]
        assert len(list(cluster.free(allocations.VNC_PORT, FIRST_PORT, FIRST_PORT + 1199))) == 601


def test_the_first_gap_is_cached_until_a_lower_number_is_released(store: SqlDatabase) -> None:
    def lowest(change: Callable[[Cluster], None] = nothing) -> int:
        with store.transaction(write=True) as cluster:
            change(cluster)
            found = next(cluster.free(allocations.VNC_PORT, FIRST_PORT, LAST_PORT))
            cluster.slices[cluster.next_vm_id] = a_slice(cluster.next_vm_id, ports=(found,))
            cluster.next_vm_id += 3
        return found

    def release(slice_id: int) -> Callable[[Cluster], None]:
        def change(cluster: Cluster) -> None:
            del cluster.slices[slice_id]

        return change

    assert [lowest() for _each in range(5)] == [5901, 5902, 5903, 5904, 5905]
    assert lowest(release(1003)) == 5902
    with store.transaction(write=True) as cluster:
        release(1006)(cluster)
    assert [lowest(), lowest()] == [5903, 5906]
    assert lowest(release(1000)) == 5901


def test_duplicates_are_reported_by_kind(store: SqlDatabase) -> None:
    def twice(change: Callable[[Cluster], None]) -> str:
        def store_it() -> None:
            with store.transaction(write=True) as cluster:
                fill(cluster)
                change(cluster)

        with pytest.raises(DatabaseError) as caught:
            store_it()
        return caught.value.message

    def same_port(cluster: Cluster) -> None:
        cluster.slices[1000].vms[1].vnc_port = 5901

    def same_id(cluster: Cluster) -> None:
        cluster.slices[1000].vms[1].vm_id = 1001

    assert "VNC port 5901" in twice(same_port)
    assert "vm 1001" in twice(same_id)


def test_objects_that_were_read_can_be_changed_without_being_stored(store: SqlDatabase) -> None:
    with store.transaction(write=True) as cluster:
        fill(cluster)
        before = copy.deepcopy(cluster.to_dict())
    with store.transaction(write=False) as cluster:
        cluster.slices[1000].vms.clear()
        cluster.users["alice"].quota_vms = 0
    with store.transaction(write=False) as cluster:
        assert cluster.to_dict() == before


def test_only_the_row_of_a_changed_user_is_written(store: SqlDatabase) -> None:
    with store.transaction(write=True) as cluster:
        fill(cluster)

    def written(change: Callable[[Cluster], None]) -> list[str]:
        with statements() as told, store.transaction(write=True) as cluster:
            change(cluster)
        return [" ".join(each.split()[:3]) for each in told if each.startswith(("INSERT", "UPDATE", "DELETE"))]

    def read(cluster: Cluster) -> None:
        assert cluster.users["alice"].quota_vms == 6

    def change_quota(cluster: Cluster) -> None:
        cluster.users["alice"].quota_vms = 7

    assert written(read) == []
    assert written(change_quota) == ["UPDATE cloudrepo_users SET"]


def test_figures_of_a_worker_follow_only_new_and_removed_vms(store: SqlDatabase) -> None:
    figures = []
    with store.transaction(write=True) as cluster:
        fill(cluster)
        cluster.workers["10.0.10.1"].extra["used_vms"] = 9
    more = a_slice(1030, ports=(5910, 5911))
    for change in (
        touch,
        lambda cluster: cluster.slices[1000].vms.pop(1),
        lambda cluster: cluster.slices.update({1030: more}),
    ):
        with store.transaction(write=True) as cluster:
            change(cluster)
        with store.transaction(write=False) as cluster:
            figures.append(cluster.workers["10.0.10.1"].extra["used_vms"])
    assert figures == [8, 8, 9]


def test_a_removed_user_is_deleted(store: SqlDatabase) -> None:
    with store.transaction(write=True) as cluster:
        fill(cluster)
        cluster.users["bob"] = User("bob", "!")
    with store.transaction(write=True) as cluster:
        del cluster.users["bob"]
    with store.transaction(write=False) as cluster:
        assert list(cluster.users) == ["admin", "alice"]


@pytest.mark.parametrize("change", [nothing, touch, delete])
def test_each_query_alone_returns_the_same_as_for_a_cluster_in_memory(
    store: SqlDatabase, change: Callable[[Cluster], None]
) -> None:
    """What an earlier query has read is no longer asked for."""
    plain = filled(store, change)
    for number, question in enumerate(QUESTIONS):
        with store.transaction(write=False) as cluster:
            change(cluster)
            wanted, answer = question(plain), question(cluster)
        if isinstance(wanted, list):
            wanted, answer = sorted(wanted), sorted(answer)  # touched ones are last
        assert (number, answer) == (number, wanted)


def test_the_newest_vm_may_be_of_a_slice_that_was_not_read(store: SqlDatabase) -> None:
    with store.transaction(write=True) as cluster:
        fill(cluster)
    for read, newest in ((1000, "10.0.10.1"), (1020, "10.0.10.1")):
        with store.transaction(write=False) as cluster:
            cluster.slices[read].vms[0].worker_ip = "10.0.10.9"
            assert cluster.newest_vm_worker() == newest
    with store.transaction(write=False) as cluster:
        assert [slice_.slice_id for slice_ in cluster.called("1" * 18)] == []


def test_all_users_are_read_with_those_that_were_changed(store: SqlDatabase) -> None:
    with store.transaction(write=True) as cluster:
        fill(cluster)
    with store.transaction(write=False) as cluster:
        cluster.users["alice"].quota_vms = 1
        assert {name: user.quota_vms for name, user in cluster.users.items()} == {"admin": 10, "alice": 1}
        assert len(cluster.users) == 2
