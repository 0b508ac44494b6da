# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Validates the arguments of modules that run without AnsibleModule, with the validator that it uses."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import DEFAULT_TYPE_VALIDATORS, remove_values
from ansible.module_utils.errors import UnsupportedError

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import first_lines
from ansible_collections.cloudrepo.slices.plugins.module_utils.names import ADVICE

RULES = ("mutually_exclusive", "required_together", "required_one_of", "required_if", "required_by")
"""The relations between arguments that modules can declare."""

FORMS = {"bool": "true or false", "dict": "a dictionary", "float": "a number", "int": "an integer", "list": "a list"}
"""The types of argument specs that have values of other types, in words."""
MOST_SHOWN = 60
"""Maximum length of a text that a message repeats. A longer one may be user data, which may contain secrets."""


class Invalid(Exception):
    """The arguments are invalid. C(result) is the module's result."""

    def __init__(self, result: dict[str, Any]) -> None:
        super().__init__(result["msg"])
        self.result = result


@dataclass(frozen=True)
class UnknownOption:
    """An option that the argument spec does not have.

    Attributes:
        place: the option with its place in nested lists, such as C(slices[web].vms[vm1].flavour).
        near: the option that it resembles, C(None) if it resembles none.
        supported: the options that are supported there.
    """

    place: str
    near: str | None
    supported: tuple[str, ...]


def unknown_options(args: Mapping[str, Any], spec: Mapping[str, Any], where: str = "") -> Iterator[UnknownOption]:
    """Yield each unknown option.

    Args:
        args: the options.
        spec: the argument spec of these options.
        where: the place of the options: C(slices[web].vms[vm1]), empty for those of the module.
    """
    for name, value in args.items():
        place = f"{where}.{name}" if where else str(name)
        if name not in spec:
            near = difflib.get_close_matches(str(name), spec, n=1)
            yield UnknownOption(place, near[0] if near else None, tuple(sorted(spec)))
        elif "options" in spec[name]:
            listed = value if isinstance(value, list) else [value]
            for number, each in enumerate(listed):
                if isinstance(each, Mapping):
                    item = _entry(place, number, each) if isinstance(value, list) else place
                    yield from unknown_options(each, spec[name]["options"], item)


def type_problems(args: Mapping[str, Any], option: Mapping[str, Any], where: str = "") -> Iterator[str]:
    """Yield a sentence for each option that is missing or has a value of another type, with its place in nested lists.

    Ansible has none of the places, and only names the first of these values.

    Args:
        args: the options.
        option: what they are the value of: its C(options) are the argument spec, as are those of AnsibleModule.
        where: its place, such as C(slices[web].vms[vm1]). It is empty for the arguments of the module, where Ansible's
            own messages are clear, so only those with options of their own are looked at.
    """
    if where:
        alternatives = [[name] for name in _required(option["options"])]
        for names in [*alternatives, *(option.get("required_one_of") or ())]:
            if all(args.get(name) is None for name in names):
                yield f"{where} needs {' or '.join(names)}"
    for name, wanted in option["options"].items():
        if args.get(name) is not None and (where or "options" in wanted):
            yield from _problems_of_value(args[name], wanted, f"{where}.{name}" if where else name)


def type_problem_lines(args: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:
    """Return the first lines of C(type_problems), empty if there are none.

    Args:
        args: the arguments of a task.
        arguments: the keywords of AnsibleModule that describe them.
    """
    return "\n".join(first_lines(list(type_problems(args, {"options": arguments["argument_spec"]}))))


def _problems_of_value(value: Any, wanted: Mapping[str, Any], place: str) -> Iterator[str]:
    kind = wanted.get("type", "str")
    try:
        converted = (kind if callable(kind) else DEFAULT_TYPE_VALIDATORS[kind])(value)
    except (TypeError, ValueError) as error:
        advice = f"; {ADVICE}" if ADVICE in str(error) else ""
        yield f"{place} must be {_form(wanted)}, got {_shown(value, wanted)}{advice}"
        return
    if kind == "list" and "elements" in wanted:
        entry = {**wanted, "type": wanted["elements"]}
        found = [_problems_of_entry(each, entry, _entry(place, number, each)) for number, each in enumerate(converted)]
        if isinstance(value, list):
            yield from chain.from_iterable(found)
        # Ansible splits a text at its commas.
        elif any(map(list, found)):
            yield f"{place} must be {_form(wanted)}, got {_shown(value, wanted)}"
    elif kind == "dict" and "options" in wanted:
        yield from type_problems(converted, wanted, place)
    elif wanted.get("choices") and converted not in wanted["choices"]:
        yield f"{place} must be one of {', '.join(map(str, wanted['choices']))}, got {_shown(value, wanted)}"


def _problems_of_entry(value: Any, wanted: Mapping[str, Any], place: str) -> Iterator[str]:
    if value is None:
        yield f"{place} must be {_form(wanted)}, got null"
    else:
        yield from _problems_of_value(value, wanted, place)


def _form(wanted: Mapping[str, Any]) -> str:
    kind = wanted.get("type", "str")
    if callable(kind):
        return str(kind.__name__)
    if kind == "list" and wanted.get("elements") == "dict":
        return "a list of dictionaries"
    if kind == "dict" and "options" in wanted:
        names = _required(wanted["options"]) or [name for name in wanted["options"] if name == "name"]
        return f"a dictionary with {' and '.join(names)}" if names else "a dictionary"
    return FORMS.get(kind, f"of type {kind}")


def _required(spec: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return [name for name, option in spec.items() if option.get("required")]


def _entry(place: str, number: int, value: Any) -> str:
    """Return the place of an entry of a list, with its name if it has one."""
    return f"{place}[{value.get('name', number) if isinstance(value, Mapping) else number}]"


def _shown(value: Any, wanted: Mapping[str, Any]) -> str:
    if isinstance(value, (Mapping, list)):
        return "a dictionary" if isinstance(value, Mapping) else "a list"
    shown = repr(value)
    is_secret = wanted.get("no_log") or wanted.get("type") == "dict" or "\\n" in shown or len(shown) > MOST_SHOWN
    return "a text" if isinstance(value, str) and is_secret else shown


def validated(action: str, args: Mapping[str, Any], arguments: Mapping[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """Return the arguments of a module with their defaults, and the values that must be censored in its result.

    Args:
        action: the name of the task's action.
        args: the arguments of the task.
        arguments: the keywords of AnsibleModule that describe them.

    Raises:
        Invalid: they are not those of the module.
    """
    checked = ArgumentSpecValidator(
        arguments["argument_spec"],
        **{rule: arguments.get(rule) for rule in RULES},
        # Modules get plain JSON values, without Ansible's tags.
    ).validate(json.loads(json.dumps(args, default=str)))
    if checked.error_messages:
        is_strange = isinstance(checked.errors[0], UnsupportedError)
        where = f"Unsupported parameters for ({action}) module: " if is_strange else ""
        unknown = unknown_options(args, arguments["argument_spec"]) if is_strange else ()
        places = first_lines([f"{each.place}: did you mean {each.near}?" for each in unknown if each.near])
        wrong = "" if is_strange else type_problem_lines(args, arguments)
        message = wrong or " ".join([f"{where}{checked.error_messages[0]}", *places])
        failure = {"failed": True, "changed": False, "msg": message}
        raise Invalid(dict(remove_values(failure, checked._no_log_values)))
    return checked.validated_parameters, set(checked._no_log_values)
