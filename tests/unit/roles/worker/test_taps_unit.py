# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The unit that restores taps when a worker starts."""

from __future__ import annotations

from pathlib import Path

UNIT = (Path(__file__).parents[4] / "roles/worker/templates/slices-taps.service.j2").read_text(encoding="utf-8")


def test_taps_are_up_before_open_vswitch_sees_them() -> None:
    """It writes back the flags that it has read, so that a tap that is set up in the meantime would be down."""
    [before] = [line.partition("=")[2].split() for line in UNIT.splitlines() if line.startswith("Before=")]
    assert "ovs-vswitchd.service" in before


def test_open_vswitch_does_not_wait_for_taps_forever() -> None:
    assert "TimeoutStartSec=90" in UNIT.splitlines()
