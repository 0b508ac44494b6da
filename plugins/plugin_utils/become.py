# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What to do if Ansible cannot become root on a host with sudo, or run modules with its Python.

Its own messages do not show this.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleError

from ..module_utils.errors import Refusal, Refused

# In the words of sudo, the shell, and Ansible's connection plugins.
_MISSING = re.compile(r"sudo: (command )?not found")
_WRONG_PASSWORD = re.compile(r"Incorrect sudo password|Sorry, try again|incorrect password attempt")
_PASSWORD = re.compile(r"Missing sudo password|sudo: (a password is required|a terminal is required|no tty present)")
# In the words of Pythons that cannot read Ansible's part of a module, of one that cannot read ours, and of Ansible.
_OLD_PYTHON = re.compile(
    r"AnsiballZ_[\s\S]*SyntaxError: |'(ABCMeta|type)' object is not subscriptable|requires (a minimum of )?Python"
)
# In the words of shells and env, and of Ansible.
_NO_PYTHON = re.compile(
    r"python[0-9.]*['\u2019]?: (No such file|(command )?not found)|[Mm]odule interpreter .* was not found"
)
_FORBIDDEN = re.compile(r"not in the sudoers file|is not allowed to (execute|run sudo)|may not run sudo")


def explained(user: str | None, task_vars: Mapping[str, Any], call: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """Return the result of a call on a host, or a failure with the next step if sudo or the host's Python refuse it.

    Args:
        user: who logs in on the host, null if that is not set.
        task_vars: those of the task.
        call: runs the module, and returns its result.

    Raises:
        AnsibleError: that of C(call), for any other reason.
    """
    name, who = f"host {task_vars.get('inventory_hostname')}", user or "the user who logs in"
    try:
        result = dict(call())
    except AnsibleError as error:
        refusal = _refusal(name, who, str(error))
        if refusal is None:
            raise
    else:
        refusal = _refusal(name, who, _output(result))
        if refusal is None:
            return result
    refused = Refused([refusal])
    return {"failed": True, "changed": False, "msg": refused.message, **refused.fields}


def _output(result: Mapping[str, Any]) -> str:
    """Return what a call printed that has not returned the result of a module, or how the module was ended."""
    if not result.get("failed"):
        return ""
    return "\n".join(str(result.get(key, "")) for key in ("module_stdout", "module_stderr", "exception"))


def _refusal(name: str, user: str, said: str) -> Refusal | None:
    if _MISSING.search(said):
        return Refusal("sudo_missing", name)
    if _WRONG_PASSWORD.search(said):
        return Refusal("sudo_password_wrong", name, {"user": user})
    if _PASSWORD.search(said):
        return Refusal("sudo_password_missing", name, {"user": user})
    if _FORBIDDEN.search(said):
        return Refusal("sudo_forbidden", name, {"user": user})
    if _OLD_PYTHON.search(said):
        return Refusal("python_too_old", name)
    if _NO_PYTHON.search(said):
        return Refusal("python_missing", name, {"host": name.removeprefix("host ")})
    return None
