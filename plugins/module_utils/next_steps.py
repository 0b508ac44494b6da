# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What to do about a command that failed on a host, where its own message does not say so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

NOT_PREPARED = "run cloudrepo.slices.site, which prepares the host"
SWITCH = (
    "Open vSwitch is not running or does not respond: see systemctl status openvswitch-switch, and start it with "
    "systemctl start openvswitch-switch"
)


@dataclass(frozen=True)
class _Advice:
    """A next step.

    Attributes:
        program: pattern of the program's name.
        said: pattern of the exit code and the output, such as C(127: ovs-vsctl: command not found).
        next_step: the advice.
    """

    program: str
    said: str
    next_step: str


# The first one that matches is given.
_ADVICE = (
    _Advice(r".*", r"^127: ", NOT_PREPARED),
    # Without ovs-vswitchd, ovs-vsctl waits until its timeout, which ends it with SIGALRM.
    _Advice(r"ovs-.*", r"^(-14|142): |Alarm clock", SWITCH),
    _Advice(r"ovs-.*", r"connection failed|Connection refused|cannot read pidfile|is not a bridge or a socket", SWITCH),
    _Advice(r"ovs-.*", r"no bridge named|no row \S+ in table Bridge", NOT_PREPARED),
    _Advice(r"systemctl", r"Unit \S+ (not found|could not be found)|Unit file \S+ does not exist", NOT_PREPARED),
    _Advice(r"systemctl", r"not been booted with systemd|connect to (system )?bus", "hosts need systemd as their init"),
)


def next_step(cmd: Sequence[str], rc: int, output: str) -> str | None:
    """Return what to do about a command with this exit code and output, or C(None) if that is not known."""
    program = cmd[0].rpartition("/")[2]
    for advice in _ADVICE:
        if re.fullmatch(advice.program, program) and re.search(advice.said, f"{rc}: {output}"):
            return advice.next_step
    return None
