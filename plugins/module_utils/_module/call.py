# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs a module in the program C(slices-host), with a request on standard input (docs/decisions/0034).

The controller has validated the arguments. They may contain passwords, so they are no arguments of a process.
"""

from __future__ import annotations

import json
import sys
import syslog
from collections.abc import Callable
from typing import Any

from .._host.arguments import CALLS, GRAMMARS
from .._host.tool.cli import BEGUN
from ..plain_module import PlainModule
from ..report import answers
from ..steps import Steps
from .host import reconcile

OTHER_PROGRAM = 3
"""The exit code if the digest is not that of the controller."""


def main(digest: str) -> int:
    """Run the module, write C(BEGUN) and the result as JSON, and return the exit code.

    The request has C(module), C(params), C(check_mode), C(log) (whether the call is noted in the system's log) and
    C(digest).

    Args:
        digest: that of this program.
    """
    request = json.load(sys.stdin.buffer)
    if request["digest"] != digest:
        return OTHER_PROGRAM
    name, params = request["module"], request["params"]
    _say(BEGUN)
    if request["log"]:
        _note(name, params, check_mode=request["check_mode"])
    module = PlainModule(CALLS[name], params, check_mode=request["check_mode"])
    steps, always = _steps(name), answers(params["slices"])
    _say(json.dumps(module.result_of(lambda module: reconcile(module, steps, GRAMMARS, answers=always))))
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _steps(name: str) -> Callable[[dict[str, Any], bool], Steps[Any]]:
    # Only what the module needs is imported.
    if name == "slice_apply":
        from .worker_steps import steps as worker

        return worker
    from .network_steps import steps as network_node

    return network_node


def _note(name: str, params: dict[str, Any], *, check_mode: bool) -> None:
    """Note the call in the system's log, like any module, but without the work order."""
    ids = [each.get("slice_id") for each in params["slices"]]
    syslog.openlog(f"ansible-cloudrepo.slices.{name}")
    syslog.syslog(syslog.LOG_INFO, f"Invoked with check_mode={check_mode}, slices {ids}")
