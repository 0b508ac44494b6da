# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A run that a signal ends, at moments that are spread over its duration."""

from __future__ import annotations

import signal
from collections.abc import Callable

from ..lab import Run, Started
from ..proof import Fault, Step, Turn
from ..topologies import LARGE, SMALL, Topology
from ..world import World

MOMENTS = 4
# Before the first task the run is not one of this collection yet, and after the recap it has said everything.
FIRST_TASK, RECAP = "TASK [Check the caller", "PLAY RECAP"


def wanted(turn: Turn) -> Topology:
    return (LARGE, SMALL)[turn.number % 2]


def _prepare_deploy(world: World, turn: Turn) -> None:
    world.measure("deploy")
    world.ensure(wanted(Turn(turn.number + 1, turn.total)))


def _prepare_delete(world: World, _turn: Turn) -> None:
    world.measure("delete")
    world.ensure(LARGE)


def _end(started: Started, number: signal.Signals, after_s: float, turn: Turn) -> Run:
    """Send the signal, wait for the end, and check what the run has said."""
    if started.is_over(after_s):
        turn.notes.append("the run was over before the signal")
    # A terminal sends SIGINT to all processes of the run.
    started.send(number, group=number is signal.SIGINT)
    done = started.end()
    if number is not signal.SIGKILL and done.rc and FIRST_TASK in done.said and RECAP not in done.said:
        turn.expect(done, f"ended by {number.name}", "Run the same playbook again")
    return done


def _interrupt_deploy(number: signal.Signals) -> Step:
    def inject(world: World, turn: Turn) -> None:
        topology = wanted(turn)
        turn.again = lambda: world.deploy(topology)
        started = world.start_deploy(topology)
        _end(started, number, world.durations_s["deploy"] * turn.share, turn)

    return inject


def _interrupt_delete(number: signal.Signals) -> Step:
    def inject(world: World, turn: Turn) -> None:
        turn.again = world.delete
        _end(world.start_delete(), number, world.durations_s["delete"] * turn.share, turn)

    return inject


_INTERRUPT: dict[str, tuple[Callable[[signal.Signals], Step], Step]] = {
    "deploy": (_interrupt_deploy, _prepare_deploy),
    "delete": (_interrupt_delete, _prepare_delete),
}
FAULTS = [
    Fault(f"{verb}-{number.name.lower()}", interrupt(number), prepare, MOMENTS)
    for verb, (interrupt, prepare) in _INTERRUPT.items()
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
]
