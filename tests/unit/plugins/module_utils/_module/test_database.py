# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Operations on the whole database: permissions, check mode, and copies that differ."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import database
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Outcome
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.lock import locked
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.open_store import open_store
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.yaml_file import YamlFile
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import DatabaseError, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import User
from ansible_collections.cloudrepo.slices.plugins.module_utils.workers import Worker

from .._domain.builders import put, topology
from .stand_in import StandIn


def fill(path: Path, vms: int = 2) -> None:
    with open_store(str(path), lock_timeout_s=5, backups=3).transaction(write=True) as cluster:
        cluster.flavors["cirros"]["checksum"] = "ab" * 32
        cluster.workers["10.0.10.1"] = Worker("10.0.10.1", cores=8, ram_gb=32)
        put(cluster, topology(vms=[{"name": f"vm{n}", "flavor": "cirros"} for n in range(1, vms + 1)], links=[]))


def history_of(path: Path) -> list[tuple[str, str, str]]:
    """Return kind, id and action of the first change of each entry."""
    with open_store(str(path), lock_timeout_s=5, backups=3).transaction(write=False) as cluster:
        firsts = [each.changes[0] for each in cluster.history.newest_first()]
    return [(each["kind"], str(each["id"]), each["action"]) for each in firsts][::-1]


def stored(path: Path) -> dict[str, Any]:
    with open_store(str(path), lock_timeout_s=5, backups=3).transaction(write=False) as cluster:
        return cluster.content()


def act(path: Path, state: str, *, check_mode: bool = False, **changes: Any) -> Outcome:
    usual = {
        "database": str(path),
        "state": state,
        "acting_user": "admin",
        "caller": None,
        "backup_dir": None,
        "backups": 3,
        "lock_timeout_s": 5.0,
        "fail_on_breach": False,
        "destination": None,
        "repair": False,
        "replace": False,
        "name": None,
    }
    module: Any = StandIn({**usual, **changes}, check_mode=check_mode)
    return database.act(module)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    fill(tmp_path / "d.yaml")
    return tmp_path / "d.yaml"


@pytest.mark.parametrize("state", ["backup", "restore", "check", "migrate"])
def test_only_an_admin_may(path: Path, state: str) -> None:
    with open_store(str(path), lock_timeout_s=5, backups=3).transaction(write=True) as cluster:
        cluster.users["alice"] = User("alice", "!")
    files = sorted(path.parent.rglob("*"))
    before = stored(path)
    with pytest.raises(Refused):
        act(path, state, acting_user="alice", name="x", destination=str(path.parent / "to.yaml"))
    assert (stored(path), sorted(path.parent.rglob("*"))) == (before, files)


def test_objects_of_a_database_are_counted(path: Path) -> None:
    done = act(path, "check")
    assert (done.changes, done.result["breaches"], done.result["backups"]) == ((), [], [])
    assert done.result["counts"] == {"users": 1, "workers": 1, "flavors": 2, "slices": 1, "vms": 2}


def test_violations_fail_on_request(path: Path) -> None:
    with open_store(str(path), lock_timeout_s=5, backups=3).transaction(write=True) as cluster:
        cluster.slices[1000].vms[1].vnc_port = 5901
    assert len(act(path, "check").result["breaches"]) == 1
    with pytest.raises(Refused) as caught:
        act(path, "check", fail_on_breach=True)
    assert len(caught.value.fields["breaches"]) == 1


def test_a_backup_is_created_if_something_changed(path: Path) -> None:
    planned = act(path, "backup", check_mode=True)
    assert (len(planned.changes), planned.result["backup"], planned.result["backups"]) == (1, None, [])
    done = act(path, "backup")
    assert ([change.kind for change in done.changes], done.result["backups"]) == (["backup"], [done.result["backup"]])
    again = act(path, "backup")
    assert (again.changes, again.result["backup"]) == ([], done.result["backup"])
    with pytest.raises(Refused, match="does not exist"):
        act(path.parent / "none.yaml", "backup")


def test_a_backup_is_restored_and_check_mode_only_predicts_it(path: Path) -> None:
    name, before = act(path, "backup").result["backup"], stored(path)
    fill(path, vms=3)
    after = stored(path)
    planned = act(path, "restore", name=name, check_mode=True)
    assert (len(planned.changes) > 1, stored(path)) == (True, after)
    done = act(path, "restore", name=name)
    assert ([change.to_dict() for change in done.changes], stored(path)) == (
        [change.to_dict() for change in planned.changes],
        before,
    )
    assert act(path, "restore", name=name).changes == []


def test_an_unreadable_database_is_restored(path: Path) -> None:
    name, before = act(path, "backup").result["backup"], stored(path)
    path.write_text("users: [")
    assert act(path, "restore", name=name, acting_user="nobody").changes
    assert stored(path) == before


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_backup_of_another_cloud_is_restored_with_a_warning(path: Path, tmp_path: Path, check_mode: bool) -> None:
    """An administrator may have begun anew before the backups were found. Hosts refuse the other cloud's orders."""
    titles = {path: "lab", tmp_path / "new.yaml": "new"}
    fill(tmp_path / "new.yaml", vms=1)
    for where, title in titles.items():
        with open_store(str(where), lock_timeout_s=5, backups=3).transaction(write=True) as cluster:
            cluster.identify(title)
    name = act(path, "backup").result["backup"]
    folder = f"{path}.backups"
    done = act(tmp_path / "new.yaml", "restore", name=name, backup_dir=folder, check_mode=check_mode)
    (warning,) = done.result["warnings"]
    lab, new = (act(where, "check").result["cloud"]["uuid"] for where in (path, tmp_path / "new.yaml"))
    assert warning.startswith(f"backup {name} is of cloud lab ({lab}), but the database was that of cloud new (")
    assert "-e claim_hosts=true" in warning
    assert (new == lab) is not check_mode
    own = act(path, "restore", name=name)
    assert "warnings" not in own.result


def test_only_an_admin_may_restore_a_database_that_is_gone(path: Path) -> None:
    name, before = act(path, "backup").result["backup"], stored(path)
    path.unlink()
    with pytest.raises(Refused):
        act(path, "restore", name=name, acting_user="nobody")
    assert not path.exists()
    assert act(path, "restore", name=name).changes
    assert stored(path) == before


def test_a_database_is_migrated_once(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "to.yaml"
    planned = act(path, "migrate", destination=str(target), check_mode=True)
    assert (len(planned.changes) > 1, target.exists()) == (True, False)
    assert act(path, "migrate", destination=str(target)).changes == planned.changes
    assert stored(target) == stored(path)
    assert act(path, "migrate", destination=str(target)).changes == []


def test_a_database_that_somebody_else_writes_can_be_checked_and_copied(path: Path, tmp_path: Path) -> None:
    with locked(f"{path}.lock", name="the database", timeout_s=5):
        assert act(path, "check", lock_timeout_s=0.01).result["breaches"] == []
        target = tmp_path / "to.yaml"
        assert act(path, "migrate", destination=str(target), lock_timeout_s=0.01).changes
    assert stored(target) == stored(path)


def test_existing_content_is_replaced_only_on_request(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "to.yaml"
    fill(target, vms=3)
    there = stored(target)
    for check_mode in (True, False):
        with pytest.raises(Refused) as caught:
            act(path, "migrate", destination=str(target), check_mode=check_mode)
        assert [each.code for each in caught.value.refusals] == ["destination_not_empty"]
    assert stored(target) == there
    assert act(path, "migrate", destination=str(target), replace=True).changes
    assert stored(target) == stored(path)


def test_repairs_are_made_on_request_and_also_in_place(path: Path) -> None:
    with open_store(str(path), lock_timeout_s=5, backups=3).transaction(write=True) as cluster:
        cluster.users["admin"].used_vms = 7
    broken = stored(path)
    with pytest.raises(Refused) as caught:
        act(path, "migrate")
    assert [refusal.code for refusal in caught.value.refusals] == ["repair_not_allowed"]
    assert (len(caught.value.fields["breaches"]), len(caught.value.fields["repairs"])) == (1, 1)
    assert act(path, "migrate", repair=True, check_mode=True).result["repair_codes"] == ["used_vms_corrected"]
    assert stored(path) == broken
    done = act(path, "migrate", repair=True)
    assert (len(done.result["repairs"]), done.result["breaches"], len(done.changes)) == (1, [], 2)
    assert stored(path)["users"]["admin"]["used_vms"] == 2


def test_a_migration_that_cannot_be_read_back_is_an_error(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = YamlFile.transaction

    @contextmanager
    def forgetful(store: YamlFile, *, write: bool, create: bool = True) -> Iterator[Cluster]:
        with ExitStack() as stack:
            cluster = stack.enter_context(whole(store, write=write, create=create))
            yield cluster
            if write:
                cluster.users["admin"].quota_vms += 1

    monkeypatch.setattr(YamlFile, "transaction", forgetful)
    with pytest.raises(DatabaseError, match=r"to\.yaml"):
        act(path, "migrate", destination=str(tmp_path / "to.yaml"))


def test_backups_restorations_and_migrations_are_in_the_history(path: Path, tmp_path: Path) -> None:
    act(path, "backup", check_mode=True)
    name = act(path, "backup").result["backup"]
    act(path, "backup")
    assert history_of(path) == [("backup", name, "create")]
    fill(path, vms=3)
    assert act(path, "restore", name=name, check_mode=True).changes
    act(path, "restore", name=name)
    assert history_of(path) == [("backup", name, "create"), ("backup", name, "restore")]
    assert not act(path, "restore", name=name).changes
    other = tmp_path / "other.yaml"
    act(path, "migrate", destination=str(other))
    act(path, "migrate", destination=str(other))
    moved = ("database", str(other), "update")
    assert history_of(other) == [*history_of(path), moved], "it takes the history along, once"
