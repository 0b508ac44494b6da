# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The objects of the AWX portal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cloudrepo.slices.plugins.plugin_utils import acting_user
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.call_rules import TABLE, read_table

from ..scripts import ROOT, load

portal = load("tools/awx_portal.py")
OPTIONS = yaml.safe_load((Path(__file__).parent / "awx_options.yml").read_text(encoding="utf-8"))
CALLERS = read_table().playbooks
VARIABLES = yaml.safe_load(TABLE.read_text(encoding="utf-8"))["variables"]
FILES = sorted(portal.objects())


class Loader(yaml.SafeLoader):
    """Reads C(!unsafe) as the text that AWX gets."""


Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def content(name: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = yaml.load(portal.path(name).read_text(encoding="utf-8"), Loader)
    return found


def entries(kind: str, files: list[str] = FILES) -> list[dict[str, Any]]:
    """All objects of a kind, those of a tenant as well."""
    return [entry for name in files for key, found in content(name).items() if key == kind for entry in found]


TEMPLATES = entries("controller_templates")
NAMES = [template["name"] for template in TEMPLATES]
by_name = pytest.mark.parametrize("template", TEMPLATES, ids=NAMES)


def questions(template: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = template["survey_spec"]["spec"] if template["survey_enabled"] else []
    return found


def run_by(who: str) -> set[str]:
    """The templates that a user or team may run."""
    granted = [role for role in entries("controller_roles") if who in (role.get("team"), role.get("user"))]
    return {name for role in granted if role["role"] == "execute" for name in role.get("job_templates", ())}


ADMINS = "cloudrepo admins"
TENANT = "{{ portal_tenant }}"


@pytest.mark.parametrize("name", FILES)
def test_files_follow_from_the_variables_of_callers(name: str) -> None:
    """Run C(python tools/awx_portal.py) after changing callers.yml."""
    assert portal.write(name) == portal.path(name).read_text(encoding="utf-8")


def test_there_are_no_other_files() -> None:
    written = {portal.path(name) for name in FILES}
    assert set((ROOT / "awx").rglob("*.yml")) - written == {ROOT / "awx/settings.yml"}


@pytest.mark.parametrize("name", FILES)
def test_modules_of_awx_have_these_options(name: str) -> None:
    for kind, found in content(name).items():
        if kind == "controller_notifications":
            continue  # They are a setting.
        known = OPTIONS[kind]
        for entry in found:
            assert set(entry) - {*known["options"], *known.get("asked", ())} == set(), entry
            assert set(known["required"]) - set(entry) == set(), entry


@pytest.mark.parametrize("kind", ["controller_templates", "controller_workflows"])
def test_only_the_survey_is_asked_at_launch(kind: str) -> None:
    locked = dict.fromkeys(OPTIONS[kind]["asked"], False)
    for entry in entries(kind):
        assert {name: entry.get(name) for name in locked} == locked


@by_name
def test_templates_set_and_ask_for_what_their_playbook_accepts(template: dict[str, Any]) -> None:
    playbook = CALLERS[Path(template["playbook"]).stem]
    assert (ROOT / template["playbook"]).is_file()
    asked = {question["variable"] for question in questions(template)} | set(template["extra_vars"])
    for_admins = template["name"] not in run_by(TENANT)
    assert asked - set(playbook.accepted if for_admins else playbook.variables) == set()
    assert for_admins or not playbook.admins_only


@by_name
def test_questions_have_the_type_bounds_and_default_of_their_variable(template: dict[str, Any]) -> None:
    for question in questions(template):
        said = VARIABLES[question["variable"]]
        assert question["question_description"] == said["description"]
        if said["type"] == "integer":
            assert (question["type"], question["min"], question["max"], question["default"]) == (
                *("integer", said["minimum"], said["maximum"]),
                said["default"],
            )
        elif said["type"] == "flag":
            assert (question["type"], question["choices"], question["default"]) == (
                *("multiplechoice", ["true", "false"]),
                "true" if said.get("default") else "false",
            )
        else:
            assert question["type"] == ("textarea" if said["type"] == "topologies" else "text")


@by_name
def test_a_blank_field_is_refused_by_the_form_or_accepted_by_the_playbook(template: dict[str, Any]) -> None:
    blank = [question for question in questions(template) if not question["required"]]
    assert list(read_table().malformed({question["variable"]: "" for question in blank})) == []
    assert {question["variable"] for question in blank} <= {"recreate_disks", "network_node_accept_machine"}
    required = [question for question in questions(template) if question["required"] and not question["default"]]
    assert [question["variable"] for question in required if question["min"] != 1] == []


def test_every_playbook_of_tenants_has_a_template_that_tenants_run() -> None:
    run = {Path(template["playbook"]).stem for template in TEMPLATES if template["name"] in run_by(TENANT)}
    assert run == {name for name, playbook in CALLERS.items() if not playbook.admins_only}


def test_each_template_is_run_either_by_admins_or_by_one_tenant() -> None:
    """AWX shows the jobs of a template, with their variables and output, to everybody who may run it."""
    assert sorted(NAMES) == sorted([*run_by(ADMINS), *run_by(TENANT)])
    assert [name for name in run_by(TENANT) if TENANT not in name] == []
    workflows = {entry["name"] for entry in entries("controller_workflows")}
    assert [name for name in workflows if TENANT not in name] == []
    users = {role["user"] for role in entries("controller_roles") if "user" in role}
    assert users == {TENANT}
    assert {entry["name"] for entry in entries("aap_teams")} == {ADMINS}


def test_tenants_run_no_template_with_a_credential_that_names_a_user() -> None:
    users = {entry["name"]: entry for entry in entries("controller_credential_types")}
    naming = {name for name, entry in users.items() if acting_user.ENVIRONMENT in entry["injectors"]["env"]}
    credentials = {entry["name"] for entry in entries("controller_credentials") if entry["credential_type"] in naming}
    assert credentials == {"cloudrepo administrator", "cloudrepo VMs of {{ portal_tenant }}"}
    run = [template for template in TEMPLATES if template["name"] in run_by(TENANT)]
    assert [template["name"] for template in run if credentials & set(template["credentials"])] == []


def test_scheduled_jobs_have_a_credential_that_names_a_user() -> None:
    scheduled = {schedule["unified_job_template"] for schedule in entries("controller_schedules")}
    acting = {template["name"] for template in TEMPLATES if "cloudrepo administrator" in template["credentials"]}
    assert acting == scheduled


def test_tenants_only_run_templates_and_read_their_inventory() -> None:
    def granted() -> Iterator[tuple[str, str]]:
        for role in entries("controller_roles"):
            if "user" in role:
                [kind] = set(role) - {"user", "role", "lookup_organization"}
                yield role["role"], kind

    assert set(granted()) == {("execute", "job_templates"), ("execute", "workflows"), ("read", "inventories")}


def test_objects_refer_to_objects_of_the_portal() -> None:
    unnamed = ("controller_roles", "controller_notifications")
    named = {kind: {entry["name"] for entry in entries(kind)} for kind in OPTIONS if kind not in unnamed}
    for template in TEMPLATES:
        assert template["project"] in named["controller_projects"]
        assert template["inventory"] in named["controller_inventories"]
        assert template["execution_environment"] in named["controller_execution_environments"]
        assert set(template["credentials"]) <= named["controller_credentials"]
    for source in entries("controller_inventory_sources"):
        assert source["inventory"] in named["controller_inventories"]
        assert source["source_project"] in named["controller_projects"]
    for credential in entries("controller_credentials"):
        assert credential["credential_type"] in {"Machine", *named["controller_credential_types"]}
    for role in entries("controller_roles"):
        assert set(role.get("job_templates", ())) <= named["controller_templates"]
        assert set(role.get("workflows", ())) <= named["controller_workflows"]


def test_a_workflow_leads_from_each_step_to_the_next() -> None:
    """A request within the quota is deployed; above it, after an approval."""
    [workflow] = entries("controller_workflows")
    steps = workflow["workflow_nodes"]
    following = {
        (step["identifier"], how.removesuffix("_nodes")): [each["identifier"] for each in nodes]
        for step in steps
        for how, nodes in step["related"].items()
        if nodes
    }
    assert following == {
        ("check", "success"): ["deploy"],
        ("check", "failure"): ["quota"],
        ("quota", "success"): ["approval"],
        ("approval", "success"): ["deploy"],
        ("deploy", "success"): ["wait"],
        ("wait", "success"): ["report"],
    }
    jobs = [step["unified_job_template"] for step in steps]
    assert {job["name"] for job in jobs if job["type"] == "job_template"} <= set(NAMES)
    # Its variables reach all of its jobs.
    asked = {question["variable"] for question in questions(workflow)}
    for template in TEMPLATES:
        if template["name"] in {job["name"] for job in jobs}:
            playbook = CALLERS[Path(template["playbook"]).stem]
            assert {*(question["variable"] for question in questions(template)), *playbook.ignored} >= asked


def test_settings_that_have_no_default_are_documented() -> None:
    paths = [*(portal.path(name) for name in FILES), ROOT / "playbooks/awx_portal.yml"]
    text = "".join(path.read_text(encoding="utf-8") for path in paths)
    own = {"objects", "result.lines"}  # Of the playbook itself.
    used = {word.split(" ")[0] for word in text.split("{{ portal_")[1:]} - own
    defaults = yaml.safe_load((ROOT / "awx/settings.yml").read_text(encoding="utf-8"))
    readme = (ROOT / "awx/README.md").read_text(encoding="utf-8")
    assert {name.removeprefix("portal_") for name in defaults} <= used
    assert [name for name in sorted(used) if f"portal_{name}" not in readme] == []
    rows = [line for line in readme.splitlines() if line.startswith("| `portal_")]
    required = {line.split("`")[1].removeprefix("portal_") for line in rows if "| required |" in line}
    assert required == used - {name.removeprefix("portal_") for name in defaults} - {"tenant"}
