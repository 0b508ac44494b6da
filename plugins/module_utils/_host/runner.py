# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs commands on a host: argv in, result out.

Drivers depend only on the interface C(Runner), which tests replace by a recording fake.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Callable, Protocol, TypeVar

from ..errors import CommandFailed

NOT_FOUND = 127
TIMED_OUT = 124


_T = TypeVar("_T")


@dataclass(frozen=True)
class Result:
    """The result of a command."""

    rc: int
    stdout: str = ""
    stderr: str = ""


class Runner(Protocol):
    """Runs commands and waits for them."""

    def run(self, argv: Sequence[str], *, stdin: str | None = None, check: bool = True) -> Result:
        """Run C(argv) without a shell.

        Args:
            argv: the program and its arguments.
            stdin: text for its standard input, empty by default.
            check: whether an exit code other than zero is an error.

        Raises:
            CommandFailed: the command failed and C(check) is set.
        """


class SubprocessRunner:
    """The C(Runner) of a real host.

    Args:
        timeout_s: seconds after which a command is killed; its exit code is then 124.
    """

    def __init__(self, *, timeout_s: float = 300) -> None:
        self._timeout_s = timeout_s
        # Output is parsed, so it must not depend on the caller's locale.
        self._environment = {**os.environ, "LC_ALL": "C"}

    def run(self, argv: Sequence[str], *, stdin: str | None = None, check: bool = True) -> Result:
        """See C(Runner)."""
        result = self._run(argv, stdin)
        if check and result.rc != 0:
            raise CommandFailed(cmd=argv, rc=result.rc, stdout=result.stdout, stderr=result.stderr)
        return result

    def _run(self, argv: Sequence[str], stdin: str | None) -> Result:
        try:
            # The program of a host has no AnsibleModule, whose run_command pylint wants.
            done = subprocess.run(  # pylint: disable=ansible-bad-function
                list(argv),
                input=stdin or "",
                capture_output=True,
                check=False,
                encoding="utf-8",
                errors="replace",
                env=self._environment,
                timeout=self._timeout_s,
            )
        except FileNotFoundError:
            return Result(rc=NOT_FOUND, stderr=f"{argv[0]}: command not found")
        except subprocess.TimeoutExpired:
            return Result(rc=TIMED_OUT, stderr=f"{argv[0]}: timed out after {self._timeout_s:g} s")
        return Result(rc=done.returncode, stdout=done.stdout, stderr=done.stderr)


def observed(observe: Callable[[], _T], *, nothing: _T, missing_ok: bool) -> _T:
    """Return the result of C(observe), or C(nothing) if a command fails and C(missing_ok) is set.

    This is used to plan for a host that is not prepared yet.

    Raises:
        CommandFailed: a command failed.
    """
    try:
        return observe()
    except CommandFailed:
        if missing_ok:
            return nothing
        raise
