# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.plain_module import PlainModule

ARGUMENTS: dict[str, Any] = {"argument_spec": {"name": {"type": "str"}}, "required_one_of": [("name",)]}


def module() -> PlainModule:
    return PlainModule(ARGUMENTS, {"name": "x"}, check_mode=True)


def test_it_has_what_a_module_is_called_with() -> None:
    made = module()
    assert (made.params, made.check_mode) == ({"name": "x"}, True)
    assert (made.argument_spec, made.required_one_of) == (ARGUMENTS["argument_spec"], ARGUMENTS["required_one_of"])


def test_nothing_runs_after_the_exit() -> None:
    def code(made: PlainModule) -> None:
        made.exit_json(name="x", changed=True)
        made.fail_json(msg="too late")

    assert module().result_of(code) == {"changed": True, "name": "x"}


def test_a_failure_has_a_message() -> None:
    assert module().result_of(lambda made: made.fail_json(msg="no", code=1)) == {
        "changed": False,
        "failed": True,
        "msg": "no",
        "code": 1,
    }


def test_a_bug_is_not_caught() -> None:
    with pytest.raises(ZeroDivisionError):
        module().result_of(lambda _made: print(1 // 0))


def test_without_a_change_nothing_has_changed() -> None:
    assert module().result_of(lambda made: made.exit_json(name="x")) == {"changed": False, "name": "x"}
    assert module().result_of(lambda made: made.fail_json(msg="no", changed=True))["changed"] is True
