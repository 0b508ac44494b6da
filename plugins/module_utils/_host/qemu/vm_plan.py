# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The changes to the VMs of a host, as data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...changes import Change, SliceRef, between
from ...vm_order import VM
from .. import systemd
from ..systemd import Unit
from .config import (
    SEED,
)
from .devices import UEFI_VARIABLES
from .pause import Pause
from .vnc import NewPassword


@dataclass(frozen=True)
class Write:
    """A file to write; C(old) is empty if it does not exist yet."""

    vm: VM
    name: str
    text: str
    old: str | None


@dataclass(frozen=True)
class Link:
    """A NIC whose carrier changes, of a VM that is running or is started."""

    vm: VM
    interface: str
    up: bool


@dataclass(frozen=True)
class Prune:
    """The removals: units of VMs that are not in the order, and all units of slices without a VM on this host."""

    stop: tuple[Unit, ...] = ()
    disable: tuple[tuple[int, int], ...] = ()
    templates: tuple[int, ...] = ()
    slices: tuple[int, ...] = ()

    @property
    def changes(self) -> list[Change]:
        """The objects to remove."""
        units: dict[tuple[int, int], dict[str, str]] = {}
        for unit in self.stop:
            units[(unit.slice_id, unit.vm_id)] = {"state": unit.active}
        for pair in self.disable:
            units.setdefault(pair, {})["startup"] = "enabled"
        return [
            *(
                between("unit", systemd.unit_name(*pair), units[pair], None, slice=SliceRef(pair[0]))
                for pair in sorted(units)
            ),
            *(
                between("template", systemd.template_name(slice_id), {}, None, slice=SliceRef(slice_id))
                for slice_id in self.templates
            ),
            *(
                between("cgroup", systemd.slice_name(slice_id), {}, None, slice=SliceRef(slice_id))
                for slice_id in self.slices
            ),
        ]


@dataclass(frozen=True)
class VmPlan:
    """The changes to the VMs of an order.

    Attributes:
        templates: the text of templates, by slice id.
        halt: VMs to stop.
        asked: those of the VMs to stop or to restart whose guests are asked to shut down before.
        restart_required: VMs that keep running although they need a restart, each with the reasons.
        faults: the errors of VMs before any change, by VM id.
        seeds: VMs whose disk for cloud-init is written.
        variables: VMs whose UEFI variables are written.
    """

    prune: Prune = Prune()
    templates: Mapping[int, str] = field(default_factory=dict)
    writes: tuple[Write, ...] = ()
    enable: tuple[VM, ...] = ()
    disable: tuple[VM, ...] = ()
    halt: tuple[VM, ...] = ()
    start: tuple[VM, ...] = ()
    restart: tuple[tuple[VM, tuple[str, ...]], ...] = ()
    failed: tuple[VM, ...] = ()
    links: tuple[Link, ...] = ()
    restart_required: tuple[tuple[VM, tuple[str, ...]], ...] = ()
    faults: Mapping[int, str] = field(default_factory=dict)
    passwords: tuple[NewPassword, ...] = ()
    pauses: tuple[Pause, ...] = ()
    seeds: tuple[VM, ...] = ()
    asked: tuple[VM, ...] = ()
    variables: tuple[VM, ...] = ()

    @property
    def fresh(self) -> tuple[VM, ...]:
        """The VMs to start or restart."""
        return (*self.start, *(vm for vm, _reasons in self.restart))

    @property
    def result(self) -> dict[str, Any]:
        """The results of a module that are known before the plan is applied."""
        return {
            "stopped": [unit.name for unit in self.prune.stop],
            "restart_required": [
                {"vm_id": vm.vm_id, "name": vm.name, "reasons": list(reasons)} for vm, reasons in self.restart_required
            ],
        }

    @property
    def changes(self) -> list[Change]:
        """Each object that differs. All changes of a VM are those of its unit."""
        before: dict[VM, dict[str, Any]] = {}
        after: dict[VM, dict[str, Any]] = {}
        for vm, name, old, new in self._facts:
            before.setdefault(vm, {})[name] = old
            after.setdefault(vm, {})[name] = new
        reasons = dict(self.restart)
        actions = {**dict.fromkeys(self.start, "start"), **dict.fromkeys(self.halt, "stop")}
        actions.update({each.vm: "pause" if each.paused else "resume" for each in self._lone_pauses})
        actions.update(dict.fromkeys(reasons, "restart"))
        return [
            *self.prune.changes,
            *(
                Change("template", systemd.template_name(slice_id), "write", after={}, slice=SliceRef(slice_id))
                for slice_id in self.templates
            ),
            *(
                Change(
                    "unit",
                    systemd.unit_name(vm.slice_id, vm.vm_id),
                    actions.get(vm, "update"),
                    before[vm],
                    after[vm],
                    reason="; ".join(reasons.get(vm, ())),
                    restart=vm in reasons,
                    slice=SliceRef(vm.slice_id),
                )
                for vm in before
            ),
        ]

    @property
    def _facts(self) -> Iterator[tuple[VM, str, str | None, str]]:
        """Yield the attributes of VMs' units that differ: the VM, the attribute, the old and the new value."""
        yield from ((vm, "state", "failed" if vm in self.failed else "stopped", vm.state) for vm in self.start)
        yield from ((vm, "state", "running", "stopped") for vm in self.halt)
        for each in self._lone_pauses:
            yield (each.vm, "state", *(("running", "paused") if each.paused else ("paused", "running")))
        yield from ((vm, "state", "running", "restarted") for vm, _reasons in self.restart)
        yield from ((vm, "startup", "disabled", "enabled") for vm in self.enable)
        yield from ((vm, "startup", "enabled", "disabled") for vm in self.disable)
        for link in self._changed_links:
            yield (link.vm, f"{link.interface}_carrier", *(("down", "up") if link.up else ("up", "down")))
        for write in self._lone_writes:
            yield write.vm, write.name, None if write.old is None else "outdated", "current"
        yield from ((vm, SEED, "outdated", "current") for vm in self.seeds if vm not in self.fresh)
        yield from ((vm, UEFI_VARIABLES, None, "current") for vm in self.variables if vm not in self.fresh)
        for new in self.passwords:
            if new.live or new.vm not in self.fresh:
                yield new.vm, "display_password", "another", "new"

    @property
    def _changed_links(self) -> list[Link]:
        """The carriers that change on VMs that keep running."""
        fresh = set(self.fresh)
        return [link for link in self.links if link.vm not in fresh]

    @property
    def _lone_pauses(self) -> list[Pause]:
        """The pauses of VMs that keep running."""
        fresh = set(self.fresh)
        return [each for each in self.pauses if each.vm not in fresh]

    @property
    def _lone_writes(self) -> list[Write]:
        """The files that are written although the VM has no other change."""
        said = {*self.fresh, *(link.vm for link in self.links)}
        return [write for write in self.writes if write.vm not in said]
