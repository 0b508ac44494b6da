# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Puts a former worker back as it was before the role. What a network node on the same host uses stays.

A host with anything of a tenant is refused: VMs and disks are moved, deleted or removed as orphans first.
"""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from ..changes import Change, between
from ..errors import Refusal, Refused
from ..vlans import POOL_COUNT
from . import acls, files, retirement, revisions, roles, worker_orphans
from .datapath import flows, ovsdb
from .disk import trash
from .orphans import DISK
from .retirement import PROGRAM, Leftovers, Parts, Places
from .runner import Runner
from .systemd import UNIT_DIR

_LIBRARY = os.path.dirname(PROGRAM)
_UNIT_FILES = (
    *("slices-flows.service", "slices-taps.service", "slices-keep-taps.service"),
    *("slices-logs.service", "slices-logs.timer", "slices-power-down.service"),
    *("slices-fence.service", "slices-fence-watch.service", "slices-fence-watch.timer"),
)
PARTS = Parts(
    role=roles.WORKER,
    units=(
        # The first one would load the packet rules again.
        *("slices-keep-taps.service", "slices-fence-watch.timer", "slices-logs.timer"),
        *("slices-fence.service", "slices-power-down.service", "slices-taps.service", "slices-flows.service"),
    ),
    files=(
        *(f"{UNIT_DIR}/{name}" for name in _UNIT_FILES),
        f"{UNIT_DIR}/cloudrepo-.service.d/vm.conf",
        f"{UNIT_DIR}/nftables.service.d/cloudrepo-taps.conf",
        "/etc/tmpfiles.d/cloudrepo.conf",
        f"{_LIBRARY}/vm-run",
        f"{_LIBRARY}/taps.nft",
    ),
    folders=(
        *(f"{UNIT_DIR}/{name}.service.d" for name in ("cloudrepo-", "nftables")),
        *(_LIBRARY, "/run/cloudrepo"),
    ),
    tables=("inet cloudrepo_taps",),
    state=(
        *("images", "flows", "vms", "trash", "trash.json", "disks.json"),
        *(f"{folder}/{revisions.WORKER}" for folder in ("applied", "orphans")),
    ),
)
CLOSED = ("/tmp", "/var/tmp", "/dev/shm", "/run/lock", "/run/dbus")
"""The folders whose access control lists deny the users of VMs any access."""


@dataclass(frozen=True)
class WorkerRetirementPlan:
    """What is left of the role on the host.

    Attributes:
        left: the leftovers that any role has.
        users: the users of VMs.
        group: the group that all of them are in, with its gid; C(None) if it does not exist.
        closed: the folders that are closed to this group.
    """

    left: Leftovers
    users: tuple[str, ...] = ()
    group: tuple[str, int] | None = None
    closed: tuple[str, ...] = ()

    @property
    def changes(self) -> Sequence[Change]:
        """Each object that is removed or changed; all users count as one."""
        name = self.group[0] if self.group else ""
        return [
            *(between("access control list", path, {"group": name}, None) for path in self.closed),
            *([between("users", f"{self.users[0]} to {self.users[-1]}", {}, None)] if self.users else []),
            *([between("group", name, {}, None)] if name else []),
            *self.left.changes,
        ]


def plan(
    runner: Runner, *, state_dir: str, user: str, bridge: str, places: Places | None = None
) -> WorkerRetirementPlan:
    """Return what the role has left on the host, nothing if the host does not have it.

    Raises:
        Refused: the host has VMs, disks or other objects of slices.
        CommandFailed: Open vSwitch or systemd does not respond.
    """
    places = places or Places()
    todo = roles.without(roles.read(state_dir), roles.WORKER)
    if not todo.changes:
        return WorkerRetirementPlan(Leftovers(todo))
    _refuse_tenants(runner, state_dir=state_dir, unit_dir=f"{places.root}{UNIT_DIR}")
    switch = ovsdb.observe(runner)
    left = retirement.look(PARTS, todo, switch, runner, state_dir=state_dir, bridge=bridge, places=places)
    group = next(((each.gr_name, each.gr_gid) for each in grp.getgrall() if each.gr_name == user), None)
    names = {f"{user}-{number}" for number in range(POOL_COUNT)}
    return WorkerRetirementPlan(
        left,
        users=tuple(each.pw_name for each in pwd.getpwall() if each.pw_name in names),
        group=group,
        closed=tuple(path for path in _closed(places) if group and acls.names(path, group[1])),
    )


def locked(state_dir: str) -> AbstractContextManager[None]:
    """Lock the host against work orders, from before C(plan) to the end of C(apply). Only a worker has the lock."""
    return files.locked(flows.folder_in(state_dir)) if roles.WORKER in roles.read(state_dir) else nullcontext()


def apply(todo: WorkerRetirementPlan, runner: Runner, *, state_dir: str, places: Places | None = None) -> None:
    """Apply a plan.

    Raises:
        CommandFailed: a command failed. The next call continues.
    """
    if not todo.changes:
        return
    todo.left.stop(runner)
    if todo.group:
        for path in todo.closed:
            acls.remove(path, todo.group[1])
    for name in todo.users:
        runner.run(["userdel", name])
    if todo.group:
        runner.run(["groupdel", todo.group[0]])
    todo.left.remove(PARTS, runner, state_dir=state_dir, places=places or Places())


def _refuse_tenants(runner: Runner, *, state_dir: str, unit_dir: str) -> None:
    held = worker_orphans.find([], worker_orphans.observe(runner, state_dir=state_dir, unit_dir=unit_dir))
    disks = [each for each in held if each.kind == DISK]
    deleted = [path for entry in trash.entries(state_dir) for path in entry.overlays]
    if held or deleted:
        ids = sorted({each.slice_id for each in held if each.slice_id is not None})
        figures = {"slices": ids or "none", "disks": len(disks), "deleted": len(deleted)}
        raise Refused([Refusal("worker_in_use", "this host", figures)])


def _closed(places: Places) -> tuple[str, ...]:
    return tuple(f"{places.root}{path}" for path in CLOSED)
