# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.call_rules import (
    READ_RAW,
    TABLE,
    Playbook,
    incomplete,
    read_table,
    refuse,
    several_slices,
)

from ...ansible_names import connection_variables, template_names

ROOT = Path(__file__).resolve().parents[4]
FILES = [path for folder in ("playbooks", "roles") for path in ROOT.glob(f"{folder}/**/*.yml")]
assert len(FILES) > 40
SAID = yaml.safe_load(TABLE.read_text())
PLAYBOOKS = {path.stem: yaml.safe_load(path.read_text()) for path in ROOT.glob("playbooks/*.yml")}


def first_task(plays: list[dict[str, Any]]) -> dict[str, Any]:
    """The first task of a playbook, in itself or in a playbook that it imports."""
    imported = plays[0].get("ansible.builtin.import_playbook")
    if imported is not None:
        return first_task(PLAYBOOKS[Path(imported).stem])
    assert "roles" not in plays[0]
    assert "pre_tasks" not in plays[0]
    found: dict[str, Any] = plays[0]["tasks"][0]
    return found


def test_every_playbook_is_in_the_table() -> None:
    assert set(SAID["playbooks"]) == set(PLAYBOOKS)


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_the_first_task_of_a_playbook_is_its_guard(name: str) -> None:
    task = first_task(PLAYBOOKS[name])
    assert PLAYBOOKS[name][0].get("gather_facts", False) is False
    named = task["cloudrepo.slices.guard"]["playbook"]
    assert named == name or SAID["playbooks"][named]["admins_only"] == SAID["playbooks"][name]["admins_only"]
    assert task["run_once"] is True
    assert task.keys() <= {"name", "cloudrepo.slices.guard", "register", "run_once"}


def test_only_admins_may_set_variables_that_ansible_itself_reads() -> None:
    connection, template = set(connection_variables()), template_names()
    assert {"ansible_connection", "ansible_ssh_common_args", "ansible_become_exe", "ansible_user"} <= connection
    assert {"lookup", "query", "dict", "hosts", "delegate_to", "vars"} <= template
    for playbook in read_table().playbooks.values():
        for name in connection | template:
            assert playbook.admin_only([name]) == [name]


KEYWORDS = re.compile("hosts|connection|port|remote_user|become(_user|_method|_exe|_flags)?|strategy|.*import_.*")


def plays_and_tasks(node: Any) -> Iterator[dict[str, Any]]:
    """Every play and task of a file, without the arguments of modules."""
    for each in node if isinstance(node, list) else ():
        if isinstance(each, dict):
            yield each
            for key in ("tasks", "handlers", "block", "rescue", "always"):
                yield from plays_and_tasks(each.get(key))


def test_hosts_and_connection_of_plays_and_tasks_do_not_depend_on_variables() -> None:
    """Such keywords are evaluated for all plays before the first task, or where a variable wins over a keyword."""
    found = [
        f"{path}: {key}: {node[key]}"
        for path in FILES
        for node in plays_and_tasks(yaml.safe_load(path.read_text()))
        for key in node
        if KEYWORDS.fullmatch(key) and "{{" in str(node[key])
    ]
    assert found == []


def plays_of(name: str) -> list[dict[str, Any]]:
    """The plays of a playbook, and of those that it imports."""
    found = []
    for play in yaml.safe_load((ROOT / f"playbooks/{name}.yml").read_text()):
        imported = play.get("ansible.builtin.import_playbook")
        found += [play] if imported is None else plays_of(imported.removesuffix(".yml"))
    return found


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_a_limit_leaves_out_no_guard(name: str) -> None:
    """Ansible skips a play without hosts. A guard that was skipped would refuse nothing, and the run would succeed."""
    guards = [
        play["hosts"]
        for play in plays_of(name)
        if any("cloudrepo.slices.guard" in task for task in play.get("tasks", ()))
    ]
    assert {*guards} == {"orchestrator:all:localhost"}


TAGS: list[tuple[list[str], list[str]]] = [
    *(([tag], []) for tag in ("some", "always", "never", "tagged", "untagged", "all")),
    *((["all"], [tag]) for tag in ("some", "always", "never", "tagged", "untagged", "all")),
    (["all"], ["all", "always"]),
    (["some"], ["always"]),
]
"""The arguments of --tags and --skip-tags."""
# In a process of its own, because Ansible's loader of collections stays in the one that has initialized it.
COMPILE = """
import json, sys
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook import Playbook
from ansible.playbook.block import Block
from ansible.plugins.loader import init_plugin_loader
from ansible.vars.manager import VariableManager

def tasks(block):
    for each in (*block.block, *block.rescue, *block.always):
        yield from tasks(each) if isinstance(each, Block) else [each]

init_plugin_loader()
loader = DataLoader()
manager = VariableManager(loader, InventoryManager(loader, sources=["localhost,"]))
asked = json.load(sys.stdin)
found = {}
for path in asked["paths"]:
    plays = Playbook.load(path, variable_manager=manager, loader=loader).get_plays()
    every = [task for play in plays for block in play.compile() for task in tasks(block)]
    found[path] = [[task.action for task in every if task.evaluate_tags(*tags, {})] for tags in asked["tags"]]
print(json.dumps(found))
"""


def test_tags_leave_out_the_guard_only_with_all_other_tasks() -> None:
    """Ansible itself tags implicit steps, and its check of a role's arguments, which runs on the controller."""
    asked = {"paths": [str(ROOT / f"playbooks/{name}.yml") for name in PLAYBOOKS], "tags": TAGS}
    done = subprocess.run(
        [sys.executable, "-c", COMPILE], input=json.dumps(asked), capture_output=True, text=True, check=True
    )
    of_ansible = {"meta", "ansible.builtin.meta", "ansible.builtin.validate_argument_spec"}
    for path, runs in json.loads(done.stdout).items():
        for tags, run in zip(TAGS, runs):
            assert "cloudrepo.slices.guard" in run or set(run) <= of_ansible, (path, tags)
        # Otherwise the names are not those that Ansible uses.
        assert any("cloudrepo.slices.guard" in run for run in runs)
        assert any("cloudrepo.slices.guard" not in run for run in runs)


def test_every_variable_is_described_and_accepted_by_a_playbook() -> None:
    table = read_table()
    accepted = {name for playbook in table.playbooks.values() for name in playbook.accepted}
    assert accepted == set(SAID["variables"])
    assert [name for name, said in SAID["variables"].items() if not said.get("description")] == []
    raw = {name for name, said in SAID["variables"].items() if said["type"] in READ_RAW}
    assert set(table.grammars) == accepted - raw


def row(name: str, said: dict[str, Any]) -> str:
    """A line of the table in the documentation."""
    listed = [", ".join(f"`{each}`" for each in said.get(key, ())) for key in ("variables", "admin_variables")]
    tenants, admins = (text or "none" for text in listed)
    return f"| `{name}` | {'admins only' if said.get('admins_only') else tenants} | {admins} |"


def test_the_documentation_contains_the_table() -> None:
    text = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    shown = text.partition("<!-- callers -->")[2].partition("<!-- end of callers -->")[0].strip().splitlines()
    assert shown[2:] == [row(name, said) for name, said in SAID["playbooks"].items()]


def expressions(node: Any, *, bare: bool = False) -> Iterator[str]:
    """Everything in a playbook that Ansible evaluates."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from expressions(value, bare=key in ("when", "that", "failed_when", "changed_when"))
    elif isinstance(node, list):
        for each in node:
            yield from expressions(each, bare=bare)
    elif isinstance(node, str):
        yield from [node] if bare else re.findall(r"\{[{%].*?[}%]\}", node, flags=re.DOTALL)


def test_referenced_variables_have_a_grammar_or_are_for_admins() -> None:
    """Else it could be a template, which Ansible would evaluate where the playbook refers to it."""
    table = read_table()
    found = set()
    for name, plays in PLAYBOOKS.items():
        words = {word for text in expressions(plays) for word in re.findall(r"(?<![\w.'])[a-z_]\w*", text)}
        found |= words & set(table.playbooks[name].variables)
    of_guard, of_role = "slice_all", "apply_work_order_restart"
    of_tenants = {name for playbook in table.playbooks.values() for name in playbook.variables}
    assert found == of_tenants & set(table.grammars) - {of_guard, of_role}


DEPLOY = Playbook("deploy", ("slices", "slice_name"), ("slices_file",))


def test_a_tenant_may_set_only_listed_variables() -> None:
    names = ["slices", "awx_job_id", "tower_user_name", "slices_file", "slices_plan", "__x", "ansible_host", "awx"]
    restricted = ["__x", "ansible_host", "awx", "slices_file", "slices_plan"]
    assert DEPLOY.admin_only(names) == restricted
    figures = {"variables": restricted, "user": "bob", "accepted": ["slices", "slice_name"]}
    assert [(each.code, each.object, each.figures) for each in refuse(DEPLOY, names, "bob")] == [
        ("variables_of_admins", "playbook deploy", figures)
    ]
    assert list(refuse(DEPLOY, ["slices"], "bob")) == []


@pytest.mark.parametrize("name", ["deploy", "undelete", "site"])
def test_only_admins_have_damaged_base_images_fetched_again(name: str) -> None:
    playbook = read_table().playbooks[name]
    assert "base_images_refetch" in playbook.admin_variables
    assert [refusal.code for refusal in refuse(playbook, ["base_images_refetch"], "bob")] == [
        "admins_only" if playbook.admins_only else "variables_of_admins"
    ]


def test_required_variables_are_set_by_the_caller_or_in_the_inventory() -> None:
    capture = read_table().playbooks["capture"]
    assert [each.to_dict() for each in incomplete(capture, {"capture_interface": "eth1"})] == [
        {
            "code": "variables_missing",
            "object": "playbook capture",
            "rule": "required variables must be set",
            "figures": {"missing": ["capture_vm"]},
            "message": "playbook capture requires capture_vm; set each with -e NAME=VALUE",
        }
    ]
    assert list(incomplete(capture, {"capture_vm": "vm1", "capture_interface": "eth1"})) == []
    assert list(incomplete(DEPLOY, {})) == []


def test_a_playbook_for_one_slice_refuses_several() -> None:
    capture = read_table().playbooks["capture"]
    [refused] = several_slices(capture, ["web", "shop"])
    assert (refused.code, refused.figures) == ("several_slices", {"got": ["web", "shop"]})
    assert refused.message == "playbook capture takes one slice, got web, shop"
    assert list(several_slices(capture, ["web"])) == list(several_slices(DEPLOY, ["web", "shop"])) == []


def test_some_playbooks_are_for_admins() -> None:
    site = Playbook("site", admins_only=True)
    assert list(refuse(site, ["x"], "bob")) == [Refusal("admins_only", "playbook site", {"user": "bob"})]


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("capture_vm", "vm1", "{{ vm }}"),
        ("capture_interface", "eth1", "eth1; reboot"),
        ("capture_seconds", "60", "0"),
        ("capture_mib", 4096, 4097),
        ("capture_stop", True, "{{ true }}"),
        ("apply_work_order_restart", "yes", "perhaps"),
        ("base_images_refetch", "true", "{{ true }}"),
        ("recreate_disks", "web/vm1,1002", "vm1,{{ vm }}"),
        ("recreate_disks", ["web/vm1", "1002"], ["vm1", "{{ vm }}"]),
        ("recreate_disks", 1001, True),
        ("recreate_disks", [1001, "vm1"], [1.5]),
        ("recreate_disks", ["vm1"], {"vm1": 1}),
    ],
)
def test_referenced_variables_match_their_grammar(name: str, right: Any, wrong: Any) -> None:
    table = read_table()
    assert list(table.malformed({name: right, "other": "{{ x }}"})) == []
    assert [(each.object, each.figures["field"], each.figures["got"]) for each in table.malformed({name: wrong})] == [
        ("variables", name, wrong)
    ]
