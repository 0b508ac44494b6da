# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Loads packet rules of the collection again at once when somebody removes them, as C(nft flush ruleset) does."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Sequence

from ...errors import SlicesError
from ..netservices import live
from ..runner import Runner
from . import process

_END = "# new generation "


def main(family: str, tables: str, file: str) -> int:
    """See C(keep). C(tables) are separated by commas."""
    names = [f"{family} {table}" for table in tables.split(",")]
    return process.run(lambda runner: keep(names, file, _monitor(), runner))


def keep(tables: Sequence[str], file: str, events: Iterable[str], runner: Runner) -> None:
    """Load the rules, and again after each transaction that changed them.

    One that creates a table again is a deploy's or the administrator's, and stays.

    Args:
        tables: family and name of each table.
        file: the rules, which replace the tables.
        events: the lines of C(nft monitor).
        runner: runs C(nft).

    Raises:
        CommandFailed: the kernel rejects the rules.
        SlicesError: there are no more events. nft ends when it has lost some.
    """
    wanted = _load(tables, file, runner)
    touched: list[str] = []
    for event in events:
        if not event.startswith(_END):
            line = event.strip()
            touched += [line] if any(f" {table} " in f"{line} " for table in tables) else []
            continue
        found = _listing(tables, runner) if touched else wanted
        # Events are about the past: a table may have been removed since, even after it was listed.
        if not found or found != wanted:
            is_replaced = found and any(f"add table {table}" in touched for table in tables)
            wanted = found if is_replaced else _load(tables, file, runner)
        touched = []
    raise SlicesError(f"nft monitor has ended, so table {', '.join(tables)} is not watched")


def _load(tables: Sequence[str], file: str, runner: Runner) -> str:
    runner.run(["nft", "-f", file])
    return _listing(tables, runner)


def _listing(tables: Sequence[str], runner: Runner) -> str:
    """Return the rules of all tables, nothing if one is missing."""
    listed = [runner.run(live.listing(table), check=False) for table in tables]
    return "".join(done.stdout for done in listed) if all(done.rc == 0 for done in listed) else ""


def _monitor() -> Iterator[str]:
    argv = ["nft", "monitor"]
    # run_command, which pylint wants, returns only when the command has ended.
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as nft:  # pylint: disable=ansible-bad-function
        yield from nft.stdout or ()
