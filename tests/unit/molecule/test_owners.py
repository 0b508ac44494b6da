# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Owners of taps and of files of VMs."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from ..scripts import load

owners = load("extensions/molecule/changes/files/owners.py")
ME = pwd.getpwuid(os.getuid()).pw_name


def test_each_owner_of_taps_is_listed_once(tmp_path: Path) -> None:
    for name in ("tap_1001_eth0", "tap_1001_eth1", "eth0"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "owner").write_text(f"{os.getuid()}\n")
    assert owners.taps(str(tmp_path)) == [ME]
    assert owners.taps(str(tmp_path / "none")) == []


def test_files_outside_the_group_and_files_of_a_user_are_listed(tmp_path: Path) -> None:
    folder = tmp_path / "1001"
    folder.mkdir()
    (folder / "disk").touch()
    (folder / "link").symlink_to("/nowhere")
    mine = os.lstat(folder / "disk").st_gid
    below = [str(folder), str(folder / "disk"), str(folder / "link")]
    assert owners.not_of_group(str(tmp_path), mine) == []
    assert owners.not_of_group(str(tmp_path), mine + 1) == below, "the folder of all VMs is not asked"
    assert owners.of_user(str(tmp_path), os.getuid()) == [str(tmp_path), *below]
    assert owners.of_user(str(tmp_path), os.getuid() + 1) == []
