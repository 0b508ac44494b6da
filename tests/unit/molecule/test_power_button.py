# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The disk of the guest with a power button. A test of C(power_down) boots it."""

from __future__ import annotations

from pathlib import Path

from ..scripts import load

power_button = load("extensions/molecule/shutdown/files/power_button.py")


def test_the_disk_has_a_boot_sector_and_nothing_else(tmp_path: Path) -> None:
    power_button.main(str(tmp_path / "disk"))
    disk = (tmp_path / "disk").read_bytes()
    assert disk == power_button.disk()
    assert (len(disk), disk[510:512]) == (1 << 20, b"\x55\xaa")
    assert not any(disk[512:])
