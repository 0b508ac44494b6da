# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values are frozen, so that a plan cannot be changed between its check mode and its application."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What is changed in place: the database and its parts, and collections that are filled step by step.
MUTABLE = {
    "cluster.py": {"Cluster"},
    "workers.py": {"Load", "Worker"},
    "_domain/match.py": {"Matches"},
    "_domain/records_merge.py": {"_Draft"},
    "_domain/segments.py": {"SegmentBuilder"},
    "_domain/titles.py": {"_Names"},
    "_domain/vms.py": {"VmBuilder"},
    "_import/graph.py": {"Graph"},
    "_import/graphml.py": {"_Element"},
}


def dataclasses(source: str) -> Iterator[tuple[str, bool]]:
    """Yield the name of each dataclass, and whether it is frozen."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            for decorator in map(ast.unparse, node.decorator_list):
                if decorator.split("(")[0] == "dataclass":
                    yield node.name, "frozen=True" in decorator


def test_dataclasses_are_found() -> None:
    decorators = ("@dataclass(frozen=True)", "@dataclass(frozen=False)", "@dataclass", "@other")
    source = "".join(f"{text}\nclass {name}: ...\n" for name, text in zip("ABCD", decorators))
    assert dict(dataclasses(source)) == {"A": True, "B": False, "C": False}


def test_dataclasses_are_frozen() -> None:
    utils = ROOT / "plugins/module_utils"
    found = {
        str(path.relative_to(utils)): {name for name, is_frozen in dataclasses(path.read_text()) if not is_frozen}
        for path in sorted(utils.rglob("*.py"))
    }
    assert {path: names for path, names in found.items() if names} == MUTABLE
