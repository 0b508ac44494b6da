# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which settings of AWX are found that are not locked."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from ansible_collections.cloudrepo.slices.plugins.module_utils.awx_settings import (
    ASKED,
    ROLES,
    NoTemplates,
    Unlocked,
    UnreadableObjects,
    check,
)

from ...scripts import ROOT

PLAYBOOKS = ["deploy", "status"]


def key(kind: str, name: str, **more: Any) -> dict[str, Any]:
    """A natural key, by which objects of an export refer to others."""
    return {"type": kind, "name": name, **more}


def export() -> dict[str, Any]:
    """An export in which everything is locked."""
    acting = {"name": "acting", "injectors": {"env": {"CLOUDREPO_ACTING_USER": "{{ user }}"}}}
    database = {"name": "database", "injectors": {"env": {"CLOUDREPO_DATABASE": "{{ database }}"}}}
    credentials = [
        {"name": name, "credential_type": key("credential_type", kind)}
        for name, kind in (("as admin", "acting"), ("postgresql", "database"), ("other", "Machine"))
    ]
    deploy = {
        **dict.fromkeys(ASKED, False),
        "name": "deploy",
        "playbook": "playbooks/deploy.yml",
        "host_config_key": "",
        "webhook_service": "",
        "project": key("project", "ours"),
        "inventory": key("inventory", "hosts"),
        "related": {"credentials": [key("credential", "postgresql")]},
    }
    other = {
        **deploy,
        "name": "other",
        "playbook": "other.yml",
        "related": {"credentials": [key("credential", "other")]},
    }
    node = {"unified_job_template": key("job_template", "deploy"), "identifier": "first"}
    workflow = {**dict.fromkeys(ASKED, False), "name": "request", "related": {"workflow_nodes": [node]}}
    return {
        "credential_types": [acting, database],
        "credentials": credentials,
        "job_templates": [deploy, {**other, "ask_variables_on_launch": True}],
        "workflow_job_templates": [workflow],
        "teams": [{"name": "tenants", "related": {"roles": []}}],
        "users": [
            {
                "username": "bob",
                "is_superuser": False,
                "related": {
                    "roles": [
                        role("Execute", "job_template", "deploy"),
                        role("Read", "job_template", "deploy"),
                        role("Execute", "workflow_job_template", "request"),
                    ]
                },
            }
        ],
    }


def role(name: str, kind: str, on: str) -> dict[str, Any]:
    return {"type": "role", "name": name, "content_object": key(kind, on)}


def found(data: Any, admins: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    return [(each.object, each.setting) for each in check(data, PLAYBOOKS, admins)]


def test_nothing_is_found_where_everything_is_locked() -> None:
    assert found(export()) == []
    assert found({"assets": export()}) == []


@pytest.mark.parametrize("setting", ASKED)
def test_what_a_template_or_its_workflow_asks_at_launch_is_found(setting: str) -> None:
    data = export()
    data["job_templates"][0][setting] = True
    data["workflow_job_templates"][0][setting] = True
    assert check(data, PLAYBOOKS) == [
        Unlocked("job template deploy", setting, ASKED[setting]),
        Unlocked("workflow job template request", setting, ASKED[setting]),
    ]


def test_templates_with_a_credential_of_the_portal_are_checked_whatever_they_run() -> None:
    data = export()
    data["job_templates"][1]["related"]["credentials"] = [key("credential", "postgresql")]
    assert found(data) == [("job template other", "ask_variables_on_launch")]


def test_workflows_with_other_templates_are_not_checked() -> None:
    data = export()
    data["workflow_job_templates"][0]["ask_variables_on_launch"] = True
    data["workflow_job_templates"][0]["related"]["workflow_nodes"][0]["unified_job_template"]["name"] = "other"
    assert found(data) == []


@pytest.mark.parametrize("setting", ["webhook_service", "host_config_key"])
def test_a_job_that_anybody_starts_must_not_act_by_a_credential(setting: str) -> None:
    data = export()
    del data["users"][:]
    data["job_templates"][0][setting] = "github"
    assert found(data) == []
    data["job_templates"][0]["related"]["credentials"].append(key("credential", "as admin"))
    assert found(data) == [("job template deploy", setting)]


def test_a_credential_must_not_set_extra_variables() -> None:
    data = export()
    data["credential_types"][1]["injectors"]["extra_vars"] = {"cloudrepo_acting_user": "{{ user }}", "other": "x"}
    assert found(data) == [("credential type database", "injectors, cloudrepo_acting_user")]


PROTECTED = {
    "job_template": "deploy",
    "workflow_job_template": "request",
    "project": "ours",
    "inventory": "hosts",
    "credential": "as admin",
    "organization": "Default",
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in ROLES.items() for name in names])
def test_a_role_with_which_a_tenant_changes_the_portal_is_found(kind: str, name: str) -> None:
    data = export()
    spelled = name.title()
    for holder in (data["teams"][0], data["users"][0]):
        holder["related"]["roles"] = [role(spelled, kind, PROTECTED[kind])]
    on = f"{kind.replace('_', ' ')} {PROTECTED[kind]}"
    why = ROLES[kind][name]
    told = [(each.object, each.setting) for each in check(data, PLAYBOOKS) if each.why == why]
    assert told == [(on, f"role {spelled} of team tenants"), (on, f"role {spelled} of user bob")]
    assert found(data, ("tenants", "bob")) == []
    data["users"][0]["is_superuser"] = True
    assert found(data, ("tenants",)) == []


@pytest.mark.parametrize("kind", ["job_template", "workflow_job_template", "project", "inventory", "credential"])
def test_roles_on_other_objects_and_harmless_roles_are_not_found(kind: str) -> None:
    data = export()
    harmless = [role(name, kind, PROTECTED[kind]) for name in ("Read", "Execute", "Member", "Approve")]
    data["users"][0]["related"]["roles"] = [*harmless, role("Admin", kind, "something else")]
    assert found(data) == []


SEES = "whoever has a role on it sees the jobs of all, with their variables and output"


@pytest.mark.parametrize(("kind", "on"), [("job_template", "deploy"), ("workflow_job_template", "request")])
@pytest.mark.parametrize("name", ["Execute", "Read"])
def test_a_template_must_not_be_shared_because_awx_shows_its_jobs_to_all_who_run_it(
    kind: str, on: str, name: str
) -> None:
    data = export()
    of = f"{kind.replace('_', ' ')} {on}"
    data["users"].append({"username": "alice", "related": {"roles": [role(name, kind, on)]}})
    told = {(each.object, each.setting) for each in check(data, PLAYBOOKS) if each.why == SEES}
    assert {(of, "role Execute of user bob"), (of, f"role {name} of user alice")} <= told
    assert found(data, ("alice",)) == []
    # One team is several users.
    del data["users"][:]
    data["teams"][0]["related"]["roles"] = [role(name, kind, on)]
    assert check(data, PLAYBOOKS) == [Unlocked(of, f"role {name} of team tenants", SEES)]
    assert found(data, ("tenants",)) == []


def test_only_admins_run_a_template_that_acts_by_a_credential() -> None:
    data = export()
    data["job_templates"][0]["related"]["credentials"].append(key("credential", "as admin"))
    expected = Unlocked("job template deploy", "role Execute of user bob", "acts by credential as admin")
    assert check(data, PLAYBOOKS) == [expected]


def test_users_who_are_more_than_their_roles_are_found() -> None:
    data = export()
    data["users"] += [{"username": "admin", "is_superuser": False}, {"username": "eve", "is_system_auditor": True}]
    assert found(data) == [("user admin", "is_superuser, false"), ("user eve", "is_system_auditor")]
    assert found(data, ("admin", "eve")) == []
    data["users"][1]["is_superuser"] = True
    assert found(data) == [("user eve", "is_system_auditor")]


def test_templates_in_variables_must_not_be_evaluated() -> None:
    assert found({**export(), "ALLOW_JINJA_IN_EXTRA_VARS": "always"}) == [
        ("settings of jobs", "ALLOW_JINJA_IN_EXTRA_VARS, always")
    ]
    assert found({**export(), "ALLOW_JINJA_IN_EXTRA_VARS": "template"}) == []


def test_an_answer_of_the_api_names_objects_in_summaries() -> None:
    template = {
        "type": "job_template",
        "name": "deploy",
        "playbook": "playbooks/deploy.yml",
        "inventory": 3,
        "project": 5,
        **dict.fromkeys(ASKED, False),
        "ask_limit_on_launch": True,
        "webhook_service": "github",
        "related": {"inventory": "/api/v2/inventories/3/", "credentials": "/api/v2/job_templates/7/credentials/"},
        "summary_fields": {"inventory": {"id": 3, "name": "hosts"}, "credentials": [{"id": 9, "name": "as admin"}]},
    }
    assert found({"count": 1, "results": [template]}) == [("job template deploy", "ask_limit_on_launch")]
    kind = {"type": "credential_type", "name": "acting", "injectors": {"env": {"CLOUDREPO_ACTING_USER": "x"}}}
    credential = {"type": "credential", "name": "as admin", "summary_fields": {"credential_type": {"name": "acting"}}}
    team = {"type": "team", "name": "tenants", "related": {"roles": [role("Use", "inventory", "hosts")]}}
    assert found({"results": [template, kind, credential, team]}) == [
        ("job template deploy", "ask_limit_on_launch"),
        ("job template deploy", "webhook_service"),
        ("inventory hosts", "role Use of team tenants"),
    ]


class Loader(yaml.SafeLoader):
    """Reads C(!unsafe) as the text that AWX gets."""


Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def loaded() -> dict[str, Any]:
    """The portal with two tenants, as AWX would export it."""
    data: dict[str, Any] = {}
    for path in sorted((ROOT / "awx/portal").glob("*.yml")):
        data.update(yaml.load(path.read_text(encoding="utf-8"), Loader))
    text = (ROOT / "awx/tenant.yml").read_text(encoding="utf-8")
    for tenant in ("alice", "bob"):
        for kind, entries in yaml.load(text.replace("{{ portal_tenant }}", tenant), Loader).items():
            data.setdefault(kind, []).extend(entries)
    kinds = {"job_templates": "job_template", "workflows": "workflow_job_template", "inventories": "inventory"}
    roles: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for each in data["controller_roles"]:
        who = ("user", each["user"]) if "user" in each else ("team", each["team"])
        granted = [role(each["role"], kinds[kind], name) for kind in kinds for name in each.get(kind, ())]
        roles.setdefault(who, []).extend(granted)
    for kind, name in (("team", "name"), ("user", "username")):
        data[f"{kind}s"] = [
            {name: who, "related": {"roles": granted}} for (what, who), granted in roles.items() if what == kind
        ]
    return data


def test_the_portal_of_this_collection_is_locked() -> None:
    data = loaded()
    assert [each["username"] for each in data["users"]] == ["alice", "bob"]
    assert found(data, ("cloudrepo admins",)) == []
    opened = copy.deepcopy(data)
    for each in (*opened["controller_templates"], *opened["controller_workflows"]):
        each["ask_variables_on_launch"] = True
    every = len(data["controller_templates"]) + len(data["controller_workflows"])
    assert len(found(opened, ("cloudrepo admins",))) == every


@pytest.mark.parametrize("data", [[], "text", None])
def test_other_data_than_objects_is_refused(data: Any) -> None:
    with pytest.raises(UnreadableObjects):
        check(data, PLAYBOOKS)


@pytest.mark.parametrize("data", [{}, {"results": []}, {"job_templates": []}, {"job_templates": "x"}])
def test_data_without_templates_of_ours_is_refused(data: Any) -> None:
    with pytest.raises(NoTemplates):
        check(data, PLAYBOOKS)
    only_others = export()
    del only_others["job_templates"][0]
    with pytest.raises(NoTemplates):
        check(only_others, PLAYBOOKS)


def test_a_setting_is_a_line_and_data() -> None:
    found = Unlocked("job_template deploy", "ask_limit_on_launch", "a tenant could limit it")
    assert found.line == "job_template deploy: ask_limit_on_launch: a tenant could limit it"
    assert found.to_dict() == {
        "object": "job_template deploy",
        "setting": "ask_limit_on_launch",
        "why": "a tenant could limit it",
    }
