# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Loads the host's packet rules for VMs, and saves their listing, so that a deploy can detect drift."""

from __future__ import annotations

from ...errors import SlicesError
from ..netservices import live
from ..runner import Runner
from . import process


def main(file: str) -> int:
    """See C(load)."""
    return process.run(lambda runner: load(file, runner))


def load(file: str, runner: Runner, *, run_dir: str = live.RUN_DIR) -> None:
    """Load the rules in C(file).

    Raises:
        SlicesError: the kernel rejects the rules, or the file does not contain the collection's table.
    """
    runner.run(["nft", "-f", file])
    rules = live.rules(runner)
    if rules is None:
        raise SlicesError(f"{file} does not contain the nftables tables of this collection")
    live.note(live.nat_note(run_dir), rules)
