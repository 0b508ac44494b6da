# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import ast
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool import program

ROOT = Path(__file__).parents[6]
UTILS = ROOT / "plugins/module_utils"
PACKAGE = "ansible_collections.cloudrepo.slices.plugins.module_utils"
DIGEST = f"from {PACKAGE}._host.tool.program import digest; print(digest())"


def imported(path: str) -> set[str]:
    """Return the files of the collection that a file imports, from its syntax tree."""
    found = set()
    for node in ast.walk(ast.parse((UTILS / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = (UTILS / path).parents[node.level - 1]
            base = folder / (node.module or "").replace(".", "/")
            found |= {base.with_suffix(".py"), *(base / f"{alias.name}.py" for alias in node.names)}
    return {str(each.relative_to(UTILS)) for each in found if each.is_file()}


def test_the_files_are_the_entries_and_all_that_they_import() -> None:
    wanted: set[str] = set()
    waiting = set(program.ENTRIES)
    while waiting:
        wanted |= waiting
        waiting = set().union(*map(imported, waiting)) - wanted
    assert set(program.sources()) == wanted
    assert len(wanted) > 90


def test_the_sources_are_those_of_the_files() -> None:
    assert program.sources() == {path: (UTILS / path).read_text(encoding="utf-8") for path in program.sources()}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """The files as Ansible sends them to a host, in an archive with empty files for packages."""
    path = tmp_path / "payload.zip"
    folder = PACKAGE.replace(".", "/")
    texts = {**program.sources(), "_host/tool/program.py": Path(program.__file__).read_text(encoding="utf-8")}
    files = {f"{folder}/{name}": text for name, text in texts.items()}
    with zipfile.ZipFile(path, "w") as written:
        folders = {str(parent) for name in files for parent in Path(name).parents} - {"."}
        for name, text in [*files.items(), *((f"{each}/__init__.py", "") for each in folders)]:
            written.writestr(name, text)
    return path


def digest_in(path: Path) -> str:
    environ = {**os.environ, "PYTHONPATH": str(path)}
    argv = [sys.executable, "-c", DIGEST]
    return subprocess.run(argv, env=environ, cwd="/", capture_output=True, text=True, check=True).stdout.strip()


def test_controller_and_host_have_the_same_digest(archive: Path) -> None:
    assert program.digest() == digest_in(archive)
    assert program.digest() == digest_in(ROOT / ".ansible/collections")


def test_the_digest_differs_if_any_file_does(archive: Path) -> None:
    with zipfile.ZipFile(archive) as read:
        files = {name: read.read(name).decode() for name in read.namelist()}
    changed = archive.with_name("changed.zip")
    with zipfile.ZipFile(changed, "w") as written:
        for name, text in files.items():
            written.writestr(name, f"{text}#" if name.endswith("_host/qemu/wire.py") else text)
    assert digest_in(changed) != program.digest()


@pytest.mark.parametrize(
    "other", [{"a.py": "x = 2\n", "b.py": ""}, {"a.py": "", "b.py": "x = 1\n"}, {"a.py": "x = 1\n", "c.py": ""}]
)
def test_the_digest_depends_on_the_content_and_the_name_of_each_file(
    monkeypatch: pytest.MonkeyPatch, other: dict[str, str]
) -> None:
    found = []
    for sources in ({"a.py": "x = 1\n", "b.py": ""}, other):
        monkeypatch.setattr(program, "sources", lambda sources=sources: sources)
        found.append(program.digest.__wrapped__())
    assert found[0] != found[1]
