# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The exceptions that utilities raise, and refusals.

Each exception has a message, and fields for programs. The edge in C(_module) turns it into C(fail_json). Any other
exception than C(SlicesError) is a bug and is not caught.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from string import Formatter
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from .rules.rule import Rule

MOST_REFUSALS = 20
"""Maximum number of refusals in a message and a result, and of lines of failures; the others are only counted."""
MOST_NAMES = 10
"""Maximum number of entries of a list in one refusal; the others are only counted."""
MOST_CHARACTERS = 300
"""Maximum length of a figure in a message, because a user may have pasted a whole file into a form."""

S = TypeVar("S")
T = TypeVar("T")


@dataclass(frozen=True)
class Refusal:
    """A violation of one rule by a request.

    Attributes:
        code: the rule, a key of C(RULES).
        object: the object for messages, such as C(VM web/vm1).
        figures: the values for the rule's texts, without secrets. Long lists are shortened only for output.
    """

    code: str
    object: str
    figures: Mapping[str, Any] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash((self.code, self.object))

    @property
    def rule(self) -> str:
        """The rule as text."""
        return _filled(self._words.rule, self.figures)

    @property
    def message(self) -> str:
        """The sentence: the object, the violation, the rule and the next step."""
        rule = self._words
        named = {**self.figures, "object": self.object, "rule": self.rule}
        subject = "" if rule.sentence.startswith("{object}") else "{object}: "
        advice = f"; {rule.next_step}" if rule.next_step else ""
        return _filled(f"{subject}{rule.sentence}{advice}", named)

    @property
    def _words(self) -> Rule:
        # Hosts compile all imported modules in each module call, and refusals are rare.
        from .refusals import RULES

        return RULES[self.code]

    def to_dict(self) -> dict[str, Any]:
        """Return C({code, object, rule, figures, message}) for a result."""
        figures = {name: _plain(value) for name, value in self.figures.items()}
        return {
            "code": self.code,
            "object": self.object,
            "rule": self.rule,
            "figures": figures,
            "message": self.message,
        }


class _Words(Formatter):
    """Formats lists as their first entries, refusals as their sentences, and floats without unnecessary digits."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, (list, tuple)):
            shown = value[:MOST_NAMES]
            between = "; " if any(isinstance(each, Refusal) for each in shown) else ", "
            first = between.join(self.format_field(each, "") for each in shown) or "none"
            return f"{first} and {len(value) - MOST_NAMES:,} more" if len(value) > MOST_NAMES else first
        if isinstance(value, Refusal):
            return value.message
        return _shortened(format(value, format_spec or ("g" if isinstance(value, float) else "")))


def _filled(text: str, figures: Mapping[str, Any]) -> str:
    return _Words().vformat(text, (), figures)


def _plain(value: Any) -> Any:
    if isinstance(value, Refusal):
        return value.to_dict()
    if isinstance(value, (list, tuple)):
        return [*map(_plain, value[:MOST_NAMES]), *_others(value, MOST_NAMES)]
    shown = value if isinstance(value, str) else repr(value)
    return value if len(shown) <= MOST_CHARACTERS else _shortened(shown)


def _shortened(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}…"


def first_lines(lines: Sequence[str]) -> list[str]:
    """Return the first lines of a long message, and a line with the number of the others."""
    return [*lines[:MOST_REFUSALS], *_others(lines, MOST_REFUSALS)]


def first_names(names: Iterable[str]) -> str:
    """Return the first names of a list for a message, and the number of the others."""
    return _Words().format_field(list(names), "")


def _others(values: Sequence[Any], most: int) -> list[str]:
    """Return an entry for the number of entries after the first C(most), if there are any."""
    return [f"… and {len(values) - most:,} more"] if len(values) > most else []


class SlicesError(Exception):
    """An expected failure: a message for a person and fields for a program.

    Args:
        message: what went wrong, with the object and the rule.
        fields: values that are returned in addition to C(msg), by name.
    """

    def __init__(self, message: str, **fields: Any) -> None:
        super().__init__(message)
        self.message = message
        self.fields = fields


class Refused(SlicesError):
    """A request that violates rules. C(refusals) contains all violations, message and fields the first ones."""

    def __init__(self, refusals: Iterable[Refusal], **fields: Any) -> None:
        self.refusals = list(refusals)
        shown = self.refusals[:MOST_REFUSALS]
        lines = [*(refusal.message for refusal in shown), *_others(self.refusals, MOST_REFUSALS)]
        super().__init__(
            "\n".join(lines),
            refusals=[refusal.to_dict() for refusal in shown],
            refusal_count=len(self.refusals),
            **fields,
        )


class DatabaseError(SlicesError):
    """The database cannot be read, parsed, locked or written. It was not changed."""


class DatabaseRefused(Refused, DatabaseError):
    """A C(DatabaseError) whose rule has a code."""


class CommandFailed(SlicesError):
    """A command on a host failed with a non-zero return code. The message has the next step, where it is known."""

    def __init__(self, *, cmd: Sequence[str], rc: int, stdout: str, stderr: str) -> None:
        # Hosts compile all imported modules in each module call, and failures are rare.
        from .next_steps import next_step

        why = (stderr.strip() or stdout.strip() or "no output").splitlines()[-1]
        advice = next_step(cmd, rc, stderr or stdout)
        message = f"{cmd[0]} failed with code {rc}: {why}" + (f"; {advice}" if advice else "")
        super().__init__(message, cmd=list(cmd), rc=rc, stdout=stdout, stderr=stderr)


def for_all(things: Iterable[S], act: Callable[[S], T], refusals: Iterable[Refusal] = ()) -> list[T]:
    """Return the results of C(act) for each thing.

    Raises:
        Refused: there are C(refusals), or C(act) raised some; each is listed once.
    """
    done, found = [], list(refusals)
    for thing in things:
        try:
            done.append(act(thing))
        except Refused as refused:
            found.extend(refused.refusals)
    if found:
        raise Refused(dict.fromkeys(found))
    return done


@contextmanager
def named(path: str) -> Iterator[None]:
    """Add the path to errors of system calls on an open file, such as ENOSPC of a write.

    The edge shows an error with a path as a message, and takes one without for a bug.
    """
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            raise OSError(error.errno, error.strerror, path) from error
        raise
