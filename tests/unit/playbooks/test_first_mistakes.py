# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""First mistakes are refused with the next step, before any host is reached."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cloudrepo.slices.plugins.action.guard import NEED_WORKERS, OLDEST_CORE
from ansible_collections.cloudrepo.slices.plugins.module_utils import settings
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal

from ..scripts import ROOT
from .runs import run

WEB = {"slices": [{"name": "web", "vms": [{"name": "vm1", "flavor": "cirros"}]}]}
WITHOUT_ORCHESTRATOR = (
    "inventory: the group orchestrator must have a host; give the inventory of the cloud with -i, or add a host to it, "
    "as in inventory/example of the collection"
)
READS_WORKERS = re.compile(r"groups\['workers'\]")
IMPORTED = re.compile(r"(?:import_playbook|import_tasks|include_tasks): ([a-z_/]+\.yml)")
ANOTHER_RELEASE = """\
import ansible.release
ansible.release.__version__ = "{}"
"""


def sources(playbook: Path) -> str:
    """Return the text of a playbook and of the files of the collection that it imports."""
    text = playbook.read_text(encoding="utf-8")
    paths = [playbook.parent / name for name in IMPORTED.findall(text)]
    return text + "".join(sources(path) for path in paths if path.is_file())


def codes(failure: Mapping[str, Any]) -> dict[str, str]:
    return {refusal["code"]: refusal["message"] for refusal in failure.get("refusals", ())}


@pytest.mark.parametrize(("flavor", "code"), [("cirros", "flavor_without_image"), ("enormous", "unknown_flavor")])
def test_a_deploy_before_site_names_site(flavor: str, code: str, tmp_path: Path) -> None:
    slices = [{"name": "web", "vms": [{"name": "vm1", "flavor": flavor}]}]
    done = run(tmp_path, "deploy", {"slices": slices})
    found = codes(done.failure)
    assert (done.rc, set(found)) == (2, {code})
    assert "cloudrepo_flavors" in found[code]
    assert found[code].endswith("run cloudrepo.slices.site")


def test_a_cluster_without_workers_is_told_to_run_site() -> None:
    assert Refusal("no_workers", "VM web/vm1").message.endswith(
        "run cloudrepo.slices.site, which registers the workers of the inventory"
    )


@pytest.mark.parametrize("playbook", ["deploy", "site"])
def test_an_inventory_without_workers_is_refused(playbook: str, tmp_path: Path) -> None:
    inventory = {
        "orchestrator": {"hosts": {"localhost": {"ansible_connection": "local"}}},
        "worker": {"hosts": {"192.0.2.11": {}}},
    }
    (tmp_path / "own.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
    done = run(tmp_path, playbook, WEB if playbook == "deploy" else {}, inventory=tmp_path / "own.yml")
    assert (done.rc, done.tasks) == (2, 1)
    assert codes(done.failure) == {
        "workers_missing": "inventory: the group workers must have a host, and the inventory has the groups "
        "orchestrator, worker; add one, as in inventory/example of the collection"
    }


def test_an_inventory_without_an_orchestrator_is_refused(tmp_path: Path) -> None:
    inventory = {"workers": {"hosts": {"worker1": {"ansible_connection": "local"}}}}
    (tmp_path / "own.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
    done = run(tmp_path, "deploy", WEB, inventory=tmp_path / "own.yml")
    assert (done.rc, done.tasks) == (2, 1)
    assert done.failure["msg"] == WITHOUT_ORCHESTRATOR


def test_an_inventory_with_several_orchestrators_or_network_nodes_is_refused(tmp_path: Path) -> None:
    two = {"hosts": {"one": {"ansible_connection": "local"}, "two": {"ansible_connection": "local"}}}
    inventory = {"orchestrator": two, "network_node": two, "workers": {"hosts": {"192.0.2.11": {}}}}
    (tmp_path / "own.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
    done = run(tmp_path, "site", {}, inventory=tmp_path / "own.yml")
    assert (done.rc, done.tasks) == (2, 1), done.stdout
    assert done.failure["msg"].splitlines() == [
        f"group {group}: it has the hosts one, two; a cloud has one orchestrator and one network node; remove all "
        "but one of them from the group"
        for group in ("orchestrator", "network_node")
    ]


@pytest.mark.parametrize("inventory", ["hosts.yml", "nowhere.yml", "webservers,"])
def test_a_call_without_the_inventory_of_the_cloud_is_refused(inventory: str, tmp_path: Path) -> None:
    """Ansible has only warned, and reported success."""
    (tmp_path / "hosts.yml").write_text("all: {}", encoding="utf-8")
    done = run(tmp_path, "status", {"slice_all": True}, inventory=Path(inventory))
    assert (done.rc, done.tasks, done.failure["msg"]) == (2, 1, WITHOUT_ORCHESTRATOR)


@pytest.mark.parametrize(
    ("playbook", "variables", "refused"),
    [
        ("deploy", WEB, True),
        ("site", {}, True),
        # After the last worker is lost or retired.
        ("site", {"retire": True}, False),
        ("delete", {"slice_all": True}, False),
    ],
)
def test_an_empty_group_of_workers_is_refused_where_one_is_needed(
    playbook: str, variables: dict[str, Any], refused: bool, tmp_path: Path
) -> None:
    inventory = {"orchestrator": {"hosts": {"localhost": {"ansible_connection": "local"}}}, "workers": {"hosts": {}}}
    (tmp_path / "own.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
    done = run(tmp_path, playbook, variables, inventory=tmp_path / "own.yml")
    assert ("workers_missing" in done.stdout) == refused, done.stdout


def test_every_playbook_that_reads_the_workers_needs_them() -> None:
    found = {path.stem for path in ROOT.glob("playbooks/*.yml") if READS_WORKERS.search(sources(path))}
    assert found - {"quickstart"} == set(NEED_WORKERS)  # quickstart starts with site


@pytest.mark.parametrize("given", ["web.yml", "slice_name = web"])
def test_an_extra_variable_without_a_value_is_refused(given: str, tmp_path: Path) -> None:
    """Ansible accepts these, and the file that they name is not read."""
    done = run(tmp_path, "deploy", {}, "-e", given)
    assert (done.rc, done.tasks) == (2, 1)
    assert done.failure["msg"].splitlines()[0] == (
        f"-e: extra variables are given as NAME=VALUE, YAML, JSON or @FILE, got '{given}'; add @ before the path of a "
        "file, and omit spaces around ="
    )


WORKERS: dict[str, dict[str, Any]] = {
    "2001:db8::11": {},
    "worker2.example.org": {},
    "worker3": {"ansible_host": "fe80::1"},
    "192.0.2.14": {},
    "worker5": {"ansible_host": "worker5.example.org", "worker_ip": "192.0.2.15"},
    "worker6": {"ansible_host": "192.0.2.16"},
    "worker7": {"worker_ip": "{{ ansible_default_ipv4.address }}"},
}


def test_workers_that_are_known_by_name_or_ipv6_alone_are_refused_before_a_host_is_changed(tmp_path: Path) -> None:
    local = {"ansible_connection": "local"}
    inventory = {"orchestrator": {"hosts": {"localhost": local}}, "workers": {"hosts": WORKERS}}
    (tmp_path / "own.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
    done = run(tmp_path, "site", {}, inventory=tmp_path / "own.yml")
    assert (done.rc, done.tasks) == (2, 1), done.stdout
    assert done.failure["msg"].splitlines() == [
        f"worker {name}: a worker needs an IPv4 address, got '{got}'; set worker_ip for this host in the inventory"
        for name, got in (
            ("2001:db8::11", "2001:db8::11"),
            ("worker2.example.org", "worker2.example.org"),
            ("worker3", "fe80::1"),
        )
    ]


def test_a_mistyped_variable_is_refused_unless_the_inventory_has_it(tmp_path: Path) -> None:
    done = run(tmp_path, "status", {"slice_al": True, "cloudrepo_databse": "/srv/x", "env": "prod"})
    assert (done.rc, done.tasks) == (2, 1)
    assert done.failure["msg"].splitlines() == [
        *(
            f"extra variable {given}: this collection has no such variable; set {near} instead; a variable of your own "
            "must also be defined in the inventory"
            for given, near in (("cloudrepo_databse", "cloudrepo_database"), ("slice_al", "slice_all"))
        ),
        "selection: nothing is selected; set one of slice_name, slice_owner, slice_all=true",
    ]
    mine = {"orchestrator": {"hosts": {"localhost": {"ansible_connection": "local"}}}, "all": {"vars": {"slice_al": 1}}}
    (tmp_path / "own.yml").write_text(yaml.safe_dump(mine), encoding="utf-8")
    done = run(tmp_path, "status", {"slice_al": True}, inventory=tmp_path / "own.yml")
    assert set(codes(done.failure)) == {"nothing_selected"}, done.stdout


def test_a_mistyped_variable_of_the_inventory_is_a_warning(tmp_path: Path) -> None:
    inventory = {
        "orchestrator": {"hosts": {"localhost": {"ansible_connection": "local"}}},
        "workers": {"hosts": {"192.0.2.11": {"cloudrepo_uplnk": "eth1"}}},
        "all": {"vars": {"cloudrepo_databse": "/srv/x", "worker_count": 3}},
    }
    (tmp_path / "own.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
    done = run(tmp_path, "status", {}, inventory=tmp_path / "own.yml")
    told = re.findall(r"\[WARNING\]: (inventory: .*)", done.stderr)
    assert told == [
        f"inventory: this collection has no variable cloudrepo_{given}; did you mean cloudrepo_{near}?"
        for given, near in (("databse", "database"), ("uplnk", "uplink"))
    ]


@pytest.mark.parametrize("variable", ["worker_state_dir", "network_node_state_dir"])
def test_a_state_folder_with_a_space_is_refused(variable: str) -> None:
    assert [each.message for each in settings.problems({variable: "/srv/my cloud"})] == [
        f"settings: {variable} must be an absolute path of letters, digits and . _ + -, without . and .. as "
        "components, of 128 characters at most, got '/srv/my cloud'"
    ]


def test_a_database_in_a_folder_with_a_space_is_used(tmp_path: Path) -> None:
    folder = tmp_path / "my cloud"
    folder.mkdir()
    slices = [{"name": "web", "vms": [{"name": "vm1", "flavor": "enormous"}]}]
    done = run(folder, "deploy", {"slices": slices})
    assert set(codes(done.failure)) == {"unknown_flavor"}, done.stdout


@pytest.mark.parametrize(("release", "refused"), [("2.18.9", True), ("2.19.0", False), ("3.0.0", False)])
def test_an_old_ansible_core_is_refused(release: str, refused: bool, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(ANOTHER_RELEASE.format(release), encoding="utf-8")
    done = run(tmp_path, "history", {}, environment={"PYTHONPATH": str(tmp_path)})
    found = codes(done.failure)
    assert done.rc == 2
    assert ("core_too_old" in found) == refused
    if refused:
        assert found["core_too_old"] == f"ansible-core must be 2.19 or newer, got {release}; install a newer one"


def test_the_oldest_ansible_core_is_that_of_the_collection() -> None:
    runtime = yaml.safe_load((ROOT / "meta/runtime.yml").read_text(encoding="utf-8"))
    assert runtime["requires_ansible"].startswith(">={}.{}.0".format(*OLDEST_CORE))


def tasks(listed: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield tasks, including those in blocks."""
    for task in listed:
        yield task
        yield from tasks(task.get("block", ()))


def test_roles_bring_the_package_lists_up_to_date() -> None:
    """A fresh host, such as a container or a cloud image, has none."""
    calls = [
        task["ansible.builtin.apt"]
        for path in ROOT.glob("roles/*/tasks/*.yml")
        for task in tasks(yaml.safe_load(path.read_text(encoding="utf-8")))
        if "ansible.builtin.apt" in task
    ]
    assert len(calls) == 2
    assert [call for call in calls if call.get("update_cache") is not True] == []


REFUSING = """#!/bin/sh
echo "{}" >&2
exit 1
"""
CHECK = {"vm_id": 1001, "name": "web/vm1", "check": "console"}
CALLS: dict[str, dict[str, Any]] = {
    "host_info": {},
    "host_setup": {},
    "slice_apply": {"slices": [], "vnc_address": "192.0.2.1"},
    "wait_for_vms": {"checks": [CHECK], "timeout_s": 1},
}


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(
    ("said", "message"),
    [
        (None, "host worker1: Ansible becomes root with sudo, which this host does not have; install sudo on it, or"),
        ("sudo: a password is required", "; run the playbook with --ask-become-pass, set ansible_become_password in"),
        ("ops is not in the sudoers file.", "may not use sudo on this host; add"),
    ],
)
def test_sudo_that_refuses_is_explained_by_every_module_for_hosts(
    said: str | None, message: str, pipelining: bool, tmp_path: Path
) -> None:
    sudo = tmp_path / "sudo"
    if said is not None:
        sudo.write_text(REFUSING.format(said), encoding="utf-8")
        sudo.chmod(0o755)
    host = {
        "ansible_connection": "local",
        "ansible_become": True,
        "ansible_become_exe": str(sudo),
        "ansible_pipelining": pipelining,
    }
    play = {
        "hosts": "worker1",
        "gather_facts": False,
        "tasks": [{f"cloudrepo.slices.{name}": given, "ignore_errors": True} for name, given in CALLS.items()],
    }
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
    (tmp_path / "own.yml").write_text(yaml.safe_dump({"workers": {"hosts": {"worker1": host}}}), encoding="utf-8")
    same_user = {"ANSIBLE_BECOME_ALLOW_SAME_USER": "true"}
    done = run(tmp_path, str(tmp_path / "play.yml"), {}, inventory=tmp_path / "own.yml", environment=same_user)
    failures = [json.loads(text)["msg"] for text in re.findall(r"FAILED! => (\{.*\})$", done.stdout, re.MULTILINE)]
    assert len(failures) == len(CALLS), done.stdout
    assert [failure for failure in failures if message not in failure] == []


def test_every_module_for_hosts_explains_a_refusal_of_sudo() -> None:
    runtime = yaml.safe_load((ROOT / "meta/runtime.yml").read_text(encoding="utf-8"))
    routed = runtime["plugin_routing"]["modules"]
    explain = {path.stem for path in ROOT.glob("plugins/action/*.py") if "explained(" in path.read_text()}
    plugins = {
        name: routed.get(name, {"action_plugin": name})["action_plugin"].rpartition(".")[2]
        for name in runtime["action_groups"]["host"]
    }
    assert {name: plugin for name, plugin in plugins.items() if plugin not in explain} == {}
