# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A backup that is restored over newer hosts, a second database, and one that is gone with its backups."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..lab import DATABASE, FOLDER
from ..proof import Fault, Step, Turn
from ..topologies import CALM, LARGE, SMALL, Topology, pair
from ..world import World, changes

MANY = [pair(number) for number in range(1, 21)]
CLAIM = re.compile(r"/cloud\.json|/revisions|/applied/")
OF_SLICE = (
    *("slice_id", "uuid", "name", "owner", "owner_uuid", "status", "topology_type", "vlan_pool_used", "links"),
    "networks",
)
OF_VM = ("vm_id", "uuid", "name", "worker_ip", "vnc_port", "status", "pid", "interfaces", "flavor", "power")


def _restored(world: World, turn: Turn) -> None:
    name = world.lab.module("database", state="backup")["backup"]
    world.lab.must("deploy", slices=[LARGE, pair(1)])
    newer = {slice_["name"]: slice_ for slice_ in world.slices()}
    orphans = [newer["pair1"]["uuid"], *_disks(newer["pair1"]["vms"])]
    orphans += _disks(vm for vm in newer["target"]["vms"] if vm["name"] in ("three", "four"))
    before = world.pids()
    world.lab.module("database", state="restore", name=name)
    world.lab.must("deploy", slices=[pair(2)])
    taker = next(slice_ for slice_ in world.slices() if slice_["name"] == "pair2")
    if taker["slice_id"] <= newer["pair1"]["slice_id"]:
        turn.doubled.append(f"the id {taker['slice_id']} was given out twice")
    if taker["vlan_pool_start"] == newer["pair1"]["vlan_pool_start"]:
        turn.doubled.append(f"the VLANs from {taker['vlan_pool_start']} were given out twice")
    world.lab.must("deploy", slice_all=True)
    held = [pids for host in world.hosts().values() for pids in host["qemus"].values()]
    for vm in newer["pair1"]["vms"]:
        if [before[vm["uuid"]]] not in held:
            turn.lost.append(f"VM pair1/{vm['name']}, which nobody gave up")
    listed = world.lab.must("orphans").said
    turn.untrue += [f"orphan {uuid} is not listed" for uuid in orphans if uuid not in listed]
    world.lab.must("orphans", orphans_remove=orphans)


def _disks(vms: Iterable[dict[str, Any]]) -> list[str]:
    return [disk["uuid"] for vm in vms for disk in vm["disks"]]


def _second(world: World, turn: Turn) -> None:
    """A copy of the database and a new one: neither reaches anything on the hosts."""
    place, before = FOLDER / "second.yaml", world.snapshot()
    for words, runs in (("this host follows another database", _RUNS), ("this host belongs to cloud", _RUNS[:1])):
        if runs is _RUNS:
            shutil.copy(DATABASE, place)
        for playbook, selection in runs:
            done = world.lab.run(playbook, **selection, cloudrepo_database=str(place))
            turn.expect(done, "claim_hosts=true", words)
        _remove(place.name, FOLDER)
    turn.lost += changes(before, world.snapshot())


_RUNS: list[tuple[str, dict[str, Any]]] = [
    ("site", {}),
    ("deploy", {"slices": [LARGE]}),
    ("delete", {"slice_all": True}),
]


def _remove(name: str, folder: Path) -> None:
    for path in folder.glob(f"{name}*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _gone(topologies: list[Topology]) -> Step:
    def inject(world: World, turn: Turn) -> None:
        before, hosts = world.slices(), world.snapshot()
        _remove(DATABASE.name, DATABASE.parent)
        world.lab.must("rebuild")
        after = world.slices()
        turn.lost += [*differences(before, after, OF_SLICE), *differences(_vms(before), _vms(after), OF_VM)]
        # When a disk was first seen is not known to hosts.
        if sorted(_disks(_vms(before))) != sorted(_disks(_vms(after))):
            turn.lost.append("disks are not the same")
        turn.untrue += world.breaches()
        done = world.deploy(CALM, *topologies)
        if done.rc or done.changed:
            turn.failed.append(f"the deploy after it: code {done.rc}, changed {done.changed}: {done.said[-3000:]}")
        # The claim has another incarnation, and applied orders have other revisions.
        turn.lost += [line for line in changes(hosts, world.snapshot()) if not CLAIM.search(line)]
        world.lab.must("site")

    return inject


def _vms(slices: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [vm for slice_ in slices for vm in slice_["vms"]]


def differences(before: Iterable[dict[str, Any]], after: Iterable[dict[str, Any]], fields: Iterable[str]) -> list[str]:
    """Return the fields that differ, of objects by their UUID."""
    fields = list(fields)
    olds, news = ({item["uuid"]: item for item in each} for each in (before, after))
    found = [f"{olds[uuid]['name']} is gone" for uuid in olds.keys() - news.keys()]
    found += [f"{news[uuid]['name']} was not there" for uuid in news.keys() - olds.keys()]
    return found + [
        f"{olds[uuid]['name']}: {field} {olds[uuid].get(field)} → {news[uuid].get(field)}"
        for uuid in olds.keys() & news.keys()
        for field in fields
        if olds[uuid].get(field) != news[uuid].get(field)
    ]


def _with(topologies: list[Topology]) -> Step:
    return lambda world, _turn: world.ensure(*topologies)


FAULTS = [
    Fault("backup-restored", _restored),
    Fault("second-database", _second),
    Fault("database-gone", _gone([SMALL])),
    Fault("database-of-20-slices-gone", _gone(MANY), _with(MANY)),
]
