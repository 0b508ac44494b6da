# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The steps that apply a work order to a worker: plan and prepare under the lock of the host, then start VMs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from ..changes import Change, is_changed
from ..errors import Refused, SlicesError
from ..report import HOLDS
from ..steps import Steps
from ..work_order import SliceOrder
from . import applied_orders, one_by_one, ownership, revisions, systemd, worker
from .datapath import reconcile as datapath
from .disk import growth, trash
from .ownership import Refusals, Seen
from .qemu import apply as qemu_apply
from .qemu import power_down
from .qemu.apply import Tools
from .stopwatch import Stopwatch
from .systemd import Unit
from .times import moment
from .work_order import all_vms, slice_ids
from .worker import Host, MissingInputs, Plan, Settings


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
        missing: the base images, passwords and user data that refused slices need, and in check mode the base images
            that others need.
        failed: the slices that C(prepare) and C(finish) could not apply completely, and why; they add them.
    """

    seen: Seen[SliceOrder, Host]
    plan: Plan
    missing: MissingInputs = field(default_factory=MissingInputs)
    failed: dict[int, str] = field(default_factory=dict)

    @property
    def failure(self) -> Refused | None:
        """The error if slices were refused or have failed."""
        return self.seen.failure_with(self.failed)

    @property
    def changes(self) -> list[Change]:
        """Each object that differs."""
        return self.plan.changes

    @property
    def left(self) -> tuple[SliceOrder, ...]:
        """The slices that have not failed."""
        return tuple(order for order in self.seen.orders if order.slice_id not in self.failed)

    def fail(self, faults: Mapping[int, Exception]) -> None:
        """Add slices that have failed."""
        self.failed.update(one_by_one.reasons(faults))

    @property
    def result(self) -> dict[str, Any]:
        """The results of a module. The states of VMs are those before the changes."""
        seen, vms = self.seen, self.seen.have.vms
        return {
            "vms": qemu_apply.states(seen.orders, vms.units.vms, self.plan.vms.faults, paused=vms.paused),
            "missing_images": self.missing.missing_images,
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
        removed: disks that C(prepare) removed early, because there was no space for keeping them.
        off: the VMs that C(power_down) has stopped, with the reasons if they are restarted.
        late: warnings about guests that did not shut down in time.
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
    removed: list[trash.Early] = field(default_factory=list)
    off: dict[int, tuple[str, ...]] = field(default_factory=dict)
    late: list[str] = field(default_factory=list)

    @property
    def steps(self) -> Steps[Todo]:
        """The steps in their order."""
        return Steps(
            self.plan,
            self.prepare,
            result=lambda todo: todo.result,
            failure=lambda todo: todo.failure,
            lock=self.lock,
            finish=self.finish,
            turn=self.turn,
            ahead=self.power_down,
        )

    def turn(self) -> AbstractContextManager[None]:
        """Lock the slices against other work orders."""
        state_dir = self.settings.vms.state_dir
        return revisions.turn(slice_ids(self.orders), state_dir=state_dir, kind=revisions.WORKER)

    def lock(self) -> AbstractContextManager[None]:
        """Lock the host against all other work orders."""
        return datapath.locked(self.settings.wires)

    def power_down(self) -> None:
        """Ask the guests of VMs that are stopped or restarted to shut down, wait for all of them, and stop their QEMUs.

        Guests take their time, so the host is locked only for finding them. The plan treats these VMs as running.
        Whatever fails here fails in the plan again, which reports it.
        """
        try:
            if not self._may_ask():
                return
            with self.watch.stage("observe"), self.lock():
                todo = self._plan_complete().plan.vms
        except one_by_one.FAILURES:
            return
        if not todo.asked:
            return
        with self.watch.stage("qemu"):
            self.late.extend(power_down.ask(map(power_down.guest, todo.asked), self.tools.monitor))
            names = [systemd.unit_name(vm.slice_id, vm.vm_id) for vm in todo.asked]
            self.tools.runner.run(["systemctl", "stop", "--", *names], check=False)
        reasons = dict(todo.restart)
        self.off.update({vm.vm_id: reasons.get(vm, ()) for vm in todo.asked})

    def plan(self) -> Todo:
        """Observe the host, and plan for the slices that it does not refuse.

        Raises:
            Refused: all slices are refused. C(missing_images), C(missing_passwords) and C(missing_user_data) list what
                is missing.
            SlicesError: the host does not respond, or its list of applied orders is unreadable.
        """
        with self.watch.stage("observe"):
            if not self.missing_ok:
                return self._plan_complete()
            todo = self._plan_apart(self.refused)
            return Todo(todo.seen, todo.plan, worker.missing_inputs(todo.seen, todo.plan, {}, {}))

    def prepare(self, todo: Todo) -> None:
        """Change everything that VMs need to start, while the host is locked.

        A slice that fails does not affect the others.

        Raises:
            SlicesError: a change failed that does not belong to one slice.
        """
        is_noted = self._note(todo)
        with ownership.named_in_failure(todo.seen.refused), self._warned():
            try:
                self._prepare(todo)
            except one_by_one.FAILURES as error:
                todo.fail(one_by_one.faults(todo.seen.orders, lambda some: self._prepare(self._plan(some, {})), error))
        if not is_noted:
            revisions.note(todo.seen.orders, state_dir=self.settings.vms.state_dir, kind=revisions.WORKER)

    def finish(self, todo: Todo) -> dict[str, Any]:
        """Start and change VMs, and return the results.

        This takes longest and does not affect other slices, so the host need not be locked.

        Raises:
            SlicesError: a VM failed.
        """
        with self.watch.stage("qemu"), ownership.named_in_failure(todo.seen.refused, todo.failed), _dated():
            vms, messages = self._start(todo)
            sick = {vm["slice_id"] for vm in vms if vm["failure"] is not None}
            done = (order for order in todo.left if order.slice_id not in sick)
            applied_orders.note(done, vms, state_dir=self.settings.vms.state_dir, kind=revisions.WORKER)
            if messages:
                changed = is_changed(todo.plan.vms.changes)
                raise SlicesError(
                    "\n".join(messages), changed=changed, vms=vms, **todo.plan.vms.result, **self._warnings
                )
        return {
            "vms": vms,
            "moment": moment(),
            "timings_s": self.watch.seconds,
            **todo.missing.to_dict(),
            **self._warnings,
        }

    def _may_ask(self) -> bool:
        """Return whether a VM runs that may have to be stopped or restarted, and whose guest is asked before that."""
        vms = [vm for vm in all_vms(self.orders) if power_down.is_asked(vm) and (self.restart or not vm.running)]
        units = systemd.look_again([Unit(vm.slice_id, vm.vm_id) for vm in vms], self.tools.runner)
        return any(unit.live for unit in units.values())

    @contextmanager
    def _warned(self) -> Iterator[None]:
        """Add the warnings to the error if the block fails. What they are about has happened nevertheless."""
        try:
            yield
        except SlicesError as error:
            error.fields.update(self._warnings)
            raise

    @property
    def _warnings(self) -> dict[str, list[str]]:
        said = [*self.late, *trash.warnings(self.removed)]
        return {"warnings": said} if said else {}

    def _note(self, todo: Todo) -> bool:
        """Register the order as applied. It may have to wait until the order has made space by removing disks."""
        try:
            revisions.note(todo.seen.orders, state_dir=self.settings.vms.state_dir, kind=revisions.WORKER)
        except OSError as error:
            if error.errno not in trash.NO_SPACE or not todo.plan.disks.discard:
                raise
            return False
        return True

    def _plan_complete(self) -> Todo:
        """Refuse slices until none of the others lacks anything."""
        missing, refused = MissingInputs(), self.refused
        while True:
            try:
                todo = self._plan_apart(refused)
            except Refused as error:
                error.fields.update(missing.to_dict())
                raise
            found = worker.missing_inputs(todo.seen, todo.plan, self.passwords, self.user_data)
            if not found:
                return Todo(todo.seen, todo.plan, missing)
            missing = missing + found
            refused = {**todo.seen.refused, **ownership.by_slice(found.conflicts)}

    def _plan_apart(self, refused: Refusals) -> Todo:
        """Plan, and refuse slices of which the plan fails."""
        return one_by_one.plan(self.orders, refused, self._plan)

    def _plan(self, orders: tuple[SliceOrder, ...], refused: Refusals) -> Todo:
        seen = worker.look(orders, self.tools, settings=self.settings, missing_ok=self.missing_ok, refused=refused)
        todo = worker.plan(seen.orders, seen.have, settings=self.settings, restart=self.restart, off=self.off)
        return Todo(seen, todo)

    def _prepare(self, todo: Todo) -> None:
        worker.prepare(
            todo.plan, todo.seen.have, self.tools, settings=self.settings, watch=self.watch, removed=self.removed
        )

    def _start(self, todo: Todo) -> tuple[list[dict[str, Any]], list[str]]:
        """Start and change the VMs of the slices that have not failed.

        Returns:
            The states of all VMs, and what has failed of some of them.
        """
        found: list[tuple[list[dict[str, Any]], str | None]] = []
        try:
            found.append(self._run(self._plan(todo.left, {}) if todo.failed else todo))
        except one_by_one.FAILURES as error:
            todo.fail(one_by_one.faults(todo.left, lambda some: found.append(self._run(self._plan(some, {}))), error))
        vms = [vm for states, _message in found for vm in states]
        holding = todo.plan.disks.holding
        vms = [{**vm, HOLDS: True} if vm["vm_id"] in holding else vm for vm in [*vms, *self._as_found(todo)]]
        return vms, [message for _states, message in found if message is not None]

    def _run(self, todo: Todo) -> tuple[list[dict[str, Any]], str | None]:
        """Return the states of VMs, and what has failed of some of them."""
        faults = growth.opened(todo.plan.disks.grow, self.tools.monitor)
        try:
            return (
                qemu_apply.run(
                    replace(todo.plan.vms, faults={**faults, **todo.plan.vms.faults}),
                    todo.seen.orders,
                    todo.seen.have.vms.units.vms,
                    self.tools,
                    settings=self.settings.vms,
                    start_timeout_s=self.start_timeout_s,
                    passwords=self.passwords,
                    user_data=self.user_data,
                ),
                None,
            )
        except SlicesError as error:
            if "vms" not in error.fields:
                raise
            return error.fields["vms"], error.message

    def _as_found(self, todo: Todo) -> list[dict[str, Any]]:
        """Return the present states of the VMs of slices that have failed."""
        orders = [order for order in todo.seen.orders if order.slice_id in todo.failed]
        units = systemd.look_again([Unit(vm.slice_id, vm.vm_id) for vm in all_vms(orders)], self.tools.runner)
        return qemu_apply.states(orders, units, {}, paused=todo.seen.have.vms.paused)
