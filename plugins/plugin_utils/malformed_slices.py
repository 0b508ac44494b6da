# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Refuses malformed topologies one by one. Ansible would refuse the whole call, and with it the slices of others."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.errors import UnsupportedError

from ansible_collections.cloudrepo.slices.plugins.module_utils.argument_types import type_refusals
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import MOST_REFUSALS, Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.validation import type_problems, unknown_options

OPTION = "slices"


@dataclass(frozen=True)
class MalformedSlice:
    """A slice that a call leaves out.

    Attributes:
        name: its owner and name, or its place in the list.
        refusals: the reasons.
    """

    name: str
    refusals: Sequence[Refusal]

    def to_dict(self) -> dict[str, Any]:
        """Return C({slice_id, slice, failure, codes}), the format of the module's C(refused)."""
        codes = list(dict.fromkeys(each.code for each in self.refusals))
        return {"slice_id": None, "slice": self.name, "failure": Refused(self.refusals).message, "codes": codes}


def set_aside(
    args: dict[str, Any], argument_spec: Mapping[str, Any], acting_user: str
) -> tuple[dict[str, Any], list[MalformedSlice]]:
    """Return the arguments with only the well-formed slices, and the others with the reasons.

    A call with one slice is returned as it is: Ansible refuses it.

    Args:
        args: the arguments of a task.
        argument_spec: that of the module.
        acting_user: the owner of slices without another one.
    """
    slices, option = args.get(OPTION), argument_spec.get(OPTION, {})
    if not isinstance(slices, list) or len(slices) < 2 or "options" not in option:
        return args, []
    names = [_name(each, number, acting_user) for number, each in enumerate(slices)]
    refusals = [_refusals(each, name, option) for name, each in zip(names, slices)]
    left = [each for each, found in zip(slices, refusals) if not found]
    return {**args, OPTION: left}, [MalformedSlice(name, found) for name, found in zip(names, refusals) if found]


def with_refused(result: Mapping[str, Any], refused: Sequence[MalformedSlice], *, fails: bool) -> dict[str, Any]:
    """Return the result of the other slices with the refused ones.

    Args:
        result: the result of the module.
        refused: the slices that were set aside.
        fails: whether the module fails if a slice is refused.
    """
    found = {**result, "refused": [*(each.to_dict() for each in refused), *result.get("refused", ())]}
    if fails or result.get("failed"):
        error = Refused(refusal for each in refused for refusal in each.refusals)
        others = result.get("refusals", ())
        found.update(
            failed=True,
            msg="\n".join([error.message, *([result["msg"]] if result.get("msg") else [])]),
            refusals=[*error.fields["refusals"], *others][:MOST_REFUSALS],
            refusal_count=len(error.refusals) + result.get("refusal_count", len(others)),
        )
    return found


def _refusals(wanted: Any, name: str, option: Mapping[str, Any]) -> list[Refusal]:
    """Return why a slice is malformed, nothing if it is not.

    Args:
        wanted: the slice.
        name: its name for messages.
        option: the argument spec of the option with the slices.
    """
    if not isinstance(wanted, Mapping):
        return [Refusal("slice_not_a_dictionary", name, {"got": wanted})]
    rules = {"required_one_of": option.get("required_one_of")}
    # Plain values, without Ansible's tags.
    checked = ArgumentSpecValidator(option["options"], **rules).validate(json.loads(json.dumps(wanted, default=str)))
    if not checked.error_messages:
        return list(type_refusals(checked.validated_parameters, option["options"], f"{name}: "))
    unknown = list(unknown_options(wanted, option["options"]))
    if unknown and isinstance(checked.errors[0], UnsupportedError):
        options = [each.place + (f" (did you mean {each.near}?)" if each.near else "") for each in unknown]
        # As a text, because long lists are shortened.
        supported = ", ".join(unknown[0].supported)
        return [Refusal("unsupported_options", name, {"options": options, "supported": supported})]
    wrong = [each.removeprefix(f"{OPTION}.") for each in type_problems(wanted, option, OPTION)] or [
        checked.error_messages[0]
    ]
    return [
        Refusal("malformed_slice", name, {"why": str(remove_values(each, checked._no_log_values))}) for each in wrong
    ]


def _name(wanted: Any, number: int, acting_user: str) -> str:
    given = wanted if isinstance(wanted, Mapping) else {}
    name, owner = given.get("name") or given.get("title"), given.get("owner") or acting_user
    return f"{owner}/{name}" if isinstance(name, str) else f"{OPTION}[{number}]"
