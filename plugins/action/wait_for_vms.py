# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Calls the module again and again, because only the controller can show progress."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase

from ansible_collections.cloudrepo.slices.plugins.modules import wait_for_vms
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.become import explained
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.wait_for_vms import wait


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no types
    """See the module."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the result of the last call, with all VMs."""
        super().run(tmp, task_vars)
        checked = ArgumentSpecValidator(wait_for_vms.ARGUMENTS).validate(self._task.args)
        if checked.error_messages:
            return {"failed": True, "changed": False, "msg": "; ".join(checked.error_messages)}
        arguments = checked.validated_parameters

        def call(checks: Sequence[Mapping[str, Any]], timeout_s: int) -> Mapping[str, Any]:
            given = {**arguments, "checks": list(checks), "timeout_s": timeout_s}
            return explained(
                self._get_remote_user(),
                task_vars or {},
                lambda: self._execute_module(module_args=given, task_vars=task_vars),
            )

        host = (task_vars or {}).get("inventory_hostname")
        return wait(
            arguments["checks"],
            call,
            timeout_s=arguments["timeout_s"],
            report_s=arguments["report_s"],
            now=time.monotonic,
            show=lambda line: self._display.display(f"{host}: {line}"),
        )
