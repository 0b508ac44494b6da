# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What C(edge) uses of AnsibleModule, for modules that run without it: in Ansible's process, or in a host's program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NoReturn


class _ModuleExit(Exception):
    """The module has exited with a result."""


class PlainModule:
    """The arguments and the result of a module.

    Args:
        arguments: the keywords of AnsibleModule that describe the arguments.
        params: the arguments, validated and with their defaults.
        check_mode: whether nothing may be changed.
    """

    def __init__(self, arguments: Mapping[str, Any], params: dict[str, Any], *, check_mode: bool) -> None:
        self.params = params
        self.check_mode = check_mode
        self.argument_spec: dict[str, Any] = arguments["argument_spec"]
        self.required_one_of = arguments.get("required_one_of")
        self.no_log_values: set[str] = set()
        self._result: dict[str, Any] = {}

    def exit_json(self, **result: Any) -> NoReturn:
        """Exit with C(result)."""
        self._result = {"changed": False, **result}
        raise _ModuleExit

    def fail_json(self, msg: str, **result: Any) -> NoReturn:
        """Exit with a failure."""
        self._result = {"changed": False, "failed": True, "msg": msg, **result}
        raise _ModuleExit

    def result_of(self, code: Callable[[PlainModule], None]) -> dict[str, Any]:
        """Run the module and return its result, in which values of C(no_log_values) are not censored."""
        with suppress(_ModuleExit):
            code(self)
        return self._result
