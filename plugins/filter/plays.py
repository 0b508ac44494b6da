# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for playbooks of several plays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.module_utils.refusals import RULES


def earlier_result(hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]], name: str) -> Any:
    """Return what an earlier play of the orchestrator registered under C(name).

    Raises:
        AnsibleFilterError: it did not run, because a run was started in the middle.
    """
    found = hostvars[groups["orchestrator"][0]].get(name)
    if found is None:
        raise AnsibleFilterError(Refusal("result_missing", f"result {name}").message)
    return found


def refusal_message(code: str, where: str, **figures: Any) -> str:
    """Return the message for a violation of a rule.

    Args:
        code: the rule, a key of C(RULES).
        where: the object, such as C(VM web/vm1).
        figures: the values for the rule's texts.

    Raises:
        AnsibleFilterError: there is no such rule.
    """
    if code not in RULES:
        raise AnsibleFilterError(f"no rule has the code {code}")
    return Refusal(code, where, figures).message


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Any]:
        return {"earlier_result": earlier_result, "refusal": refusal_message}
