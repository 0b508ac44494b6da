# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Loads the host's packet rules for VMs, and saves their listing, so that a deploy can detect drift."""

from __future__ import annotations

from ...errors import Refusal, Refused
from ..netservices import live
from ..runner import Runner
from . import process


def main(file: str) -> int:
    """See C(load)."""
    return process.run(lambda runner: load(file, runner))


def load(file: str, runner: Runner, *, run_dir: str = live.RUN_DIR) -> None:
    """Load the rules in C(file).

    Raises:
        CommandFailed: the kernel rejects the rules.
        Refused: the file does not contain the collection's tables.
    """
    runner.run(["nft", "-f", file])
    rules = live.rules(runner)
    if rules is None:
        raise Refused([Refusal("nat_rules_missing", file)])
    live.note(live.nat_note(run_dir), rules)
