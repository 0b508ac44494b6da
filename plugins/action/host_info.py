# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the modules for hosts, which C(meta/runtime.yml) routes here, and reports why sudo refuses to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action.normal import ActionModule as Normal

from ansible_collections.cloudrepo.slices.plugins.plugin_utils.become import explained


class ActionModule(Normal):  # type: ignore[misc]  # Ansible has no types
    """Runs the module."""

    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Run the module."""
        run = super().run
        return explained(self._get_remote_user(), task_vars or {}, lambda: run(tmp, task_vars))
