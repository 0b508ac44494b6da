# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Validates the arguments of modules that run without AnsibleModule, with the validator that it uses."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.errors import UnsupportedError

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import first_lines

RULES = ("mutually_exclusive", "required_together", "required_one_of", "required_if", "required_by")
"""The relations between arguments that modules can declare."""


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
                    item = f"{place}[{each.get('name', number)}]" if isinstance(value, list) else place
                    yield from unknown_options(each, spec[name]["options"], item)


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
        message = " ".join([f"{where}{checked.error_messages[0]}", *places])
        failure = {"failed": True, "changed": False, "msg": message}
        raise Invalid(dict(remove_values(failure, checked._no_log_values)))
    return checked.validated_parameters, set(checked._no_log_values)
