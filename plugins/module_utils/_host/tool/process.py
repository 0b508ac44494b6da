# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The runner, and the exit codes of subcommands. An error on a host is one line in the journal."""

from __future__ import annotations

import sys
from collections.abc import Callable

from ...errors import SlicesError
from ..runner import Runner, SubprocessRunner


def run(action: Callable[[Runner], None]) -> int:
    """Run C(action) and return the exit code."""
    return exit_code(lambda: action(SubprocessRunner()))


def exit_code(action: Callable[[], object]) -> int:
    """Call C(action) and return the exit code. A bug is not caught."""
    try:
        action()
    except SlicesError as error:
        sys.stderr.write(f"slices-host: {error.message}\n")
        return 1
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        sys.stderr.write(f"slices-host: {where}{error.strerror or error}\n")
        return 1
    return 0
