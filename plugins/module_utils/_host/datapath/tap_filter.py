# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The packet filter between VMs and the host's own stack.

Frames of VMs only reach the switch, and QEMU answers viewers of displays but connects to nothing.

The role C(worker) installs the rules and the unit that loads them when the host starts.
"""

from __future__ import annotations

from ...changes import Change
from ..runner import Runner

RULES = "/usr/local/lib/cloudrepo/taps.nft"
CHANGE = Change(
    "packet filter",
    "cloudrepo_taps",
    "load",
    {"taps": "open to the host's own stack"},
    {"taps": "closed to the host's own stack"},
)
_RULES = ('iifname "tap_*" drop', 'oifname "tap_*" drop', "} jump vms")


def is_loaded(runner: Runner) -> bool:
    """Return whether the kernel has the rules, which C(nft flush ruleset) removes, for example."""
    done = runner.run(["nft", "--stateless", "list", "table", "inet", "cloudrepo_taps"], check=False)
    return done.rc == 0 and all(rule in done.stdout for rule in _RULES)


def load(runner: Runner) -> None:
    """Load the rules in one transaction.

    Raises:
        CommandFailed: the host is not prepared, or the kernel rejects the rules.
    """
    runner.run(["nft", "-f", RULES])
