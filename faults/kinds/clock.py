# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A clock that stands a day ahead or behind, of the controller or of a worker.

The hosts of a lab share the clock of this machine. So a library gives another time to all processes of a run, or to the
modules on a worker.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from ..lab import STORE, Run
from ..proof import Fault, Step, Turn
from ..topologies import LARGE, SMALL
from ..world import World

LIBRARY = STORE / "libfaketime.so.1"
PACKAGE = "libfaketime"
PLACE = "/usr/local/lib/libfaketime.so.1"
PYTHON = "/usr/local/bin/python-at-another-time"
WRAPPER = """#!/bin/sh
LD_PRELOAD={library} FAKETIME={time} FAKETIME_DONT_FAKE_MONOTONIC=1 exec /usr/bin/python3 "$@"
"""


def library() -> Path:
    """Return the library; it is taken from its package, which is not installed."""
    if not LIBRARY.exists():
        folder = STORE / "package"
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", PACKAGE], cwd=folder, check=True)
        [package] = folder.glob("*.deb")
        subprocess.run(["dpkg-deb", "-x", str(package), str(folder)], check=True)
        [found] = folder.rglob(LIBRARY.name)
        found.rename(LIBRARY)
    return LIBRARY


def _controller(time: str) -> Step:
    def inject(world: World, turn: Turn) -> None:
        lab = world.lab
        lab.environment = {
            "LD_PRELOAD": str(library()),
            "FAKETIME": time,
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        try:
            done = world.deploy(LARGE)
        finally:
            lab.environment = {}
        if done.rc:
            turn.failed.append(f"the run with another time failed: {done.said[-3000:]}")
        _follow(world, turn)

    return inject


def _worker(time: str) -> Step:
    def inject(world: World, turn: Turn) -> None:
        host = turn.worker
        with library().open("rb") as file:
            subprocess.run([*world.lab.ssh_command(host), f"cat > {PLACE}"], stdin=file, check=True)
        world.lab.ssh(host, f"cat > {PYTHON} && chmod +x {PYTHON}", WRAPPER.format(library=PLACE, time=time))
        interpreter = (
            f"{{{{ '{PYTHON}' if inventory_hostname == '{host}' else ansible_playbook_python"
            " if inventory_hostname == 'localhost' else '/usr/bin/python3' }}"
        )
        done = world.deploy(LARGE, ansible_python_interpreter=interpreter)
        if done.rc:
            turn.failed.append(f"the run with another time failed: {done.said[-3000:]}")
        _follow(world, turn)

    return inject


def _follow(world: World, turn: Turn) -> None:
    """With the right time again, changes are applied at once."""
    done = world.deploy(SMALL)
    if done.rc:
        turn.failed.append(f"the run with the right time failed: {done.said[-3000:]}")

    def again() -> Run:
        return world.deploy(LARGE)

    turn.again = again


FAULTS = [
    Fault(f"clock-of-{name}-{word}", step(time))
    for name, step in {"controller": _controller, "worker": _worker}.items()
    for word, time in {"ahead": "+1d", "behind": "-1d"}.items()
]
