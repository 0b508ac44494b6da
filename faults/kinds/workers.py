# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A worker that is declared lost, and comes back when everybody has done without it."""

from __future__ import annotations

from typing import Any

from ..lab import await_that
from ..proof import Fault, Turn
from ..topologies import NICS, SMALL, Topology, pair
from ..world import World

BURNED: Topology = {
    "name": "burned",
    "owner": "bob",
    "vms": [{"name": "one", "flavor": "still", "data_interfaces": NICS, "internet": True}],
}


def _prepare(world: World, _turn: Turn) -> None:
    world.ensure(SMALL, pair(1), BURNED)


def _lost(world: World, turn: Turn) -> None:
    burned = world.find("burned/one")
    host = burned["host"]
    turn.hit |= world.vms_on(host)
    [gone] = [slice_ for slice_ in world.slices() if slice_["name"] == "pair1"]
    world.lab.power_off(host)
    world.lab.module("worker", ip=burned["worker_ip"], state="lost")
    world.lab.must("delete", slice_name="pair1")
    world.lab.must("deploy", slice_name="burned", recreate_disks="burned/one")
    world.forget_marks([burned["uuid"]])
    again = world.find("burned/one")
    if again["host"] == host or again["status"] != "running":
        turn.lost.append(f"VM burned/one was not created again elsewhere: {again}")
    # The unit that has asked tells by its failure that the machine is lost.
    world.lab.power_on(degraded=True)
    _await_fence(world, host, turn)
    orphans = [*(disk["uuid"] for disk in burned["disks"]), gone["uuid"], *_disks_on(gone, burned["worker_ip"])]
    said = world.lab.must("site").said
    turn.untrue += [f"site does not name orphan {uuid}" for uuid in orphans if uuid not in said]
    world.lab.must("deploy", slice_all=True)
    world.lab.must("orphans", orphans_remove=orphans)


def _await_fence(world: World, host: str, turn: Turn) -> None:
    """No VM of a lost worker runs, as soon as it has asked."""
    await_that(lambda: not world.hosts([host])[host]["qemus"], f"the end of the VMs on {host}")
    enabled = world.hosts([host])[host]["enabled"]
    turn.untrue += [f"{unit} of a lost worker would start with the host" for unit in enabled]


def _disks_on(slice_: dict[str, Any], address: str) -> list[str]:
    return [disk["uuid"] for vm in slice_["vms"] if vm["worker_ip"] == address for disk in vm["disks"]]


FAULTS = [Fault("worker-lost", _lost, _prepare)]
