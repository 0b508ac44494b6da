# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Saves the state of VLAN 400's gateway after the start of its unit, so that a deploy can detect drift."""

from __future__ import annotations

from ..netservices import live
from ..runner import Runner
from . import process


def main(wan: str, bridge: str) -> int:
    """See C(note)."""
    return process.run(lambda runner: note(wan, bridge, runner))


def note(wan: str, bridge: str, runner: Runner, *, run_dir: str = live.RUN_DIR, proc_sys: str = live.PROC_SYS) -> None:
    """Save the state of the gateway; see C(live.gateway)."""
    live.note(live.gateway_note(run_dir), live.gateway(wan, bridge, runner, proc_sys=proc_sys))
