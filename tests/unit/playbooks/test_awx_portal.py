# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The playbook that loads the portal, with a stand-in for the collection awx.awx that keeps the objects in a file.

Its modules have the options of the real ones (C(awx_options.yml)), refuse references to objects that do not exist, and
are as idempotent as these: a credential is changed again if C(update_secrets) is set.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from ..scripts import ROOT
from .runs import Done, run

OPTIONS = yaml.safe_load((ROOT / "tests/unit/tools/awx_options.yml").read_text(encoding="utf-8"))
MODULE = """
import json, os
from ansible.module_utils.basic import AnsibleModule

KIND, OPTIONS, REQUIRED = {kind!r}, {options!r}, {required!r}
REFERENCES = {{"project": "project", "inventory": "inventory", "source_project": "project",
    "execution_environment": "execution_environment", "credential": "credential", "credentials": "credential",
    "job_templates": "job_template", "inventories": "inventory", "workflows": "workflow_job_template", "team": "team",
    "notification_templates_success": "notification_template", "notification_templates_error": "notification_template",
    "notification_templates_approvals": "notification_template"}}
BUILT_IN = {{"credential_type": ["Machine"], "organization": ["Default"], "user": ["alice"]}}

module = AnsibleModule(
    argument_spec={{name: dict(type="raw", required=name in REQUIRED) for name in OPTIONS}}, supports_check_mode=True
)
if os.environ.get("CONTROLLER_OAUTH_TOKEN") != "t0ken":
    module.fail_json(msg="HTTP 401")
given = {{name: value for name, value in module.params.items() if value is not None}}
path = os.environ["PORTAL_STATE"]
with open(path) as file:
    state = json.load(file)
for name, kind in {{**REFERENCES, "credential_type": "credential_type", "organization": "organization",
                   "user": "user", "lookup_organization": "organization"}}.items():
    names = given.get(name, [])
    for each in names if isinstance(names, list) else [names]:
        if each not in [*state.get(kind, ()), *BUILT_IN.get(kind, ())]:
            module.fail_json(msg="%s %s does not exist" % (kind, each))
again = KIND == "credential" and str(given.pop("update_secrets", True)) == "True"
name = given["name"] if "name" in given else json.dumps(given, sort_keys=True)
changed = again or state.get(KIND, {{}}).get(name) != given
if changed and not module.check_mode:
    state.setdefault(KIND, {{}})[name] = given
    with open(path, "w") as file:
        json.dump(state, file)
module.exit_json(changed=changed)
"""
VARIABLES = {
    "portal_image": "registry.example.org/cloudrepo:1.0.0",
    "portal_database": "postgresql+psycopg://slices:w0rd@db.example.org/slices",
    "portal_ssh_key": "k3y",
    "portal_inventories_url": "https://git.example.org/inventories.git",
}
TOLD = {
    "name": "cloudrepo webhook",
    "notification_type": "webhook",
    "notification_configuration": {"url": "https://tickets.example.org", "http_method": "POST", "headers": {}},
}
SECRETS = ("w0rd", "k3y", "t0ken")


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection path with the stand-in."""
    folder = tmp_path_factory.mktemp("collections")
    modules = folder / "ansible_collections/awx/awx/plugins/modules"
    modules.mkdir(parents=True)
    for said in OPTIONS.values():
        options = [*said["options"], *said.get("asked", ())]
        text = MODULE.format(kind=said["module"], options=options, required=said["required"])
        (modules / f"{said['module']}.py").write_text(text, encoding="utf-8")
    return folder


def load(folder: Path, collections: Path | None, *options: str, **variables: Any) -> Done:
    """Run the playbook."""
    state = folder / "state.json"
    if not state.exists():
        state.write_text("{}", encoding="utf-8")
    paths = [os.environ["ANSIBLE_COLLECTIONS_PATH"], *([str(collections)] if collections else [])]
    environment = {
        "ANSIBLE_COLLECTIONS_PATH": ":".join(paths),
        "PORTAL_STATE": str(state),
        "CONTROLLER_HOST": "https://awx.example.org",
        "CONTROLLER_OAUTH_TOKEN": "t0ken",
    }
    environment.update(variables.pop("environment", {}))
    done = run(folder, "awx_portal", {**VARIABLES, **variables}, *options, environment=environment)
    assert [secret for secret in SECRETS if secret in done.stdout] == []
    return done


def stored(folder: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    return found


def test_a_second_run_changes_nothing(collection: Path, tmp_path: Path) -> None:
    """For a tenant, whose objects refer to those of the portal."""
    first = load(tmp_path, collection, "-v")
    assert first.rc == 0, first.stdout
    assert "job template cloudrepo: deploy, topologies" in first.stdout
    mine = {"portal_tenant": "alice", "portal_notifications": [TOLD]}
    assert load(tmp_path, collection, **mine).rc == 0
    found = stored(tmp_path)
    assert set(found) == {said["module"] for said in OPTIONS.values()}
    database = found["credential"]["cloudrepo database"]["inputs"]
    assert database == {"database": VARIABLES["portal_database"]}
    # What AWX evaluates has not been evaluated by Ansible.
    [kind] = [each for name, each in found["credential_type"].items() if name == "cloudrepo database"]
    assert kind["injectors"] == {"env": {"CLOUDREPO_DATABASE": "{{ database }}"}}
    assert "cloudrepo alice: deploy, topologies" in found["job_template"]
    assert found["notification_template"] == {"cloudrepo webhook": {**TOLD, "organization": "Default"}}
    [workflow] = found["workflow_job_template"].values()
    assert {workflow[f"notification_templates_{when}"][0] for when in ("approvals", "error", "success")} == {
        TOLD["name"]
    }
    credential = found["credential"]["cloudrepo VMs of alice"]
    assert credential["inputs"] == {"user": "alice", "database": VARIABLES["portal_database"]}
    again = load(tmp_path, collection, **mine)
    assert "Nothing was changed." in again.stdout
    assert stored(tmp_path) == found


@pytest.mark.parametrize(
    ("given", "code", "told"),
    [
        ({"environment": {"CONTROLLER_HOST": ""}}, "awx_unknown", "set CONTROLLER_HOST and CONTROLLER_OAUTH_TOKEN"),
        (
            {"portal_collection": "ansible.controller"},
            "awx_modules_missing",
            "install it with ansible-galaxy collection install ansible.controller",
        ),
        (
            {"environment": {"CONTROLLER_OAUTH_TOKEN": "other"}},
            "awx_refused",
            "execution environment cloudrepo: HTTP 401",
        ),
    ],
)
def test_a_portal_that_cannot_be_loaded_is_reported(
    given: dict[str, Any], code: str, told: str, collection: Path, tmp_path: Path
) -> None:
    done = load(tmp_path, collection, **given)
    assert done.rc == 2
    assert [each["code"] for each in done.failure["refusals"]] == [code]
    assert told in done.failure["msg"]
    assert stored(tmp_path) == {}


def test_a_variable_without_a_value_is_named(tmp_path: Path) -> None:
    variables = dict(VARIABLES)
    del variables["portal_image"]
    done = run(tmp_path, "awx_portal", variables)
    told = "playbook awx_portal requires portal_image; set each with -e NAME=VALUE"
    assert (done.rc, done.failure["msg"]) == (2, told)
