# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The steps that apply a work order to the network node."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from ...changes import Change
from ...errors import Refused, SlicesError
from ...network_order import Services
from ...steps import Steps
from .. import applied_orders, fences, files, one_by_one, ownership, revisions, runner
from ..datapath import flows
from ..fences import FencePlan, LostMachines
from ..ownership import Refusals, Seen
from ..runner import Runner
from . import apply, owners, plan, state
from .files import Folders
from .plan import ServicesPlan
from .state import State


@dataclass(frozen=True)
class Todo:
    """The plan for the slices that the host does not refuse.

    Attributes:
        seen: these slices, their state on the host, and the refused slices.
        plan: the changes to the host.
        fence: the changes to the list of lost machines.
        failed: the slices that C(apply) could not apply completely, and why; it adds them.
    """

    seen: Seen[Services, State]
    plan: ServicesPlan
    fence: FencePlan = field(default_factory=FencePlan)
    failed: dict[int, str] = field(default_factory=dict)

    @property
    def failure(self) -> Refused | None:
        """The error if slices were refused or have failed."""
        return self.seen.failure_with(self.failed)

    @property
    def changes(self) -> list[Change]:
        """Each object that differs."""
        return [*self.fence.changes, *self.plan.changes]


@dataclass(frozen=True)
class Job:
    """A work order, and how the network node applies it.

    Attributes:
        orders: the slices.
        folders: where the files of slices are.
        runner: runs commands on the host.
        bridge: the bridge for the ports of networks.
        refused: the slices that are already refused, and why.
        missing_ok: whether a host that is not prepared yet counts as empty.
        lost: the machines that were declared lost; C(None) if the order does not say.
    """

    orders: tuple[Services, ...]
    folders: Folders
    runner: Runner
    bridge: str
    refused: Refusals = field(default_factory=dict)
    missing_ok: bool = False
    lost: LostMachines | None = None

    @property
    def steps(self) -> Steps[Todo]:
        """The steps in their order."""
        return Steps(self.plan, self.apply, failure=lambda todo: todo.failure, lock=self.lock)

    def lock(self) -> AbstractContextManager[None]:
        """Lock the host; the lock is that of the VMs' datapath, because all ports share one range of numbers."""
        return files.locked(flows.folder_in(self.folders.state_dir))

    def plan(self) -> Todo:
        """Observe the host, and plan for the slices that it does not refuse.

        Raises:
            Refused: all slices are refused.
            SlicesError: the host does not respond, or its list of applied orders is unreadable.
        """
        state_dir = self.folders.state_dir
        older = revisions.older(self.orders, state_dir=state_dir, kind=revisions.NETWORK_NODE)
        todo = one_by_one.plan(self.orders, {**self.refused, **older}, self._plan)
        return replace(todo, fence=fences.plan(self.lost, state_dir))

    def apply(self, todo: Todo) -> None:
        """Apply a plan. A slice that cannot be applied does not affect the others.

        Raises:
            SlicesError: a change failed that does not belong to one slice.
        """
        state_dir, kind = self.folders.state_dir, revisions.NETWORK_NODE
        revisions.note(todo.seen.orders, state_dir=state_dir, kind=kind, whole=todo.fence.revision)
        # First: what a lost machine has is used elsewhere once this order is applied.
        fences.apply(todo.fence)
        with ownership.named_in_failure(todo.seen.refused):
            try:
                todo.failed.update(apply.apply(todo.plan, self.folders, self.runner))
            except one_by_one.FAILURES as error:
                found = one_by_one.faults(todo.seen.orders, self._apply_alone, error)
                todo.failed.update(one_by_one.reasons(found))
        done = (order for order in todo.seen.orders if order.slice_id not in todo.failed)
        applied_orders.note(done, state_dir=state_dir, kind=kind)

    def _plan(self, orders: tuple[Services, ...], refused: Refusals) -> Todo:
        seen = ownership.look(
            orders,
            refused,
            observe=self._observe,
            conflicts=lambda left, have: owners.conflicts(left, have, self.folders),
        )
        return Todo(seen, plan.plan(seen.orders, seen.have, self.folders, bridge=self.bridge))

    def _apply_alone(self, orders: tuple[Services, ...]) -> None:
        failed = apply.apply(self._plan(orders, {}).plan, self.folders, self.runner)
        if failed:
            raise SlicesError("\n".join(failed.values()))

    def _observe(self, orders: tuple[Services, ...]) -> State:
        return runner.observed(
            lambda: state.observe(orders, self.folders, self.runner), nothing=State(), missing_ok=self.missing_ok
        )
