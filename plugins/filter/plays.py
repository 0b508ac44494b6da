# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for playbooks of several plays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal


def earlier_result(hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]], name: str) -> Any:
    """Return what an earlier play of the orchestrator registered under C(name).

    Raises:
        AnsibleFilterError: it did not run, because a run was started in the middle.
    """
    found = hostvars[groups["orchestrator"][0]].get(name)
    if found is None:
        raise AnsibleFilterError(Refusal("result_missing", f"result {name}").message)
    return found


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Any]:
        return {"earlier_result": earlier_result}
