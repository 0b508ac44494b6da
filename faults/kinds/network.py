# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The network between the controller and a worker is cut in the middle of a run."""

from __future__ import annotations

from ..lab import Broken, await_that
from ..proof import Fault, Step, Turn
from ..world import World
from .power import prepare, start

MOMENTS = 4


def _cut(verb: str) -> Step:
    def inject(world: World, turn: Turn) -> None:
        started = start(world, turn, verb)
        if started.is_over(world.durations_s[verb] * turn.share):
            turn.notes.append("the run was over before the cut")
        world.lab.set_cable(turn.worker, plugged=False)
        try:
            done = started.end()
        finally:
            world.lab.set_cable(turn.worker, plugged=True)
        if done.rc and turn.worker not in done.said:
            turn.untrue.append(f"the run did not name {turn.worker}: {done.said[-1500:]}")
        await_that(lambda: _answers(world, turn.worker), f"an answer of {turn.worker}")
        turn.untrue += world.untrue()

    return inject


def _answers(world: World, host: str) -> bool:
    try:
        return world.lab.ssh(host, "echo here", timeout_s=30) == "here\n"
    except Broken:
        return False


FAULTS = [Fault(f"network-cut-in-{verb}", _cut(verb), prepare(verb), MOMENTS) for verb in ("deploy", "delete")]
