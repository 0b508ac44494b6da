# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Loads packet rules of the collection again at once when somebody removes them, as C(nft flush ruleset) does."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator

from ...errors import SlicesError
from ..runner import Runner
from . import process

_END = "# new generation "


def main(family: str, table: str, file: str) -> int:
    """See C(keep)."""
    return process.run(lambda runner: keep(f"{family} {table}", file, _monitor(), runner))


def keep(table: str, file: str, events: Iterable[str], runner: Runner) -> None:
    """Load the rules, and again after each transaction that changed them.

    One that creates the table anew is a deploy's or the administrator's, and stays.

    Args:
        table: family and name of the table.
        file: the rules, which replace the table.
        events: the lines of C(nft monitor).
        runner: runs C(nft).

    Raises:
        CommandFailed: the kernel rejects the rules.
        SlicesError: there are no more events. nft ends when it has lost some.
    """
    wanted = _load(table, file, runner)
    touched: list[str] = []
    for event in events:
        if not event.startswith(_END):
            touched += [event.strip()] if f" {table} " in event.replace("\n", " ") else []
            continue
        found = _listing(table, runner) if touched else wanted
        # Events tell of the past: the table may be gone again, also when it was listed after it was loaded.
        if not found or found != wanted:
            is_replaced = found and f"add table {table}" in touched
            wanted = found if is_replaced else _load(table, file, runner)
        touched = []
    raise SlicesError(f"nft monitor has ended, so table {table} is not watched")


def _load(table: str, file: str, runner: Runner) -> str:
    runner.run(["nft", "-f", file])
    return _listing(table, runner)


def _listing(table: str, runner: Runner) -> str:
    return runner.run(["nft", "--stateless", "list", "table", *table.split()], check=False).stdout


def _monitor() -> Iterator[str]:
    with subprocess.Popen(["nft", "monitor"], stdout=subprocess.PIPE, text=True) as nft:
        yield from nft.stdout or ()
