# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The commands and topologies in the documentation for users: playbooks, variables and fields that exist."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.cloudrepo.slices.plugins.module_utils.refusals import RULES
from ansible_collections.cloudrepo.slices.plugins.modules import slice as slice_module
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.call_rules import read_table

from .plugins.module_utils._domain.builders import cluster, put
from .scripts import load

ROOT = Path(__file__).resolve().parents[2]
GUIDES = sorted(ROOT.glob("docs/guides/*.md"))
PAGES = [*GUIDES, ROOT / "docs/operations.md", ROOT / "README.md", ROOT / "awx/README.md"]
SCENARIO = ROOT / "extensions/molecule/guides"
guide = load("extensions/molecule/guides/files/guide.py")
WITHOUT_TOPOLOGIES = {"data-model.md", "day-two.md", "inventory.md", "moving.md", "troubleshooting.md"}
COLLECTION = "cloudrepo.slices."
WITHOUT_PLAYBOOKS = {"data-model.md", "molecule.md", "moving.md"}
"""They call modules and Molecule."""
COMMAND = re.compile(r"^\s*(?:\$ |sudo |ansible[a-z-]* |make |molecule |tools/).*", re.MULTILINE)
ROLE_VARIABLES = ("cloudrepo_", "lab_", "portal_", "worker_")
"""Prefixes of variables that an admin may set in addition."""


def steps(page: Path) -> list[Any]:
    return list(guide.steps(page.read_text(encoding="utf-8")))


def blocks(page: Path, *kinds: str) -> Iterator[str]:
    yield from (content for _kind, content in guide.blocks(page.read_text(encoding="utf-8"), *kinds))


def commands(page: Path) -> Iterator[list[str]]:
    """Yield the arguments of each playbook run in a page, without comments and prompts."""
    for step in steps(page):
        if step.path is None and step.text.startswith("ansible-playbook "):
            yield shlex.split(step.text, comments=True)


COMMANDS = [(page.name, command) for page in PAGES for command in commands(page)]


def extra_variables(command: list[str]) -> Iterator[str]:
    """Yield the names of the extra variables of a command, apart from those in files."""
    for before, value in zip(command, command[1:]):
        if before == "-e" and not value.startswith("@"):
            yield from json.loads(value) if value.startswith("{") else [value.partition("=")[0]]


def test_there_are_commands_and_guides() -> None:
    assert len(COMMANDS) > 60
    assert {page for page, _command in COMMANDS} >= {page.name for page in GUIDES} - WITHOUT_PLAYBOOKS


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=[f"{page}: {' '.join(each)}" for page, each in COMMANDS])
def test_a_command_names_a_playbook_and_variables_that_it_accepts(page: str, command: list[str]) -> None:
    named = [each for each in command if each.startswith(COLLECTION)]
    if not named:  # playbooks of a guide, or those of the portal
        assert page == "README.md" or command[-1] in {step.path for step in steps(ROOT / "docs/guides" / page)}
        return
    [playbook] = [each.removeprefix(COLLECTION) for each in named]
    accepted = read_table().playbooks[playbook].accepted
    unknown = [
        name for name in extra_variables(command) if name not in accepted and not name.startswith(ROLE_VARIABLES)
    ]
    assert unknown == []


def topologies(page: Path) -> Iterator[dict[str, Any]]:
    for text in blocks(page, "yaml"):
        for found in yaml.safe_load_all(text):
            if isinstance(found, dict) and isinstance(found.get("slices"), list):
                yield from found["slices"]


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_topologies_of_guides_are_planned(page: Path) -> None:
    found = list(topologies(page))
    if not found:
        assert page.name in WITHOUT_TOPOLOGIES
        return
    spec = {"slices": {"type": "list", "elements": "dict", "options": slice_module.SPEC}}
    checked = ArgumentSpecValidator(spec).validate({"slices": [{"name": "unnamed", **wanted} for wanted in found]})
    assert checked.error_messages == []
    for wanted, shown in zip(checked.validated_parameters["slices"], found):
        held = cluster()
        held.flavors["debian"] = held.flavors["cirros"]
        stored = put(held, wanted)
        listed = [vm["name"] for vm in shown.get("vms", [])]
        assert [vm.name for vm in stored.vms if vm.name in listed] == listed


def test_the_guide_to_molecule_shows_the_files_of_the_example() -> None:
    shown = list(blocks(ROOT / "docs/guides/molecule.md", "yaml"))
    for name in ("topology", "molecule", "create"):
        path = f"molecule/default/{name}.yml"
        [first, *_others] = [text for text in shown if text.startswith(f"# {path}\n")]
        in_file = (ROOT / "docs/examples/router" / path).read_text(encoding="utf-8")
        assert first.partition("\n")[2] == in_file.removeprefix("---\n")


def test_the_guides_name_each_playbook_for_molecule() -> None:
    text = (ROOT / "docs/guides/molecule.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(molecule_\w+)`", text))
    assert {name for name in read_table().playbooks if name.startswith("molecule")} | {"molecule_expiry_h"} == named


def settings() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((SCENARIO / "vars/settings.yml").read_text(encoding="utf-8"))
    return read


def test_the_scenario_runs_the_commands_of_all_guides() -> None:
    listed = settings()
    assert sorted(listed["guides"]) == [page.stem for page in GUIDES]
    shown = [step.text for page in GUIDES for step in steps(page) if step.path is None]
    for known in ("not_run", "refused"):
        assert [command for command in listed[known] if command not in shown] == [], known
    assert all(reason.strip() for reason in listed["not_run"].values())


@pytest.mark.parametrize("page", [*GUIDES, ROOT / "README.md"], ids=lambda page: page.name)
def test_commands_stand_in_blocks_that_a_scenario_runs(page: Path) -> None:
    fenced = re.findall(r"^```(.*)\n((?:.*\n)*?)```$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(fenced) == page.read_text(encoding="utf-8").count("```") // 2
    others = [content for kind, content in fenced if kind not in ("sh", "console")]
    assert [found for content in others for found in COMMAND.findall(content)] == []


def test_guides_are_in_the_readme_and_on_the_site() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    site = (ROOT / "tools/docs_site/index.md").read_text(encoding="utf-8").splitlines()
    for page in GUIDES:
        assert f"(docs/guides/{page.name})" in readme
        assert f"docs/guides/{page.stem}" in site


def test_every_message_is_in_the_guide_to_troubleshooting() -> None:
    docs = load("tools/refusal_docs.py")
    page = (ROOT / "docs/guides/troubleshooting.md").read_text(encoding="utf-8")
    assert page == docs.write(page), "run tools/refusal_docs.py"
    codes = set(re.findall(r"^\| `(\w+)` \|", page.partition(docs.MARKER)[2], re.MULTILINE))
    assert codes == set(RULES)
