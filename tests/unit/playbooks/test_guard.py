# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A tenant gets no further permissions, whatever variables a run is given and however it was started."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Environment, nodes

from ansible_collections.cloudrepo.slices.plugins.module_utils._state.open_store import open_store
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import User
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.acting_user import ENVIRONMENT
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.call_rules import ARTIFACTS, JOB_WORDS, TABLE, read_table

from ..ansible_names import connection_variables
from ..plugins.module_utils._domain import builders
from .runs import Done, run

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = ("playbooks", "roles")
FILES = [path for folder in FOLDERS for kind in ("yml", "j2") for path in ROOT.glob(f"{folder}/**/*.{kind}")]
PLAYBOOKS = read_table().playbooks
PLUGINS = [path for folder in ("action", "plugin_utils") for path in ROOT.glob(f"plugins/{folder}/*.py")]
OURS = re.compile(r'"((?:ansible|apply_work_order|cloudrepo|network_node|slice|worker)_\w+)"')
# Where and how Ansible runs something, by values that it could start with; and a name that contradicts nothing.
ANSIBLE = {
    "ansible_connection": "ssh",
    "ansible_host": "127.0.0.1",
    "ansible_ssh_executable": "/bin/false",
    "ansible_python_interpreter": "/bin/false",
    "ansible_shell_type": "sh",
    "ansible_become": True,
    "ansible_become_method": "sudo",
    "ansible_become_exe": "/bin/false",
    "ansible_remote_tmp": "/nowhere",
    "ansible_playbook_python": "/bin/false",
    "cloudrepo_acting_user": "alice",
}
# Jinja's own, and Ansible's functions.
FUNCTIONS = {"dict", "lookup", "omit", "query", "range"}
CONDITIONS = ("when", "that", "failed_when", "changed_when", "until")


def read_in(text: str) -> set[str]:
    """The variables that a template reads, and those of its own loops."""
    return {str(node.name) for node in Environment(extensions=["jinja2.ext.do"]).parse(text).find_all(nodes.Name)}


def names_in(node: Any, *, is_condition: bool = False) -> Iterator[str]:
    """The variables that a YAML file reads, sets or registers."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "register":
                yield str(value)
            if key in ("vars", "ansible.builtin.set_fact") and isinstance(value, dict):
                yield from value
            yield from names_in(value, is_condition=key in CONDITIONS)
    elif isinstance(node, list):
        for each in node:
            yield from names_in(each, is_condition=is_condition)
    elif isinstance(node, str):
        yield from read_in(f"{{{{ {node} }}}}" if is_condition and "{{" not in node else node)


def all_names() -> list[str]:
    """Every variable that any of our files reads, sets or documents."""
    found = {*ANSIBLE, "ansible_ssh_common_args", "awx"}
    for path in PLUGINS:
        found |= set(OURS.findall(path.read_text(encoding="utf-8")))
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".j2":
            found |= read_in(text)
            continue
        data = yaml.safe_load(text)
        found |= set(names_in(data))
        if path.parent.name in ("defaults", "vars") and path != TABLE:
            found |= set(data)
        if path.name == "argument_specs.yml":
            found |= {name for entry in data["argument_specs"].values() for name in entry.get("options") or {}}
    return sorted(found - FUNCTIONS)


NAMES = all_names()


EVERYTHING = {**dict.fromkeys(NAMES, "x"), **connection_variables(), **ANSIBLE}


def test_the_guarded_names_include_all_variables_of_roles_and_playbooks() -> None:
    assert len(NAMES) > 150
    assert {
        *("cloudrepo_database", "worker_state_dir", "network_node_wan_interface", "apply_work_order_accelerator"),
        *("deploy_planned", "apply_work_orders_plan", "apply_work_order_result", "apply_work_orders_report"),
        *("__capture_vm", "smoke_test_pings", "capture_dest", "private_file", "hostvars", "item", "lab_prefix"),
    } <= set(NAMES)
    # A job of AWX may have any word with these beginnings, so nothing of ours may read one.
    assert [name for name in NAMES if name.startswith(JOB_WORDS)] == []
    # Every caller may set what an earlier job of a workflow has left.
    assert [name for name in NAMES if name in ARTIFACTS] == []


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_a_tenant_may_set_only_listed_variables(name: str, tmp_path: Path) -> None:
    """Here all of them are set, and each refused one is listed; test_call_rules.py refuses them one by one."""
    proxy = {"ansible_ssh_common_args": f"-o ProxyCommand='touch {tmp_path}/connected'"}
    done = run(tmp_path, name, {**EVERYTHING, **proxy}, environment={ENVIRONMENT: "alice"})
    assert (done.rc, done.tasks) == (2, 1)
    accepted = {*PLAYBOOKS[name].variables, *PLAYBOOKS[name].ignored}
    assert sorted(done.failure["refused_variables"]) == sorted(set(EVERYTHING) - accepted)
    assert not (tmp_path / "connected").exists()
    assert not (tmp_path / "database.yaml").exists()


def awx(launch_type: str, **words: Any) -> dict[str, Any]:
    said = {"job_id": 42, "job_launch_type": launch_type, **words}
    return {f"{prefix}_{name}": value for prefix in ("awx", "tower") for name, value in said.items()}


JOB = {"JOB_ID": "42"}


@pytest.mark.parametrize(
    ("environment", "variables", "told"),
    [
        (JOB, awx("scheduled"), "the acting user cannot be verified"),
        (JOB, {**awx("scheduled"), "awx_user_name": "admin"}, "the acting user cannot be verified"),
        (JOB, {**awx("webhook"), "cloudrepo_acting_user": "admin"}, "the acting user cannot be verified"),
        ({}, {"awx_job_id": 42}, "the acting user cannot be verified"),
        (
            JOB,
            {**awx("manual", user_name="bob"), "cloudrepo_acting_user": "admin"},
            "awx_user_name is bob, but cloudrepo_acting_user is admin",
        ),
        (
            {ENVIRONMENT: "bob"},
            {"cloudrepo_acting_user": "admin"},
            "CLOUDREPO_ACTING_USER is bob, but cloudrepo_acting_user is admin",
        ),
    ],
)
def test_a_run_without_an_acting_user_changes_nothing(
    environment: dict[str, str], variables: dict[str, Any], told: str, tmp_path: Path
) -> None:
    done = run(tmp_path, "delete", {"slice_all": True, **variables}, environment=environment)
    assert (done.rc, done.tasks) == (2, 1)
    assert told in done.failure["msg"]
    assert not (tmp_path / "database.yaml").exists()


OTHER = "3b0e7c0e-9f63-4a39-8f0b-0d2c1f5e8a77"


def database(**roles: str) -> dict[str, Any]:
    """A database with users of these roles besides admin and alice, who is a tenant; each of these two has a slice."""
    cluster = builders.cluster()
    for name, role in roles.items():
        cluster.users[name] = User(name, "!")
        cluster.users[name].extra["role"] = role
    builders.put(cluster, builders.topology("red"))
    builders.put(cluster, builders.topology("blue", owner="alice"))
    return cluster.to_dict()


@pytest.mark.parametrize(
    ("environment", "variables", "known"),
    [
        ({}, {}, "red (1000), blue (1003)"),
        ({}, {"cloudrepo_acting_user": "alice"}, "blue (1003)"),
        ({ENVIRONMENT: "alice"}, {}, "blue (1003)"),
        (JOB, awx("manual", user_name="alice"), "blue (1003)"),
        (JOB, awx("manual", user_name="admin"), "red (1000), blue (1003)"),
        (
            JOB,
            awx("workflow", user_name="alice", workflow_job_id=41, workflow_job_launch_type="relaunch"),
            "blue (1003)",
        ),
    ],
)
def test_a_run_acts_on_behalf_of_the_authenticated_user(
    environment: dict[str, str], variables: dict[str, Any], known: str, tmp_path: Path
) -> None:
    variables = {"slice_name": "nothing", **variables}
    done = run(tmp_path, "smoke_test", variables, environment=environment, database=database())
    assert (done.rc, done.tasks) == (2, 2)
    (refusal,) = done.failure["refusals"]
    assert (refusal["code"], refusal["object"]) == ("not_found", "slice nothing")
    assert ", ".join(refusal["figures"]["known"]) == known


def test_a_token_determines_the_acting_user_and_is_returned_as_the_reason(tmp_path: Path) -> None:
    """Like a schedule with a credential: the token is created by the module, and checked by the action plugin."""
    made = tmp_path / "make.yml"
    tasks = [
        {"cloudrepo.slices.cloud": {"title": "lab"}, "name": "Make a cloud"},
        {
            "cloudrepo.slices.acting_token": {"user": "alice", "key_file": str(tmp_path / "key")},
            "name": "Make a token",
            "register": "made",
        },
        {"ansible.builtin.copy": {"content": "{{ made.token }}", "dest": str(tmp_path / "token"), "mode": "0600"}},
    ]
    defaults = {"group/cloudrepo.slices.control": {"database": "{{ cloudrepo_database }}"}}
    play = {"hosts": "orchestrator", "gather_facts": False, "module_defaults": defaults, "tasks": tasks}
    made.write_text(yaml.safe_dump([play]), encoding="utf-8")
    assert run(tmp_path, str(made), {}, database=database()).rc == 0
    given = {"CLOUDREPO_ACTING_TOKEN": (tmp_path / "token").read_text(encoding="utf-8"), **JOB}
    given["CLOUDREPO_ACTING_KEY_FILE"] = str(tmp_path / "key")
    scheduled = {"slice_name": "nothing", **awx("scheduled"), "awx_user_name": "admin"}
    done = run(tmp_path, "smoke_test", scheduled, "-v", environment=given)
    (refusal,) = done.failure["refusals"]
    assert (refusal["code"], refusal["figures"]) == ("not_found", {"known": ["blue (1003)"]})
    assert "CLOUDREPO_ACTING_TOKEN, signed with the cloud's key, until 20" in done.stdout
    assert given["CLOUDREPO_ACTING_TOKEN"] not in done.stdout
    # The user is removed, and another person gets the name and the role of an admin.
    held = yaml.safe_load((tmp_path / "database.yaml").read_text(encoding="utf-8"))
    was = held["users"]["alice"]["uuid"]
    held["users"]["alice"].update(uuid=OTHER, role="admin")
    for variables, tasks_run in ((scheduled, 2), ({**scheduled, "cloudrepo_placement": "pack"}, 1)):
        done = run(tmp_path, "smoke_test", variables, environment=given, database=held)
        (refusal,) = done.failure["refusals"]
        assert (done.tasks, refusal["code"]) == (tasks_run, "acting_token_of_earlier_user")
        assert refusal["figures"] == {"user": "alice", "got": was, "present": OTHER}
    del held["users"]["alice"]
    done = run(tmp_path, "smoke_test", scheduled, environment=given, database=held)
    assert [each["code"] for each in done.failure["refusals"]] == ["unknown_acting_user"]


@pytest.mark.parametrize(
    ("held", "told"),
    [
        (None, "does not exist, and a new one would be lost with the execution environment of job 42"),
        # The environment mounts it.
        (database(), "slice nothing does not exist"),
    ],
)
def test_a_job_does_not_create_a_database_that_is_lost_with_its_environment(
    held: dict[str, Any] | None, told: str, tmp_path: Path
) -> None:
    variables = {"slice_name": "nothing", **awx("manual", user_name="admin")}
    done = run(tmp_path, "smoke_test", variables, environment=JOB, database=held)
    assert done.rc == 2
    assert told in done.failure["msg"]
    assert (tmp_path / "database.yaml").exists() is (held is not None)


@pytest.mark.parametrize("place", ["~/database.yaml", "$HOME/database.yaml", "sqlite:///{home}/database.sqlite"])
def test_the_file_of_a_job_is_found_as_modules_find_it(place: str, tmp_path: Path) -> None:
    named = place.format(home=tmp_path)
    variables = {"slice_name": "nothing", "cloudrepo_database": named, **awx("manual", user_name="admin")}
    environment = {**JOB, "HOME": str(tmp_path)}
    done = run(tmp_path, "smoke_test", variables, environment=environment)
    assert [each["code"] for each in done.failure["refusals"]] == ["database_vanishes"]
    assert done.failure["refusals"][0]["object"] == f"database {named}"
    path = named.replace("~", str(tmp_path)).replace("$HOME", str(tmp_path))
    with open_store(path, lock_timeout_s=5, backups=0).transaction(write=True) as held:
        held.replace(builders.cluster())
    found = run(tmp_path, "smoke_test", variables, environment=environment).failure
    # Modules of this run may have another Python, without SQLAlchemy.
    assert found["msg"].startswith(("slice nothing does not exist", "an SQL database requires SQLAlchemy"))


def test_a_job_whose_database_cannot_be_read_is_told_so(tmp_path: Path) -> None:
    """This also fails for root, unlike a folder of another user."""
    (tmp_path / "database.yaml").symlink_to("database.yaml")
    variables = {"slice_name": "nothing", **awx("manual", user_name="admin")}
    done = run(tmp_path, "smoke_test", variables, environment=JOB)
    told = (
        f"database {tmp_path}/database.yaml cannot be read: Too many levels of symbolic links; run as a user who may "
    )
    assert done.failure["msg"].startswith(told)


def with_placement(folder: Path, user: str, **variables: Any) -> Done:
    """A run of a user that sets what the inventory sets."""
    variables = {"slice_name": "nothing", "cloudrepo_placement": "pack", **variables}
    held = database(carol="admin", dave="tenant")
    return run(folder, "smoke_test", variables, environment={ENVIRONMENT: user}, database=held)


def test_an_admin_may_set_the_variables_of_the_inventory(tmp_path: Path) -> None:
    assert with_placement(tmp_path, "carol").failure["msg"].startswith("slice nothing does not exist")
    for user in ("dave", "nobody"):
        assert with_placement(tmp_path, user).failure["refused_variables"] == ["cloudrepo_placement"]


def test_a_database_of_the_caller_does_not_make_the_caller_an_admin(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(yaml.safe_dump(database(dave="admin")), encoding="utf-8")
    done = with_placement(tmp_path, "dave", cloudrepo_database=str(own))
    assert (done.tasks, done.failure["refused_variables"]) == (1, ["cloudrepo_database", "cloudrepo_placement"])


def hostile(folder: Path, topology: Any) -> Any:
    """A topology whose texts are all templates that create a file when they are evaluated."""
    if isinstance(topology, dict):
        return {name: hostile(folder, value) for name, value in topology.items()}
    if isinstance(topology, list):
        return [hostile(folder, value) for value in topology]
    if not isinstance(topology, str):
        return topology
    command = f"touch {folder}/evaluated"
    return f"{{{{ lookup('ansible.builtin.pipe', '{command}') }}}}{{{{ 7 * 191 }}}}"


FULL = {
    **builders.topology(),
    "new_name": "web2",
    "topology_type": "custom",
    "networks": [{"name": "lan", "cidr": "192.168.7.0/24", "members": ["vm1"], "dhcp_range": "a,b"}],
}


@pytest.mark.parametrize("way", ["variables", "text", "file"])
def test_templates_in_a_topology_are_not_evaluated(way: str, tmp_path: Path) -> None:
    topologies = [{**hostile(tmp_path, FULL), "name": "web"}, hostile(tmp_path, FULL)]
    (tmp_path / "topologies.json").write_text(json.dumps(topologies), encoding="utf-8")
    given = {
        "variables": {"slices": topologies},
        "text": {"slices": json.dumps(topologies)},
        "file": {"slices_file": str(tmp_path / "topologies.json")},
    }[way]
    done = run(tmp_path, "deploy", given, database=database())
    assert done.rc == 2
    assert "{{ 7 * 191 }}" in json.dumps(done.failure["msg"])
    assert "1337" not in done.stdout
    assert not (tmp_path / "evaluated").exists()


TITLE = "{{ 7 * 191 }}{% raw %}"


def unreachable(folder: Path) -> Path:
    """An inventory with hosts for which nobody has to wait."""
    nobody = {"ansible_host": "192.0.2.1", "ansible_ssh_executable": "/bin/false"}
    inventory = {
        "all": {"vars": {"cloudrepo_database": str(folder / "database.yaml")}},
        "orchestrator": {"hosts": {"localhost": {"ansible_connection": "local"}}},
        "workers": {"hosts": {"worker1": nobody}},
        "network_node": {"hosts": {"netnode": nobody}},
    }
    path = folder / "unreachable.json"
    path.write_text(json.dumps(inventory), encoding="utf-8")
    return path


def test_texts_that_are_accepted_remain_what_they_are_wherever_they_are_shown(tmp_path: Path) -> None:
    """Titles may be any text. No host can be reached, so the slice is stored but not deployed."""
    vms = [{**builders.vm("vm1"), "title": TITLE, "ready_when": {"check": "command", "command": TITLE}}]
    topology = builders.topology("web", owner="alice", title=TITLE, vms=vms, links=[])
    alice: dict[str, Any] = {"environment": {ENVIRONMENT: "alice"}, "inventory": unreachable(tmp_path)}
    done = run(tmp_path, "deploy", {"slices": [topology]}, "--diff", database=database(), **alice)
    held = yaml.safe_load((tmp_path / "database.yaml").read_text(encoding="utf-8"))
    assert [each["title"] for each in held["slices"].values() if each["name"] == "web"] == [TITLE], done.stdout
    shown = {"deploy": done.stdout}
    for playbook in ("status", "history", "displays"):
        shown[playbook] = run(tmp_path, playbook, {"slice_name": "web"}, **alice).stdout
    assert [playbook for playbook, text in shown.items() if "1337" in text] == []
    assert {playbook for playbook, text in shown.items() if "{{ 7 * 191 }}" in text} >= {"deploy", "status"}


def test_a_duplicate_key_in_a_text_is_refused_with_both_lines(tmp_path: Path) -> None:
    text = "- name: web\n  vms: [{name: vm1, flavor: cirros}]\n  vms: []\n"
    done = run(tmp_path, "deploy", {"slices": text}, environment={ENVIRONMENT: "alice"}, database=database())
    assert done.failure["msg"] == ("slices: slices must be YAML or JSON (line 3: vms is already set in line 2)")


TWICE = "{slices: [{name: web, vms: [{name: vm1, flavor: cirros}],\n vms: []}]}"
JSON_TWICE = '{"slices": [{"name": "web", "vms": [{"name": "vm1", "flavor": "cirros"}],\n "vms": []}]}'


@pytest.mark.parametrize(
    ("way", "text"),
    [("absolute", TWICE), ("relative", JSON_TWICE), ("home", TWICE), ("inline", TWICE), ("inline", JSON_TWICE)],
)
def test_a_duplicate_key_in_variables_is_refused_with_both_lines(way: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "topology.yml"
    path.write_text(text, encoding="utf-8")
    option = {"absolute": f"@{path}", "relative": "@topology.yml", "home": "@~/topology.yml", "inline": text}[way]
    # Ansible's default is a warning, and for JSON not even that.
    environment = {ENVIRONMENT: "alice", "ANSIBLE_DUPLICATE_YAML_DICT_KEY": "warn", "HOME": str(tmp_path)}
    done = run(tmp_path, "deploy", {}, "-e", option, environment=environment, database=database())
    where = "-e" if way == "inline" else f"file {path}"
    assert done.failure["msg"] == f"{where}: line 2: vms is already set in line 1"


@pytest.mark.parametrize(
    ("options", "host", "group"),
    [
        ({"hostname": "{{ 'worker1' if cloudrepo_vm_id == 1001 else cloudrepo_vm_name }}"}, "worker1", "workers"),
        ({"hostname": "{{ 'netnode' if cloudrepo_vm_id == 1001 else cloudrepo_vm_name }}"}, "netnode", "network_node"),
        (
            {"names": ["red"], "filters": ["cloudrepo_vm_id == 1001"], "groups": {"workers": "true"}},
            "red-vm1",
            "workers",
        ),
    ],
)
def test_a_host_of_the_cloud_is_no_vm(options: dict[str, Any], host: str, group: str, tmp_path: Path) -> None:
    """A source that is read first does not see the hosts of the cloud, and Ansible would take both for one host."""
    source = {"plugin": "cloudrepo.slices.slices", "database": str(tmp_path / "database.yaml"), **options}
    (tmp_path / "vms.slices.yml").write_text(yaml.safe_dump(source), encoding="utf-8")
    second = ("-i", str(tmp_path / "hosts.json"))
    given = {"slice_all": True}
    done = run(tmp_path, "status", given, *second, inventory=tmp_path / "vms.slices.yml", database=database())
    assert (done.rc, done.tasks) == (2, 1)
    assert done.failure["msg"] == (
        f"host {host} of group {group} is a VM as well (cloudrepo_vm_id 1001), so a VM's variables are used for it; "
        "rename the VM, or set hostname in the source of the plugin cloudrepo.slices.slices; omit groups and "
        "keyed_groups of this name"
    )
