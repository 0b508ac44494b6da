# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Modules return the same in Ansible's own process as in a module process: real runs of ansible-playbook, both ways."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cloudrepo.slices.plugins.modules import (
    cloud,
    flavor,
    slice_info,
    slice_plan,
    slice_report,
    user,
    user_data_info,
    vnc_password_info,
    worker,
)
from ansible_collections.cloudrepo.slices.plugins.modules import slice as slice_module
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.validation import RULES

from ...scripts import ROOT
from ..module_utils._domain import builders

# A task with an environment is run as a module, in a process that has it.
AS_MODULE = {"environment": {"SOME": "thing"}}
# With a fixed key, because passwords are derived from it; otherwise each database gets a random one.
DATABASE = {**builders.cluster().to_dict(), "vnc_key": "ab" * 32, "revision": builders.AHEAD_OF_CLOCKS}
UUID = re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
TIME = re.compile(r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
RECEIPT = re.compile(r'(?<="receipt": ")[0-9a-f]{32}(?=")')
TOPOLOGY = {"slices": [builders.topology()], "work_orders": True}
ALL = {"all": True}
IMAGE = {"image": "https://images.example.org/web.qcow2", "checksum": "ab" * 32}
SECRET = "t0p-s3cret"
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("slice", TOPOLOGY),
    ("slice", TOPOLOGY),
    ("slice_plan", {**ALL, "state_dir": "/srv"}),
    ("vnc_password_info", ALL),
    ("slice_report", {**ALL, "reports": [{"host": "w", "target": "10.0.10.1", "vms": [], "failure": "no power"}]}),
    ("slice", {"name": "{{ 'we' ~ 'b' }}", "vlan_pools": "2"}),
    ("slice", {"name": "web", "owner": "nobody"}),
    ("slice", {"name": "web", "state": "perhaps"}),
    ("slice", {"name": "web", "colour": "red"}),
    ("slice", {"name": None}),
    ("slice", {}),
    ("slice", {"name": "web", "slices": []}),
    ("slice_plan", {"names": ["nothing"]}),
    ("slice_report", {**ALL, "reports": [{"host": "w"}]}),
    ("slice_report", {**ALL, "reports": [None]}),
    ("slice_plan", {**ALL, "backups": -1}),
    ("slice_plan", {**ALL, "state": "absent"}),
    ("cloud", {"title": "lab"}),
    ("worker", {"workers": [{"ip": "10.0.10.9", "cores": 4, "ram_gb": 8}], "network_node_trunk_mtu": 1500}),
    ("flavor", {"name": "web", "cores": 1, "ram_gb": 1, "disk_gb": 1, **IMAGE}),
    ("user", {"users": [{"name": "dora", "password": SECRET}]}),
    ("user", {"name": "dora", "password": SECRET, "state": "verified"}),
    ("user", {"name": f"not-{SECRET}", "password": SECRET}),
    ("user", {"name": "dora", "password": SECRET, "state": SECRET}),
    ("user", {"name": "eve", "password": SECRET, "quota_vms": -1}),
    ("slice_info", ALL),
    ("slice_info", {"names": ["nothing"]}),
]


def run(
    folder: Path, extra: dict[str, Any], *options: str, calls: Sequence[tuple[str, dict[str, Any]]] = tuple(CALLS)
) -> list[dict[str, Any]]:
    """The results of C(calls), each a task with C(extra), run in C(folder) on the controller."""
    folder.mkdir()
    (folder / "database.yaml").write_text(yaml.safe_dump(DATABASE))
    tasks: list[dict[str, Any]] = [
        {
            f"cloudrepo.slices.{module}": {"database": str(folder / "database.yaml"), **arguments},
            "register": f"result{number}",
            "ignore_errors": True,
            **extra,
        }
        for number, (module, arguments) in enumerate(calls)
    ]
    everything = "{{ [" + ", ".join(f"result{number}" for number in range(len(calls))) + "] | to_json }}"
    tasks.append({"ansible.builtin.copy": {"content": everything, "dest": str(folder / "said")}, "check_mode": False})
    playbook = folder / "play.yml"
    playbook.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", "-c", "local", str(playbook), *options],
        env={**os.environ, "ANSIBLE_KEEP_REMOTE_FILES": "1", "ANSIBLE_REMOTE_TEMP": str(folder / "modules")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said: list[dict[str, Any]] = json.loads((folder / "said").read_text())
    return said


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[dict[str, Any]], list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("both")
    here, module = folder / "here", folder / "module"
    return here, module, run(here, {}), run(module, AS_MODULE)


def test_results_and_stored_data_are_the_same_both_ways(both):
    here, module, here_said, module_said = both
    told_here, told_module = Told(here), Told(module)
    for (name, arguments), one, other in zip(CALLS, here_said, module_said):
        assert told_here.result(one) == told_module.result(other), (name, arguments)
    stored = [told.text((told.folder / "database.yaml").read_text()) for told in (told_here, told_module)]
    assert stored[0] == stored[1]


class Told:
    """The output of a run, without what differs between runs: the folder, UUIDs, receipts and the time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._uuids: dict[str, str] = {}

    def text(self, text: str) -> str:
        """Return the text with a number for each UUID, in the order of their first occurrence."""
        text = re.sub(rf"{re.escape(str(self.folder))}/database\.yaml {self.folder.stat().st_ino}\b", "PLACE", text)
        text = text.replace(str(self.folder), "FOLDER")
        text = UUID.sub(lambda found: self._uuids.setdefault(found[0], f"UUID {len(self._uuids)}"), text)
        return TIME.sub("TIME", RECEIPT.sub("RECEIPT", text))

    def result(self, result: dict[str, Any]) -> dict[str, Any]:
        """Return a result without what Ansible adds to it: the location of an error, and the arguments."""
        kept = {key: value for key, value in result.items() if key not in ("exception", "invocation", "warnings")}
        said: dict[str, Any] = json.loads(self.text(json.dumps(kept)))
        return said


def test_modules_were_run_as_expected(both):
    here, module, _here_said, _module_said = both
    modules = {f"AnsiballZ_{name}.py" for name, _arguments in CALLS}
    assert {file.name for file in here.rglob("AnsiballZ_*")} & modules == set()
    assert {file.name for file in module.rglob("AnsiballZ_*")} >= modules


def test_calls_have_the_expected_outcome(both):
    _here, _module, said, _module_said = both
    assert [result["changed"] for result in said[:6]] == [True, False, False, False, True, True]
    assert said[0]["work_orders"]["workers"]
    assert "web" in said[0]["diff"]["after"]
    assert [bool(result.get("failed")) for result in said[6:17]] == [True] * 10 + [False]
    assert "value of state must be one of: present, absent, got: perhaps" in said[7]["msg"]
    assert said[8]["msg"].startswith("Unsupported parameters for (cloudrepo.slices.slice) module: colour.")
    assert [result["changed"] for result in said[17:23]] == [True, True, True, True, False, True]
    assert said[21]["verified"] == {"dora": True}
    assert [bool(result.get("failed")) for result in said[17:]] == [False] * 6 + [True] * 2 + [False, True]


def test_no_result_contains_a_password(both):
    _here, _module, said, _module_said = both
    assert SECRET not in json.dumps(said)
    assert said[22]["users"][0]["name"] == "not-********"


@pytest.mark.parametrize("extra", [{}, AS_MODULE], ids=["in process", "as a module"])
def test_a_value_of_another_type_is_named_by_its_place(extra, tmp_path):
    [said] = run(tmp_path / "f", extra, calls=[("slice", {"slices": [{"name": "web", "vms": "vm1"}]})])
    assert said["msg"] == "slices[web].vms must be a list of dictionaries, got 'vm1'"


@pytest.mark.parametrize("extra", [{}, AS_MODULE], ids=["in process", "as a module"])
def test_only_one_module_returns_user_data(extra, tmp_path):
    def with_user_data(text: str) -> dict[str, Any]:
        return {"vms": [builders.vm("vm1", cloud_init={"user_data": text})], "links": []}

    good, bad = (with_user_data(text) for text in (f"#!/bin/sh\n{SECRET}\n", f"#cloud-config\n- {SECRET}\n"))
    slices = [{"name": "web", **good}, {"name": "lab", **bad}, {"name": "ring", "size": {}, **good}]
    calls = [("slice", {"slices": slices, "work_orders": True}), ("slice", {"name": "lab", **bad})]
    *others, found = run(tmp_path / "run", extra, "--diff", calls=[*calls, ("user_data_info", ALL)])
    assert SECRET not in json.dumps(others)
    assert [each["slice"] for each in others[0]["refused"]] == ["admin/ring", "admin/lab"]
    assert "user_data_id" in json.dumps(others[0]["work_orders"])
    assert "line 1 of the user data" in others[1]["msg"]
    assert [each["user_data"] for each in found["guests"]] == [f"#!/bin/sh\n{SECRET}\n"]


def test_check_mode_stores_nothing_and_predicts_the_changes(tmp_path):
    said = run(tmp_path / "check", {}, "--check", "--diff")
    assert said[0]["changed"]
    assert "web" in said[0]["diff"]["after"]
    assert yaml.safe_load((tmp_path / "check/database.yaml").read_text()) == DATABASE


GOOD = {"name": "good", "vms": [{"name": "vm1", "flavor": "cirros"}]}
MIXED = [
    GOOD,
    {"name": "bad", "vms": [{"name": "vm1", "flavour": "cirros"}]},
    {"name": "worse", "links": [{"endpoints": None}]},
]


@pytest.mark.parametrize("extra", [{}, AS_MODULE], ids=["in process", "as a module"])
def test_a_malformed_slice_is_refused_and_the_others_are_stored(extra, tmp_path):
    calls = [("slice", {"slices": MIXED, "work_orders": "yes"}), ("slice", {"slices": MIXED})]
    planned, stored, none = run(tmp_path / "run", extra, calls=[*calls, ("slice", {"slices": MIXED[1:]})])
    assert [each["slice"] for each in planned["refused"]] == ["admin/bad", "admin/worse"]
    assert "flavour" in planned["refused"][0]["failure"]
    assert "good" in planned["diff"]["after"]
    assert (planned["failed"], planned["changed"]) == (False, True)
    assert (stored["failed"], stored["changed"]) == (True, False)
    assert [line.partition(":")[0] for line in none["msg"].splitlines()] == ["admin/bad", "admin/worse"]
    assert (none["failed"], none["changed"]) == (True, False)


MODULES = [
    *(cloud, flavor, slice_info, slice_module, slice_plan, slice_report),
    *(user, user_data_info, vnc_password_info, worker),
]


@pytest.mark.parametrize("module", MODULES)
def test_all_requirements_on_arguments_are_checked(module):
    assert module.arguments().keys() <= {"argument_spec", "supports_check_mode", *RULES}


OF_A_TENANT: list[tuple[str, dict[str, Any]]] = [
    ("slice", {**TOPOLOGY, "acting_user": "alice"}),
    ("slice", TOPOLOGY),
    ("slice_info", ALL),
    ("slice_info", {**ALL, "acting_user": "admin"}),
    ("slice_plan", {**ALL, "acting_user": "admin"}),
    ("user_info", {}),
]


@pytest.mark.parametrize("extra", [{}, AS_MODULE], ids=["in process", "as a module"])
def test_the_acting_user_is_that_of_the_run_and_not_that_of_the_task(extra, tmp_path, monkeypatch):
    monkeypatch.setenv("CLOUDREPO_ACTING_USER", "alice")
    said = run(tmp_path / "run", extra, "-e", '{"acting_user": "admin", "awx_user_name": "admin"}', calls=OF_A_TENANT)
    assert [bool(result.get("failed")) for result in said] == [True, True, False, True, True, False]
    assert "alice is not an admin" in said[0]["msg"]
    assert said[1]["msg"] == said[0]["msg"]
    assert said[2]["slices"] == []
    differ = "acting user: CLOUDREPO_ACTING_USER is alice, but the argument acting_user is admin; "
    assert [result["msg"].startswith(differ) for result in said[3:5]] == [True, True]
    assert [user["name"] for user in said[5]["users"]] == ["alice"]


def test_every_module_of_the_database_gets_the_acting_user():
    runtime = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())
    routing = {name: each["action_plugin"] for name, each in runtime["plugin_routing"]["modules"].items()}
    routed = {name for name, action in routing.items() if action == "cloudrepo.slices.slice"}
    assert routed == set(runtime["action_groups"]["control"])
    sources = {name: (ROOT / f"plugins/modules/{name}.py").read_text() for name in routed}
    assert [name for name, source in sources.items() if "cloudrepo.slices.control\n" not in source] == []
