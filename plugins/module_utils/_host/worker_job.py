# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The steps that apply a work order to a worker: plan and prepare under the lock of the host, then start VMs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..changes import Change
from ..errors import Refused, SlicesError
from ..steps import Steps
from ..work_order import SliceOrder
from . import applied_orders, ownership, revisions, worker
from .datapath import reconcile as datapath
from .ownership import Refusals, Seen
from .qemu import apply as qemu_apply
from .qemu.apply import Tools
from .stopwatch import Stopwatch
from .times import moment
from .work_order import slice_ids
from .worker import Host, Lacking, Plan, Settings


@contextmanager
def _dated() -> Iterator[None]:
    """Report the moment in the error if the block fails. The slices are still locked then, as with a result."""
    try:
        yield
    except SlicesError as error:
        error.fields["moment"] = moment()
        raise


@dataclass(frozen=True)
class Todo:
    """The plan for the slices that the host does not refuse.

    Attributes:
        seen: these slices, their state on the host, and the refused slices.
        plan: the changes to the host.
        lacked: the base images, passwords and user data that refused slices need, and in check mode the base images
            that others need.
    """

    seen: Seen[SliceOrder, Host]
    plan: Plan
    lacked: Lacking = field(default_factory=Lacking)

    @property
    def changes(self) -> list[Change]:
        """Each object that differs."""
        return self.plan.changes

    @property
    def result(self) -> dict[str, Any]:
        """The results of a module. The states of VMs are those before the changes."""
        seen, vms = self.seen, self.seen.have.vms
        return {
            "vms": qemu_apply.states(seen.orders, vms.units.vms, self.plan.vms.faults, paused=vms.paused),
            "missing_images": self.lacked.missing_images,
            "orphans": [orphan.to_dict() for orphan in self.plan.disks.orphans],
            **self.plan.vms.result,
        }


@dataclass(frozen=True)
class Job:
    """A work order, and how a worker applies it.

    Attributes:
        orders: the slices.
        tools: access to the host.
        settings: the settings of the host.
        restart: whether to restart VMs for changes that need it.
        start_timeout_s: seconds that the start of a VM may take.
        passwords: the passwords of displays, by VM id.
        user_data: the user data of guests, by VM id.
        refused: the slices that are already refused, and why.
        missing_ok: whether a host that is not prepared yet counts as empty, and no slice is refused because of what it
            lacks. Check mode gets no passwords and no user data, and base images may be missing because it does not
            install them.
        watch: measures the stages.
    """

    orders: tuple[SliceOrder, ...]
    tools: Tools
    settings: Settings
    restart: bool = False
    start_timeout_s: float = 0
    passwords: Mapping[int, str] = field(default_factory=dict)
    user_data: Mapping[int, str] = field(default_factory=dict)
    refused: Refusals = field(default_factory=dict)
    missing_ok: bool = False
    watch: Stopwatch = field(default_factory=Stopwatch)

    @property
    def steps(self) -> Steps[Todo]:
        """The steps in their order."""
        return Steps(
            self.plan,
            self.prepare,
            result=lambda todo: todo.result,
            failure=lambda todo: todo.seen.failure,
            lock=self.lock,
            finish=self.finish,
            turn=self.turn,
        )

    def turn(self) -> AbstractContextManager[None]:
        """Lock the slices against other work orders."""
        state_dir = self.settings.vms.state_dir
        return revisions.turn(slice_ids(self.orders), state_dir=state_dir, kind=revisions.WORKER)

    def lock(self) -> AbstractContextManager[None]:
        """Lock the host against all other work orders."""
        return datapath.locked(self.settings.wires)

    def plan(self) -> Todo:
        """Observe the host, and plan for the slices that it does not refuse.

        Raises:
            Refused: all slices are refused. C(missing_images), C(missing_passwords) and C(missing_user_data) list what
                is missing.
            SlicesError: the host does not respond, or its list of applied orders is unreadable.
        """
        with self.watch.stage("observe"):
            if not self.missing_ok:
                return self._settle()
            todo = self._plan(self.refused)
            return Todo(todo.seen, todo.plan, worker.lacking(todo.seen, todo.plan, {}, {}))

    def prepare(self, todo: Todo) -> None:
        """Change everything that VMs need to start, while the host is locked.

        Raises:
            SlicesError: a change failed.
        """
        revisions.note(todo.seen.orders, state_dir=self.settings.vms.state_dir, kind=revisions.WORKER)
        with ownership.told_with(todo.seen.refused):
            worker.prepare(todo.plan, todo.seen.have, self.tools, settings=self.settings, watch=self.watch)

    def finish(self, todo: Todo) -> dict[str, Any]:
        """Start and change VMs, and return the results.

        This takes longest and does not affect other slices, so the host need not be locked.

        Raises:
            SlicesError: a VM failed.
        """
        with self.watch.stage("qemu"), ownership.told_with(todo.seen.refused), _dated():
            vms = qemu_apply.run(
                todo.plan.vms,
                todo.seen.orders,
                todo.seen.have.vms.units.vms,
                self.tools,
                settings=self.settings.vms,
                start_timeout_s=self.start_timeout_s,
                passwords=self.passwords,
                user_data=self.user_data,
            )
        state_dir = self.settings.vms.state_dir
        applied_orders.note(todo.seen.orders, vms, state_dir=state_dir, kind=revisions.WORKER)
        return {"vms": vms, "moment": moment(), "timings_s": self.watch.seconds, **todo.lacked.to_dict()}

    def _settle(self) -> Todo:
        """Refuse slices until none of the others lacks anything."""
        lacked, refused = Lacking(), self.refused
        while True:
            try:
                todo = self._plan(refused)
            except Refused as error:
                error.fields.update(lacked.to_dict())
                raise
            lack = worker.lacking(todo.seen, todo.plan, self.passwords, self.user_data)
            if not lack:
                return Todo(todo.seen, todo.plan, lacked)
            lacked = lacked + lack
            refused = {**todo.seen.refused, **ownership.by_slice(lack.conflicts)}

    def _plan(self, refused: Refusals) -> Todo:
        seen = worker.look(self.orders, self.tools, settings=self.settings, missing_ok=self.missing_ok, refused=refused)
        return Todo(seen, worker.plan(seen.orders, seen.have, settings=self.settings, restart=self.restart))
