# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rows to measure, in groups that leave the lab unchanged."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lab import BASE_IMAGE, FOLDER, GUEST_MIB, HERE, WORKERS, Lab, guests, topologies, vm
from measurements import CannotMeasure, Cost


@dataclass(frozen=True)
class Row:
    """An action to measure, and the number of VMs and ports after it."""

    name: str
    action: Callable[[], Cost]
    vms: int
    ports: int
    changes_nothing: bool = False
    by_ansible: bool = True


def floor(lab: Lab, size: int) -> Iterator[Row]:
    script = (HERE / "floor.sh").read_text(encoding="utf-8")
    share = size // len(WORKERS)

    def baseline(action: str) -> Cost:
        return lab.on_workers(script, f"{action} {share} {{vlan}} {BASE_IMAGE}")

    yield Row("floor", lambda: baseline("up"), size, size, by_ansible=False)
    yield Row("floor_delete", lambda: baseline("down"), 0, 0, by_ansible=False)


def empty_plays(lab: Lab, _size: int) -> Iterator[Row]:
    yield Row("empty_plays", lambda: lab.playbook(str(HERE / "empty_plays.yml")), 0, 0, changes_nothing=True)
    # The first run was the preparation of the lab.
    yield Row("site_again", lambda: lab.playbook("cloudrepo.slices.site"), 0, 0, changes_nothing=True)


def ours(lab: Lab, size: int) -> Iterator[Row]:
    slices = topologies(size)
    one_more = [{**slices[0], "vms": [*slices[0]["vms"], vm("more")]}]
    database = FOLDER / "database.yaml"

    def again() -> Cost:
        before = database.stat()
        cost = lab.playbook("cloudrepo.slices.deploy", slice_all=True)
        after = database.stat()
        if (before.st_ino, before.st_mtime_ns) != (after.st_ino, after.st_mtime_ns):
            raise CannotMeasure("cannot measure: a deploy without changes wrote the database")
        return cost

    yield Row("deploy", lambda: lab.playbook("cloudrepo.slices.deploy", slices=slices), size, size)
    yield Row("again", again, size, size, changes_nothing=True)
    yield Row("add_one", lambda: lab.playbook("cloudrepo.slices.deploy", slices=one_more), size + 1, size)
    yield Row("delete", lambda: lab.playbook("cloudrepo.slices.delete", slice_all=True), 0, 0)


def task_per_vm(lab: Lab, size: int) -> Iterator[Row]:
    yield from _others(lab, size, "task_per_vm")


def community_libvirt(lab: Lab, size: int) -> Iterator[Row]:
    yield from _others(lab, size, "community_libvirt")


def _others(lab: Lab, size: int, name: str) -> Iterator[Row]:
    def play() -> Cost:
        return lab.playbook(str(HERE / f"{name}.yml"), bench_share=size // len(WORKERS), bench_base=BASE_IMAGE)

    yield Row(name, play, size, size)
    yield Row(f"{name}_again", play, size, size, changes_nothing=True)
    lab.tidy()


def virsh(lab: Lab, size: int) -> Iterator[Row]:
    domain = (HERE / "domain.xml").read_text(encoding="utf-8").replace("'", '"')
    script = f"domain='{domain}'\n" + (HERE / "virsh.sh").read_text(encoding="utf-8")
    share = size // len(WORKERS)
    yield Row("virsh", lambda: lab.on_workers(script, f"{share} {{vlan}} {BASE_IMAGE}"), size, size, by_ansible=False)
    lab.tidy()


def ready(lab: Lab, size: int) -> Iterator[Row]:
    """Guests that boot, which takes most of the time."""
    lab.halt(False)
    try:
        yield Row("ready", lambda: lab.playbook("cloudrepo.slices.deploy", **guests(size)), size, size)
        lab.playbook("cloudrepo.slices.delete", slice_all=True)
        script = (HERE / "ready.sh").read_text(encoding="utf-8")
        arguments = f"{size // len(WORKERS)} {BASE_IMAGE} {GUEST_MIB}"
        # Their ports are on another bridge.
        yield Row("ready_by_hand", lambda: lab.on_workers(script, arguments), size, 0, by_ansible=False)
        lab.tidy()
    finally:
        lab.halt(True)


GROUPS: dict[str, tuple[Callable[[Lab, int], Iterator[Row]], tuple[str, ...]]] = {
    "floor": (floor, ("floor", "floor_delete")),
    "empty_plays": (empty_plays, ("empty_plays", "site_again")),
    "deploy": (ours, ("deploy", "again", "add_one", "delete")),
    "task_per_vm": (task_per_vm, ("task_per_vm", "task_per_vm_again")),
    "community_libvirt": (community_libvirt, ("community_libvirt", "community_libvirt_again")),
    "virsh": (virsh, ("virsh",)),
    "ready": (ready, ("ready", "ready_by_hand")),
}
ONCE = (ready,)
"""Measured in the first run of each size only, because they take minutes."""
NAMES = tuple(name for _group, names in GROUPS.values() for name in names)


def check(row: Row, cost: Cost, lab: Lab) -> None:
    """Compare the result of a row with the expected one.

    Raises:
        CannotMeasure: they differ.
    """
    if row.changes_nothing and re.search(r"changed=[1-9]", cost.said):
        raise CannotMeasure(f"cannot measure: {row.name} reported changes:\n{cost.said[-4000:]}")
    vms, ports = lab.count()
    if (vms, ports) != (row.vms, row.ports):
        raise CannotMeasure(
            f"cannot measure: after {row.name} there are {vms} VMs and {ports} ports, "
            f"expected {row.vms} VMs and {row.ports} ports"
        )
