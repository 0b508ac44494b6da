# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The edge between our code and Ansible: the only place that turns errors into C(fail_json)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

from ..changes import Change, diff, is_changed
from ..errors import Refusal, Refused, SlicesError
from ..grammar import Grammars, malformed


@dataclass(frozen=True)
class Outcome:
    """What a module did, or in check mode would do.

    Attributes:
        changes: each object that differs from before; C(changed) and C(diff) follow from them.
        result: further return values.
        failure: why the module fails though it did this: parts of what was asked for were refused.
    """

    changes: Sequence[Change] = ()
    result: Mapping[str, Any] = field(default_factory=dict)
    failure: SlicesError | None = None


def listed(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """Return changes as modules return them."""
    return [change.to_dict() for change in changes]


class Module(Protocol):
    """What is needed of an AnsibleModule, which is what it is on every host but the controller.

    Attributes:
        params: the arguments, checked and with their defaults.
        check_mode: whether nothing may be changed.
        argument_spec: see C(AnsibleModule).
        required_one_of: see C(AnsibleModule).
        no_log_values: what is cut out of all results.
    """

    params: dict[str, Any]
    check_mode: bool
    argument_spec: dict[str, Any]
    required_one_of: Any
    no_log_values: set[str]

    def exit_json(self, **result: Any) -> NoReturn:
        """Leave with C(result)."""

    def fail_json(self, msg: str, **result: Any) -> NoReturn:
        """Leave with a failure."""


def run(module: Module, action: Callable[[], Outcome], grammars: Grammars | None = None) -> None:
    """Carry out C(action) and leave the module with its outcome or its error.

    Args:
        module: the module.
        action: what it does.
        grammars: what its arguments may be, beyond what their types and choices say.
    """
    try:
        refuse_nulls(module)
        refuse_malformed(module.params, grammars or {})
        outcome = action()
    except SlicesError as error:
        module.fail_json(msg=error.message, **error.fields)
    else:
        result = {"changed": is_changed(outcome.changes), "diff": diff(outcome.changes), **outcome.result}
        if outcome.failure is not None:
            module.fail_json(msg=outcome.failure.message, **{**result, **outcome.failure.fields})
        module.exit_json(**result)


def refuse_nulls(module: Module) -> None:
    """Refuse null where something is required, which Ansible lets pass as given.

    Raises:
        Refused: for every such option, and every list with a null in it.
    """
    refusals = list(_nulls(module.params, module.argument_spec))
    for group in module.required_one_of or ():
        if all(module.params.get(name) is None for name in group):
            refusals.append(Refusal("all_options_are_null", ", ".join(group)))
    if refusals:
        raise Refused(refusals)


def refuse_malformed(params: Mapping[str, Any], grammars: Grammars) -> None:
    """Refuse arguments that are not of their grammar.

    Raises:
        Refused: for every such argument.
    """
    refusals = list(malformed(params, grammars))
    if refusals:
        raise Refused(refusals)


def _nulls(values: Mapping[str, Any], spec: Mapping[str, Mapping[str, Any]], path: str = "") -> Iterator[Refusal]:
    for name, option in spec.items():
        value = values.get(name)
        if value is None and option.get("required"):
            yield Refusal("required_option_is_null", f"{path}{name}")
        listed = value if isinstance(value, list) else [value] if isinstance(value, Mapping) else []
        for each in listed:
            if each is None:
                yield Refusal("null_in_list", f"{path}{name}")
            elif isinstance(each, Mapping) and option.get("options"):
                yield from _nulls(each, option["options"], f"{path}{name}.")
