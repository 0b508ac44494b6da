# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The reconciler of modules that change a host, the only place that handles check mode."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..changes import Change
from ..grammar import Grammars
from ..steps import Steps
from . import signals
from .edge import Module, Outcome, run


def reconcile(
    module: Module, steps: Callable[[dict[str, Any], bool], Steps[Any]], grammars: Grammars, **always: Any
) -> None:
    """Change the host to the desired state, or in check mode only plan it, and exit the module.

    Args:
        module: the module.
        steps: returns the steps, given the arguments and whether a host that is not prepared yet counts as one without
            any objects, so that check mode can plan for it.
        grammars: the syntax of the arguments, beyond their types and choices.
        always: return values, whether it fails or not.
    """

    reconcile_all(module, lambda params, missing_ok: [steps(params, missing_ok)], grammars, **always)


def reconcile_all(
    module: Module, stages: Callable[[dict[str, Any], bool], Iterable[Steps[Any]]], grammars: Grammars, **always: Any
) -> None:
    """Like C(reconcile), but in stages, each of which is planned after the ones before it have been applied."""

    def action() -> Outcome:
        changes: list[Change] = []
        result: dict[str, Any] = {}
        for how in stages(module.params, module.check_mode):
            todo, applied = (how.plan(), {}) if module.check_mode else how.run()
            changes += todo.changes
            found = {**how.result(todo), **applied}
            if warnings := [*result.get("warnings", ()), *found.get("warnings", ())]:
                found["warnings"] = warnings
            result.update(found)
            if (failure := how.failure(todo)) is not None:
                return Outcome(changes, result, failure)
        return Outcome(changes, result)

    def interruptible() -> Outcome:
        with signals.raised():
            return action()

    try:
        run(module, interruptible, grammars, **always)
    except signals.Ended as ended:
        check_mode = module.check_mode
        module.fail_json(msg=ended.message(check_mode=check_mode), **always, changed=not check_mode)
