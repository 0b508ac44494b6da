# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The data model's C(status), derived from the desired and the observed state of a VM.

The desired state of a VM is C(running), C(stopped) or C(paused), which is its C(power), or C(absent). C(seen_as) is the
reverse, for a stored status without other fields.
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
"""The observed state of a VM whose host should have reported and did not."""
SEEN = (*POWERS, ERROR, UNKNOWN)

PENDING = "pending"
DESIGN = "design"
DELETING = "deleting"
VM_STATES = frozenset({PENDING, DESIGN, RUNNING, STOPPED, ERROR, DELETING})

# A paused guest does not run. Its pid shows that it has a process.
_STATUS_OF = {PAUSED: STOPPED, UNKNOWN: ERROR}


@dataclass(frozen=True)
class Observed:
    """The observed state of a VM.

    Attributes:
        state: one of C(SEEN).
        pid: the process id of its QEMU, C(None) if there is none.
        since: when this state was first observed, in UTC (C(2026-01-31T12:00:00Z)); C(None) if unknown.
        revision: the revision of the work order that the last report answered; C(None) if unknown.
        moment: when its host last observed it, a C(VmReport.moment); C(None) if unknown.
    """

    state: str
    pid: str | None = None
    since: str | None = None
    revision: int | None = None
    moment: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the stored form, without the pid, which is a separate field of the data model."""
        said = {"state": self.state, "since": self.since, "revision": self.revision, "moment": self.moment}
        return {key: value for key, value in said.items() if value is not None}

    def precedes(self, other: Observed) -> bool:
        """Return whether it is certainly older: by the revisions of the orders, and for the same one by the moments.

        Moments of different boots cannot be compared.
        """
        if self.revision is None or other.revision is None:
            return False
        if self.revision != other.revision:
            return self.revision < other.revision
        (boot, seconds), (other_boot, other_seconds) = _moment(self.moment), _moment(other.moment)
        return boot == other_boot and seconds < other_seconds


class Life(NamedTuple):
    """The meaning of a status: whether the VM was in a work order, is being deleted, and its observed state."""

    handed_out: bool
    deleting: bool
    observed: Observed | None


def _moment(text: str | None) -> tuple[str, float]:
    """Return the boot of a moment, and the seconds since."""
    boot, _space, seconds = (text or "").partition(" ")
    return boot, float(seconds or 0)


def vm_status(wanted: str, seen: str | None, *, handed_out: bool) -> str:
    """Return the status of a VM.

    Args:
        wanted: its power, or C(absent). A change of power has no effect on the status before its host has applied it.
        seen: the observed state, C(None) if there is none.
        handed_out: whether it was in a work order.
    """
    if wanted == ABSENT:
        return DELETING
    if seen is None:
        return DESIGN if handed_out else PENDING
    return _STATUS_OF.get(seen, seen)


def slice_status(vms: Iterable[tuple[str, str]], *, deleting: bool) -> str:
    """Return the status of a slice from status and power of each VM that is not being deleted.

    A slice is C(stopped) if a VM that should run is stopped, or if all VMs should be stopped.
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
    """Return the meaning of a stored status and pid. An unknown status is kept as the observed state."""
    if status == PENDING and pid is None:
        return Life(handed_out=False, deleting=False, observed=None)
    if status in (PENDING, DESIGN, DELETING):
        observed = None if pid is None else Observed(RUNNING, pid)
        return Life(handed_out=True, deleting=status == DELETING, observed=observed)
    return Life(handed_out=True, deleting=False, observed=Observed(status, pid))
