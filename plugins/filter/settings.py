# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for the settings of hosts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.module_utils import settings


def setting_problems(values: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each invalid variable of a role.

    Args:
        values: the values by name; null if not set.
    """
    return [refusal.message for refusal in settings.problems(values)]


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Any]:
        return {
            "setting_problems": setting_problems,
        }
