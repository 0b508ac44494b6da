# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The outcomes of turns: stored as lines of JSON, so that an interrupted run can go on, and shown as a table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """What came of one turn of a fault.

    Attributes:
        converged: whether the next same run succeeded, and the one after changed nothing.
        lost, doubled, untrue: what was missing on hosts or had lost its mark, what was too much, and what was reported
            wrongly, as sentences.
        restarted: VMs that had no part in it and did not keep their process.
        notes: why it did not converge, or what could not be tried.
    """

    fault: str
    turn: int
    converged: bool
    lost: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    untrue: tuple[str, ...] = ()
    restarted: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0

    @property
    def is_perfect(self) -> bool:
        """Whether nothing is to be complained about."""
        return self.converged and not (self.lost or self.doubled or self.untrue or self.restarted)


SHOWN = 10
HEAD = ("fault", "times", "converged", "lost", "doubled", "untrue", "pids kept")


def table(outcomes: Iterable[Outcome]) -> str:
    """Return a line for each fault."""
    by_fault: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_fault.setdefault(outcome.fault, []).append(outcome)
    rows = [HEAD, *(_row(name, group) for name, group in by_fault.items())]
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def _row(name: str, group: Sequence[Outcome]) -> tuple[str, ...]:
    kept = sum(not outcome.restarted for outcome in group)
    return (
        name,
        str(len(group)),
        str(sum(outcome.converged for outcome in group)),
        *(str(sum(len(getattr(outcome, kind)) for outcome in group)) for kind in ("lost", "doubled", "untrue")),
        f"{kept} of {len(group)}",
    )


def complaints(outcomes: Iterable[Outcome]) -> list[str]:
    """Return what was not perfect, at most C(SHOWN) lines for each turn; the file has all of them."""
    found = []
    for outcome in outcomes:
        if not outcome.is_perfect:
            restarted = (f"restarted {vm}" for vm in outcome.restarted)
            texts = [*outcome.lost, *outcome.doubled, *outcome.untrue, *restarted, *outcome.notes]
            found += [f"{outcome.fault} {outcome.turn}: {text}" for text in texts[:SHOWN]]
            if len(texts) > SHOWN:
                found.append(f"{outcome.fault} {outcome.turn}: and {len(texts) - SHOWN} more")
    return found


def _with_tuples(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}


class Record:
    """The outcomes in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> list[Outcome]:
        """Return the stored outcomes; of each turn the last one."""
        lines = self._path.read_text(encoding="utf-8").splitlines() if self._path.exists() else []
        outcomes = [Outcome(**json.loads(line, object_hook=_with_tuples)) for line in lines]
        return list({(outcome.fault, outcome.turn): outcome for outcome in outcomes}.values())

    def add(self, outcome: Outcome) -> None:
        """Store an outcome at once."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(outcome)) + "\n")

    def forget(self) -> None:
        """Remove all outcomes."""
        self._path.unlink(missing_ok=True)
