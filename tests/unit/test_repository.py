# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Forbidden content of files in the repository, and required headers of code files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from .scripts import ROOT, files

REGISTRY = re.compile(r"https?://[\w.-]*(pypi|pythonhosted|debian\.org|galaxy\.ansible|npmjs|snapshot)", re.IGNORECASE)
CODE = (".py", ".sh", "")
MOST_LINES = 40


def test_no_file_names_a_registry_or_a_path_of_the_machine_it_was_written_on() -> None:
    found = [
        str(path.relative_to(ROOT))
        for path in files()
        if path.name != "LICENSE" and (REGISTRY.search(text := path.read_text(encoding="utf-8")) or f"{ROOT}/" in text)
    ]
    assert found == []


@pytest.mark.parametrize("folder", ["plugins", "tools", "tests", "roles"])
def test_every_source_file_has_a_copyright_header(folder: str) -> None:
    missing = [
        str(path.relative_to(ROOT))
        for path in files()
        if path.is_relative_to(ROOT / folder)
        and path.suffix in CODE
        and path.stat().st_size
        and "GNU General Public License v3.0+" not in path.read_text(encoding="utf-8")[:400]
    ]
    assert missing == []


def too_long(source: str) -> list[str]:
    """Return the functions that do not fit on a screen, with their numbers of lines."""
    functions = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef))
    lengths = [(node.name, (node.end_lineno or 0) - node.lineno + 1) for node in functions]
    return [f"{name}: {lines}" for name, lines in lengths if lines > MOST_LINES]


def test_functions_outside_of_tests_fit_a_screen() -> None:
    code = [path for path in files() if path.suffix == ".py" and not path.is_relative_to(ROOT / "tests")]
    found = {str(path.relative_to(ROOT)): too_long(path.read_text(encoding="utf-8")) for path in code}
    assert len(found) > 100
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(("lines", "found"), [(MOST_LINES - 1, []), (MOST_LINES, [f"f: {MOST_LINES + 1}"])])
def test_a_function_that_does_not_fit_a_screen_is_found(lines: int, found: list[str]) -> None:
    assert too_long("class A:\n    @property\n    def f():\n" + "        pass\n" * lines) == found


def escapes(node: Any) -> Iterator[str]:
    """Yield the templates of a YAML file with a backslash and an n, which Ansible would print as these two characters.

    In double quotes, YAML itself reads it as a new line.
    """
    if isinstance(node, dict):
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from escapes(each)
    elif isinstance(node, str) and "{{" in node and "\\n" in node:
        yield node


def test_templates_have_new_lines_and_no_escapes() -> None:
    found = {
        str(path.relative_to(ROOT)): list(escapes(yaml.safe_load(path.read_text(encoding="utf-8"))))
        for folder in ("playbooks", "roles")
        for path in ROOT.glob(f"{folder}/**/*.yml")
    }
    assert {path: templates for path, templates in found.items() if templates} == {}
    assert list(escapes([{"a": "{{ b | join('\\n') }}", "c": "d\\n"}, "{{ b | join('\n') }}"])) == [
        "{{ b | join('\\n') }}"
    ]
