# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The data model's C(status), derived from what is wanted of a VM and what its host saw of it.

A VM is wanted C(running), C(stopped) or C(paused), which is its C(power), or C(absent). C(seen_as) is the way back:
what a status that was stored without anything else says.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

RUNNING = "running"
STOPPED = "stopped"
PAUSED = "paused"
ABSENT = "absent"
POWERS = (RUNNING, STOPPED, PAUSED)

ERROR = "error"
UNKNOWN = "unknown"
"""What is seen of a VM on which its host was to report and did not."""
SEEN = (*POWERS, ERROR, UNKNOWN)

PENDING = "pending"
DESIGN = "design"
DELETING = "deleting"
VM_STATES = frozenset({PENDING, DESIGN, RUNNING, STOPPED, ERROR, DELETING})

# A paused guest does not run; that it has a process is told by its pid.
_STATUS_OF = {PAUSED: STOPPED, UNKNOWN: ERROR}


@dataclass(frozen=True)
class Observed:
    """What was seen of a VM.

    Attributes:
        state: one of C(SEEN).
        pid: the process id of its QEMU, C(None) where there is none.
        since: when it was first seen so, in UTC (C(2026-01-31T12:00:00Z)); C(None) where nobody noted it.
    """

    state: str
    pid: str | None = None
    since: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the stored form; the pid has a field of its own in the data model."""
        return {"state": self.state, **({} if self.since is None else {"since": self.since})}


class Life(NamedTuple):
    """What a status says: whether hosts may have heard of the VM, whether it has to go, and what was seen of it."""

    handed_out: bool
    deleting: bool
    observed: Observed | None


def vm_status(wanted: str, seen: str | None, *, handed_out: bool) -> str:
    """Return the status of a VM.

    Args:
        wanted: its power, or C(absent). What is wanted of its power changes nothing before its host has done it.
        seen: the state that was observed, C(None) where nothing was.
        handed_out: whether its host may have heard of it.
    """
    if wanted == ABSENT:
        return DELETING
    if seen is None:
        return DESIGN if handed_out else PENDING
    return _STATUS_OF.get(seen, seen)


def slice_status(vms: Iterable[tuple[str, str]], *, deleting: bool) -> str:
    """Return the status of a slice from status and power of each VM that is not being deleted.

    A VM that is stopped makes its slice C(stopped) where it should run; where all are wanted so as well.
    """
    if deleting:
        return DELETING
    found = list(vms)
    states = {status for status, _power in found}
    if ERROR in states:
        return ERROR
    if (STOPPED, RUNNING) in found:
        return STOPPED
    return next((status for status in (RUNNING, STOPPED) if status in states), DESIGN)


def seen_as(status: str, pid: str | None) -> Life:
    """Return what a stored status and pid say of a VM; a status that does not exist is kept as the state seen."""
    if status == PENDING and pid is None:
        return Life(handed_out=False, deleting=False, observed=None)
    if status in (PENDING, DESIGN, DELETING):
        observed = None if pid is None else Observed(RUNNING, pid)
        return Life(handed_out=True, deleting=status == DELETING, observed=observed)
    return Life(handed_out=True, deleting=False, observed=Observed(status, pid))
