# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The calls of the action plugin. tests/unit/playbooks/test_awx_portal.py runs it with modules."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible import context
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins.loader import connection_loader
from ansible.template import Templar
from ansible.utils.context_objects import CLIArgs

from ansible_collections.cloudrepo.slices.plugins.action import awx_objects
from ansible_collections.cloudrepo.slices.plugins.action.awx_objects import MODULES, ActionModule

TEAM = {"aap_teams": [{"name": "admins", "organization": "Default"}]}
# In another order than that of the references.
TWO = {"controller_roles": [{"role": "execute", "team": "admins", "job_templates": ["deploy"]}], **TEAM}


class Called:
    """Runs the plugin, with answers of modules by their names; those without one change nothing."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.installed = True
        monkeypatch.setattr(ActionModule, "_execute_module", self._execute)
        loader = SimpleNamespace(find_plugin_with_context=lambda _name: SimpleNamespace(resolved=self.installed))
        monkeypatch.setattr(awx_objects, "module_loader", loader)
        monkeypatch.setenv("CONTROLLER_HOST", "https://awx.example.org")

    def _execute(self, module_name: str, module_args: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        del task_vars
        self.calls.append((module_name, module_args))
        return self.answers.get(module_name.rpartition(".")[2], {"changed": False})

    def __call__(self, monkeypatch: pytest.MonkeyPatch, *, check: bool = False, **args: Any) -> dict[str, Any]:
        monkeypatch.setattr(context, "CLIARGS", CLIArgs({"check": check}))
        loader, task = DataLoader(), Task()
        task._loader, task.args, task.check_mode = loader, args, check
        local = connection_loader.get("local", PlayContext())
        done: dict[str, Any] = ActionModule(
            task, local, PlayContext(), loader, Templar(loader=loader, variables={}), None
        ).run(None, {})
        return done


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> Called:
    return Called(monkeypatch)


def test_objects_are_created_before_those_that_refer_to_them(called: Called, monkeypatch: pytest.MonkeyPatch) -> None:
    called.answers = {"team": {"changed": True}}
    done = called(monkeypatch, objects=TWO, collection="ansible.controller")
    assert [name for name, _args in called.calls] == ["ansible.controller.team", "ansible.controller.role"]
    assert called.calls[0][1] == TEAM["aap_teams"][0]
    assert (done["changed"], done["lines"]) == (True, ["team admins"])
    assert [(each["name"], each["changed"]) for each in done["objects"]] == [
        ("admins", True),
        ("execute of admins", False),
    ]
    called.answers = {}
    assert called(monkeypatch, objects=TWO)["changed"] is False
    assert called.calls[-1][0] == "awx.awx.role"


def test_the_order_of_kinds_is_that_of_their_references() -> None:
    kinds = list(MODULES.values())
    for first, then in (
        ("credential_type", "credential"),
        ("credential", "inventory_source"),
        ("project", "job_template"),
        ("inventory", "job_template"),
        ("execution_environment", "job_template"),
        ("job_template", "workflow_job_template"),
        ("job_template", "schedule"),
        ("workflow_job_template", "role"),
        ("team", "role"),
    ):
        assert kinds.index(first) < kinds.index(then)


def test_a_failure_names_the_object_and_ends_the_run(called: Called, monkeypatch: pytest.MonkeyPatch) -> None:
    called.answers = {"team": {"changed": True}, "role": {"failed": True, "msg": "HTTP 403 \n"}}
    done = called(monkeypatch, objects=TWO)
    assert (done["failed"], done["changed"], done["msg"]) == (True, True, "role execute of admins: HTTP 403")
    assert [each["code"] for each in done["refusals"]] == ["awx_refused"]


def test_in_check_mode_an_object_may_refer_to_one_that_would_be_created(
    called: Called, monkeypatch: pytest.MonkeyPatch
) -> None:
    called.answers = {"team": {"changed": True}, "role": {"failed": True, "msg": "no team admins"}}
    done = called(monkeypatch, objects=TWO, check=True)
    assert (done.get("failed"), done["lines"]) == (None, ["team admins", "role execute of admins"])
    # Nothing would be created, so the failure has another cause.
    called.answers["team"] = {"changed": False}
    assert called(monkeypatch, objects=TWO, check=True)["msg"] == "role execute of admins: no team admins"


def test_nothing_is_called_without_modules_or_with_unknown_lists(
    called: Called, monkeypatch: pytest.MonkeyPatch
) -> None:
    called.installed = False
    assert called(monkeypatch, objects=TEAM)["msg"].endswith("ansible-galaxy collection install awx.awx")
    called.installed = True
    done = called(monkeypatch, objects={**TEAM, "controller_labels": []})
    assert [each["code"] for each in done["refusals"]] == ["unknown_lists"]
    monkeypatch.delenv("CONTROLLER_HOST")
    assert called(monkeypatch, objects=TEAM)["msg"] == (
        "environment: none of CONTROLLER_HOST, TOWER_HOST is set; set CONTROLLER_HOST and CONTROLLER_OAUTH_TOKEN"
    )
    assert called(monkeypatch, objects=TEAM, collection="other")["failed"]
    assert called.calls == []
