# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Guests that power themselves off, reboot and panic, and QEMUs that are killed or stopped."""

from __future__ import annotations

from typing import Any

from ..lab import await_that
from ..proof import Fault, Step, Turn
from ..topologies import PEOPLE, SMALL
from ..world import World

GUEST = "people/guest"
UP = "GUEST UP"


def with_guest(world: World, _turn: Turn) -> None:
    world.ensure(SMALL, PEOPLE)
    await_boot(world, 1)


def _console(vm: dict[str, Any]) -> str:
    return f"/var/lib/cloudrepo/vms/{vm['vm_id']}/console.log"


def boots(world: World) -> int:
    """Return how often the guest has booted, by its console."""
    vm = world.find(GUEST)
    return int(world.lab.ssh(vm["host"], f"grep -c '{UP}' {_console(vm)} || true"))


def await_boot(world: World, number: int) -> None:
    """Wait until the guest has booted this many times."""
    await_that(lambda: boots(world) >= number, f"boot {number} of the guest")


def _type(world: World, line: str) -> None:
    """Type a line on the serial console of the guest, whose shell may not live to answer."""
    vm = world.find(GUEST)
    socket = f"/run/cloudrepo/{vm['vm_id']}/serial.sock"
    world.lab.ssh(vm["host"], f"socat -t 1 - UNIX-CONNECT:{socket}", f"\n{line}\n")


def _powers_off(world: World, turn: Turn) -> None:
    vm = world.find(GUEST)
    turn.hit.add(vm["uuid"])
    _type(world, "poweroff -f")
    await_that(lambda: str(vm["vm_id"]) not in world.hosts([vm["host"]])[vm["host"]]["qemus"], "the end of the guest")
    done = world.lab.run("deploy", "--check", slice_all=True)
    if vm["host"] not in done.changed:
        turn.untrue.append(f"check mode does not show that the guest is off: {done.said[-1500:]}")


def _restarts(command: str) -> Step:
    """After this, the guest boots again in the same QEMU."""

    def inject(world: World, _turn: Turn) -> None:
        number = boots(world)
        _type(world, command)
        await_boot(world, number + 1)

    return inject


def _qemu_killed(world: World, turn: Turn) -> None:
    """systemd starts it again, before any playbook does."""
    vm = world.find("target/two")
    turn.hit.add(vm["uuid"])
    world.lab.ssh(vm["host"], f"kill -KILL {vm['pid']}")

    def is_back() -> bool:
        host = world.hosts([vm["host"]])[vm["host"]]
        pids = host["qemus"].get(str(vm["vm_id"]), [])
        return pids not in ([], [int(vm["pid"])]) and host["answers"].get(str(vm["vm_id"])) == "running"

    await_that(is_back, "the restart of QEMU")


def _qemu_stopped(world: World, turn: Turn) -> None:
    vm = world.find("target/two")
    world.lab.ssh(vm["host"], f"kill -STOP {vm['pid']}")
    try:
        turn.expect(world.deploy(), f"VM {vm['vm_id']} (two)", f"process {vm['pid']}", "kill -CONT")
        if world.find("target/two")["status"] != "error":
            turn.untrue.append("a VM that does not answer is not stored as error")
    finally:
        world.lab.ssh(vm["host"], f"kill -CONT {vm['pid']}")


FAULTS = [
    Fault("guest-powers-off", _powers_off, with_guest),
    Fault("guest-reboots", _restarts("reboot -f"), with_guest),
    Fault("guest-panics", _restarts("echo c > /proc/sysrq-trigger"), with_guest),
    Fault("qemu-killed", _qemu_killed),
    Fault("qemu-stopped", _qemu_stopped),
]
