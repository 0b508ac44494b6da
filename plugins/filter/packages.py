# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A filter for what apt says when it does not install a package."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal

_UNKNOWN = re.compile(r"No package matching '([^']*)' is available")
_FETCH = re.compile(r"^[EW]: (.+)$", re.MULTILINE)


def package_failure(said: str, host: str, lists_rc: int, lists_said: str) -> str:
    """Return why packages were not installed, with the next step.

    Args:
        said: the message of M(ansible.builtin.apt).
        host: the name of the host in the inventory.
        lists_rc: the exit code of an update of the package lists afterwards.
        lists_said: its errors.
    """
    unknown, why = _UNKNOWN.search(said), _FETCH.search(lists_said)
    if lists_rc != 0:
        refusal = Refusal("package_lists_not_fetched", f"host {host}", {"why": why[1] if why else lists_said or said})
    elif unknown:
        refusal = Refusal("unknown_package", f"host {host}", {"name": unknown[1]})
    else:
        refusal = Refusal("packages_not_installed", f"host {host}", {"why": said})
    return refusal.message


class FilterModule:
    """The filter by name."""

    def filters(self) -> dict[str, Any]:
        return {"package_failure": package_failure}
