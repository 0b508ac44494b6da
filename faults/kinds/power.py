# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A worker or the network node that loses its power, and gets it back."""

from __future__ import annotations

from ..lab import Started, await_that
from ..proof import Fault, Step, Turn
from ..topologies import LARGE, SMALL
from ..world import World

NODE = "netnode"


def _hit(world: World, turn: Turn, host: str) -> None:
    if host != NODE:
        turn.hit |= world.vms_on(host)


def _idle(is_node: bool) -> Step:
    def inject(world: World, turn: Turn) -> None:
        host = NODE if is_node else turn.worker
        _hit(world, turn, host)
        before = world.snapshot(stable=True)
        world.lab.power_off(host)
        world.lab.power_on()
        # Before any playbook of ours runs.
        turn.lost += world.await_snapshot(before)

    return inject


def _in_a_run(verb: str, is_node: bool) -> Step:
    def inject(world: World, turn: Turn) -> None:
        host = NODE if is_node else turn.worker
        _hit(world, turn, host)
        started = start(world, turn, verb)
        if started.is_over(world.durations_s[verb] * turn.share):
            turn.notes.append("the run was over before the power was lost")
        world.lab.power_off(host)
        done = started.end()
        if done.rc and host not in done.said:
            turn.untrue.append(f"the run did not name {host}: {done.said[-1500:]}")
        world.lab.power_on()
        _await_calm(world, host)

    return inject


def start(world: World, turn: Turn, verb: str) -> Started:
    if verb == "delete":
        turn.again = world.delete
        return world.start_delete()
    turn.again = lambda: world.deploy(LARGE)
    return world.start_deploy(LARGE)


def _await_calm(world: World, host: str) -> None:
    """Wait until the VMs that no run is about are back."""
    if host == NODE:
        return
    vms = [vm for slice_ in world.slices() if slice_["name"] == "calm" for vm in slice_["vms"]]
    ids = {str(vm["vm_id"]) for vm in vms if vm["uuid"] in world.vms_on(host)}

    def are_back() -> bool:
        answers = world.hosts([host])[host]["answers"]
        return all(answers.get(vm_id) == "running" for vm_id in ids)

    await_that(are_back, f"the VMs of calm on {host}")


def prepare(verb: str) -> Step:
    def prepare(world: World, _turn: Turn) -> None:
        world.measure(verb)
        world.ensure(LARGE if verb == "delete" else SMALL)

    return prepare


FAULTS = [
    Fault("worker-off", _idle(False)),
    Fault("network-node-off", _idle(True)),
    *(
        Fault(f"{'network-node' if is_node else 'worker'}-off-in-{verb}", _in_a_run(verb, is_node), prepare(verb))
        for verb in ("deploy", "delete")
        for is_node in (False, True)
    ),
]
