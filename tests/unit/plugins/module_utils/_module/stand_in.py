# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A stand-in for AnsibleModule that records how the module exits."""

from __future__ import annotations

from typing import Any, NoReturn


class Exit(Exception):
    """The module has exited with C(result)."""

    def __init__(self, result: dict[str, Any]) -> None:
        super().__init__(result)
        self.result = result


class StandIn:
    """The part of AnsibleModule that the layer of modules uses. Any other attribute is an error."""

    def __init__(
        self,
        params: dict[str, Any],
        spec: dict[str, Any] | None = None,
        *,
        check_mode: bool = False,
        required_one_of: Any = None,
    ) -> None:
        self.params = params
        self.check_mode = check_mode
        self.argument_spec = spec or {}
        self.required_one_of = required_one_of
        self.no_log_values: set[str] = set()

    def exit_json(self, **result: Any) -> NoReturn:
        """Exit with C(result)."""
        raise Exit({"failed": False, **result})

    def fail_json(self, msg: str, **result: Any) -> NoReturn:
        """Exit with an error."""
        raise Exit({"failed": True, "msg": msg, **result})
