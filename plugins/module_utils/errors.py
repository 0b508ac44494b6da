# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one family of exceptions that utilities raise.

Each error carries its message and the fields a caller may act on; the edge in C(_module) turns it into
C(fail_json). Anything that is not a C(SlicesError) is a bug and is not caught.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

S = TypeVar("S")
T = TypeVar("T")


class SlicesError(Exception):
    """An expected failure: a message for a person and fields for a program.

    Args:
        message: what went wrong, naming the object and the rule.
        fields: values returned beside C(msg), by their names.
    """

    def __init__(self, message: str, **fields: Any) -> None:
        super().__init__(message)
        self.message = message
        self.fields = fields


class Refused(SlicesError):
    """A change that the rules do not admit; C(reasons) holds one sentence a rule that was broken."""

    def __init__(self, reasons: Iterable[str], **fields: Any) -> None:
        self.reasons = list(reasons)
        super().__init__("; ".join(self.reasons), reasons=self.reasons, **fields)


class DatabaseError(SlicesError):
    """The database cannot be read, understood, locked or written; it was left as it was."""


class CommandFailed(SlicesError):
    """A command on a host that ended with another code than zero."""

    def __init__(self, *, cmd: Sequence[str], rc: int, stdout: str, stderr: str) -> None:
        why = (stderr.strip() or stdout.strip() or "no output").splitlines()[-1]
        super().__init__(f"{cmd[0]} failed with code {rc}: {why}", cmd=list(cmd), rc=rc, stdout=stdout, stderr=stderr)


def for_all(things: Iterable[S], act: Callable[[S], T], reasons: Iterable[str] = ()) -> list[T]:
    """Return what C(act) makes of each thing.

    Raises:
        Refused: with C(reasons), where there are any, and those of every thing that was refused, each once.
    """
    done, reasons = [], list(reasons)
    for thing in things:
        try:
            done.append(act(thing))
        except Refused as refusal:
            reasons.extend(refusal.reasons)
    if reasons:
        raise Refused(dict.fromkeys(reasons))
    return done
