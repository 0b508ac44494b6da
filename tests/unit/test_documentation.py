# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The documentation of modules and roles is complete and correct.

ansible-test compares options in documentation and code; this module contains additional rules.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.playbook.task import Task

from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change, SliceRef

from . import scripts

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = "cloudrepo.slices"
MODULES = sorted(path.stem for path in ROOT.glob("plugins/modules/*.py") if not path.stem.startswith("_"))
ROLES = sorted(path.name for path in ROOT.glob("roles/*/"))

# A role's default that refers to a variable of the role cloudrepo, which roles and playbooks share.
SHARED = re.compile(r"\{\{ (?P<variable>cloudrepo_\w+) \}\}")

# A value of each type, for arguments that are templates in examples.
STAND_INS: dict[str, Any] = {
    "bool": True,
    "bytes": 1,
    "dict": {},
    "float": 1.0,
    "int": 1,
    "json": "{}",
    "list": [],
    "path": "/a/path",
    "raw": "text",
    "str": "text",
}


@pytest.fixture(scope="module")
def docs() -> dict[str, dict[str, Any]]:
    """Return the output of ansible-doc by module: C(doc) with its fragments, C(examples) as text, C(return)."""
    names = [f"{COLLECTION}.{module}" for module in MODULES]
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "doc", "--type=module", "--json", *names],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    read = json.loads(done.stdout)
    assert sorted(read) == names, done.stderr
    return {name.rpartition(".")[2]: content for name, content in read.items()}


def leaves(values: Mapping[str, Any], children: str, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each option or return value in C(values) with its path, parents before their C(children)."""
    for name, value in values.items():
        yield f"{path}{name}", value
        yield from leaves(value.get(children) or {}, children, f"{path}{name}.")


class Declared(Exception):
    """A module has declared its arguments; C(args) contains the keyword arguments for AnsibleModule."""


def arguments_of(module: str, monkeypatch: pytest.MonkeyPatch) -> ArgumentSpecValidator:
    """Return the validator of a module's arguments, without running the module."""
    signature = inspect.signature(AnsibleModule.__init__)

    def declare(*args: Any, **kwargs: Any) -> None:
        raise Declared(signature.bind(*args, **kwargs).arguments)

    code = importlib.import_module(f"ansible_collections.{COLLECTION}.plugins.modules.{module}")
    with monkeypatch.context() as patch:
        patch.setattr(AnsibleModule, "__init__", declare)
        with pytest.raises(Declared) as declared:
            code.main()
    keywords = declared.value.args[0]
    rules = ("mutually_exclusive", "required_together", "required_one_of", "required_if", "required_by")
    return ArgumentSpecValidator(keywords["argument_spec"], **{rule: keywords.get(rule) for rule in rules})


def without_templates(value: Any, spec: Mapping[str, Any]) -> Any:
    """Return the argument with each template replaced by a value of its type, or by the first of its choices."""
    if isinstance(value, str) and "{{" in value:
        return spec["choices"][0] if spec.get("choices") else STAND_INS[spec.get("type", "str")]
    if isinstance(value, list):
        element = {**spec, "type": spec.get("elements", "str")}
        return [without_templates(each, element) for each in value]
    if isinstance(value, dict):
        options = spec.get("options") or {}
        return {name: without_templates(each, options.get(name, {"type": "raw"})) for name, each in value.items()}
    return value


def exists(action: str) -> bool:
    """Return whether an example may use an action: one of the collection or of ansible-core."""
    collection, _dot, name = action.rpartition(".")
    if collection == COLLECTION:
        return name in MODULES
    return collection == "ansible.builtin" and importlib.util.find_spec(f"ansible.modules.{name}") is not None


def example_tasks(docs: Mapping[str, Any], module: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Return name, action and arguments of each task in the module's EXAMPLES, and check their form."""
    tasks = yaml.safe_load(docs[module]["examples"])
    assert isinstance(tasks, list), "EXAMPLES is a list of tasks"
    found = []
    for task in tasks:
        assert task.get("name"), f"an example task without a name: {task}"
        actions = [key for key in task if key not in Task.fattributes and not key.startswith("with_")]
        assert len(actions) == 1, f"{task['name']}: one action, not {actions}"
        found.append((task["name"], actions[0], task[actions[0]] or {}))
    return found


@pytest.mark.parametrize("module", MODULES)
def test_every_option_is_described(docs, module):
    undescribed = [
        path for path, option in leaves(docs[module]["doc"]["options"], "suboptions") if not option.get("description")
    ]
    assert undescribed == []


@pytest.mark.parametrize("module", MODULES)
def test_every_return_value_has_a_sample(docs, module):
    returned = docs[module]["return"]
    assert returned, "RETURN says what the module returns"
    # A value with parts has a sample itself, or its parts have samples.
    bare = [
        path
        for path, value in leaves(returned, "contains")
        if "sample" not in value and not value.get("contains") and not any_above(returned, path)
    ]
    assert bare == []


@pytest.mark.parametrize("module", MODULES)
def test_changes_are_shown_as_modules_return_them(module):
    code = importlib.import_module(f"ansible_collections.{COLLECTION}.plugins.modules.{module}")
    # Not from ansible-doc, which sorts the attributes, from which reasons are derived.
    for shown in yaml.safe_load(code.RETURN).get("changes", {}).get("sample", ()):
        name = "" if shown["name"] == str(shown["id"]) else shown["name"]
        sides = (shown["before"], shown["after"])
        of = None if shown["slice_id"] is None else SliceRef(shown["slice_id"])
        change = Change(
            shown["kind"], shown["id"], shown["action"], *sides, restart=shown["restart"], name=name, slice=of
        )
        # The reason of a restart is given by the plan; all others are derived from the attributes.
        given = replace(change, reason=shown["reason"]) if shown["action"] == "restart" else change
        assert unordered(given.to_dict()) == unordered(shown)


def unordered(change: Mapping[str, Any]) -> dict[str, Any]:
    """Return a change with sorted reasons, because ansible-doc sorts the attributes."""
    return {**change, "reason": sorted((change["reason"] or "").split("; "))}


def any_above(returned: Mapping[str, Any], path: str) -> bool:
    """Return whether a parent of the value at C(path) has a sample."""
    values = dict(leaves(returned, "contains"))
    parts = path.split(".")
    return any("sample" in values[".".join(parts[:end])] for end in range(1, len(parts)))


@pytest.mark.parametrize(("plural", "module"), [("vms", "vm"), ("links", "link"), ("networks", "network")])
def test_an_object_is_described_the_same_by_its_module_and_in_a_slice(docs, plural, module):
    """Doc fragments cannot be used for suboptions, so these are written twice."""
    in_slice = docs["slice"]["doc"]["options"]["slices"]["suboptions"][plural]["suboptions"]
    # References to options contain the whole path.
    in_slice = json.loads(json.dumps(in_slice).replace(f"O({plural}[].", "O("))
    alone = docs[module]["doc"]["options"]
    form = ("type", "elements", "choices", "suboptions")
    differing = [name for name in in_slice if any(in_slice[name].get(key) != alone[name].get(key) for key in form)]
    assert (len(in_slice) > 5, differing) == (True, [])


@pytest.mark.parametrize("module", MODULES)
def test_examples_are_tasks_that_exist(docs, module):
    tasks = example_tasks(docs, module)
    assert [action for _name, action, _args in tasks if not exists(action)] == []
    assert f"{COLLECTION}.{module}" in [action for _name, action, _args in tasks], "an example shows its module"


@pytest.mark.parametrize("module", MODULES)
def test_examples_are_accepted_by_the_modules(docs, module, monkeypatch):
    for name, action, args in example_tasks(docs, module):
        collection, _dot, called = action.rpartition(".")
        if collection != COLLECTION:
            continue
        validator = arguments_of(called, monkeypatch)
        spec = {"options": validator.argument_spec}
        result = validator.validate(without_templates(args, spec))
        assert result.error_messages == [], f"{name}: {action}"


def test_each_module_is_in_exactly_one_action_group():
    runtime = yaml.safe_load((ROOT / "meta/runtime.yml").read_text(encoding="utf-8"))
    grouped = [module for group in runtime["action_groups"].values() for module in group]
    assert sorted(grouped) == MODULES


def test_the_example_inventory_is_accepted_and_describes_the_hosts_in_the_readme(monkeypatch):
    example: dict[str, Any] = {}
    for path in sorted((ROOT / "inventory/example/group_vars/all").iterdir()):
        example.update(yaml.safe_load(path.read_text(encoding="utf-8")))
    for module in ("flavor", "user"):
        result = arguments_of(module, monkeypatch).validate({f"{module}s": example[f"cloudrepo_{module}s"]})
        assert result.error_messages == []
    quickstart = (ROOT / "playbooks/topologies/quickstart.yml").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    read = [yaml.safe_load(text) for text in (quickstart, *blocks)]
    asked = {vm["flavor"] for each in read for one in each.get("slices", ()) for vm in one["vms"]}
    for offered in (example, *(each for each in read if "cloudrepo_flavors" in each)):
        assert asked <= {flavor["name"] for flavor in offered["cloudrepo_flavors"]}


def defaults_of(role: str) -> dict[str, Any]:
    file = ROOT / "roles" / role / "defaults/main.yml"
    return (yaml.safe_load(file.read_text(encoding="utf-8")) or {}) if file.exists() else {}


def test_shared_variables_have_the_defaults_of_their_options(monkeypatch):
    defaults = defaults_of("cloudrepo")
    spec = arguments_of("slice", monkeypatch).argument_spec
    spec["bridge"] = arguments_of("slice_apply", monkeypatch).argument_spec["bridge"]
    for option in ("database", "state_dir", "placement", "bridge"):
        assert defaults[f"cloudrepo_{option}"] == spec[option]["default"], option


@pytest.mark.parametrize("role", ROLES)
def test_arguments_of_a_role_have_the_values_in_its_defaults(role):
    folder = ROOT / "roles" / role
    entry_points = yaml.safe_load((folder / "meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    options: dict[str, dict[str, Any]] = {}
    for name, entry in entry_points.items():
        assert entry.get("short_description"), f"{name} says what it does"
        assert entry.get("description"), f"antsibull-docs needs a description of {name}"
        options.update(entry.get("options") or {})
    assert "main" not in entry_points or entry_points["main"].get("version_added"), "the changelog needs it"
    undescribed = [path for path, option in leaves(options, "options") if not option.get("description")]
    assert undescribed == []

    defaults = defaults_of(role)
    assert sorted(defaults) == sorted(name for name, option in options.items() if not option.get("required"))
    shared = {name: found for name, value in defaults.items() if (found := SHARED.fullmatch(str(value)))}
    defaults.update({name: defaults_of("cloudrepo")[found["variable"]] for name, found in shared.items()})
    stated = {name: option["default"] for name, option in options.items() if "default" in option}
    assert {name: defaults.get(name) for name in stated} == stated
    unnamed = [name for name, found in shared.items() if f"C({found['variable']})" not in str(options[name])]
    assert unnamed == []


@pytest.mark.parametrize("role", ROLES)
def test_readmes_of_roles_match_their_argument_specs(role):
    """Run C(python tools/role_docs.py) after changing argument specs."""
    readme = (ROOT / "roles" / role / "README.md").read_text(encoding="utf-8")
    assert scripts.load("tools/role_docs.py").write(role, readme) == readme


def test_the_documentation_of_work_orders_and_reports_matches_their_contracts():
    """Run C(python tools/contract_docs.py) after changing a contract."""
    tool = scripts.load("tools/contract_docs.py")
    texts = {name: (ROOT / name).read_text(encoding="utf-8") for name in tool.FILES}
    assert [name for name, write in tool.FILES.items() if write(texts[name]) != texts[name]] == []
