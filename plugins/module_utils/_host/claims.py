# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cloud that this host belongs to (docs/decisions/0018). Orders of other clouds are refused.

C(STATE_DIR/cloud.json) contains the cloud, the time of the claim, and the controller that claimed the host.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .. import identity
from ..changes import Change, between
from ..claim import Claim
from ..errors import Refusal, Refused
from ..holdings import KnownMachine
from ..vlans import MANAGEMENT_VLAN, Vlans
from . import applied_orders, fences, files, host_info, revisions, state_folder, vm_folders

FILE = "cloud.json"
_HOST = "this host"


@dataclass(frozen=True)
class Caller:
    """The cloud that calls a module."""

    uuid: str
    title: str
    incarnation: str

    def __str__(self) -> str:
        """Return the cloud as messages show it."""
        return f"{self.title} ({self.uuid})"


@dataclass(frozen=True)
class ClaimPlan:
    """The change of the claim on a host.

    Attributes:
        held: the current claim.
        wanted: the desired claim.
        orphans: VMs of the previous cloud, which become orphans.
    """

    held: Claim | None
    wanted: Claim
    orphans: tuple[str, ...] = ()

    @property
    def is_handed_over(self) -> bool:
        """Whether the host belongs to another cloud so far."""
        return self.held is not None and self.held.uuid != self.wanted.uuid

    @property
    def warnings(self) -> list[str]:
        """What to look after when the host is taken from another cloud, whose other hosts may share the trunk."""
        if self.held is None or not self.is_handed_over:
            return []
        shared = _in_common(self.held, self.wanted.vlans)
        message = f"this host was taken from cloud {self.held} for cloud {self.wanted}{shared}"
        return [f"{message}; other hosts of that cloud must not be on the same trunk"] if shared else []

    @property
    def changes(self) -> list[Change]:
        """The claim, if it differs."""
        if self.held == self.wanted:
            return []
        before = None if self.held is None else _shown(self.held)
        return [between("host", "cloud", before, {**_shown(self.wanted), "orphans": list(self.orphans)})]


def caller(params: Mapping[str, Any]) -> Caller | None:
    """Return the caller from a module's C(CLOUD_ARGUMENTS), C(None) if they do not name a cloud."""
    if params["cloud_uuid"] is None:
        return None
    return Caller(params["cloud_uuid"], params["cloud_title"] or "", params["cloud_incarnation"] or "")


def read(state_dir: str) -> Claim | None:
    """Return the claim on this host, C(None) if it is unclaimed.

    Raises:
        SlicesError: the claim is unreadable.
    """
    path = f"{state_dir}/{FILE}"
    text = files.read_text(path)
    try:
        return None if text is None else Claim.from_dict(json.loads(text))
    except (ValueError, Refused) as error:
        why = "; ".join(str(error).splitlines())
        raise Refused([Refusal("claim_unreadable", path, {"why": why})], path=path) from error


def require_state(state_dir: str) -> None:
    """Check that a state folder is the one that this host was prepared with, or has a claim.

    Raises:
        Refused: it is not, so its content says nothing about this host, or the claim is unreadable.
    """
    refusal = state_folder.misplaced(state_dir) if read(state_dir) is None else None
    if refusal is not None:
        raise Refused([refusal])


def management_vlan(state_dir: str) -> int:
    """Return the management VLAN of the cloud that has claimed this host; of an unclaimed host, the default.

    Raises:
        SlicesError: the claim is unreadable.
    """
    held = read(state_dir)
    return MANAGEMENT_VLAN if held is None else held.management_vlan


def require(params: Mapping[str, Any], *, missing_ok: bool) -> None:
    """Check that the caller's cloud has claimed this host, and means this machine. A call without a cloud passes.

    Args:
        params: a module's C(CLOUD_ARGUMENTS) and C(state_dir), and C(MACHINE_ARGUMENTS) if it has them.
        missing_ok: whether the host may be unclaimed because it is not prepared yet.

    Raises:
        Refused: the host belongs to another cloud or to another copy of the database, is unclaimed, was prepared with
            another state folder, or is not the machine that this call is meant for.
        SlicesError: the claim is unreadable.
    """
    called_by = caller(params)
    if called_by is None:
        return
    held = _held(params["state_dir"], called_by)
    if held is None and not missing_ok:
        raise Refused([Refusal("host_unclaimed", _HOST)])
    refusal = _conflict(held, called_by) or _another_machine(params.get("machine_mark"), called_by)
    if refusal is not None:
        raise Refused([refusal])


def require_owner(params: Mapping[str, Any], *, missing_ok: bool) -> None:
    """Check the same as C(require), and refuse a call without a cloud if a cloud has claimed this host.

    A database without a cloud is a new one, for which all objects on the host would be orphans.

    Raises:
        Refused, SlicesError: as C(require).
    """
    require(params, missing_ok=missing_ok)
    held = read(params["state_dir"])
    if held is not None and caller(params) is None:
        common = {"since": held.since, "controller": held.controller, "vlans": ""}
        got = "a call without a cloud"
        raise Refused([Refusal("another_cloud", _HOST, {**common, "held": str(held), "got": got})])


def require_worker(address: str, machines: Iterable[KnownMachine], called_by: Caller | None) -> None:
    """Check that this machine is the worker that the database has at an address.

    Args:
        address: the address of the worker for which this host is called.
        machines: all workers of the database.
        called_by: the cloud; without one, machines are not compared.

    Raises:
        Refused: the database has this machine at another address, another machine at this address, or no worker there.
    """
    marks = {machine.address: machine.mark for machine in machines}
    got = None if called_by is None else this_machine(called_by.uuid)
    known = [other for other, mark in marks.items() if got is not None and mark == got]
    refusal = None
    if known and address not in known:
        refusal = Refusal("worker_renumbered", _HOST, {"got": address, "known": known})
    elif address not in marks:
        refusal = Refusal("worker_unregistered", _HOST, {"got": address})
    elif called_by is not None:
        refusal = _another_machine(marks[address], called_by)
    if refusal is not None:
        raise Refused([refusal])


def _another_machine(wanted: str | None, called_by: Caller) -> Refusal | None:
    """Return why a call is not for this machine: it has the address of another worker, or replaces the network node."""
    got = this_machine(called_by.uuid)
    if wanted in (None, got):
        return None
    return Refusal("not_this_machine", _HOST, {"got": got or "no machine-id", "wanted": wanted})


def this_machine(cloud_uuid: str) -> str | None:
    """Return the mark of this machine in a cloud, C(None) if it has no valid machine-id."""
    machine_id = host_info.read_machine_id()
    return None if machine_id is None else identity.machine_mark(cloud_uuid, machine_id)


def plan(
    held: Claim | None,
    called_by: Caller,
    *,
    controller: str,
    now: str,
    claim: bool,
    state_dir: str,
    vlans: Vlans,
) -> ClaimPlan:
    """Return the change that makes this host belong to the caller.

    Args:
        held: the current claim.
        called_by: the new owner.
        controller: the host name of the controller.
        now: the current time in UTC.
        claim: whether to take the host from another owner.
        state_dir: the parent of the VM folders.
        vlans: the VLANs of the new owner.

    Raises:
        Refused: the host belongs to another cloud, and C(claim) is not set.
    """
    refusal = _conflict(held, called_by, vlans)
    if refusal is not None and not claim:
        raise Refused([refusal])
    mark = this_machine(called_by.uuid)
    if held is not None and refusal is None:
        # A machine-id that is emptied for now must not make the next one the right one.
        kept = replace(held, title=called_by.title, machine_mark=mark or held.machine_mark)
        return ClaimPlan(held, _with_vlans(kept, vlans))
    wanted = Claim(called_by.uuid, called_by.title, called_by.incarnation, now, controller, machine_mark=mark)
    todo = ClaimPlan(held, _with_vlans(wanted, vlans))
    return replace(todo, orphans=_vms(state_dir)) if todo.is_handed_over else todo


def _with_vlans(claim: Claim, vlans: Vlans) -> Claim:
    return replace(claim, vlan_pools=vlans.pools_text, management_vlan=vlans.management)


def plan_for(params: Mapping[str, Any], called_by: Caller, *, now: str) -> ClaimPlan:
    """The same from a module's arguments C(CLAIM_ARGUMENTS) and C(state_dir), and what is on this host.

    Raises:
        Refused: also if the host was prepared with another state folder, and C(claim) is not set.
        SlicesError: the claim is unreadable.
    """
    state_dir = params["state_dir"]
    return plan(
        read(state_dir) if params["claim"] else _held(state_dir, called_by),
        called_by,
        controller=params["controller"],
        now=now,
        claim=params["claim"],
        state_dir=state_dir,
        vlans=Vlans.from_dict(params),
    )


def apply(todo: ClaimPlan, *, state_dir: str) -> None:
    """Apply a plan."""
    if todo.changes:
        files.make_folders(state_dir)
        if todo.is_handed_over:
            revisions.forget(state_dir)
            applied_orders.forget(state_dir)
            fences.forget(state_dir)
        text = json.dumps(todo.wanted.to_dict(), indent=2, ensure_ascii=False)
        files.write_text(f"{state_dir}/{FILE}", f"{text}\n", mode=0o600)


def _held(state_dir: str, called_by: Caller) -> Claim | None:
    """Return the claim on this host, C(None) if it is unclaimed.

    Raises:
        Refused: the folder has no claim, but this host was prepared with it or with another one; or the latter has the
            claim of another cloud.
        SlicesError: the claim is unreadable.
    """
    held, prepared, refusal = read(state_dir), state_folder.prepared(), None
    if prepared is not None and prepared != state_dir:
        refusal = _conflict(read(prepared), called_by)
    if refusal is None and held is None:
        refusal = state_folder.misplaced(state_dir)
    if refusal is not None:
        raise Refused([refusal])
    return held


def _conflict(held: Claim | None, called_by: Caller, vlans: Vlans | None = None) -> Refusal | None:
    if held is None:
        return None
    common = {"since": held.since, "controller": held.controller}
    if held.uuid != called_by.uuid:
        return Refusal(
            "another_cloud",
            _HOST,
            {**common, "held": str(held), "got": str(called_by), "vlans": _in_common(held, vlans)},
        )
    if called_by.incarnation not in ("", held.incarnation):
        figures = {**common, "cloud": str(held), "held": held.incarnation, "got": called_by.incarnation}
        return Refusal("another_incarnation", _HOST, figures)
    return None


def _in_common(held: Claim, vlans: Vlans | None) -> str:
    """Return the VLANs that the cloud of a claim has in common with another one, as the end of a sentence."""
    shared = "" if vlans is None else held.vlans.shared_with(vlans)
    return f"; VLANs {shared} belong to both ({held.vlans} there, {vlans} here)" if shared else ""


def _shown(claim: Claim) -> dict[str, Any]:
    return {
        "cloud": str(claim),
        "incarnation": claim.incarnation,
        "since": claim.since,
        "controller": claim.controller,
        "machine": claim.machine_mark or "no machine-id",
        **claim.vlans.to_dict(),
    }


def _vms(state_dir: str) -> tuple[str, ...]:
    folders = vm_folders.read(f"{state_dir}/vms")
    return tuple(f"VM {vm_id} of slice {folder.slice_id} becomes an orphan" for vm_id, folder in folders.items())
