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

from ansible_collections.cloudrepo.slices.plugins.modules import slice as slice_module
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.call_rules import read_table

from .plugins.module_utils._domain.builders import cluster, put

ROOT = Path(__file__).resolve().parents[2]
GUIDES = sorted(ROOT.glob("docs/guides/*.md"))
PAGES = [*GUIDES, ROOT / "docs/operations.md", ROOT / "README.md", ROOT / "awx/README.md"]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COLLECTION = "cloudrepo.slices."
ROLE_VARIABLES = ("cloudrepo_", "lab_", "portal_")
"""Prefixes of variables that an admin may set in addition."""


def blocks(page: Path, *kinds: str) -> Iterator[str]:
    for kind, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if kind in kinds:
            yield text


def commands(page: Path) -> Iterator[list[str]]:
    """Yield the arguments of each command of Ansible in a page, without comments and prompts."""
    for text in blocks(page, "sh", "console"):
        for line in text.replace("\\\n", " ").splitlines():
            line = line.removeprefix("$ ")
            if line.startswith("ansible-playbook "):
                yield shlex.split(line, comments=True)


COMMANDS = [(page.name, command) for page in PAGES for command in commands(page)]


def extra_variables(command: list[str]) -> Iterator[str]:
    """Yield the names of the extra variables of a command, apart from those in files."""
    for before, value in zip(command, command[1:]):
        if before == "-e" and not value.startswith("@"):
            yield from json.loads(value) if value.startswith("{") else [value.partition("=")[0]]


def test_there_are_commands_and_guides() -> None:
    assert len(COMMANDS) > 40
    assert {page for page, _command in COMMANDS} >= {page.name for page in GUIDES} - {"molecule.md"}


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=[f"{page}: {' '.join(each)}" for page, each in COMMANDS])
def test_a_command_names_a_playbook_and_variables_that_it_accepts(page: str, command: list[str]) -> None:
    named = [each for each in command if each.startswith(COLLECTION)]
    if not named:
        assert page == "README.md"  # of the portal, whose playbooks are others
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
    assert found
    spec = {"slices": {"type": "list", "elements": "dict", "options": slice_module.SPEC}}
    checked = ArgumentSpecValidator(spec).validate({"slices": [{"name": "unnamed", **wanted} for wanted in found]})
    assert checked.error_messages == []
    for wanted, shown in zip(checked.validated_parameters["slices"], found):
        held = cluster()
        held.flavors["debian"] = held.flavors["cirros"]
        stored = put(held, wanted)
        assert [vm.name for vm in stored.vms] == [vm["name"] for vm in shown["vms"]]


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
