# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Four playbooks at once, and C(site) beside them."""

from __future__ import annotations

from ..proof import Fault, Turn
from ..topologies import LARGE, SMALL, pair
from ..world import World

# What a run says that has met another one.
MET = ("deploy again", "run the deploy again", "newer work order", "locked")


def _same(world: World, turn: Turn) -> None:
    """Two topologies of one slice, each deployed twice at once: whichever is stored last is what the hosts have."""
    runs = [world.start_deploy(topology) for topology in (SMALL, LARGE, SMALL, LARGE)]
    site = world.lab.start("site")
    for done in [started.end() for started in runs]:
        if done.rc and not any(word in " ".join(done.said.split()) for word in MET):
            turn.untrue.append(f"a run does not say that it has met another: {done.said[-2000:]}")
    done = site.end()
    if done.rc:
        turn.untrue.append(f"site failed: {done.said[-2000:]}")


def _different(world: World, turn: Turn) -> None:
    """Four slices at once do not disturb each other."""
    runs = [world.start_deploy(pair(number)) for number in range(1, 5)]
    runs.append(world.lab.start("site"))
    turn.untrue += [f"a run failed: {done.said[-2000:]}" for done in (each.end() for each in runs) if done.rc]


def _mixed(world: World, turn: Turn) -> None:
    """Two are deleted while two others are deployed."""
    runs = [world.lab.start("delete", slice_name=f"pair{number}") for number in (1, 2)]
    runs += [world.start_deploy(pair(number)) for number in (3, 4)]
    runs.append(world.lab.start("site"))
    turn.untrue += [f"a run failed: {done.said[-2000:]}" for done in (each.end() for each in runs) if done.rc]


def _with_pairs(world: World, _turn: Turn) -> None:
    world.ensure(SMALL, pair(1), pair(2))


FAULTS = [
    Fault("four-on-one-slice", _same),
    Fault("four-on-four-slices", _different),
    Fault("two-deletes-two-deploys", _mixed, _with_pairs),
]
