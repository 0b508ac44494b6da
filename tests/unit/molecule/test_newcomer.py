# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The scenario C(newcomer) enters what the README shows, and copies the files that the documentation shows."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from ..scripts import ROOT, load

SCENARIO = ROOT / "extensions/molecule/newcomer"
STEPS = yaml.safe_load((SCENARIO / "vars/steps.yml").read_text(encoding="utf-8"))
RUN = [step["run"] for steps in STEPS.values() for step in steps]
NOT_RUN = {
    "sudo apt-get install --yes git make": "the set-up of the tests installs packages",
    "make demo": "it needs a clone; the newcomer starts the same lab",
}
guide = load("extensions/molecule/guides/files/guide.py")


def converge() -> Any:
    [play] = yaml.safe_load((SCENARIO / "converge.yml").read_text(encoding="utf-8"))
    return play


def test_every_command_of_the_readme_is_run() -> None:
    shown = [step.text for step in guide.steps((ROOT / "README.md").read_text(encoding="utf-8")) if step.path is None]
    commands = [command.partition(" # ")[0].rstrip() for command in shown]
    assert len(commands) > 5
    assert [command for command in commands if command not in RUN and command not in NOT_RUN] == []
    assert [command for command in NOT_RUN if command not in commands] == []
    [delete] = re.findall(
        r"`(ansible-playbook [^`]*cloudrepo\.slices\.delete [^`]*)`", (ROOT / "README.md").read_text()
    )
    assert delete in RUN


def test_the_readme_copies_the_example_inventory_of_the_installed_collection_before_it_uses_it() -> None:
    commands = [
        step.text for step in guide.steps((ROOT / "README.md").read_text(encoding="utf-8")) if step.path is None
    ]
    copied = next(index for index, command in enumerate(commands) if command.startswith("cp "))
    source, target = commands[copied].split()[-2:]
    folder = source.removeprefix("~/.ansible/collections/ansible_collections/cloudrepo/slices/")
    assert folder != source
    assert (ROOT / folder / "hosts.yml").is_file()
    assert commands[copied - 1].startswith("ansible-galaxy collection install ")
    assert commands[copied + 1].startswith(f"ansible-playbook -i {target} cloudrepo.slices.site")


def test_the_copied_files_are_in_the_documentation() -> None:
    [task] = [task for task in converge()["tasks"] if "documentation" in task["name"]]
    for item in task["loop"]:
        found = re.search(item["block"], (ROOT / item["page"]).read_text(encoding="utf-8"))
        assert found, item
        assert isinstance(yaml.safe_load(found[1]), dict)


def test_the_newcomer_has_the_newest_ansible_core_or_the_one_of_make_newcomer() -> None:
    [task] = [task for task in converge()["tasks"] if task["name"] == "Install ansible-core"]
    assert task["ansible.builtin.command"]["argv"][1:] == [
        "{{ project }}/tools/test_versions.py",
        "--bin",
        "{{ lookup('env', 'NEWCOMER_CORE') | default('newest', true) }}",
    ]
    assert STEPS["before_the_lab"][0]["run"] == "ansible --version"
    assert "for core in oldest newest; do NEWCOMER_CORE=$$core" in (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.parametrize("step", [step for steps in STEPS.values() for step in steps], ids=lambda step: step["run"])
def test_steps_have_known_keys(step: dict[str, str]) -> None:
    assert step.keys() <= {"run", "refused"} or step.keys() <= {"run", "says"}


def test_nothing_of_the_checkout_is_used_but_the_tarball() -> None:
    environment = converge()["vars"]["newcomer_environment"]
    assert set(environment) == {"PATH", "HOME", "LC_ALL", "CLOUDREPO_DATABASE"}
    assert all("project" not in value for value in environment.values())
    step = (SCENARIO / "tasks/step.yml").read_text(encoding="utf-8")
    assert "--ignore-environment" in step
    assert [command for command in RUN if "molecule" in command or "/work" in command] == []
