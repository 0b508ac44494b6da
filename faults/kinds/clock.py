# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A clock that is a day ahead or behind, of the controller or of a worker.

The hosts of a lab share the clock of this machine. So another time is given to the processes of a run, or to modules
on a worker (C(faults/clock)).
"""

from __future__ import annotations

from pathlib import Path

from ..lab import ORCHESTRATOR, Run
from ..proof import Fault, Step, Turn
from ..topologies import LARGE, SMALL
from ..world import World

SHIM = Path(__file__).resolve().parents[1] / "clock/sitecustomize.py"
DAY_S = 86400
FOLDER = "/usr/local/lib/shifted-clock"
PYTHON = f"{FOLDER}/python"
WRAPPER = f"""#!/bin/sh
PYTHONPATH={FOLDER} FAULTS_SHIFT_S={{shift_s}} exec /usr/bin/python3 "$@"
"""


def _controller(shift_s: int) -> Step:
    def inject(world: World, turn: Turn) -> None:
        world.lab.environment = {"PYTHONPATH": str(SHIM.parent), "FAULTS_SHIFT_S": str(shift_s)}
        try:
            done = world.deploy(LARGE)
        finally:
            world.lab.environment = {}
        _follow(world, turn, done)

    return inject


def _worker(shift_s: int) -> Step:
    def inject(world: World, turn: Turn) -> None:
        host = turn.worker
        world.lab.ssh(host, f"mkdir -p {FOLDER}; cat > {FOLDER}/{SHIM.name}", SHIM.read_text(encoding="utf-8"))
        world.lab.ssh(host, f"cat > {PYTHON}; chmod +x {PYTHON}", WRAPPER.format(shift_s=shift_s))
        interpreter = (
            f"{{{{ '{PYTHON}' if inventory_hostname == '{host}' else ansible_playbook_python"
            f" if inventory_hostname == '{ORCHESTRATOR}' else '/usr/bin/python3' }}}}"
        )
        _follow(world, turn, world.deploy(LARGE, ansible_python_interpreter=interpreter))

    return inject


def _follow(world: World, turn: Turn, done: Run) -> None:
    """With the right time again, changes are applied at once."""
    if done.rc:
        turn.failed.append(f"the run with another time failed: {done.said[-3000:]}")
    turn.untrue += world.untrue()
    after = world.deploy(SMALL)
    if after.rc:
        turn.failed.append(f"the run with the right time failed: {after.said[-3000:]}")
    turn.again = lambda: world.deploy(LARGE)


FAULTS = [
    Fault(f"clock-of-{name}-{word}", step(days * DAY_S))
    for name, step in {"controller": _controller, "worker": _worker}.items()
    for word, days in {"ahead": 1, "behind": -1}.items()
]
