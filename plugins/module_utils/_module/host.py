# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Modules that change a host: the only place that decides what check mode leaves out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from ..changes import Change
from ..errors import SlicesError
from ..grammar import Grammars
from .edge import Module, Outcome, run


class Plan(Protocol):
    """What a host's plan tells of itself."""

    @property
    def changes(self) -> Sequence[Change]:
        """Each object that differs."""


P = TypeVar("P", bound=Plan)


def _no_result(_plan: Any) -> dict[str, Any]:
    return {}


def _no_failure(_plan: Any) -> None:
    return None


@dataclass(frozen=True)
class Steps(Generic[P]):
    """How a module changes its host.

    Attributes:
        plan: compares what is wanted with what the host has. Changes nothing.
        apply: carries out a plan, and returns results that only this can give.
        result: returns the other results of a plan.
        failure: returns why the module fails although it did the rest, if it does.
        lock: keeps other runs from the host between C(plan) and the end of C(apply).
    """

    plan: Callable[[], P]
    apply: Callable[[P], Mapping[str, Any] | None]
    result: Callable[[P], Mapping[str, Any]] = _no_result
    failure: Callable[[P], SlicesError | None] = _no_failure
    lock: Callable[[], AbstractContextManager[Any]] = nullcontext


def reconcile(module: Module, steps: Callable[[dict[str, Any], bool], Steps[Any]], grammars: Grammars) -> None:
    """Bring the host into the wanted state, or in check mode only plan it, and leave the module.

    Args:
        module: the module.
        steps: returns the steps, given the arguments and whether a host that has not been prepared yet counts as one
            without any objects, so that check mode can plan for it.
        grammars: the syntax of the arguments, beyond their types and choices.
    """

    def action() -> Outcome:
        how = steps(module.params, module.check_mode)
        if module.check_mode:
            todo, applied = how.plan(), None
        else:
            with how.lock():
                todo = how.plan()
                applied = how.apply(todo)
        return Outcome(todo.changes, {**how.result(todo), **(applied or {})}, how.failure(todo))

    run(module, action, grammars)
