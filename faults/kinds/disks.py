# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Overlays and base images that somebody damages on a worker."""

from __future__ import annotations

from ..lab import Run
from ..proof import Fault, Step, Turn
from ..world import World
from .guests import GUEST, with_guest

DAMAGE = "cp --preserve {0} {0}.kept && dd if=/dev/urandom of={0} bs=512 count=1 conv=notrunc status=none"
# Through the same file, because a running QEMU has it open.
REPAIR = "dd if={0}.kept of={0} bs=512 count=1 conv=notrunc status=none && rm {0}.kept"
MOVE, MOVE_BACK = "mv {0} {0}.kept", "mv {0}.kept {0}"


def _overlay(damage: str, repair: str, *, running: bool) -> Step:
    def inject(world: World, turn: Turn) -> None:
        vm = world.find("target/two")
        path = vm["disks"][0]["path"]
        if not running:
            turn.hit.add(vm["uuid"])
            world.lab.ssh(vm["host"], f"systemctl stop cloudrepo-{vm['slice_id']}@{vm['vm_id']}")
        world.lab.ssh(vm["host"], damage.format(path))
        try:
            turn.expect(world.deploy(), f"VM {vm['vm_id']} (two)", path)
            if world.find("target/two")["status"] != "error":
                turn.untrue.append("a VM with a damaged disk is not stored as error")
        finally:
            world.lab.ssh(vm["host"], repair.format(path))

    return inject


def _base_image(world: World, turn: Turn) -> None:
    vm = world.find(GUEST)
    turn.hit.add(vm["uuid"])
    info = f"qemu-img info -U --output=json {vm['disks'][0]['path']}"
    read = "python3 -c 'import json, sys; print(json.load(sys.stdin)[\"backing-filename\"])'"
    path = world.lab.ssh(vm["host"], f"{info} | {read}").strip()
    world.lab.ssh(vm["host"], f"dd if=/dev/urandom of={path} bs=4k seek=100 count=10 conv=notrunc status=none")
    turn.expect(world.deploy(), f"base image {path} is damaged", vm["host"])

    def again() -> Run:
        return world.deploy(base_images_refetch=True, apply_work_order_restart=True)

    turn.again = again


FAULTS = [
    Fault("overlay-header-overwritten", _overlay(DAMAGE, REPAIR, running=False)),
    Fault("overlay-header-overwritten-while-running", _overlay(DAMAGE, REPAIR, running=True)),
    Fault("overlay-moved-away", _overlay(MOVE, MOVE_BACK, running=False)),
    Fault("base-image-overwritten", _base_image, with_guest),
]
