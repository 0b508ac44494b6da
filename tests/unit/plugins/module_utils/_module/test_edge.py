# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The edge to Ansible: an outcome or an expected error becomes a result, and a bug is not caught."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import edge
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Outcome
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import (
    DatabaseError,
    Refusal,
    Refused,
    SlicesError,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.grammar import text

from .stand_in import Exit, StandIn

CREATED = Change("vm", 1001, "create", after={"cores": 1})


def left(module: StandIn, action: Callable[[], Outcome]) -> dict[str, Any]:
    with pytest.raises(Exit) as caught:
        edge.run(module, action)
    return caught.value.result


def test_a_result_contains_its_changes() -> None:
    result = left(StandIn({}), lambda: Outcome([CREATED], {"vm": "vm1"}))
    assert (result["failed"], result["changed"], result["vm"]) == (False, True, "vm1")
    assert (result["diff"]["before"], result["diff"]["after"].count("\n")) == ("", 1)


def test_a_result_without_changes_is_unchanged() -> None:
    result = left(StandIn({}), Outcome)
    assert (result["changed"], result["diff"]) == (False, {"before": "", "after": ""})


def test_an_expected_failure_contains_its_fields() -> None:
    def fail() -> Outcome:
        raise SlicesError("it is gone", vm_id=1001)

    assert left(StandIn({}), fail) == {"failed": True, "msg": "it is gone", "vm_id": 1001}


def test_a_result_contains_completed_changes_and_refusals() -> None:
    refused = Refused([Refusal("user_missing", "user x", {"slice_id": 1000})], refused=[1000], vm=None)
    result = left(StandIn({}), lambda: Outcome([CREATED], {"vm": "vm1", "tables": []}, refused))
    assert (result["failed"], result["changed"], result["tables"], result["refused"]) == (True, True, [], [1000])
    assert (result["msg"], result["refusal_count"], result["vm"]) == (refused.message, 1, None)
    assert result["diff"]["after"].count("\n") == 1


def test_nothing_is_done_with_arguments_of_invalid_syntax() -> None:
    def act() -> Outcome:
        raise AssertionError("it was called")

    with pytest.raises(Exit) as caught:
        edge.run(StandIn({"bridge": "br 0"}), act, {"bridge": text("[a-z0-9]+", "letters and digits")}, host="w1")
    result = caught.value.result
    assert (result["failed"], result["host"]) == (True, "w1")
    assert result["msg"] == "settings: bridge must be letters and digits, got 'br 0'"


def test_a_bug_is_not_caught() -> None:
    def fail() -> Outcome:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        edge.run(StandIn({}), fail)


def test_changes_are_returned_in_order() -> None:
    other = Change("vm", 1000, "delete", before={})
    assert [each["id"] for each in edge.listed([CREATED, other])] == [1001, 1000]


SPEC: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "size": {"type": "int"},
    "tags": {"type": "list", "elements": "str"},
    "vms": {
        "type": "list",
        "elements": "dict",
        "options": {"flavor": {"type": "str", "required": True}, "nic": {"type": "dict", "options": {}}},
    },
    "place": {"type": "dict", "options": {"host": {"type": "str", "required": True}}},
}
GIVEN: dict[str, Any] = {"name": "web", "size": None, "tags": [], "vms": None, "place": None}


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({}, []),
        ({"name": ""}, []),
        ({"name": None}, ["name"]),
        ({"tags": ["a", None, None]}, ["tags", "tags"]),
        ({"tags": ["", "a"]}, []),
        ({"vms": [{"flavor": "cirros"}, {"flavor": None}]}, ["vms.flavor"]),
        ({"vms": [None, {}]}, ["vms", "vms.flavor"]),
        ({"place": {"host": "a"}}, []),
        ({"place": {}}, ["place.host"]),
        ({"name": None, "place": {"host": None}}, ["name", "place.host"]),
    ],
)
def test_null_is_refused_for_required_options(changes: dict[str, Any], refused: list[str]) -> None:
    ran: list[int] = []

    def action() -> Outcome:
        ran.append(1)
        return Outcome()

    result = left(StandIn({**GIVEN, **changes}, SPEC), action)
    assert [each["object"] for each in result.get("refusals", [])] == refused
    assert (result["failed"], len(ran)) == (bool(refused), 0 if refused else 1)


@pytest.mark.parametrize(
    ("given", "count"),
    [({"a": None, "b": None}, 1), ({"a": 1, "b": None}, 0), ({"a": None, "b": 0}, 0), ({"a": 1, "b": 2}, 0), ({}, 1)],
)
def test_one_option_of_a_group_must_not_be_null(given: dict[str, Any], count: int) -> None:
    module = StandIn(given, required_one_of=[("a", "b")])
    if count:
        with pytest.raises(Refused) as caught:
            edge.refuse_wrong_types(module)
        assert caught.value.refusals == [Refusal("all_options_are_null", "a, b")]
    else:
        edge.refuse_wrong_types(module)


def test_an_operating_system_error_names_its_file_and_one_without_a_file_is_a_bug() -> None:
    def fail() -> Outcome:
        raise OSError(20, "Not a directory", "/var/lib/cloudrepo/vms")

    assert left(StandIn({}), fail)["msg"] == "/var/lib/cloudrepo/vms: Not a directory"

    def hang_up() -> Outcome:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        edge.run(StandIn({}), hang_up)


@pytest.mark.parametrize(
    ("code", "uid", "advised"), [(1, 1000, True), (13, 1000, True), (13, 0, False), (28, 1000, False)]
)
def test_a_task_without_become_is_told_to_set_it(
    code: int, uid: int, advised: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> Outcome:
        raise OSError(code, "No", "/var/lib/cloudrepo/vms")

    monkeypatch.setattr("os.geteuid", lambda: uid)
    message = left(StandIn({}), fail)["msg"]
    advice = "; the task runs as uid 1000, and modules for hosts need root: set become to true"
    assert message == "/var/lib/cloudrepo/vms: No" + (advice if advised else "")


@pytest.mark.parametrize(("kind", "advised"), [(SlicesError, True), (DatabaseError, False)])
def test_a_task_without_become_that_cannot_read_the_state_of_a_host_is_told_to_set_it(
    kind: type[SlicesError], advised: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> Outcome:
        raise kind("cloud.json cannot be read: Permission denied") from PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.geteuid", lambda: 1000)
    message = left(StandIn({}), fail)["msg"]
    advice = "; the task runs as uid 1000, and modules for hosts need root: set become to true"
    assert message == "cloud.json cannot be read: Permission denied" + (advice if advised else "")
