# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Features of SQL databases: constraints, URLs, and masked passwords."""

from __future__ import annotations

import datetime
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ansible_collections.cloudrepo.slices.plugins.module_utils._state import sql
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.files import Backups
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.open_store import open_store
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.sql import SqlDatabase
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import (
    DatabaseError,
    DatabaseRefused,
    Refusal,
    Refused,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.history import Caller, Entry
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import VM, Interface, Link, Slice

from ....locks import is_held


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/database.sqlite"
    made: str = request.getfixturevalue("new_postgresql")()
    return made


def test_without_sqlalchemy_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql, "HAS_SQLALCHEMY", False)
    with pytest.raises(DatabaseError) as caught:
        SqlDatabase("sqlite:////srv/database.sqlite", lock_timeout_s=1)
    assert caught.value.message == (
        "an SQL database requires SQLAlchemy 2 or newer (Debian 12 has 1.4) for Ansible's Python interpreter on this "
        "host; install requirements.txt of the collection with pip, or set ansible_python_interpreter to an "
        "interpreter that has it"
    )


def add(cluster: Cluster, slice_id: int, vm_id: int, name: str | None = None) -> Slice:
    slice_ = Slice(slice_id, "admin")
    if name:
        slice_.extra["name"] = name
    management = Interface("eth0", 400, f"52:54:00:00:00:{vm_id % 100:02x}", {"ip": f"10.60.7.{vm_id % 100}"})
    slice_.vms.append(VM(vm_id, "vm1", "admin", "10.0.10.1", 5000 + vm_id, [management]))
    slice_.get_next_vlan()
    cluster.slices[slice_id] = slice_
    return slice_


def same_id(slice_: Slice) -> None:
    slice_.vms[0].vm_id = 1001


def same_port(slice_: Slice) -> None:
    slice_.vms[0].vnc_port = 6001


def same_mac(slice_: Slice) -> None:
    slice_.vms[0].interfaces[0].mac = "52:54:00:00:00:01"


def same_address(slice_: Slice) -> None:
    slice_.vms[0].interfaces[0].ip_config = {"ip": "10.60.7.1"}


def same_block(slice_: Slice) -> None:
    slice_.vms[0].vm_id = 1001 + 65536


def same_vlan(slice_: Slice) -> None:
    slice_.vlan_pool_used.append(100)


def same_pool(slice_: Slice) -> None:
    slice_.extra["further_pools"] = [0]


def same_name(slice_: Slice) -> None:
    slice_.extra["name"] = "first"


def unknown_owner(slice_: Slice) -> None:
    slice_.owner = "nobody"


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize(
    "breaking",
    [same_id, same_port, same_mac, same_address, same_block, same_vlan, same_pool, same_name, unknown_owner],
)
def test_the_schema_refuses_duplicates(url: str, breaking: Callable[[Slice], None], in_memory: bool) -> None:
    store = open_store(url, lock_timeout_s=5, backups=1)
    with store.transaction(write=True) as cluster:
        add(cluster, 1000, 1001, "first")
        cluster.next_vm_id = 1002

    def store_it() -> None:
        with store.transaction(write=True) as cluster:
            if in_memory:
                assert cluster.slices[1000].vms
            breaking(add(cluster, 1003, 1004, "second"))

    with pytest.raises(DatabaseRefused, match=r"rejected the change: |exists twice, which is not possible") as caught:
        store_it()
    assert {refusal.code for refusal in caught.value.refusals} <= {"change_rejected", "row_twice"}
    with store.transaction(write=False) as cluster:
        assert list(cluster.slices) == [1000]


def test_two_links_on_one_vlan_and_two_vms_of_one_name(url: str) -> None:
    store = open_store(url, lock_timeout_s=5, backups=1)

    def with_links() -> None:
        with store.transaction(write=True) as cluster:
            add(cluster, 1000, 1001).links = [Link(number, 100, 1001, "eth1", 1002, "eth1") for number in (1, 2)]

    def with_names() -> None:
        with store.transaction(write=True) as cluster:
            slice_ = add(cluster, 1000, 1001)
            slice_.vms.append(VM(1002, "vm1", "admin", "10.0.10.1", 7000, []))

    for store_it in (with_links, with_names):
        with pytest.raises(DatabaseError, match="rejected the change: "):
            store_it()
    with store.transaction(write=True) as cluster:
        slice_ = add(cluster, 1000, 1001)
        slice_.vms[0].deleting = True
        slice_.vms.append(VM(1002, "vm1", "admin", "10.0.10.1", 7000, []))
    with store.transaction(write=False) as cluster:
        assert [vm.vm_id for vm in cluster.slices[1000].vms] == [1001, 1002]


def test_values_that_json_cannot_represent_are_refused(url: str) -> None:
    store = open_store(url, lock_timeout_s=5, backups=1)

    def store_it() -> None:
        with store.transaction(write=True) as cluster:
            cluster.extra["made"] = datetime.date(2026, 11, 22)

    with pytest.raises(DatabaseRefused, match=r"datetime.date\(2026, 11, 22\) is a date, which cannot be s") as caught:
        store_it()
    figures = {"type": "date"}
    assert caught.value.refusals == [Refusal("value_not_storable", "value datetime.date(2026, 11, 22)", figures)]


def test_another_schema_version_and_a_damaged_document_are_reported(url: str) -> None:
    store = open_store(url, lock_timeout_s=5, backups=1)
    with store.transaction(write=True) as cluster:
        add(cluster, 1000, 1001)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE cloudrepo_vms SET document = '{}'"))
    with (
        pytest.raises(DatabaseError, match=r"vms\.0: field vm_id is missing; it was not changed"),
        store.transaction(write=False) as cluster,
    ):
        cluster.slices[1000]
    with engine.begin() as connection:
        connection.execute(text("UPDATE cloudrepo_meta SET schema_version = 9"))
    engine.dispose()
    with (
        pytest.raises(DatabaseRefused, match="has schema version 9, but this collection supports 1; use the") as caught,
        store.transaction(write=True),
    ):
        pytest.fail("the block must not run")
    assert [refusal.code for refusal in caught.value.refusals] == ["unsupported_schema"]


def test_a_new_sqlite_file_is_accessible_only_to_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "made" / "database.sqlite"
    store = open_store(f"sqlite:///{path}", lock_timeout_s=5, backups=1)
    with store.transaction(write=False):
        assert not path.parent.exists()
    old = os.umask(0)
    try:
        with store.transaction(write=True):
            pass
        assert not path.exists()
        with store.transaction(write=True) as cluster:
            cluster.next_vm_id = 1001
    finally:
        os.umask(old)
    assert [stat.S_IMODE(os.stat(each).st_mode) for each in (path, path.parent)] == [0o600, 0o700]


@pytest.mark.parametrize(
    ("url", "code", "figures"),
    [
        ("mysql://u:***@h/d", "unsupported_driver", {"drivers": ["postgresql+psycopg", "sqlite"], "got": "mysql"}),
        (
            "postgresql+asyncpg://h/d",
            "unsupported_driver",
            {"drivers": ["postgresql+psycopg", "sqlite"], "got": "postgresql+asyncpg"},
        ),
        ("sqlite://", "database_without_path", {"form": "sqlite:////absolute/path"}),
        ("postgresql://u@h:port/d", "invalid_database_url", {}),
        ("postgresql://u@/d?host=/run&password=***", "password_in_query", {}),
    ],
)
def test_an_unsupported_url_is_refused_without_its_password(url: str, code: str, figures: dict[str, Any]) -> None:
    with pytest.raises(Refused) as caught:
        open_store(url.replace("***", "s3cret"), lock_timeout_s=1, backups=1)
    assert caught.value.refusals == [Refusal(code, f"database {url}", figures)]


def test_an_unreachable_server_is_reported_without_the_password(tmp_path: Path) -> None:
    url = f"postgresql+psycopg://u:p%40ss@/d?host={tmp_path}"
    with pytest.raises(DatabaseError) as caught, SqlDatabase(url, lock_timeout_s=1).transaction(write=False):
        pytest.fail("the block must not run")
    assert str(caught.value).startswith(f"database postgresql+psycopg://u:***@/d?host={tmp_path}: ")
    assert "ss@" not in str(caught.value).replace("***@", "")


def test_a_file_that_must_exist_is_not_made(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/database.sqlite", lock_timeout_s=5, backups=0)
    for write in (True, False):
        with pytest.raises(Refused, match="does not exist"), store.transaction(write=write, create=False):
            pytest.fail("the block must not run")
    assert not (tmp_path / "database.sqlite").exists()


def test_an_entry_of_the_history_is_noted_under_the_lock(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise it would have the number of an entry that another process notes."""
    store = open_store(url, lock_timeout_s=5, backups=0)
    with store.transaction(write=True) as cluster:
        add(cluster, 1000, 1001)
    asked: list[bool] = []
    transaction = store.transaction

    def told(*, write: bool, create: bool = True) -> Any:
        asked.append(write)
        return transaction(write=write, create=create)

    monkeypatch.setattr(store, "transaction", told)
    store.note(Entry("2026-01-31T12:00:00Z", "admin", Caller(), None, ()))
    assert asked == [True]


def test_a_database_exists_once_something_is_stored(url: str) -> None:
    store = open_store(url, lock_timeout_s=5, backups=0)
    assert store.exists() is False
    with store.transaction(write=True) as cluster:
        add(cluster, 1000, 1001)
    assert store.exists() is True


def test_whether_a_file_exists_is_asked_without_opening_it(tmp_path: Path) -> None:
    path = tmp_path / "database.sqlite"
    path.write_text("no database")
    assert open_store(f"sqlite:///{path}", lock_timeout_s=5, backups=0).exists() is True
    path.unlink()
    path.symlink_to("nowhere")
    assert open_store(f"sqlite:///{path}", lock_timeout_s=5, backups=0).exists() is False


def test_a_server_has_no_backups_without_a_folder(new_postgresql: Callable[[], str]) -> None:
    store = open_store(new_postgresql(), lock_timeout_s=5, backups=1)
    with store.transaction(write=True) as cluster:
        add(cluster, 1000, 1001)
    for act in (store.backup, lambda: store.read_backup("x.yaml"), lambda: store.restore("x.yaml")):
        with pytest.raises(Refused) as caught:
            act()
        assert [(each.code, each.figures["option"]) for each in caught.value.refusals] == [
            ("option_missing", "backup_dir")
        ]


def test_an_empty_database_is_not_backed_up(url: str, tmp_path: Path) -> None:
    store = open_store(url, lock_timeout_s=5, backups=1, backup_dir=str(tmp_path / "kept"))
    assert store.backup() is None
    with store.transaction(write=True) as cluster:
        add(cluster, 1000, 1001)
    name = store.backup()
    assert name is not None
    assert list(store.read_backup(name).slices) == [1000]


def test_a_reader_sees_one_state_of_a_server_and_a_writer_the_newest(new_postgresql: Callable[[], str]) -> None:
    store = SqlDatabase(new_postgresql(), lock_timeout_s=5)
    levels = [store._engine(write).connect().get_isolation_level() for write in (False, True)]
    assert levels == ["REPEATABLE READ", "READ COMMITTED"]


@pytest.mark.parametrize(("timeout_s", "limit"), [(0.05, "50ms"), (2, "2s"), (0, "1ms")])
def test_a_server_waits_for_the_lock_until_the_timeout(
    new_postgresql: Callable[[], str], timeout_s: float, limit: str
) -> None:
    """A limit of zero would be none."""
    store = SqlDatabase(new_postgresql(), lock_timeout_s=timeout_s)
    with store._connected(True) as connection:
        assert store._open(connection, True) is None
        assert connection.scalar(text("SHOW lock_timeout")) == limit


def test_a_file_is_flushed_before_a_change_counts_as_stored(tmp_path: Path) -> None:
    store = SqlDatabase(f"sqlite:///{tmp_path}/d.sqlite", lock_timeout_s=5)
    with store._connected(True) as connection:
        assert connection.scalar(text("PRAGMA synchronous")) == 3, "EXTRA: its journal is gone from the folder, too"


def test_backups_are_written_one_at_a_time_and_the_oldest_go(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(url, lock_timeout_s=5, backups=1, backup_dir=str(tmp_path / "kept"))
    held: list[bool] = []
    keep = Backups.keep_if_new

    def told(backups: Backups, data: bytes) -> str:
        held.append(is_held(tmp_path / "kept.lock"))
        return keep(backups, data)

    monkeypatch.setattr(Backups, "keep_if_new", told)
    names = []
    for slice_id in (1000, 1003):
        with store.transaction(write=True) as cluster:
            add(cluster, slice_id, slice_id + 1)
        names.append(store.backup())
    assert held == [True, True]
    assert store.backups is not None
    assert store.backups.names() == names[1:]


def test_errors_without_one_of_the_driver_are_told_as_well(tmp_path: Path) -> None:
    store = SqlDatabase(f"sqlite:///{tmp_path}/d.sqlite", lock_timeout_s=5)
    assert store._why(SQLAlchemyError("first\n  second\n")) == "first second"
    assert store._why(DBAPIError("SELECT 1", None, Exception("no such table"))) == "no such table"


def test_a_file_that_vanished_leaves_its_mark_to_readers(tmp_path: Path) -> None:
    store = SqlDatabase(f"sqlite:///{tmp_path}/d.sqlite", lock_timeout_s=5)
    with store.transaction(write=True) as cluster:
        cluster.next_vm_id = 1036
        add(cluster, 1000, 1001)
        cloud = cluster.identify("lab")
    os.unlink(f"{tmp_path}/d.sqlite")
    with store.transaction(write=False) as cluster:
        assert (cluster.next_vm_id, cluster.slices) == (1036, {})
    with store.transaction(write=True) as cluster:
        assert cluster.next_vm_id == 1036
    assert cloud.uuid


def test_a_copied_file_is_another_incarnation_and_the_original_is_not(tmp_path: Path) -> None:
    store = SqlDatabase(f"sqlite:///{tmp_path}/d.sqlite", lock_timeout_s=5)
    with store.transaction(write=True) as cluster:
        cloud = cluster.identify("lab")
    with store.transaction(write=True) as cluster:
        first = cluster.cloud
        cluster.next_vm_id += 1
    with store.transaction(write=False) as cluster:
        assert cluster.cloud == first
    shutil.copy(tmp_path / "d.sqlite", tmp_path / "copy.sqlite")
    with SqlDatabase(f"sqlite:///{tmp_path}/copy.sqlite", lock_timeout_s=5).transaction(write=False) as cluster:
        assert cluster.cloud is not None
        assert cluster.cloud.uuid == cloud.uuid
        assert first is not None
        assert cluster.cloud.incarnation != first.incarnation
