# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keeps copied VMs from starting: this machine may have been made from a disk or a template of a claimed host.

It runs when the host starts, before VMs do (docs/decisions/0021). VMs that run already are not affected by a machine-id
that somebody changes under them.
"""

from __future__ import annotations

from ...errors import Refusal, Refused
from .. import claims, systemd
from ..runner import Runner
from . import process

_NONE = "missing, as without a machine-id"


def main(state_dir: str) -> int:
    """See C(check)."""
    return process.run(lambda runner: check(state_dir, runner))


def check(state_dir: str, runner: Runner, *, unit_dir: str = systemd.UNIT_DIR) -> None:
    """Disable all VMs and cancel their start unless this is the machine that was claimed.

    Args:
        state_dir: contains the claim on this host.
        runner: runs C(systemctl).
        unit_dir: contains the enabled units.

    Raises:
        Refused: this is another machine and has VMs, or the claim is unreadable.
        SlicesError: systemd does not respond.
    """
    claim = claims.read(state_dir)
    got = None if claim is None else claims.this_machine(claim.uuid)
    if claim is None or claim.machine_mark == got:
        return
    names = systemd.stop_vms(runner, unit_dir=unit_dir)
    if names:
        figures = {
            "claim": str(claim),
            "got": got or _NONE,
            "wanted": claim.machine_mark or _NONE,
            "count": len(names),
            "names": names,
        }
        raise Refused([Refusal("machine_copied", "this host", figures)])
