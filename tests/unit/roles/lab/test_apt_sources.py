# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lab is built from this machine's package lists, and tells how to get them: real runs of apt-get."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ...scripts import ROOT

SOURCES = ROOT / "roles/lab/files/apt-sources"


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="a lab needs a Debian machine")
def test_a_machine_without_package_lists_is_told_to_update_them(tmp_path: Path) -> None:
    (tmp_path / "lists/partial").mkdir(parents=True)
    (tmp_path / "apt.conf").write_text(f'Dir::State::lists "{tmp_path}/lists";\n', encoding="utf-8")
    done = subprocess.run(
        ["bash", "-ec", f"source {SOURCES}; unpack_packages {tmp_path}/target dbus"],
        env={**os.environ, "APT_CONFIG": str(tmp_path / "apt.conf")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "no apt source of Debian among this machine's own; has 'apt-get update' been run?\n"
    assert not (tmp_path / "target").exists()
