# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The runner and the exit codes of subcommands."""

from __future__ import annotations

import sys
from collections.abc import Callable

from ...errors import SlicesError
from ..runner import Runner, SubprocessRunner


def run(action: Callable[[Runner], None]) -> int:
    """Run C(action) and return the exit code; an expected error is a line in the journal."""
    try:
        action(SubprocessRunner())
    except SlicesError as error:
        sys.stderr.write(f"slices-host: {error.message}\n")
        return 1
    return 0
