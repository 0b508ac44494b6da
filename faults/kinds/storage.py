# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""File systems that are full or read-only: the state folder of a worker, and the folder of the database."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..lab import DATABASE, STATE, Run
from ..proof import Fault, Step, Turn
from ..topologies import LARGE
from ..world import World

# The one with a file system of its own.
HOST = "worker2"
FILLER = "filler"
# Running VMs keep what they have opened on the mount below this one.
READ_ONLY = "mount --bind {0} {0} && mount -o remount,bind,ro {0}"


@contextmanager
def _full(folder: Path) -> Iterator[None]:
    """Fill a file system to its last byte."""
    for number, size in enumerate(("64k", "4k")):
        # It ends when nothing is left.
        subprocess.run(
            ["dd", "if=/dev/zero", f"of={folder / FILLER}{number}", f"bs={size}", "status=none"],
            check=False,
            stderr=subprocess.DEVNULL,
        )
    try:
        yield
    finally:
        for path in folder.glob(f"{FILLER}*"):
            path.unlink()


@contextmanager
def _full_on_host(world: World) -> Iterator[None]:
    fill = "; ".join(f"dd if=/dev/zero of={STATE}/{FILLER}{size} bs={size} status=none" for size in ("64k", "4k"))
    world.lab.ssh(HOST, f"{fill}; true")
    try:
        yield
    finally:
        world.lab.ssh(HOST, f"rm {STATE}/{FILLER}*")


@contextmanager
def _read_only_on_host(world: World) -> Iterator[None]:
    world.lab.ssh(HOST, READ_ONLY.format(STATE))
    try:
        yield
    finally:
        world.lab.ssh(HOST, f"umount --lazy {STATE}")


@contextmanager
def _read_only_database() -> Iterator[None]:
    subprocess.run(READ_ONLY.format(DATABASE.parent), shell=True, check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(DATABASE.parent)], check=True)


def _again(world: World, turn: Turn) -> None:
    def again() -> Run:
        return world.deploy(LARGE)

    turn.again = again


def _full_worker(world: World, turn: Turn) -> None:
    _again(world, turn)
    with _full_on_host(world):
        turn.expect(world.deploy(LARGE), HOST, "No space left on device", STATE)
        turn.untrue += world.untrue()


def _read_only_worker(world: World, turn: Turn) -> None:
    _again(world, turn)
    with _read_only_on_host(world):
        turn.expect(world.deploy(LARGE), HOST, "Read-only file system", STATE)
        turn.untrue += world.untrue()


def _database(words: str, *, full: bool) -> Step:
    def inject(world: World, turn: Turn) -> None:
        _again(world, turn)
        before, hosts = DATABASE.read_bytes(), world.snapshot()
        with _full(DATABASE.parent) if full else _read_only_database():
            turn.expect(world.deploy(LARGE), words, str(DATABASE.parent))
            if DATABASE.read_bytes() != before:
                turn.lost.append("the database is not what it was")
            turn.untrue += world.breaches()
        turn.untrue += [f"changed by a run that stored nothing: {host}" for host in hosts if hosts != world.snapshot()]

    return inject


FAULTS = [
    Fault("worker-disk-full", _full_worker),
    Fault("worker-read-only", _read_only_worker),
    Fault("database-disk-full", _database("No space left on device", full=True)),
    Fault("database-read-only", _database("Read-only file system", full=False)),
]
