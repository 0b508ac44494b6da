# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Creates the network namespace of a slice from the files of C(network_services), and saves its state.

It runs before the slice's dnsmasq starts, and removes the leases of former members.
"""

from __future__ import annotations

import os

from ..netservices import leases, live, namespace
from ..runner import Runner
from . import process


def main(folder: str) -> int:
    """See C(make)."""
    return process.run(lambda runner: make(folder, runner))


def make(folder: str, runner: Runner, *, run_dir: str = live.RUN_DIR, proc_sys: str = live.PROC_SYS) -> None:
    """Create the namespace from the files in C(folder), whose name is the slice's id. This is idempotent.

    Raises:
        SlicesError: a file is invalid, or a command failed.
    """
    leases.prune(folder)
    namespace.make(folder, runner)
    slice_id = int(os.path.basename(folder))
    live.note(live.network_note(slice_id, run_dir), live.network(slice_id, runner, proc_sys=proc_sys))
