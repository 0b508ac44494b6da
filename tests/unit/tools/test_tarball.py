# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The output of C(tools/tarball): always the same bytes, and a collection that needs nothing else installed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from ..scripts import ROOT

COMMITTED = 1_700_000_000
CODE_BLOCK = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
PREPARE = {
    "name": "Register what the slice of the README needs",
    "hosts": "localhost",
    "gather_facts": False,
    "module_defaults": {"group/cloudrepo.slices.control": {"database": "{{ playbook_dir }}/database.yaml"}},
    "tasks": [
        {
            "name": "Register a worker",
            "cloudrepo.slices.worker": {"ip": "192.0.2.11", "cores": 8, "ram_gb": 32, "disk_gb": 100},
        },
        {
            "name": "Register a flavor",
            "cloudrepo.slices.flavor": {
                "name": "cirros",
                "cores": 1,
                "ram_gb": 0.5,
                "disk_gb": 1,
                "image": "https://images.example.org/cirros.qcow2",
                "checksum": "0" * 64,
            },
        },
        {"name": "Store the slices", "cloudrepo.slices.slice": {"slices": "{{ slices }}"}},
    ],
}


def listed() -> list[str]:
    """Return the files of the checkout, as git knows them."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return [name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def checkout(folder: Path, names: list[str], seconds: int) -> Path:
    """Commit the files in a new repository, written in this order and with this time."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((ROOT / name).read_bytes())
        path.chmod((ROOT / name).stat().st_mode)
        os.utime(path, (seconds, seconds))
    git = ["git", "-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
    date = {**os.environ, "GIT_COMMITTER_DATE": f"{COMMITTED} +0000"}
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--no-gpg-sign", "--message=All"]):
        subprocess.run([*git, *command], cwd=folder, env=date, check=True)
    return folder


def build(source: Path, folder: Path, **environment: str) -> Path:
    """Call tools/tarball of a checkout."""
    folder.mkdir()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = [str(source / "tools/tarball"), str(folder)]
    subprocess.run(command, cwd=source, env={**os.environ, "PATH": path, **environment}, check=True)
    [built] = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkout(tmp_path_factory.mktemp("checkout"), listed(), 1_000_000_000)


@pytest.fixture(scope="module")
def tarball(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(source, tmp_path_factory.mktemp("built") / "here")


def test_builds_of_the_same_commit_are_identical(tarball: Path, tmp_path: Path) -> None:
    elsewhere = checkout(tmp_path / "a path with a space", listed()[::-1], 1_500_000_000)
    assert build(elsewhere, tmp_path / "built").read_bytes() == tarball.read_bytes()


def test_files_have_the_time_of_the_commit_or_of_the_environment(source: Path, tarball: Path, tmp_path: Path) -> None:
    with tarfile.open(tarball) as archive:
        assert {member.mtime for member in archive} == {COMMITTED}
    with tarfile.open(build(source, tmp_path / "built", SOURCE_DATE_EPOCH="1234567890")) as archive:
        assert {member.mtime for member in archive} == {1234567890}


def test_build_files_are_not_in_the_tarball(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        files = {member.name for member in archive if member.isfile()}
    assert files - {"MANIFEST.json", "FILES.json"} <= set(listed())


class Newcomer:
    """A new user, with ansible-core, the tarball and an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.collection = folder / "collections/ansible_collections/cloudrepo/slices"

    def __call__(self, *command: str) -> str:
        environment = {
            "HOME": str(self.folder),
            "PATH": "/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": str(self.folder / "collections"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
        }
        done = subprocess.run(
            [sys.executable, "-m", "ansible", *command],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def newcomer(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Newcomer:
    newcomer = Newcomer(tmp_path_factory.mktemp("newcomer"))
    newcomer("galaxy", "collection", "install", str(tarball), "-p", "collections", "--offline")
    return newcomer


def names(newcomer: Newcomer, pattern: str) -> list[str]:
    """Return the names of installed files, as names of the collection."""
    return sorted(f"cloudrepo.slices.{path.stem}" for path in newcomer.collection.glob(pattern))


def test_the_installed_files_have_the_checksums_of_the_tarball(newcomer: Newcomer) -> None:
    assert "Successfully verified" in newcomer("galaxy", "collection", "verify", "cloudrepo.slices", "--offline")


def test_ansible_doc_shows_every_module(newcomer: Newcomer) -> None:
    modules = names(newcomer, "plugins/modules/[a-z]*.py")
    assert len(modules) > 40
    assert sorted(json.loads(newcomer("doc", "--type", "module", "--json", *modules))) == modules


def test_every_playbook_is_found_by_its_name(newcomer: Newcomer) -> None:
    example = newcomer.collection / "inventory/example"
    playbooks = names(newcomer, "playbooks/*.yml")
    assert len(playbooks) > 10
    said = newcomer("playbook", "-i", str(example), "--syntax-check", *playbooks)
    assert len(re.findall("^playbook: ", said, re.MULTILINE)) == len(playbooks)


def test_the_vms_of_the_readme_become_hosts(newcomer: Newcomer) -> None:
    block = CODE_BLOCK.search((newcomer.collection / "README.md").read_text(encoding="utf-8"))
    assert block is not None
    (newcomer.folder / "web.yml").write_text(block[1], encoding="utf-8")
    (newcomer.folder / "prepare.yml").write_text(yaml.safe_dump([PREPARE], sort_keys=False), encoding="utf-8")
    newcomer("playbook", "-i", "localhost,", "-c", "local", "-e", "@web.yml", "prepare.yml")
    source = {"plugin": "cloudrepo.slices.slices", "database": str(newcomer.folder / "database.yaml")}
    (newcomer.folder / "vms.slices.yml").write_text(yaml.safe_dump(source), encoding="utf-8")
    found = json.loads(newcomer("inventory", "-i", "vms.slices.yml", "--list"))
    assert sorted(found["_meta"]["hostvars"]) == ["web-vm1", "web-vm2"]
