# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The output of ansible-builder for this collection and its execution environment."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from .scripts import ROOT


def lines_of(name: str) -> set[str]:
    """The lines of a file without comments."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def builder(*arguments: str) -> str:
    done = subprocess.run(["ansible-builder", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_execution_environment_contains_the_requirements_of_the_collection() -> None:
    said = yaml.safe_load(builder("introspect", os.environ["ANSIBLE_COLLECTIONS_PATH"]))
    source = "  # from collection cloudrepo.slices"
    ours = {kind: {line.removesuffix(source) for line in said[kind] if line.endswith(source)} for kind in said}
    assert ours == {"python": lines_of("requirements.txt"), "system": lines_of("bindep.txt")}


def test_the_execution_environment_of_the_portal_can_be_built(tmp_path: Path) -> None:
    builder("create", "--context", str(tmp_path), "--output-filename", "Containerfile")
    given: dict[str, Any] = yaml.safe_load((ROOT / "execution-environment.yml").read_text(encoding="utf-8"))
    needed = given["dependencies"]
    text = (tmp_path / "Containerfile").read_text(encoding="utf-8")
    assert f'ARG EE_BASE_IMAGE="{given["images"]["base_image"]["name"]}"' in text
    for package in ("ansible_core", "ansible_runner"):
        assert needed[package]["package_pip"] in text
    assert given["additional_build_steps"]["prepend_galaxy"][0] in text.splitlines()
    collections = yaml.safe_load((tmp_path / "_build/requirements.yml").read_text(encoding="utf-8"))
    assert collections == needed["galaxy"]
    [ours] = collections["collections"]
    settings = yaml.safe_load((ROOT / "awx/settings.yml").read_text(encoding="utf-8"))
    assert (ours["name"], ours["version"]) == (settings["portal_playbooks_url"], settings["portal_playbooks_branch"])


def test_the_execution_environment_has_a_supported_ansible() -> None:
    runtime = yaml.safe_load((ROOT / "meta/runtime.yml").read_text(encoding="utf-8"))["requires_ansible"]
    given = yaml.safe_load((ROOT / "execution-environment.yml").read_text(encoding="utf-8"))["dependencies"]
    assert given["ansible_core"]["package_pip"].startswith(f"ansible-core{runtime.removesuffix('.0')}")


def container_tool() -> str | None:
    """A container tool that answers: its daemon may not run."""
    for name in ("podman", "docker"):
        with contextlib.suppress(OSError):
            if subprocess.run([name, "info"], capture_output=True, check=False).returncode == 0:
                return name
    return None


TOOL = container_tool()


def with_this_checkout(folder: Path) -> Path:
    """The definition of the image, with the collection of this checkout instead of that in the repository."""
    build = ["ansible-galaxy", "collection", "build", "--output-path", str(folder)]
    subprocess.run(build, cwd=ROOT, capture_output=True, check=True)
    [tarball] = folder.glob("*.tar.gz")
    given: dict[str, Any] = yaml.safe_load((ROOT / "execution-environment.yml").read_text(encoding="utf-8"))
    given["dependencies"]["galaxy"] = {"collections": [{"name": f"configs/{tarball.name}", "type": "file"}]}
    given["additional_build_files"] = [{"src": str(tarball), "dest": "configs"}]
    path = folder / "execution-environment.yml"
    path.write_text(yaml.safe_dump(given), encoding="utf-8")
    return path


def test_an_image_can_have_the_collection_of_this_checkout(tmp_path: Path) -> None:
    definition, context = with_this_checkout(tmp_path), tmp_path / "context"
    builder("create", "--file", str(definition), "--context", str(context))
    [tarball] = tmp_path.glob("*.tar.gz")
    assert (context / "_build/configs" / tarball.name).read_bytes() == tarball.read_bytes()


@pytest.mark.skipif(TOOL is None, reason="no container tool answers")
def test_the_image_runs_playbooks_of_the_collection(tmp_path: Path) -> None:
    assert TOOL is not None
    context, tag = str(tmp_path / "context"), f"cloudrepo-test:{os.getpid()}"
    definition = str(with_this_checkout(tmp_path))
    builder("build", "--file", definition, "--context", context, "--tag", tag, "--container-runtime", TOOL)
    command = [TOOL, "run", "--rm", tag, "ansible-playbook", "cloudrepo.slices.status", "-e", "slice_all=true"]
    try:
        done = subprocess.run([*command, "-i", "orchestrator,"], capture_output=True, text=True, check=False)
    finally:
        subprocess.run([TOOL, "image", "rm", "--force", tag], capture_output=True, check=False)
    # The guard runs, for which a host of this name is no group.
    assert "the group orchestrator must have a host" in done.stdout, done.stdout + done.stderr
