# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
import os
import pwd
from pathlib import Path
from typing import Any

import pytest
from ansible import context
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.task import Task
from ansible.template import Templar
from ansible.vars.manager import VariableManager

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
from ansible_collections.cloudrepo.slices.plugins.plugin_utils import acting_user
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.acting_user import ENVIRONMENT, Decision
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.run_variables import (
    caller,
    decide,
    extra_variables,
    names_of_inventory,
    of_inventory,
    vm_id,
)

VARIABLES = {"cloudrepo_database": "{{ folder }}/database.yaml", "folder": "/srv", "cloudrepo_acting_user": "{{ who }}"}


def task(folder: Path, extra: dict[str, Any], **args: Any) -> tuple[Task, dict[str, Any], Templar]:
    """A task of a run with extra variables, and the arguments of its action plugin."""
    (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": {"one": {}}, "vars": VARIABLES}}))
    loader = DataLoader()
    inventory = InventoryManager(loader, sources=[str(folder / "hosts.json")])
    manager = VariableManager(loader, inventory)
    manager._extra_vars = extra
    made = Task()
    made._variable_manager, made._loader, made.args = manager, loader, args
    variables = manager.get_vars(host=inventory.get_host("one"))
    return made, variables, Templar(loader=loader, variables=variables)


def test_extra_variables_are_returned_unchanged(tmp_path: Path) -> None:
    extra = {"slices": [{"name": "{{ 1 + 1 }}"}], "who": "bob"}
    assert extra_variables(task(tmp_path, extra)[0]) == extra


def test_a_variable_of_the_inventory_applies_unless_there_is_an_extra_variable(tmp_path: Path) -> None:
    for extra in ({}, {"cloudrepo_database": "/own"}, {"folder": "/own"}):
        assert of_inventory(task(tmp_path, extra)[0], "one", "cloudrepo_database") == "/srv/database.yaml"
    assert of_inventory(task(tmp_path, {"other": "x"})[0], "one", "other") is None


def test_only_a_host_of_the_inventory_plugin_is_a_vm(tmp_path: Path) -> None:
    made, _variables, _templar = task(tmp_path, {"cloudrepo_vm_id": 7})
    assert vm_id(made, "one") is None
    made.get_variable_manager()._inventory.get_host("one").set_variable("cloudrepo_vm_id", 1001)
    assert vm_id(made, "one") == 1001


def test_names_of_the_inventory_include_no_extra_variables(tmp_path: Path) -> None:
    names = names_of_inventory(task(tmp_path, {"other": "x", "folder": "/own"})[0], ["one"])
    assert {*VARIABLES} <= names
    assert "other" not in names


def test_the_acting_user_is_a_variable_or_an_argument(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    assert decide(*task(tmp_path, {"who": "bob"})).user == "bob"
    # The caller's text is not a template.
    assert decide(*task(tmp_path, {"cloudrepo_acting_user": "{{ who }}"})).user == "{{ who }}"
    monkeypatch.setenv(ENVIRONMENT, "bob")
    assert decide(*task(tmp_path, {"who": "bob"}, acting_user="bob")).user == "bob"
    with pytest.raises(Refused):
        decide(*task(tmp_path, {"who": "bob"}, acting_user="admin"))


@pytest.mark.parametrize(
    ("args", "playbook"),
    [(["cloudrepo.slices.deploy"], "cloudrepo.slices.deploy"), (["a.yml", "b.yml"], "a.yml, b.yml"), ("hosts", None)],
)
def test_the_origin_of_a_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: Any, playbook: str | None) -> None:
    for name in acting_user.JOB_IDS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(context, "CLIARGS", {"args": args})
    made = task(tmp_path, {"awx_job_id": 42})[0]
    made.action = "cloudrepo.slices.slice"
    found = caller(made, Decision("bob", "AWX says so", "awx"))
    assert (found.proof, found.because, found.playbook, found.job) == ("awx", "AWX says so", playbook, "42")
    assert (found.module, found.controller) == ("slice", os.uname().nodename)
    assert found.login == pwd.getpwuid(os.getuid()).pw_name
    monkeypatch.setenv("JOB_ID", "7")
    assert caller(made, Decision("bob", "x")).job == "7"
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 7)
    assert caller(made, Decision("bob", "x")).login == str(2**31 - 7)
