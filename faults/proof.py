# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One turn of a fault: inject it, repeat the run, repeat it again, and compare everything."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from . import expected_state
from .lab import ORCHESTRATOR, WORKERS, Run
from .record import Outcome
from .topologies import SMALL
from .world import World, changes


@dataclass
class Turn:
    """A turn of a fault, which the fault fills in.

    Attributes:
        number: from 0.
        total: how many there are.
        again: the run that has to converge; by default a deploy of all slices.
        hit: the UUIDs of the VMs whose process the fault ends.
        before: the pids before the fault, by the UUID of the VM.
        lost, doubled, untrue, notes: see C(Outcome).
        failed: why it did not converge.
    """

    number: int
    total: int
    again: Callable[[], Run] | None = None
    hit: set[str] = field(default_factory=set)
    before: Mapping[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    untrue: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def share(self) -> float:
        """The part of a run's duration after which this turn begins its fault."""
        return (self.number + 0.5) / self.total

    @property
    def worker(self) -> str:
        """Another worker in every turn."""
        return ("worker2", "worker1")[self.number % 2]

    def expect(self, done: Run, *words: str) -> None:
        """Note that a run has to have failed, with all of these words in its output."""
        text = " ".join(done.said.split())
        if done.rc == 0:
            self.untrue.append(f"the run succeeded, and should have said {words}")
        self.untrue += [f"the run did not say {word!r}: {text[-1500:]}" for word in words if word not in text]


Step = Callable[[World, Turn], None]


def with_small(world: World, _turn: Turn) -> None:
    """Begin with the slice C(target) beside C(calm)."""
    world.ensure(SMALL)


@dataclass(frozen=True)
class Fault:
    """A fault.

    Attributes:
        inject: injects it, and returns when the hosts are reachable again.
        prepare: brings the lab to the state in which it is injected.
        moments: how often it is tried for each of C(--times).
    """

    name: str
    inject: Step
    prepare: Step = with_small
    moments: int = 1


def prove(fault: Fault, number: int, total: int, world: World) -> Outcome:
    """Run a turn of a fault, and return what came of it.

    Raises:
        Broken: the lab does not do what the fault needs.
    """
    begin = time.monotonic()
    turn = Turn(number, total)
    fault.prepare(world, turn)
    turn.before = world.pids()
    fault.inject(world, turn)
    _converge(world, turn)
    restarted = _compare(world, turn)
    return Outcome(
        fault.name,
        number,
        not turn.failed,
        tuple(turn.lost),
        tuple(turn.doubled),
        tuple(turn.untrue),
        tuple(restarted),
        (*turn.failed, *turn.notes),
        round(time.monotonic() - begin, 1),
    )


def _converge(world: World, turn: Turn) -> None:
    """The next same run succeeds; the one after changes nothing, and no host needs a deploy of all slices."""
    again = turn.again or world.deploy
    first = again()
    if first.rc:
        turn.failed.append(f"the next run failed with code {first.rc}: {first.said[-3000:]}")
        return
    if turn.again is not None:
        done = world.deploy()
        # The orchestrator may record new pids of VMs that the fault has hit and the run was not about.
        _note(turn, "deploy of all slices", done, set(done.changed) - {ORCHESTRATOR})
    before = world.snapshot()
    done = again()
    _note(turn, "run after", done, set(done.changed))
    turn.failed += changes(before, world.snapshot())


def _note(turn: Turn, what: str, done: Run, changed: set[str]) -> None:
    if done.rc or changed:
        turn.failed.append(f"the {what}: code {done.rc}, changed {sorted(changed)}: {done.said[-3000:]}")


def _compare(world: World, turn: Turn) -> list[str]:
    """Compare what is stored with the hosts and the marks, and return the VMs that were restarted without reason."""
    slices, hosts = world.slices(), world.hosts()
    for difference in expected_state.compare(slices, hosts, WORKERS):
        getattr(turn, difference.kind).append(str(difference))
    turn.lost += world.unmarked()
    turn.untrue += world.breaches()
    now, names = expected_state.pids(slices, hosts), world.names()
    kept = {uuid: pid for uuid, pid in turn.before.items() if uuid in names and uuid not in turn.hit}
    return [f"{names[uuid]}: {pid} → {now.get(uuid)}" for uuid, pid in kept.items() if now.get(uuid) != pid]
