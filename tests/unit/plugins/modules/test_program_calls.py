# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Modules return the same in the program of a host as in a module process: real runs of ansible-playbook, both ways.

Instead of ssh there is a shell, which finds the program in a folder of the test.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import CALLS
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool.cli import BEGUN
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool.program import digest
from ansible_collections.cloudrepo.slices.plugins.module_utils._module import zipapp
from ansible_collections.cloudrepo.slices.plugins.module_utils.defaults import PROGRAM
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import WorkerOrder

from ...scripts import ROOT

SECRET = "hMr3kWpa"
UUID = "4c1f6a7e-8c1d-4f39-9a53-0d6f2b7e9c10"
CLOUD = {"cloud_uuid": UUID, "cloud_title": "lab", "cloud_incarnation": UUID}
VM = {"vm_id": 1001, "name": "vm1", "cores": 1, "ram_mib": 512, "disks": [], "interfaces": [], "vnc_port": 5901}
ORDER = {"slices": [{"slice_id": 1000, "vms": []}], "vnc_address": "10.0.10.1"}
RESERVATION = {"vm_id": 1001, "name": "vm1", "mac": "52:54:00:03:e9:00", "address": "10.60.7.101"}
SERVICES = {"slices": [{"slice_id": 1000, "reservations": [RESERVATION]}]}
TASKS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("slice_apply", {**ORDER, "complete": "yes", "start_timeout_s": "7"}),
    ("slice_apply", {**ORDER, "vnc_passwords": {1001: SECRET}, "cloud_title": f"not {SECRET}\n"}),
    ("slice_apply", {**ORDER, "slices": [{"slice_id": 1000, "vms": [{**VM, "name": "-"}], "receipt": "ab" * 16}]}),
    ("slice_apply", {**ORDER, **CLOUD}),
    ("slice_apply", {**ORDER, "colour": "red"}),
    ("slice_apply", {"slices": []}),
    ("slice_apply", {**ORDER, "slices": [None]}),
    ("network_services", SERVICES),
    ("network_services", {**SERVICES, "bridge": None}),
    ("network_services", {**SERVICES, "nat_links": "everywhere"}),
)
VALID = (0, 3, 7)
"""The tasks that succeed in check mode."""
INVALID = (4, 5, 6)
"""Those that are refused before the host is asked."""
SENT = f"{PROGRAM} is missing or of another version, so the module is sent"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lib") / "slices-host"
    path.write_bytes(zipapp.build())
    return path


def shell(folder: Path, program: Path) -> Path:
    """Return a shell that runs C(program) with the Python of the tests in place of the one that roles install."""
    path = folder / "sh"
    run = f"{sys.executable} -IS {program}"
    replaced = f'$(printf %s "$2" | sed "s#{PROGRAM}#{run}#")'
    path.write_text(f'#!/bin/sh\nprintf "%s\\n" "$2" >>{folder}/commands\nexec /bin/sh -c "{replaced}"\n')
    path.chmod(0o755)
    return path


def play(
    folder: Path,
    program: Path,
    *options: str,
    tasks: Sequence[tuple[str, Mapping[str, Any]]] = TASKS,
    extra: Mapping[str, Any] | None = None,
) -> tuple[list[dict[str, Any]], str]:
    """Return the results of C(tasks), each with the keywords in C(extra), and the output."""
    folder.mkdir()
    state = folder.parent / "state"
    state.mkdir(exist_ok=True)
    listed: list[dict[str, Any]] = [
        {
            f"cloudrepo.slices.{module}": {"state_dir": str(state), **arguments},
            "register": f"result{number}",
            "ignore_errors": True,
            **(extra or {}),
        }
        for number, (module, arguments) in enumerate(tasks)
    ]
    everything = "{{ [" + ", ".join(f"result{number}" for number in range(len(tasks))) + "] | to_json }}"
    copy = {"ansible.builtin.copy": {"content": everything, "dest": str(folder / "said")}, "check_mode": False}
    playbook = folder / "play.yml"
    playbook.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [*listed, copy]}]))
    variables = {"ansible_shell_executable": str(shell(folder, program)), "ansible_pipelining": True}
    argv = ["-m", "ansible", "playbook", "-i", "localhost,", "-c", "local", "-e", json.dumps(variables), *options]
    done = subprocess.run(
        [sys.executable, *argv, str(playbook)],
        env={**os.environ, "ANSIBLE_REMOTE_TEMP": str(folder / "modules")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said: list[dict[str, Any]] = json.loads((folder / "said").read_text())
    return said, done.stdout


Ways = dict[str, tuple[list[dict[str, Any]], str]]


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory, program: Path) -> Ways:
    """The results and the output, in the program and as a module."""
    folder = tmp_path_factory.mktemp("both")
    there = play(folder / "program", program, "--check", "--diff", "-vv")
    assert calls(folder / "program") == len(TASKS) - len(INVALID)
    return {"program": there, "module": play(folder / "module", folder / "missing", "--check", "--diff", "-vv")}


def calls(folder: Path) -> int:
    """Return how often the program was called."""
    return (folder / "commands").read_text().count(f"{PROGRAM} call")


def plain(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result without what Ansible adds to it."""
    return {key: value for key, value in result.items() if key not in ("exception", "invocation", "warnings")}


def test_results_are_the_same_both_ways(ways: Ways) -> None:
    for task, one, other in zip(TASKS, ways["program"][0], ways["module"][0]):
        assert plain(one) == plain(other), task


def test_modules_are_sent_to_a_host_without_the_program_only(ways: Ways) -> None:
    assert (SENT in ways["program"][1], SENT in ways["module"][1]) == (False, True)


def test_tasks_have_the_expected_outcome(ways: Ways) -> None:
    said, _output = ways["program"]
    assert [number for number, result in enumerate(said) if not result.get("failed")] == list(VALID)
    assert said[2]["answers"] == [{"slice_id": 1000, "receipt": "ab" * 16}]
    assert "Unsupported parameters for (cloudrepo.slices.slice_apply) module: colour." in said[4]["msg"]
    assert "52:54:00:03:e9:00,10.60.7.101,vm1" in json.dumps(said[7]["diff"])
    assert "create" in [change["action"] for change in said[7]["changes"]]
    assert "bridge must be the name of a network device" in said[8]["msg"]


def test_no_result_contains_a_password(ways: Ways) -> None:
    assert SECRET not in json.dumps(list(ways.values()))
    assert "********" in ways["program"][0][1]["msg"]


@pytest.mark.parametrize("damage", ["older", "none"])
def test_a_program_that_does_nothing_is_replaced_by_the_module(damage: str, program: Path, tmp_path: Path) -> None:
    path = tmp_path / "slices-host"
    older = program.read_bytes().replace(digest().encode(), b"0" * 64)
    path.write_bytes(older if damage == "older" else b"import sys; sys.exit('no zip file')")
    said, output = play(tmp_path / "run", path, "--check", "-vv", tasks=TASKS[:1])
    assert (calls(tmp_path / "run"), said[0]["failed"]) == (1, False)
    assert SENT in output


def test_a_large_order_is_read_to_its_end_although_the_program_is_missing(tmp_path: Path) -> None:
    large = {**ORDER, "slices": [{"slice_id": 1000, "vms": [], "given_up": []} for _number in range(3_000)]}
    said, _output = play(tmp_path / "run", tmp_path / "missing", "--check", tasks=[("slice_apply", large)])
    assert "listed" in said[0]["msg"]


def test_a_program_that_ends_early_is_a_failure_and_no_second_call(tmp_path: Path) -> None:
    dying = tmp_path / "slices-host"
    dying.write_text(f"import os, sys\nprint({BEGUN!r}, flush=True)\nsys.exit('it broke: {SECRET}')\n")
    tasks = [("slice_apply", {**ORDER, "vnc_passwords": {1001: SECRET}})]
    said, _output = play(tmp_path / "run", dying, tasks=tasks)
    assert said[0]["failed"]
    assert said[0]["msg"] == "MODULE FAILURE: the program on the host has ended without a result"
    assert (said[0]["module_stderr"], said[0]["rc"]) == ("it broke: ********\n", 1)


@pytest.mark.parametrize("extra", [{"environment": {"SOME": "thing"}}, {"async": 60, "poll": 1}])
def test_what_only_modules_support_is_left_to_them(extra: dict[str, Any], program: Path, tmp_path: Path) -> None:
    said, _output = play(tmp_path / "run", program, tasks=[TASKS[3]], extra=extra)
    assert calls(tmp_path / "run") == 0
    assert "this host belongs to no cloud" in said[0]["msg"]


def test_options_have_no_type_that_is_read_on_the_machine_of_the_validator() -> None:
    types = {option["type"] for call in CALLS.values() for option in call["argument_spec"].values()}
    assert types <= {"str", "bool", "int", "list", "dict"}
    assert WorkerOrder.arguments().keys() >= {"slices"}


def test_both_modules_are_routed_to_the_program() -> None:
    runtime = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())
    routed = {name for name, each in runtime["plugin_routing"]["modules"].items() if "slice_apply" in str(each)}
    assert routed | {"slice_apply"} == set(CALLS)
