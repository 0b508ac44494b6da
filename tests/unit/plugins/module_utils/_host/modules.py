# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs a module's C(main) like Ansible, in this process."""

from __future__ import annotations

import io
import json
import sys
from types import ModuleType
from typing import Any

import pytest
from ansible.module_utils import basic
from ansible.module_utils.common import warnings
from ansible.module_utils.testing import patch_module_args

from .fakes import FakeRunner


def run(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, runner: FakeRunner | None = None, **args: Any
) -> dict[str, Any]:
    """Return the result of the module; C(_ansible_check_mode) in C(args) sets check mode."""
    out = io.StringIO()
    if runner is not None:
        # What the program on a host also runs is behind the module.
        code = module if hasattr(module, "SubprocessRunner") else sys.modules[module.steps.__module__]
        monkeypatch.setattr(code, "SubprocessRunner", lambda: runner)
    monkeypatch.setattr("sys.stdout", out)
    # Tests do not write to the log of this machine. Python 3.13 would refuse null characters in it.
    monkeypatch.setattr(basic, "HAS_SYSLOG", False)
    # Ansible collects warnings per process, which would be those of all tests.
    monkeypatch.setattr(warnings, "_global_warnings", type(warnings._global_warnings)())
    with patch_module_args(args), pytest.raises(SystemExit):
        module.main()
    result: dict[str, Any] = json.loads(out.getvalue())
    return result
