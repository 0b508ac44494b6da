# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cloud that this host belongs to (docs/decisions/0018): one at a time, and no other touches anything here.

C(STATE_DIR/cloud.json) says which, since when, and from which controller it was claimed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..changes import Change, between
from ..claim import Claim
from ..errors import Refusal, Refused, SlicesError
from . import files, revisions, vm_folders

FILE = "cloud.json"
_HOST = "this host"


@dataclass(frozen=True)
class Caller:
    """The cloud of whoever calls a module."""

    uuid: str
    title: str
    incarnation: str

    def __str__(self) -> str:
        """What messages call it."""
        return f"{self.title} ({self.uuid})"


@dataclass(frozen=True)
class ClaimPlan:
    """What becomes of the claim on a host.

    Attributes:
        orphans: VMs of the cloud before, which the new one does not adopt.
    """

    held: Claim | None
    wanted: Claim
    orphans: tuple[str, ...] = ()

    @property
    def is_handed_over(self) -> bool:
        """Whether the host was another cloud's."""
        return self.held is not None and self.held.uuid != self.wanted.uuid

    @property
    def changes(self) -> list[Change]:
        """The claim, if it differs."""
        if self.held == self.wanted:
            return []
        before, after = (_shown(claim) for claim in (self.held, self.wanted))
        return [between("host", "cloud", before, {**(after or {}), "orphans": list(self.orphans)})]


def caller(params: Mapping[str, Any]) -> Caller | None:
    """Return who calls a module, by its C(CLOUD_ARGUMENTS); nothing where it does not say."""
    if params["cloud_uuid"] is None:
        return None
    return Caller(params["cloud_uuid"], params["cloud_title"] or "", params["cloud_incarnation"] or "")


def read(state_dir: str) -> Claim | None:
    """Return the claim on this host, nothing where no cloud has claimed it.

    Raises:
        SlicesError: it cannot be told.
    """
    path = f"{state_dir}/{FILE}"
    text = files.read_text(path)
    try:
        return None if text is None else Claim.from_dict(json.loads(text))
    except (ValueError, Refused) as error:
        raise SlicesError(
            f"{path} does not tell which cloud this host belongs to ({error}); remove it and run cloudrepo.slices.site",
            path=path,
        ) from error


def require(params: Mapping[str, Any], *, missing_ok: bool) -> None:
    """Make sure that the caller's cloud has claimed this host; a call by hand, which names none, is taken as it is.

    Args:
        params: a module's C(CLOUD_ARGUMENTS) and C(state_dir).
        missing_ok: whether a host that is yet to be prepared need not be claimed.

    Raises:
        Refused: another cloud has, another copy of its database, or none.
        SlicesError: whose it is cannot be told.
    """
    called_by = caller(params)
    if called_by is None:
        return
    held = read(params["state_dir"])
    if held is None and not missing_ok:
        raise Refused([Refusal("host_unclaimed", _HOST)])
    refusal = _conflict(held, called_by)
    if refusal is not None:
        raise Refused([refusal])


def plan(held: Claim | None, called_by: Caller, *, controller: str, now: str, claim: bool, state_dir: str) -> ClaimPlan:
    """What makes this host the caller's.

    Args:
        held: the claim that there is.
        called_by: whose it shall be.
        controller: from where it is claimed.
        now: the time, in UTC.
        claim: whether it is taken from whom it belongs to.
        state_dir: where VM folders are.

    Raises:
        Refused: it is another's, and shall not be taken.
    """
    refusal = _conflict(held, called_by)
    if refusal is not None and not claim:
        raise Refused([refusal])
    if held is not None and refusal is None:
        return ClaimPlan(held, replace(held, title=called_by.title))
    wanted = Claim(called_by.uuid, called_by.title, called_by.incarnation, since=now, controller=controller)
    todo = ClaimPlan(held, wanted)
    return replace(todo, orphans=_vms(state_dir)) if todo.is_handed_over else todo


def apply(todo: ClaimPlan, *, state_dir: str) -> None:
    """Carry out a plan."""
    if todo.changes:
        files.make_folders(state_dir)
        if todo.is_handed_over:
            revisions.forget(state_dir)
        text = json.dumps(todo.wanted.to_dict(), indent=2, ensure_ascii=False)
        files.write_text(f"{state_dir}/{FILE}", f"{text}\n", mode=0o600)


def _conflict(held: Claim | None, called_by: Caller) -> Refusal | None:
    if held is None:
        return None
    told = {"since": held.since, "controller": held.controller}
    if held.uuid != called_by.uuid:
        return Refusal("another_cloud", _HOST, {**told, "held": str(held), "got": str(called_by)})
    if called_by.incarnation not in ("", held.incarnation):
        figures = {**told, "cloud": str(held), "held": held.incarnation, "got": called_by.incarnation}
        return Refusal("another_incarnation", _HOST, figures)
    return None


def _shown(claim: Claim | None) -> dict[str, str] | None:
    if claim is None:
        return None
    return {
        "cloud": str(claim),
        "incarnation": claim.incarnation,
        "since": claim.since,
        "controller": claim.controller,
    }


def _vms(state_dir: str) -> tuple[str, ...]:
    folders = vm_folders.read(f"{state_dir}/vms")
    return tuple(f"VM {vm_id} of slice {folder.slice_id} becomes an orphan" for vm_id, folder in folders.items())
