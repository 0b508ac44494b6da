# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The catalogue of rules contains exactly the refusals in the code, in plain sentences."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
import yaml
from jinja2 import Environment, nodes

from ansible_collections.cloudrepo.slices.plugins.module_utils import refusals
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.module_utils.refusals import RULES
from ansible_collections.cloudrepo.slices.plugins.module_utils.rules.rule import Rule

ROOT = Path(__file__).resolve().parents[4]
PLUGINS = ROOT / "plugins"
FILTER = "cloudrepo.slices.refusal"
FOLDERS = ("action", "connection", "filter", "inventory", "module_utils", "modules", "plugin_utils")
MAKERS = {"Refusal", "_refuse"}
"""What is called with a code, an object and figures."""
INTERMEDIARIES = {"_refuse", "refusal_message"}
"""Functions that pass their own arguments on to C(Refusal), among them the filter."""
IMPERATIVES = {
    *("add", "boot", "check", "continue", "copy", "correct", "create", "delete", "deploy", "fetch", "give", "install"),
    *(
        "list",
        "merge",
        "mount",
        "move",
        "name",
        "omit",
        "quote",
        "register",
        "remove",
        "rename",
        "restart",
        "restore",
        "run",
        "set",
        "stop",
        "use",
        "write",
    ),
}
CLUMSY = re.compile(r"\b((are|is) possible|ask(s|ed) for|promised|(is|are) none|(is|are) called|anew|shall)\b")


@dataclass(frozen=True)
class Call:
    """A refusal in the code: its location, code and figures."""

    where: str
    code: object
    figures: frozenset[str]


def calls(path: Path) -> Iterator[Call]:
    """Yield all refusals in a file, except for those that are read from data."""
    for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(function, ast.FunctionDef) or function.name in INTERMEDIARIES:
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and node.args and name_of(node.func) in MAKERS:
                dicts = dicts_before(node, function)
                given = keys(node.args[2], dicts) if len(node.args) > 2 else frozenset()
                yield Call(f"{path.relative_to(PLUGINS)}:{node.lineno}", getattr(node.args[0], "value", None), given)


def dicts_before(call: ast.Call, function: ast.FunctionDef) -> dict[str, ast.Dict]:
    """Return the dicts that a function has assigned to variables before a call, by variable."""
    made = sorted(
        (node.lineno, target.id, node.value)
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict) and node.lineno < call.lineno
        for target in node.targets
        if isinstance(target, ast.Name)
    )
    return {name: value for _line, name, value in made}


def name_of(function: ast.expr) -> str | None:
    """Return the last part of a function's name in a call."""
    return getattr(function, "id", None) or getattr(function, "attr", None)


def keys(node: ast.expr | None, dicts: dict[str, ast.Dict]) -> frozenset[str]:
    """Return the keys of a dict literal, or of a variable to which one was assigned."""
    if isinstance(node, ast.Name):
        node = dicts.get(node.id)
    assert isinstance(node, ast.Dict), "write figures as a dict, so that this test can read them"
    found: set[str] = set()
    for key, value in zip(node.keys, node.values):
        found |= keys(value, dicts) if key is None else {str(getattr(key, "value", ""))}
    return frozenset(found)


def templates(value: Any) -> Iterator[str]:
    """Yield all texts in the data of a YAML file."""
    if isinstance(value, dict):
        yield from templates(list(value.values()))
    elif isinstance(value, list):
        for each in value:
            yield from templates(each)
    elif isinstance(value, str):
        yield value


def calls_in_templates(path: Path) -> Iterator[Call]:
    """Yield all uses of the filter C(refusal) in a file of a playbook or role."""
    for text in templates(yaml.safe_load(path.read_text(encoding="utf-8"))):
        if FILTER in text:
            for node in TEMPLATES.parse(text).find_all(nodes.Filter):
                if node.name == FILTER:
                    code = getattr(node.node, "value", None)
                    yield Call(str(path.relative_to(ROOT)), code, frozenset(each.key for each in node.kwargs))


TEMPLATES = Environment(autoescape=True)
IN_PYTHON = [call for folder in FOLDERS for path in sorted((PLUGINS / folder).rglob("*.py")) for call in calls(path)]
IN_TEMPLATES = [
    call
    for folder in ("playbooks", "roles")
    for path in sorted((ROOT / folder).rglob("*.yml"))
    for call in calls_in_templates(path)
]
CALLS = IN_PYTHON + IN_TEMPLATES


def named(rule: Rule) -> set[str]:
    """Return the figures in the texts of a rule."""
    texts = (rule.rule, rule.sentence, rule.next_step)
    fields = {name for text in texts for _literal, name, _spec, _conversion in Formatter().parse(text) if name}
    return fields - {"object", "rule"}


def test_all_refusal_rules_are_used_and_all_used_ones_exist() -> None:
    assert {call.code for call in CALLS} == set(RULES)


def test_refusals_of_playbooks_are_found() -> None:
    assert "interface_captured" in {call.code for call in IN_TEMPLATES}


def test_each_code_is_in_one_group_of_rules() -> None:
    groups = [group for group in vars(refusals).values() if isinstance(group, dict) and group is not RULES]
    codes = [code for group in groups for code, rule in group.items() if isinstance(rule, Rule)]
    assert sorted(codes) == sorted(RULES)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.where} {call.code}")
def test_all_figures_in_the_sentences_are_provided(call: Call) -> None:
    assert named(RULES[str(call.code)]) <= call.figures


@pytest.mark.parametrize("code", RULES)
def test_every_message_can_be_put_together(code: str) -> None:
    refusal = Refusal(code, "VM web/vm1", dict.fromkeys(named(RULES[code]), "7"))
    for text in (refusal.message, refusal.rule, *map(str, refusal.to_dict().values())):
        assert text
        assert not re.search(r"\{(object|rule)", text)
    assert refusal.message.startswith("VM web/vm1")


@pytest.mark.parametrize("code", RULES)
def test_sentences_use_plain_words(code: str) -> None:
    rule = RULES[code]
    for text in (rule.rule, rule.sentence, rule.next_step):
        assert text == text.strip(" .;:,"), "the sentence puts them together"
        assert "  " not in text
        assert not CLUMSY.search(text)
    assert "{object}" not in rule.sentence[1:].replace("object}", "", 1), "the object comes first"
    assert "{rule}" not in rule.rule + rule.next_step
    assert not rule.next_step or rule.next_step.split()[0] in IMPERATIVES
