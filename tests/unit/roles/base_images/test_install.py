# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A base image that cannot be installed does not keep others from being installed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from ...playbooks.runs import run
from ...plugins.module_utils._host.disk.images import raw


def image(folder: Path, name: str, *, checksum: str | None = None) -> dict[str, Any]:
    """A raw image of this machine as in a work order, with another checksum if one is given."""
    path = folder / f"{name}.raw"
    raw(path)
    checksum = checksum or hashlib.sha256(path.read_bytes()).hexdigest()
    return {"checksum": checksum, "path": str(folder / f"state/images/{checksum}.img"), "source": str(path)}


@pytest.mark.skipif(os.geteuid() != 0, reason="base images belong to root")
def test_the_other_images_are_installed_and_the_reason_is_kept(tmp_path: Path) -> None:
    (tmp_path / "state/images").mkdir(parents=True)
    changed, good = image(tmp_path, "changed", checksum="ab" * 32), image(tmp_path, "good")
    gone = {"checksum": "cd" * 32, "path": str(tmp_path / f"state/images/{'cd' * 32}.img"), "source": "/nowhere.raw"}
    values = {"base_images_wanted": [changed, gone, good], "base_images_state_dir": str(tmp_path / "state")}
    role = {"ansible.builtin.import_role": {"name": "cloudrepo.slices.base_images"}, "vars": values}
    play = {"hosts": "orchestrator", "gather_facts": False, "tasks": [role]}
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
    done = run(tmp_path, str(tmp_path / "play.yml"), {})
    assert done.rc == 2
    last = done.stdout[done.stdout.rindex("FAILED! =>") :]
    assert f"base image {changed['source']}: the file differs from the registered one" in last
    told = "base image /nowhere.raw: the file differs from the registered one: its SHA-256 is unknown because the file"
    assert told in last
    assert {path.name for path in (tmp_path / "state/images").iterdir()} == {
        Path(good["path"]).name,
        f"{Path(good['path']).name}.json",
    }
