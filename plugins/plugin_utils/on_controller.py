# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs a module of the control plane in Ansible's own process, if the orchestrator is the controller.

A module call builds a payload, starts another Python process and imports everything that the module needs. This takes
half a second, a tenth of which is reading the database. On the controller it is not necessary (docs/decisions/0013).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from importlib import import_module
from typing import Any

from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import SlicesError
from ansible_collections.cloudrepo.slices.plugins.module_utils.plain_module import PlainModule
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.malformed_slices import (
    MalformedSlice,
    set_aside,
    with_refused,
)
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.run_variables import caller, decide, refuse_middle
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.startup_texts import with_texts
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.validation import Invalid, type_problem_lines, validated

_MODULES = "ansible_collections.cloudrepo.slices.plugins.modules"


class OnController(ActionBase):  # type: ignore[misc]  # Ansible has no types
    """The action plugin for the modules of the control plane, which passes the acting user to them (C(acting_user)).

    A module that has C(arguments) for AnsibleModule, and C(run), may run here.
    """

    _supports_async = True
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Run the module here, or like any other module if that would not be equivalent."""
        super().run(tmp, task_vars)
        try:
            refuse_middle(self._task)
            decision = decide(self._task, task_vars or {}, self._templar)
        except SlicesError as error:
            return {"failed": True, "changed": False, "msg": error.message, **error.fields}
        origin = asdict(caller(self._task, decision))
        args = {**with_texts(self._task.args), "acting_user": decision.user, "caller": origin}
        name = self._task.action.rpartition(".")[2]
        code = import_module(f"{_MODULES}.{name}")
        if not hasattr(code, "arguments"):
            return self._run_there(args, task_vars, {})
        arguments = code.arguments()
        refused: list[MalformedSlice] = []
        if not self._task.async_val:
            args, refused = set_aside(args, arguments["argument_spec"], decision.user)
        if refused and not args["slices"]:
            return with_refused({"changed": False}, refused, fails=True)
        is_here = self._is_here()
        result = self._run_here(code, args, arguments) if is_here else self._run_there(args, task_vars, arguments)
        # A plan lists what is refused, and the playbook fails at its end.
        fails = not boolean(args.get("work_orders", False), strict=False)
        return with_refused(result, refused, fails=fails) if refused else result

    def _run_there(
        self, args: Mapping[str, Any], task_vars: Mapping[str, Any] | None, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Run the module like any other one."""
        wrap_async = bool(self._task.async_val)
        result = dict(self._execute_module(module_args=args, task_vars=task_vars, wrap_async=wrap_async))
        if result.get("failed") and "refusals" not in result and arguments:
            result["msg"] = type_problem_lines(args, arguments) or result.get("msg")
        return result

    def _run_here(self, code: Any, args: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Run the module in this process."""
        try:
            params, no_log_values = validated(self._task.action, args, arguments)
        except Invalid as error:
            return error.result
        module = PlainModule(arguments, params, check_mode=self._task.check_mode)
        module.no_log_values.update(no_log_values)
        # Relative paths start from the directory in which a module would run. Each task has its own process.
        os.chdir(self._loader.get_basedir())
        return dict(remove_values(module.result_of(code.run), module.no_log_values))

    def _is_here(self) -> bool:
        """Whether a module would run on this host, as this user, and needs only libraries that Ansible has."""
        task = self._task
        is_local = self._connection.transport in ("local", "ansible.builtin.local")
        is_file = "://" not in str(task.args.get("database", ""))
        return is_local and is_file and not (self._connection.become or task.async_val or any(task.environment or ()))
