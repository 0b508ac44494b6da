# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a worker removes every minute of captures that nobody fetched."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "roles/worker/files/logs-trim"


def trim(tmp_path: Path, state: str, age_s: int) -> Path:
    """The file of a capture whose unit is in a state, after the script has looked at it."""
    folder = tmp_path / "vms/1001"
    folder.mkdir(parents=True)
    (folder / "slice_id").write_text("1000\n")
    pcap = folder / "eth1.pcap"
    pcap.touch()
    os.utime(pcap, (time.time() - age_s,) * 2)
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(
        f'#!/bin/sh\n[ "$*" = "is-active slices-capture-1000-1001-eth1.service" ] && echo {state}\n'
        f"[ {state} = active ] || exit 3\n"
    )
    systemctl.chmod(0o755)
    environ = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run([SCRIPT, tmp_path, "1024"], env=environ, check=True)
    return pcap


@pytest.mark.parametrize("state", ["inactive", "failed"])
def test_a_capture_that_ended_an_hour_ago_goes(tmp_path: Path, state: str) -> None:
    assert not trim(tmp_path, state, 3720).exists()


def test_one_that_has_just_ended_stays(tmp_path: Path) -> None:
    assert trim(tmp_path, "inactive", 3480).exists()


@pytest.mark.parametrize("state", ["active", "activating", "deactivating", "''"])
def test_one_that_may_still_run_stays_and_its_hour_has_not_begun(tmp_path: Path, state: str) -> None:
    assert time.time() - trim(tmp_path, state, 7200).stat().st_mtime < 60
