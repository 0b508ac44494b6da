# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs C(slice_apply), and C(network_services), which C(meta/runtime.yml) routes here, in the program of the host.

Ansible packs, sends and compiles a module with all that it imports in each call, which takes a second of CPU time. The
role has installed the same code as a program with bytecode. A host without it, or with that of another version of this
collection, gets the module as usual (docs/decisions/0034).
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from ansible import constants as C
from ansible.module_utils.common.parameters import remove_values
from ansible.plugins.action import ActionBase

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import CALLS
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool.cli import BEGUN
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool.program import digest
from ansible_collections.cloudrepo.slices.plugins.module_utils.defaults import PROGRAM
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.become import explained
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.validation import Invalid, validated

# Whatever ends the program, all of its input is read. Otherwise Ansible would report a host that cannot be reached.
COMMAND = f"({shlex.quote(PROGRAM)} call; rc=$?; cat >/dev/null; exit $rc)"
# Here and not in the task, because Ansible's main process imports this file, while each task runs in a fork.
DIGEST = digest()


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no types
    """Runs the module in the host's program, or like any other module if that would not be equivalent."""

    _supports_async = True
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Run the module."""
        super().run(tmp, task_vars)
        return explained(self._get_remote_user(), task_vars or {}, lambda: self._run(task_vars or {}))

    def _run(self, task_vars: Mapping[str, Any]) -> dict[str, Any]:
        if self._can_call():
            try:
                result = self._call(task_vars)
            except Invalid as error:
                return error.result
            if result is not None:
                return result
            self._display.vv(f"{PROGRAM} is missing or of another version, so the module is sent", host=self._host())
        wrap_async = bool(self._task.async_val)
        return dict(self._execute_module(task_vars=task_vars, wrap_async=wrap_async))

    def _can_call(self) -> bool:
        """Whether a module would get its arguments on standard input, and no environment of its own."""
        is_shell = getattr(self._connection._shell, "SHELL_FAMILY", "") == "sh"
        is_plain = not (self._task.async_val or any(self._task.environment or ()))
        return is_shell and is_plain and self._is_pipelining_enabled("new")

    def _call(self, task_vars: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the result of the module, or C(None) if the program has done nothing.

        Raises:
            Invalid: the arguments are invalid.
        """
        name = self._task.action.rpartition(".")[2]
        is_quiet = self._task.no_log or C.config.get_config_value("DEFAULT_NO_TARGET_SYSLOG", variables=task_vars)
        params, secrets = validated(self._task.action, self._task.args, CALLS[name])
        request = {
            "digest": DIGEST,
            "module": name,
            "params": params,
            "check_mode": self._task.check_mode,
            "log": not is_quiet,
        }
        answer = self._low_level_execute_command(COMMAND, in_data=json.dumps(request).encode())
        # Before these lines, there may be those of a login shell.
        _before, begun, said = answer["stdout"].partition(f"{BEGUN}\n")
        return dict(remove_values(_read(answer, said), secrets)) if begun else None

    def _host(self) -> str:
        return str(self._connection.get_option("host") if self._connection.transport == "ssh" else "")


def _read(answer: Mapping[str, Any], said: str) -> dict[str, Any]:
    """Return the result, or a failure as for a module that has ended without one."""
    try:
        result = json.loads(said)
    except ValueError:
        return {
            "failed": True,
            "changed": False,
            "msg": "MODULE FAILURE: the program on the host has ended without a result",
            "module_stdout": said,
            "module_stderr": answer["stderr"],
            "rc": answer["rc"],
        }
    return dict(result)
