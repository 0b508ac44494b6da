# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The flow with which the bridge of a network node forwards like a switch.

Open vSwitch adds it when it creates the bridge and when it starts, but not after somebody has deleted all flows. A
bridge in fail mode C(secure) has the flows of a worker in place of it.
"""

from __future__ import annotations

from ..runner import Runner
from .flows import OFCTL

_LISTED = "priority=0 actions=NORMAL"


def forwards(bridge: str, runner: Runner) -> bool:
    """Return whether a bridge has this flow, or should not have it. A bridge that does not exist forwards nothing."""
    listed = runner.run([*OFCTL, "--no-stats", "dump-flows", bridge, "table=0"], check=False).stdout
    if any(line.strip() == _LISTED for line in listed.splitlines()):
        return True
    mode = runner.run(["ovs-vsctl", "--timeout=30", "get-fail-mode", bridge], check=False).stdout
    return mode.strip() == "secure"


def restore(bridge: str, runner: Runner) -> None:
    """Add the flow if it is missing.

    Raises:
        CommandFailed: Open vSwitch does not respond, or has no such bridge.
    """
    if not forwards(bridge, runner):
        runner.run([*OFCTL, "add-flow", bridge, "priority=0,actions=NORMAL"])
