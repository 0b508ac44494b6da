# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for the settings of hosts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.module_utils import settings


def setting_problems(values: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each invalid variable of a role.

    Args:
        values: the values by name; null if not set.
    """
    return [refusal.message for refusal in settings.problems(values)]


def missing_interfaces(values: Mapping[str, str | None], interfaces: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each variable with an interface that the host does not have.

    Args:
        values: the interfaces by the names of their variables; empty or null if not set.
        interfaces: C(interfaces) of M(cloudrepo.slices.host_info); if it is empty, nothing is checked.
    """
    names = [str(each["name"]) for each in interfaces]
    return [
        f"settings: {variable} is {name}, but this host has only the interfaces {', '.join(names)}"
        for variable, name in values.items()
        if name and names and name not in names
    ]


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Any]:
        return {
            "missing_interfaces": missing_interfaces,
            "setting_problems": setting_problems,
        }
