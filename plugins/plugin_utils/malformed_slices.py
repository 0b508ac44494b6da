# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Refuses malformed topologies one by one. Ansible would refuse the whole call, and with it the slices of others."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.errors import UnsupportedError

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused, first_lines
from ansible_collections.cloudrepo.slices.plugins.module_utils.misfits import misfits
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.validation import misspelled

OPTION = "slices"
MALFORMED = "malformed"
"""The code of a slice that Ansible itself would refuse."""


def set_aside(
    args: dict[str, Any], argument_spec: Mapping[str, Any], acting_user: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the arguments with only the well-formed slices, and the others in the format of the module's C(refused).

    A call with one slice is returned as it is: Ansible refuses it.

    Args:
        args: the arguments of a task.
        argument_spec: that of the module.
        acting_user: the owner of slices without another one.
    """
    slices, option = args.get(OPTION), argument_spec.get(OPTION, {})
    if not isinstance(slices, list) or len(slices) < 2 or "options" not in option:
        return args, []
    failures = [_failure(each, option) for each in slices]
    left = [each for each, failure in zip(slices, failures) if failure is None]
    refused = [
        {"slice_id": None, "slice": _name(each, number, acting_user), "failure": failure, "codes": [MALFORMED]}
        for number, (each, failure) in enumerate(zip(slices, failures))
        if failure is not None
    ]
    return {**args, OPTION: left}, refused


def with_refused(result: Mapping[str, Any], refused: Sequence[Mapping[str, Any]], *, fails: bool) -> dict[str, Any]:
    """Return the result of the other slices with the refused ones.

    Args:
        result: the result of the module.
        refused: the slices that were set aside.
        fails: whether the module fails if a slice is refused.
    """
    found = {**result, "refused": [*refused, *result.get("refused", ())]}
    if fails or result.get("failed"):
        lines = first_lines([f"{each['slice']}: {each['failure']}" for each in refused])
        found.update(failed=True, msg="\n".join([*lines, *([result["msg"]] if result.get("msg") else [])]))
    return found


def _failure(wanted: Any, option: Mapping[str, Any]) -> str | None:
    """Return why a slice is malformed."""
    if not isinstance(wanted, Mapping):
        return f"a slice must be a dictionary, got {wanted!r}"
    rules = {"required_one_of": option.get("required_one_of")}
    # Plain values, without Ansible's tags.
    checked = ArgumentSpecValidator(option["options"], **rules).validate(json.loads(json.dumps(wanted, default=str)))
    if checked.error_messages:
        is_strange = isinstance(checked.errors[0], UnsupportedError)
        message = f"{'unsupported options: ' if is_strange else ''}{checked.error_messages[0]}"
        message = " ".join([message, *first_lines([*misspelled(wanted, option["options"])])])
        return str(remove_values(message, checked._no_log_values))
    refusals = list(misfits(checked.validated_parameters, option["options"]))
    return Refused(refusals).message if refusals else None


def _name(wanted: Any, number: int, acting_user: str) -> str:
    given = wanted if isinstance(wanted, Mapping) else {}
    name, owner = given.get("name") or given.get("title"), given.get("owner") or acting_user
    return f"{owner}/{name}" if isinstance(name, str) else f"{OPTION}[{number}]"
