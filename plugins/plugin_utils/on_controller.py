# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs a module of the control plane in Ansible's own process, where the orchestrator is the controller.

A module call costs a payload that is put together, another Python, and an import of all that the module needs: half a
second, of which reading the database is a tenth. On the controller none of it is needed (docs/decisions/0013).
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from types import ModuleType
from typing import Any, ClassVar, NoReturn

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.errors import UnsupportedError
from ansible.plugins.action import ActionBase

RULES = ("mutually_exclusive", "required_together", "required_one_of", "required_if", "required_by")
"""What modules may ask of their arguments together."""


class ModuleExit(Exception):
    """The module has said what came of it."""


class _Module:
    """What C(edge) needs of an AnsibleModule. For the arguments see C(AnsibleModule)."""

    def __init__(self, arguments: Mapping[str, Any], params: dict[str, Any], *, check_mode: bool) -> None:
        self.params = params
        self.check_mode = check_mode
        self.argument_spec = arguments["argument_spec"]
        self.required_one_of = arguments.get("required_one_of")
        self.no_log_values: set[str] = set()
        self.result: dict[str, Any] = {}

    def exit_json(self, **result: Any) -> NoReturn:
        """Leave with C(result)."""
        self.result = {"changed": False, **result}
        raise ModuleExit

    def fail_json(self, msg: str, **result: Any) -> NoReturn:
        """Leave with a failure."""
        self.result = {"changed": False, "failed": True, "msg": msg, **result}
        raise ModuleExit


class OnController(ActionBase):  # type: ignore[misc]  # Ansible has no types
    """An action plugin for the module C(module), which has C(arguments) for AnsibleModule, and C(run)."""

    module: ClassVar[ModuleType]

    _supports_async = True
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Run the module here, or as any other module where that is not the same."""
        super().run(tmp, task_vars)
        if not self._is_here():
            return dict(self._execute_module(task_vars=task_vars, wrap_async=bool(self._task.async_val)))
        arguments = self.module.arguments()
        checked = ArgumentSpecValidator(
            arguments["argument_spec"],
            **{rule: arguments.get(rule) for rule in RULES},
            # What a module is given was JSON, and so is plain: no values that know where they are from.
        ).validate(json.loads(json.dumps(self._task.args, default=str)))
        if checked.error_messages:
            is_strange = isinstance(checked.errors[0], UnsupportedError)
            where = f"Unsupported parameters for ({self._task.action}) module: " if is_strange else ""
            return {"failed": True, "changed": False, "msg": f"{where}{checked.error_messages[0]}"}
        module = _Module(arguments, checked.validated_parameters, check_mode=self._task.check_mode)
        # Relative paths are from where a module would be run; each task has a process of its own.
        os.chdir(self._loader.get_basedir())
        with contextlib.suppress(ModuleExit):
            self.module.run(module)
        return dict(remove_values(module.result, module.no_log_values))

    def _is_here(self) -> bool:
        """Whether a module would run on this host, as this user, and needs no more than Ansible itself has."""
        task = self._task
        is_local = self._connection.transport in ("local", "ansible.builtin.local")
        is_file = "://" not in str(task.args.get("database", ""))
        return is_local and is_file and not (self._connection.become or task.async_val or any(task.environment or ()))
