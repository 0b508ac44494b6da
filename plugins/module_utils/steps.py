# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The steps of a change to a host, in the order in which locks are taken and released."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from .changes import Change
from .errors import SlicesError


class Plan(Protocol):
    """The common interface of plans for a host."""

    @property
    def changes(self) -> Sequence[Change]:
        """Each object that differs."""


P = TypeVar("P", bound=Plan)


def _no_result(_plan: Any) -> dict[str, Any]:
    return {}


def _nothing(_plan: Any) -> None:
    return None


def _no_step() -> None:
    return None


@dataclass(frozen=True)
class Steps(Generic[P]):
    """The steps of a module that changes a host.

    Attributes:
        plan: compares desired and observed state and returns the plan, without changes.
        apply: applies a plan and returns additional results.
        result: returns the results of a plan.
        failure: returns the error if a part of the request was refused, although the rest was applied.
        lock: locks the host against other runs, from C(plan) to the end of C(apply).
        finish: applies the part of a plan that takes long and does not need C(lock), and returns additional results.
        turn: locks the objects of the request against other runs, from before C(lock) to the end of C(finish).
        ahead: does what takes long and has to be done before C(plan), with C(turn) and without C(lock).
    """

    plan: Callable[[], P]
    apply: Callable[[P], Mapping[str, Any] | None]
    result: Callable[[P], Mapping[str, Any]] = _no_result
    failure: Callable[[P], SlicesError | None] = _nothing
    lock: Callable[[], AbstractContextManager[Any]] = nullcontext
    finish: Callable[[P], Mapping[str, Any] | None] = _nothing
    turn: Callable[[], AbstractContextManager[Any]] = nullcontext
    ahead: Callable[[], None] = _no_step

    def run(self) -> tuple[P, dict[str, Any]]:
        """Change the host, and return the plan with the additional results."""
        with self.turn():
            self.ahead()
            with self.lock():
                todo = self.plan()
                applied = self.apply(todo) or {}
            return todo, {**applied, **(self.finish(todo) or {})}
