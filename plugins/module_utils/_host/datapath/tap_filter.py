# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The packet filter between taps and the host's own stack: what a VM sends is for the switch alone.

The role C(worker) brings the rules, and loads them when the host starts.
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
_DROPS = ('iifname "tap_*" drop', 'oifname "tap_*" drop')


def is_loaded(runner: Runner) -> bool:
    """Whether the kernel has the rules; somebody who flushes all rules of a host takes them away."""
    done = runner.run(["nft", "--stateless", "list", "table", "inet", "cloudrepo_taps"], check=False)
    return done.rc == 0 and all(drop in done.stdout for drop in _DROPS)


def load(runner: Runner) -> None:
    """Put the rules in place, in one transaction.

    Raises:
        CommandFailed: the host was not prepared, or the kernel refuses.
    """
    runner.run(["nft", "-f", RULES])
