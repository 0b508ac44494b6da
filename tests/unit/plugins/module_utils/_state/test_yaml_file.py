# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The database as a YAML file: writes are atomic, and an invalid file is not changed."""

from __future__ import annotations

import multiprocessing
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._state import yaml_file
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.history_file import HistoryFile
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.yaml_file import YamlFile
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import DatabaseError, DatabaseRefused, Refusal
from ansible_collections.cloudrepo.slices.plugins.module_utils.history import Caller, Entry, Kept
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import VM, Slice
from ansible_collections.cloudrepo.slices.plugins.module_utils.workers import Worker


@pytest.fixture
def store(tmp_path: Path) -> YamlFile:
    return YamlFile(str(tmp_path / "made" / "database.yaml"), lock_timeout_s=5)


def fill(store: YamlFile) -> None:
    with store.transaction(write=True) as cluster:
        cluster.slices[1000] = Slice(1000, "admin")


def test_a_new_database(store: YamlFile) -> None:
    with store.transaction(write=False) as cluster:
        assert cluster.to_dict() == Cluster.initial().to_dict()
    assert cluster.users["admin"].quota_vms == 10
    assert cluster.users["admin"].password_hash == "!"
    assert (list(cluster.flavors), cluster.next_vm_id) == (["cirros", "ubuntu"], 1000)
    assert not os.path.exists(store.path)


def test_stored_objects_are_read_back(store: YamlFile) -> None:
    fill(store)
    with store.transaction(write=False) as cluster:
        assert list(cluster.slices) == [1000]
    assert "'1000':" in Path(store.path).read_text()


def test_a_change_that_the_next_run_could_not_read_is_refused(store: YamlFile) -> None:
    fill(store)
    before = Path(store.path).read_bytes()
    with pytest.raises(DatabaseRefused) as caught, store.transaction(write=True) as cluster:
        cluster.users["admin"].quota_vms = True
    (refusal,) = caught.value.refusals
    assert refusal.code == "change_unreadable"
    assert refusal.message == (
        f"database {store.path} could not be read with this change: {refusal.figures['why']}; it was not changed"
    )
    assert Path(store.path).read_bytes() == before


def test_files_are_accessible_only_to_their_owner(store: YamlFile) -> None:
    old = os.umask(0)
    try:
        fill(store)
    finally:
        os.umask(old)
    modes = [
        stat.S_IMODE(os.stat(path).st_mode) for path in (store.path, store.path + ".lock", Path(store.path).parent)
    ]
    assert modes == [0o600, 0o600, 0o700]


def test_without_a_change_nothing_is_written(store: YamlFile) -> None:
    fill(store)
    before = os.stat(store.path)
    with store.transaction(write=True):
        pass
    after = os.stat(store.path)
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_nothing_is_stored_after_an_exception(store: YamlFile) -> None:
    def change_and_fail() -> None:
        with store.transaction(write=True) as cluster:
            cluster.next_vm_id = 5000
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change_and_fail()
    assert not os.path.exists(store.path)


def test_reading_stores_nothing_and_takes_no_lock(store: YamlFile) -> None:
    with store.transaction(write=True), store.transaction(write=False) as cluster:
        cluster.next_vm_id = 5000
    assert not os.path.exists(store.path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("users: [", "line 2: did not find expected node content"),
        ("users: {}\n\tx", "line 2: found character that cannot start any token"),
        ("[]", "line 1: the document: must be a mapping, got list '[]'"),
        ("", "line 1: the document: must be a mapping, got null"),
        ("users: {}\nslices:\n  '7': 5\n", "line 3: slices.7: must be a mapping, got int '5'"),
        ("next_vm_id: many\n", "line 1: next_vm_id: must be int, got str 'many'"),
        (
            "users:\n  bob:\n    username: bob\n    password_hash: x\n    quota_vms: 1\n",
            "line 3: users.bob: field used_vms is missing",
        ),
        ("flavors:\n  x: {cores: 1}\n", "line 2: flavors.x: field ram_gb is missing"),
    ],
)
def test_a_damaged_file_is_reported_with_its_line_and_not_changed(store: YamlFile, text: str, message: str) -> None:
    path = Path(store.path)
    path.parent.mkdir()
    path.write_text(text)
    for write in (False, True):
        with pytest.raises(DatabaseError) as caught, store.transaction(write=write):
            pytest.fail("the block must not run")
        assert str(caught.value) == f"database {path}, {message}; it was not changed"
    assert path.read_text() == text


def test_a_slice_stored_under_another_id_is_an_error(store: YamlFile) -> None:
    fill(store)
    path = Path(store.path)
    path.write_text(path.read_text().replace("'1000':", "'1001':"))
    with pytest.raises(DatabaseError, match=r"slices\.1001: has slice_id 1000"), store.transaction(write=False):
        pytest.fail("the block must not run")


def test_a_lock_timeout_reports_the_holder(store: YamlFile) -> None:
    other = YamlFile(store.path, lock_timeout_s=0.05)
    with store.transaction(write=True), pytest.raises(DatabaseRefused) as caught, other.transaction(write=True):
        pytest.fail("the block must not run")
    holder = f"process {os.getpid()} on {os.uname().nodename}"
    figures = {"holder": holder, "timeout_s": 0.05}
    assert caught.value.refusals == [Refusal("database_locked", f"database {store.path}", figures)]
    assert str(caught.value) == f"database {store.path} is locked by {holder}; gave up after 0.05 s; run again"


@pytest.mark.parametrize(
    "action",
    [
        lambda store: store.backup(),
        lambda store: store.restore("database.yaml"),
        lambda store: store.note(Entry("2026-01-31T12:00:00Z", "admin", Caller(), 7, [])),
    ],
    ids=["backup", "restore", "note"],
)
def test_changes_of_files_wait_for_the_lock(store: YamlFile, action: Callable[[YamlFile], object]) -> None:
    with store.transaction(write=True), pytest.raises(DatabaseError, match="is locked by"):
        action(YamlFile(store.path, lock_timeout_s=0.05))


def take_ids(path: str, count: int) -> None:
    for _each in range(count):
        with YamlFile(path, lock_timeout_s=60).transaction(write=True) as cluster:
            cluster.next_vm_id += 1


def test_no_update_of_concurrent_writers_is_lost(store: YamlFile) -> None:
    writers = [
        multiprocessing.get_context("fork").Process(target=take_ids, args=(store.path, 25)) for _each in range(8)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    with store.transaction(write=False) as cluster:
        assert cluster.next_vm_id == 1000 + 8 * 25


STEPS = ["open", "fchmod", "fsync", "rename"]


def die_at(path: str, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Change the database in a process that exits without clean-up at a step of the write."""

    def die(*_args: object, **_kwargs: object) -> None:
        os._exit(9)

    child = os.fork()
    if child == 0:
        store = YamlFile(path, lock_timeout_s=5)
        with store.transaction(write=True) as cluster:
            cluster.next_vm_id = 7777
            monkeypatch.setattr(yaml_file.os, step, die)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.parametrize("step", STEPS)
def test_a_writer_killed_at_any_step_leaves_the_old_state(
    store: YamlFile, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store)
    before = Path(store.path).read_text()
    die_at(store.path, step, monkeypatch)
    assert Path(store.path).read_text() == before
    take_ids(store.path, 1)
    with store.transaction(write=False) as cluster:
        assert (cluster.next_vm_id, list(cluster.slices)) == (1001, [1000])


def test_an_unwritable_file_is_reported(store: YamlFile) -> None:
    fill(store)
    os.mkdir(store.path + ".new")
    with pytest.raises(DatabaseError, match=r"database .* cannot be written: .*Is a directory"):
        take_ids(store.path, 1)


@pytest.mark.parametrize("name", ["", ".high-water", ".history", ".new"])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_folder_or_fifo_in_place_of_a_file_is_refused_by_its_path(
    store: YamlFile, name: str, make: Callable[[str], None]
) -> None:
    fill(store)
    path = store.path + name
    if os.path.exists(path):
        os.unlink(path)
    make(path)

    def write() -> None:
        with store.transaction(write=True) as cluster:
            cluster.slices[1001] = Slice(1001, "admin")
            cluster.noted = [Entry("2026-01-31T12:00:00Z", "admin", Caller(), 7, [])]

    with pytest.raises(DatabaseError) as error:
        write()
    assert path in error.value.message
    assert any(words in error.value.message for words in ("Not a regular file", "Is a directory", "No such device"))


def test_a_link_to_a_database_is_followed_and_kept(store: YamlFile, tmp_path: Path) -> None:
    fill(store)
    (tmp_path / "link.yaml").symlink_to(store.path)
    linked = YamlFile(str(tmp_path / "link.yaml"), lock_timeout_s=5)
    assert linked.name == store.name
    take_ids(str(tmp_path / "link.yaml"), 1)
    linked.backup()
    assert os.readlink(tmp_path / "link.yaml") == store.path
    with store.transaction(write=False) as cluster:
        assert cluster.next_vm_id == 1001
    # Everything else is beside the target, so that all paths to it share it.
    assert {path.name for path in tmp_path.iterdir()} == {"link.yaml", "made"}
    beside = {f"database.yaml.{kind}" for kind in ("backups", "high-water", "lock", "parsed")}
    assert beside <= set(os.listdir(tmp_path / "made"))


@pytest.mark.parametrize("step", ["confirm", "prune"])
def test_a_disk_that_is_full_after_the_change_was_stored_is_no_failure(
    store: YamlFile, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    def change(user: str) -> None:
        with store.transaction(write=True) as cluster:
            cluster.next_vm_id += 1
            cluster.noted = [Entry("9999-01-31T12:00:00Z", user, Caller(), 7, [])]

    with monkeypatch.context() as patch:
        patch.setattr(HistoryFile, step, fail)
        change("alice")
    change("bob")
    with store.transaction(write=False) as cluster:
        assert cluster.next_vm_id == 1002
        assert [entry.user for entry in cluster.history.newest_first()] == ["bob", "alice"]


def test_a_restore_over_an_unreadable_file_does_not_lower_counters(store: YamlFile) -> None:
    fill(store)
    name = store.backup()
    assert name is not None
    with store.transaction(write=True) as cluster:
        cluster.next_vm_id = 1010
    Path(store.path).write_text("users: [")
    store.restore(name)
    with store.transaction(write=False) as cluster:
        assert (list(cluster.slices), cluster.next_vm_id) == ([1000], 1010)


def incarnation(store: YamlFile, *, write: bool) -> str:
    with store.transaction(write=write) as cluster:
        assert cluster.cloud is not None
        return cluster.cloud.incarnation


def test_a_copy_is_another_incarnation_whether_it_is_read_or_written(store: YamlFile, tmp_path: Path) -> None:
    with store.transaction(write=True) as cluster:
        cluster.identify("lab")
    first = incarnation(store, write=False)
    assert first == incarnation(store, write=True)
    (tmp_path / "copied").mkdir()
    copy = YamlFile(str(tmp_path / "copied/database.yaml"), lock_timeout_s=5)
    Path(copy.path).write_bytes(Path(store.path).read_bytes())
    assert incarnation(copy, write=False) != first
    second = incarnation(copy, write=True)
    assert incarnation(copy, write=False) == second != first
    copy.restore(str(copy.backup()))
    assert incarnation(copy, write=False) == second


def test_changes_are_numbered_and_not_recorded_if_no_entries_are_kept(store: YamlFile) -> None:
    entry = Entry.of([], at="2026-11-26T16:20:00Z", user="admin", caller=Caller(), revision=None)
    for _each in range(2):
        with store.transaction(write=True) as cluster:
            cluster.next_vm_id += 1
            cluster.noted = [entry]
    store.note(entry)
    with store.transaction(write=False) as cluster:
        assert [each.number for each in cluster.history.newest_first()] == [3, 2, 1]
    with store.transaction(write=True) as cluster:
        cluster.keep(Kept(entries=0))
        cluster.noted = [entry]
    store.note(entry)
    with store.transaction(write=False) as cluster:
        assert list(cluster.history.newest_first()) == []


def test_a_lost_file_whose_backup_is_restored_is_the_same_database(store: YamlFile) -> None:
    with store.transaction(write=True) as cluster:
        cluster.identify("lab")
    name, before = store.backup(), incarnation(store, write=False)
    Path(store.path).unlink()
    store.restore(str(name))
    assert incarnation(store, write=False) == before


def test_each_change_keeps_the_version_before_it(store: YamlFile) -> None:
    versions = []
    for number in (5000, 6000, 7000):
        with store.transaction(write=True) as cluster:
            cluster.next_vm_id = number
        versions.append(Path(store.path).read_text())
    assert [store.backups.text(name) for name in store.backups.names()] == versions[:-1]


def test_the_figures_of_a_worker_change_by_the_number_of_its_new_vms(store: YamlFile) -> None:
    def put(vm_id: int) -> None:
        with store.transaction(write=True) as cluster:
            slice_ = cluster.slices.setdefault(1000, Slice(1000, "admin"))
            slice_.vms.append(VM(vm_id, f"vm{vm_id}", "admin", "10.0.10.1", 4900 + vm_id, []))

    with store.transaction(write=True) as cluster:
        cluster.workers["10.0.10.1"] = Worker("10.0.10.1", extra={"used_vms": 0})
    for vm_id in (1001, 1002, 1003):
        put(vm_id)
    with store.transaction(write=False) as cluster:
        assert cluster.workers["10.0.10.1"].extra["used_vms"] == 3
