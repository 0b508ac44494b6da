# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sends the marks of lost machines to a worker, which systemd has connected to standard output."""

from __future__ import annotations

import sys

from .. import fences
from . import process


def main(state_dir: str) -> int:
    """Write the list."""
    return process.exit_code(lambda: sys.stdout.write(fences.list_text(state_dir)))
