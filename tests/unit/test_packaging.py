# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The content of the tarball that users install. tools/lint checks it with galaxy-importer."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from .scripts import ROOT, files

LONGEST_README = 150
TOP = {
    *("CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "README.md", "SECURITY.md", "SUPPORT.md"),
    *("FILES.json", "LICENSE", "MANIFEST.json"),
    *("ansible.cfg", "bindep.txt", "execution-environment.yml", "requirements.txt"),
    *("awx", "changelogs", "docs", "inventory", "meta", "playbooks", "plugins", "roles"),
}
GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
IN_REPOSITORY = f"{GALAXY['repository']}/blob/main/"
"""Begins the address of a file that is not in the tarball."""
# Local targets of Markdown links and images.
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")


def build(source: Path, folder: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "ansible", "galaxy", "collection", "build", "--output-path", str(folder), str(source)],
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.tar.gz")
    return built


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Return the paths of the files in a tarball that was built in a checkout with untracked files."""
    source = tmp_path_factory.mktemp("checkout")
    left = [f"{name}/left" for name in (".ansible", ".git", ".hypothesis", ".ruff_cache", ".test", ".venv")]
    for name in [str(path.relative_to(ROOT)) for path in files()] + left:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        content = b"" if name in left else (ROOT / name).read_bytes()
        (source / name).write_bytes(content)
    with tarfile.open(build(source, tmp_path_factory.mktemp("built"))) as opened:
        return {member.name for member in opened.getmembers() if member.isfile()}


def test_the_tarball_contains_only_files_that_users_need(tarball: set[str]) -> None:
    released = {"CHANGELOG.rst"} if (ROOT / "CHANGELOG.rst").is_file() else set()
    assert {name.split("/")[0] for name in tarball} == TOP | released
    tests = re.compile(r"\.py[co]$|(^|/)(test_|conftest|molecule/)")
    assert [name for name in tarball if tests.search(name) and not name.startswith("docs/examples/")] == []


def test_the_tarball_contains_every_plugin_role_and_playbook(tarball: set[str]) -> None:
    folders = ("plugins", "roles", "playbooks", "inventory", "docs")
    wanted = {
        str(path.relative_to(ROOT))
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted <= tarball


def test_links_of_all_pages_lead_to_files_in_the_tarball(tarball: set[str]) -> None:
    folders = {parent for name in tarball for parent in map(str, Path(name).parents)}
    targets = [
        (name, target, os.path.normpath(Path(name).parent / target))
        for name in sorted(tarball)
        if name.endswith(".md")
        for target in LINK.findall((ROOT / name).read_text(encoding="utf-8"))
    ]
    assert {"README.md", "CONTRIBUTING.md", "docs/operations.md"} <= {name for name, _target, _path in targets}
    assert [(name, target) for name, target, path in targets if path not in tarball | folders] == []


def test_links_to_the_repository_lead_to_files_that_are_not_in_the_tarball(tarball: set[str]) -> None:
    address = re.compile(re.escape(IN_REPOSITORY) + r"([^)#\s]+)")
    pages = [name for name in sorted(tarball) if name.endswith(".md")]
    targets = {target for name in pages for target in address.findall((ROOT / name).read_text(encoding="utf-8"))}
    assert len(targets) > 5
    assert [target for target in sorted(targets) if not (ROOT / target).is_file() or target in tarball] == []


def test_the_readme_is_read_in_five_minutes() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= LONGEST_README


@pytest.mark.parametrize("name", ["CODE_OF_CONDUCT.md", "MAINTAINING.md", "SECURITY.md", "SUPPORT.md"])
def test_all_documents_are_linked_from_the_readme_or_contributing(name: str) -> None:
    pages = [(ROOT / page).read_text(encoding="utf-8") for page in ("README.md", "CONTRIBUTING.md")]
    assert name in {target for page in pages for target in LINK.findall(page.replace(IN_REPOSITORY, ""))}


def test_every_role_has_a_readme() -> None:
    assert [role.name for role in ROOT.glob("roles/*/") if not (role / "README.md").is_file()] == []


def test_an_execution_environment_finds_its_requirements(tarball: set[str]) -> None:
    stated = yaml.safe_load((ROOT / "meta/execution-environment.yml").read_text(encoding="utf-8"))
    assert set(stated["dependencies"].values()) <= tarball
