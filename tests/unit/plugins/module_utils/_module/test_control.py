# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Common arguments, and the transaction of a change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import control
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Outcome
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import between
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.history import Entry

from ....fragments import documented, specified
from .stand_in import Exit, StandIn


def arguments(tmp_path: Path, **changes: Any) -> dict[str, Any]:
    common = {"acting_user": "admin", "caller": None, "lock_timeout_s": 5.0, "backups": 3}
    return {"database": str(tmp_path / "d.yaml"), **common, **changes}


def count_on(cluster: Cluster) -> Outcome:
    cluster.next_vm_id += 1
    return Outcome(result={"next": cluster.next_vm_id})


def transact(module: StandIn, **options: Any) -> dict[str, Any]:
    with pytest.raises(Exit) as caught:
        control.transact(module, count_on, **options)
    return caught.value.result


def test_a_change_is_stored_once(tmp_path: Path) -> None:
    assert [transact(StandIn(arguments(tmp_path)))["next"] for _each in range(2)] == [1001, 1002]


@pytest.mark.parametrize(("check_mode", "write"), [(True, True), (False, False), (True, False)])
def test_check_mode_and_reads_store_nothing(tmp_path: Path, check_mode: bool, write: bool) -> None:
    assert transact(StandIn(arguments(tmp_path), check_mode=check_mode), write=write, create=True)["next"] == 1001
    assert list(tmp_path.iterdir()) == []


def test_a_token_of_an_earlier_user_of_the_name_changes_and_reads_nothing(tmp_path: Path) -> None:
    present, earlier = "9f1c2e64-6c0b-4c55-9d56-0a4f5d0a7b21", "3b0e7c0e-9f63-4a39-8f0b-0d2c1f5e8a77"
    with control.store_of(StandIn(arguments(tmp_path)), str(tmp_path / "d.yaml")).transaction(write=True) as held:
        held.users["admin"].extra["uuid"] = present
    before = (tmp_path / "d.yaml").read_bytes()
    for write in (True, False):
        result = transact(StandIn(arguments(tmp_path, caller={"user_uuid": earlier})), write=write)
        assert [each["code"] for each in result["refusals"]] == ["acting_token_of_earlier_user"]
        assert (tmp_path / "d.yaml").read_bytes() == before
    assert transact(StandIn(arguments(tmp_path, caller={"user_uuid": present})))["next"] == 1001


def test_an_entry_contains_the_uuid_of_the_acting_user(tmp_path: Path) -> None:
    held = Cluster.initial()
    module = StandIn(arguments(tmp_path, caller={"proof": "awx", "module": "slice"}))
    assert control.entry_for(module, [], held).caller.user_uuid is None
    uuid = held.users["admin"].extra["uuid"] = "9f1c2e64-6c0b-4c55-9d56-0a4f5d0a7b21"
    held.extra["revision"] = 7
    entry = control.entry_for(module, [], held)
    assert (entry.user, entry.caller.user_uuid, entry.caller.proof, entry.revision) == ("admin", uuid, "awx", 7)
    module.params["acting_user"] = "nobody"
    assert control.entry_for(module, [], held).caller.user_uuid is None


def test_errors_of_the_database_are_failures(tmp_path: Path) -> None:
    (tmp_path / "d.yaml").write_text("users: [")
    result = transact(StandIn(arguments(tmp_path)))
    assert (result["failed"], str(tmp_path / "d.yaml") in result["msg"]) == (True, True)
    assert transact(StandIn(arguments(tmp_path, database="relative.yaml")))["failed"]


def test_arguments_are_passed_to_the_store(tmp_path: Path) -> None:
    module = StandIn(arguments(tmp_path, lock_timeout_s=7.5, backups=2))
    store: Any = control.store_of(module, str(tmp_path / "d.yaml"), str(tmp_path / "kept"))
    assert (store.lock_timeout_s, store.backups.keep, store.backups.folder) == (7.5, 2, str(tmp_path / "kept"))
    other: Any = control.store_of(module, str(tmp_path / "d.yaml"))
    assert other.backups.folder == f"{tmp_path}/d.yaml.backups"


@pytest.mark.parametrize(("backups", "is_possible"), [(-1, False), (0, True)])
def test_a_negative_number_of_backups_is_refused(tmp_path: Path, backups: int, is_possible: bool) -> None:
    module = StandIn(arguments(tmp_path, backups=backups))
    if is_possible:
        control.store_of(module, str(tmp_path / "d.yaml"))
    else:
        with pytest.raises(Refused, match="backups must be at least 0, got -1"):
            control.store_of(module, str(tmp_path / "d.yaml"))


def test_a_password_in_a_refused_url_is_censored(tmp_path: Path) -> None:
    module = StandIn(arguments(tmp_path))
    with pytest.raises(Refused):
        control.store_of(module, "mysql://bob:s3cret@host/d")
    assert module.no_log_values == {":s3cret@"}
    control.store_of(module, str(tmp_path / "d.yaml"))
    assert module.no_log_values == {":s3cret@"}, "a path is no secret"


def register(cluster: Cluster) -> Outcome:
    cluster.next_vm_id += 1
    return Outcome([between("user", "bob", None, {"quota_vms": 1})])


def look(_cluster: Cluster) -> Outcome:
    return Outcome()


def entries_of(module: StandIn) -> list[Entry]:
    return control.within(module, lambda cluster: list(cluster.history.newest_first()), write=False)


def test_a_change_is_recorded_with_its_user(tmp_path: Path) -> None:
    caller = {"proof": "token", "because": "of a test", "playbook": "user.yml"}
    module = StandIn(arguments(tmp_path, acting_user="alice", caller=caller))
    for change in (register, look):
        with pytest.raises(Exit):
            control.transact(module, change)
    (entry,) = entries_of(module)
    assert (entry.user, entry.caller.proof, entry.caller.playbook) == ("alice", "token", "user.yml")
    assert [(each["kind"], each["id"]) for each in entry.changes] == [("user", "bob")]


def test_within_a_transaction_any_value_may_be_returned(tmp_path: Path) -> None:
    module = StandIn(arguments(tmp_path, acting_user="alice", caller=None))
    assert control.within(module, lambda cluster: cluster.next_vm_id) == 1000


def test_a_missing_database_is_an_error_for_readers(tmp_path: Path) -> None:
    module = StandIn(arguments(tmp_path))
    for settings in ({"write": False}, {"create": False}):
        with pytest.raises(Refused) as caught:
            control.within(module, look, **settings)
        assert [refusal.code for refusal in caught.value.refusals] == ["database_missing"]
    assert transact(module)["next"] == 1001


SPEC: dict[str, dict[str, Any]] = {"name": {"type": "str"}, "size": {"type": "int", "default": 1}}


def test_either_one_object_or_a_list_is_given() -> None:
    keywords = control.listed(SPEC, "things", "name")
    assert set(keywords["argument_spec"]) == {*control.CONTROL_ARGUMENTS, "name", "size", "things"}
    assert keywords["argument_spec"]["things"]["options"] == {
        "name": {"type": "str", "required": True},
        "size": {"type": "int", "default": 1},
    }
    assert "required" not in keywords["argument_spec"]["name"], "the key is required in a list alone"
    assert (keywords["mutually_exclusive"], keywords["required_one_of"]) == ([("name", "things")],) * 2
    assert keywords["supports_check_mode"] is True


def test_one_of_several_keys_is_needed() -> None:
    keywords = control.listed({**SPEC, "title": {"type": "str"}}, "things", "name", "title")
    things = keywords["argument_spec"]["things"]
    assert things["required_one_of"] == [("name", "title")]
    assert [option for option, spec in things["options"].items() if "required" in spec] == []
    assert keywords["mutually_exclusive"] == [("name", "things"), ("title", "things")]
    assert keywords["required_one_of"] == [("name", "title", "things")]


def test_objects_are_those_of_the_list_or_the_single_one() -> None:
    many = [{"name": "a", "size": 1}]
    assert control.entries({"name": None, "size": 1, "things": many}, SPEC, "things") == many
    assert control.entries({"name": None, "size": 1, "things": []}, SPEC, "things") == []
    one = {"name": "a", "size": 2, "things": None, "database": "d"}
    assert control.entries(one, SPEC, "things") == [{"name": "a", "size": 2}]


def test_types_and_defaults_are_those_of_the_documentation() -> None:
    assert specified(control.CONTROL_ARGUMENTS) == documented("control")
