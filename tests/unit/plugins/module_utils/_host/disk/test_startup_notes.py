# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from pathlib import Path

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import startup_notes

ID = "0d9c8b7a65f4e3d2c1b0a9f8e7d6c5b4"


def test_a_note_belongs_to_its_disk_until_it_is_forgotten(tmp_path: Path) -> None:
    disk, other = f"{tmp_path}/vm1_img.qcow2", f"{tmp_path}/other.qcow2"
    assert startup_notes.read(disk) is None
    startup_notes.write(disk, ID)
    assert (startup_notes.read(disk), startup_notes.read(other)) == (ID, None)
    assert [(path.name, path.stat().st_mode & 0o777) for path in tmp_path.iterdir()] == [
        ("vm1_img.qcow2.startup", 0o600)
    ]
    startup_notes.forget(disk)
    assert startup_notes.read(disk) is None


def test_a_disk_without_a_note_is_forgotten_as_well(tmp_path: Path) -> None:
    startup_notes.forget(f"{tmp_path}/a.qcow2")
    assert list(tmp_path.iterdir()) == []
