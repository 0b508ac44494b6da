# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import ast
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._module.host import reconcile, reconcile_all
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import SlicesError
from ansible_collections.cloudrepo.slices.plugins.module_utils.steps import Steps

PLUGINS = Path(__file__).resolve().parents[5] / "plugins"
CREATED = Change("tap", "tap_1001_eth0", "create", after={"user": "slice1000"})


class Left(Exception):
    """The module has exited."""


class FakeModule:
    """Records how the module exits."""

    def __init__(self, *, check_mode: bool) -> None:
        self.argument_spec: dict[str, Any] = {"names": {"type": "list"}}
        self.required_one_of = None
        self.params = {"names": ["x"]}
        self.check_mode = check_mode
        self.no_log_values: set[str] = set()
        self.left: dict[str, Any] = {}

    def exit_json(self, **result: Any) -> NoReturn:
        self.left = result
        raise Left

    def fail_json(self, msg: str, **result: Any) -> NoReturn:
        self.left = {"failed": True, "msg": msg, **result}
        raise Left


@dataclass(frozen=True)
class Plan:
    changes: tuple[Change, ...] = (CREATED,)


def left(*, check_mode: bool, failure: SlicesError | None = None) -> tuple[list[str], dict[str, Any]]:
    """Return the steps in their order, and the result of the module."""
    heard: list[str] = []

    @contextmanager
    def held(name: str) -> Iterator[None]:
        heard.append(name)
        yield
        heard.append(f"end of {name}")

    def steps(params: dict[str, Any], missing_ok: bool) -> Steps[Plan]:
        heard.append(f"{params['names']} {missing_ok}")

        def plan() -> Plan:
            heard.append("plan")
            return Plan()

        def apply(_todo: Plan) -> dict[str, Any]:
            heard.append("apply")
            return {"vms": "as they are now", "packets": 1}

        def finish(_todo: Plan) -> dict[str, Any]:
            heard.append("finish")
            return {"packets": 2}

        return Steps(
            plan,
            apply,
            lambda _todo: {"vms": "as they were", "kept": []},
            lambda _todo: failure,
            lock=lambda: held("lock"),
            finish=finish,
            turn=lambda: held("turn"),
        )

    module = FakeModule(check_mode=check_mode)
    with pytest.raises(Left):
        reconcile(module, steps, {})
    return heard, module.left


def test_planning_and_applying_are_locked_and_finishing_is_not() -> None:
    heard, result = left(check_mode=False)
    assert heard == ["['x'] False", "turn", "lock", "plan", "apply", "end of lock", "finish", "end of turn"]
    assert (result["changed"], result["vms"], result["kept"], result["packets"]) == (True, "as they are now", [], 2)


def test_check_mode_only_plans_and_returns_the_same_changes() -> None:
    heard, result = left(check_mode=True)
    assert heard == ["['x'] True", "plan"]
    assert (result["vms"], result["kept"]) == ("as they were", [])
    assert result["diff"] == left(check_mode=False)[1]["diff"]


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_partial_failure_reports_its_changes(check_mode: bool) -> None:
    _heard, result = left(check_mode=check_mode, failure=SlicesError("slice 1000 was refused"))
    assert (result["failed"], result["changed"], result["msg"]) == (True, True, "slice 1000 was refused")


@pytest.mark.usefixtures("default_signals")
@pytest.mark.parametrize("check_mode", [True, False])
def test_a_signal_results_in_a_failure_that_tells_whether_the_host_may_have_changed(check_mode: bool) -> None:
    def plan() -> Plan:
        signal.raise_signal(signal.SIGTERM)
        return Plan()

    module = FakeModule(check_mode=check_mode)
    steps = Steps(plan, lambda _todo: {}, lambda _todo: {})
    with pytest.raises(Left):
        reconcile(module, lambda _params, _missing_ok: steps, {}, answers=[1000])
    said = (
        "ended by SIGTERM; nothing was changed" if check_mode else "ended by SIGTERM: this host may have been changed"
    )
    assert module.left.pop("msg").startswith(said)
    assert module.left == {"failed": True, "changed": not check_mode, "answers": [1000]}


# console_command and guest_startup type into guests; flavor changes the database, not a host.
WITHOUT_PLAN = {"console_command", "flavor", "guest_startup"}


def test_modules_of_hosts_do_not_handle_check_mode() -> None:
    reading = {
        path.stem
        for path in (PLUGINS / "modules").glob("*.py")
        if "_host." in path.read_text()
        and any(
            isinstance(node, ast.Attribute) and node.attr == "check_mode"
            for node in ast.walk(ast.parse(path.read_text()))
        )
    }
    assert reading == WITHOUT_PLAN


def test_warnings_of_all_stages_are_returned() -> None:
    def stages(_params: dict[str, Any], _missing_ok: bool) -> Iterator[Steps[Plan]]:
        for result in ({"warnings": ["one"]}, {"claim": 1}, {"warnings": ["two"]}):
            yield Steps(Plan, lambda _todo: None, result=lambda _todo, told=result: told)  # type: ignore[misc]

    module = FakeModule(check_mode=False)
    with pytest.raises(Left):
        reconcile_all(module, stages, {})  # type: ignore[arg-type]
    assert (module.left["warnings"], module.left["claim"]) == (["one", "two"], 1)
