# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Modules in plugins/ only import from lower layers (see the picture in CONTRIBUTING.md)."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = "ansible_collections.cloudrepo.slices"
UTILS = f"{COLLECTION}.plugins.module_utils"

GROUND = "ground"
DRIVERS = ("_domain", "_state", "_host", "_import")
# The layers of the collection that a layer may import, except for itself.
BELOW = {
    GROUND: set(),
    **{layer: {GROUND} for layer in DRIVERS},
    "_module": {GROUND, *DRIVERS},
    "modules": {GROUND, *DRIVERS, "_module"},
    "plugin_utils": {GROUND},
    "action": {GROUND, *DRIVERS, "modules", "plugin_utils"},
    "connection": {GROUND, *DRIVERS},
    "doc_fragments": set(),
    "filter": {GROUND, *DRIVERS},
    "inventory": {GROUND, *DRIVERS, "plugin_utils"},
}
# The packages that a layer may import, except for Python's standard library.
THIRD_PARTY = {
    "_state": {"sqlalchemy", "yaml"},
    "_import": {"yaml"},
    "_module": {"ansible"},
    "modules": {"ansible"},
    "plugin_utils": {"ansible", "yaml"},  # on the controller, where Ansible has PyYAML
    "action": {"ansible"},
    "connection": {"ansible"},
    "inventory": {"ansible"},
    "filter": {"ansible", "yaml"},  # they run on the controller, where Ansible has PyYAML
}


def layer_of(module: str) -> str | None:
    """Return the layer of one of the collection's modules by its full name, None if it does not belong to a layer."""
    parts = module.split(".")[len(COLLECTION.split(".")) :]
    if parts[:2] == ["plugins", "module_utils"]:
        return parts[2] if len(parts) > 2 and parts[2] in BELOW else GROUND
    return parts[1] if len(parts) > 1 and parts[0] == "plugins" and parts[1] in BELOW else None


def imported(source: str, module: str) -> Iterator[tuple[int, str]]:
    """Yield line and full name of each module that C(source) of C(module) imports, at any level."""
    package = module.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join(base + ([node.module] if node.module else []))
            # `from .. import errors` names a module, `from ..errors import Refused` an object in it; the layer of
            # the longer name is correct for both.
            yield from ((node.lineno, f"{name}.{alias.name}") for alias in node.names)


def violations(source: str, module: str) -> list[str]:
    """Return a sentence for each import in C(source) that is not allowed in the layer of C(module)."""
    layer = layer_of(module)
    if layer is None:
        return [f"{module} is in no layer: say in this test where it belongs"]
    found = []
    for line, name in imported(source, module):
        top = name.split(".")[0]
        if name.startswith(f"{COLLECTION}."):
            target = layer_of(name)
            if target != layer and target not in BELOW[layer]:
                found.append(f"line {line}: {layer} imports {name}")
        elif top not in sys.stdlib_module_names and top not in THIRD_PARTY.get(layer, ()):
            found.append(f"line {line}: {layer} imports {name}")
    return found


def plugin_files() -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("plugins/**/*.py"))


@pytest.mark.parametrize("path", plugin_files())
def test_imports_go_down_only(path):
    module = ".".join([COLLECTION, *Path(path).with_suffix("").parts])
    assert violations((ROOT / path).read_text(encoding="utf-8"), module) == []


@pytest.mark.parametrize("path", [path for path in plugin_files() if "/_host/" in path])
def test_modules_of_hosts_import_few_shared_modules(path):
    """Each call of a module sends all modules that it imports."""
    module = ".".join([COLLECTION, *Path(path).with_suffix("").parts])
    ours = [name for _line, name in imported((ROOT / path).read_text(encoding="utf-8"), module) if COLLECTION in name]
    ground = {name.removeprefix(f"{UTILS}.").split(".")[0] for name in ours if layer_of(name) == GROUND}
    assert ground <= {
        *(
            "applied",
            "bounds",
            "changes",
            "claim",
            "contract",
            "defaults",
            "direct_boot",
            "errors",
            "grammar",
            "holdings",
            "identity",
            "network_order",
        ),
        *("refusals", "report", "startup", "steps", "vlans", "vm_order", "work_order"),
    }


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("models", "from ._state import store"),
        ("errors", "import yaml"),
        ("_domain.plan", "from .._host import ovs"),
        ("_domain.plan", "from .. import _host"),
        ("_domain.plan", "def late():\n    from ansible.module_utils import basic"),
        ("_host.ovs", "import yaml"),
        ("_host.ovs", f"import {UTILS}._module.edge"),
        ("_state.file", "from ansible.module_utils.basic import AnsibleModule"),
    ],
)
def test_an_import_up_or_sideways_is_found(module, source):
    assert violations(source, f"{UTILS}.{module}")


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("models", "import hashlib\nfrom .errors import Refused"),
        (
            "_domain.plan",
            "from . import rules\nfrom .rules import lease\nfrom ..models import VM\nfrom .. import errors",
        ),
        ("_state.file", "import yaml\nfrom sqlalchemy import select\nfrom ..errors import DatabaseError"),
        ("_module.edge", "from ansible.module_utils.basic import AnsibleModule\nfrom .._host import ovs"),
    ],
)
def test_an_import_down_is_allowed(module, source):
    assert violations(source, f"{UTILS}.{module}") == []
