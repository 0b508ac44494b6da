# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The edge between our code and Ansible, where errors are converted to C(fail_json)."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

from ..argument_types import type_refusals
from ..changes import Change, diff, is_changed
from ..errors import DatabaseError, Refusal, Refused, SlicesError
from ..grammar import Grammars, malformed


@dataclass(frozen=True)
class Outcome:
    """The outcome of a module, or in check mode the predicted one.

    Attributes:
        changes: each object that differs; C(changed) and C(diff) are derived from them.
        result: further return values.
        failure: the error if a part of the request was refused, although the rest was applied.
    """

    changes: Sequence[Change] = ()
    result: Mapping[str, Any] = field(default_factory=dict)
    failure: SlicesError | None = None


def listed(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """Return changes as data for the result of a module."""
    return [change.to_dict() for change in changes]


class Module(Protocol):
    """The part of AnsibleModule that is used; on the controller, another class implements it.

    Attributes:
        params: the arguments, validated and with their defaults.
        check_mode: whether nothing may be changed.
        argument_spec: see C(AnsibleModule).
        required_one_of: see C(AnsibleModule).
        no_log_values: values that are censored in all results.
    """

    params: dict[str, Any]
    check_mode: bool
    argument_spec: dict[str, Any]
    required_one_of: Any
    no_log_values: set[str]

    def exit_json(self, **result: Any) -> NoReturn:
        """Exit with C(result)."""

    def fail_json(self, msg: str, **result: Any) -> NoReturn:
        """Exit with an error."""


def run(module: Module, action: Callable[[], Outcome], grammars: Grammars | None = None, **always: Any) -> None:
    """Run C(action) and exit the module with its outcome or error.

    Args:
        module: the module.
        action: its function.
        grammars: the syntax of its arguments, beyond their types and choices.
        always: return values, whether it fails or not.
    """
    try:
        refuse_wrong_types(module)
        refuse_malformed(module.params, grammars or {})
        outcome = action()
    except SlicesError as error:
        # The database has a message of its own.
        advice = "" if isinstance(error, DatabaseError) else _advice(error.__cause__)
        module.fail_json(msg=f"{error.message}{advice}", **always, **error.fields)
    except OSError as error:
        # A file that somebody has replaced, or a full disk, is no bug. Without a name it may be one.
        if error.filename is None:
            raise
        module.fail_json(msg=f"{error.filename}: {error.strerror}{_advice(error)}", **always)
    else:
        result = {**always, "changed": is_changed(outcome.changes), "diff": diff(outcome.changes), **outcome.result}
        if outcome.failure is not None:
            module.fail_json(msg=outcome.failure.message, **{**result, **outcome.failure.fields})
        module.exit_json(**result)


def _advice(error: BaseException | None) -> str:
    """Return the next step for a task without C(become)."""
    if getattr(error, "errno", None) not in (errno.EACCES, errno.EPERM) or os.geteuid() == 0:
        return ""
    return f"; the task runs as uid {os.geteuid()}, and modules for hosts need root: set become to true"


def refuse_wrong_types(module: Module) -> None:
    """Refuse null for required options, and booleans for integers, which Ansible accepts.

    Raises:
        Refused: for every such value, and every list that contains null.
    """
    refusals = list(type_refusals(module.params, module.argument_spec))
    for group in module.required_one_of or ():
        if all(module.params.get(name) is None for name in group):
            refusals.append(Refusal("all_options_are_null", ", ".join(group)))
    if refusals:
        raise Refused(refusals)


def refuse_malformed(params: Mapping[str, Any], grammars: Grammars) -> None:
    """Refuse arguments with invalid syntax.

    Raises:
        Refused: for every such argument.
    """
    refusals = list(malformed(params, grammars))
    if refusals:
        raise Refused(refusals)
