# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work orders: what hosts are told of slices, and what they report, as results of modules."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import defaults
from .._domain import (
    access,
    displays,
    host_requirements,
    identities,
    render_graph,
    render_text,
    slice_changes,
    teardown,
    undelete,
    work_orders,
)
from .._domain import (
    status as status_rules,
)
from ..bounds import DISK_RETENTION_H
from ..changes import Change, between
from ..cluster import Cluster
from ..errors import Refused
from ..lifecycle import RUNNING
from ..models import Slice
from ..report import HostReport
from .edge import Outcome, listed
from .names import NAME, NAME_OR_ID

RECREATE_DISKS: dict[str, Any] = {"type": "list", "elements": "str", "default": []}
STATE_DIR: dict[str, Any] = {"type": "path", "default": defaults.STATE_DIR}
SELECTION_ARGUMENTS: dict[str, dict[str, Any]] = {
    "names": {"type": "list", "elements": NAME_OR_ID, "default": []},
    "owner": {"type": NAME},
    "all": {"type": "bool", "default": False},
}


def plan(cluster: Cluster, params: Mapping[str, Any]) -> Outcome:
    """Make the work orders of the chosen slices, which with C(state=absent) are deleted first.

    Raises:
        Refused: hosts do not offer, any more, what a slice that stays asks of them.
    """
    if params["state"] == "absent":
        return _delete(cluster, params)
    chosen = choose(cluster, params)
    staying = [slice_ for slice_ in chosen if not slice_.deleting]
    refusals = [refusal for slice_ in staying for refusal in host_requirements.shortcomings(slice_, cluster)]
    if refusals:
        raise Refused(refusals)
    before = slice_changes.states(chosen)
    return dispatch(
        cluster,
        chosen,
        params["state_dir"],
        lambda: slice_changes.state_changes(before, slice_changes.states(chosen)),
        recreate_disks=params["recreate_disks"],
    )


def _delete(cluster: Cluster, params: Mapping[str, Any]) -> Outcome:
    owner, acting_user, retention_h = params["owner"], params["acting_user"], params["disk_retention_h"]
    refusals = list(DISK_RETENTION_H.problems("settings", "disk_retention_h", retention_h))
    if refusals:
        raise Refused(refusals)
    named = [name for name in params["names"] if access.called(cluster, name, owner, acting_user)]
    chosen = choose(cluster, {**params, "names": named}) if named or not params["names"] else []
    before = [Slice.from_dict(slice_.to_dict()) for slice_ in chosen if not slice_.deleting]
    for slice_ in chosen:
        if not slice_.deleting:
            undelete.keep(cluster, slice_, now=utc_now(), retention_h=retention_h)
        teardown.remove(cluster, slice_)
    remaining = [slice_ for slice_ in chosen if slice_.slice_id in cluster.slices]
    return dispatch(
        cluster,
        remaining,
        params["state_dir"],
        lambda: [change for old in before for change in slice_changes.changes(old, cluster.slices.get(old.slice_id))],
    )


def dispatch(
    cluster: Cluster,
    slices: Sequence[Slice],
    state_dir: str,
    changes_of: Callable[[], Sequence[Change]],
    *,
    recreate_disks: Iterable[str] = (),
) -> Outcome:
    """Make the work orders of slices.

    First it is noted that hosts will hear of the slices, which is a change of these; then the cluster gets a revision
    that is newer than every change; then the orders are made, which carry that revision.

    Args:
        cluster: the database.
        slices: those that the orders are for; on their hosts everything else of theirs will go.
        state_dir: the folder for base images and VM folders on the workers.
        changes_of: returns what the call has changed of slices so far, with what was noted.
        recreate_disks: the VMs whose disks are created again where they are missing, as C(find_vms) has them.

    Raises:
        Refused: one of these VMs is none of the slices'.
    """
    recreate = work_orders.find_vms(slices, recreate_disks)
    missing = Missing.of(cluster, slices)
    noted = _hand_out(cluster, slices)
    changes = list(changes_of())
    changes += [change for change in missing.made(cluster) if change not in changes]
    if changes:
        cluster.revise()
    return Outcome(changes, {**noted, **_make_orders(cluster, slices, state_dir, recreate), "changes": listed(changes)})


def _hand_out(cluster: Cluster, slices: Sequence[Slice]) -> dict[str, Any]:
    """Note that hosts will hear of the slices' VMs from now on, and return what is known of these before that.

    Returns:
        C({vms_to_start, recorded}).
    """
    if slices:
        cluster.identify(title=os.uname().nodename)
    if any(slice_.live_vms for slice_ in slices):
        displays.make_key(cluster)
    recorded = status_rules.recorded(slices)
    to_start = [vm.vm_id for slice_ in slices for vm in slice_.live_vms if vm.power == RUNNING and vm.status != RUNNING]
    work_orders.hand_out(slices)
    return {"vms_to_start": to_start, "recorded": recorded}


def _make_orders(cluster: Cluster, slices: Sequence[Slice], state_dir: str, recreate: frozenset[int]) -> dict[str, Any]:
    """Return the work orders of slices that were handed out, once the cluster has the revision that they are of.

    Returns:
        C({work_orders, slice_ids, deleting, fingerprints, tables}).
    """
    return {
        "work_orders": work_orders.work_orders(cluster, slices, state_dir, recreate),
        "slice_ids": [slice_.slice_id for slice_ in slices],
        "deleting": [slice_.slice_id for slice_ in slices if slice_.deleting],
        "fingerprints": {str(slice_.slice_id): work_orders.fingerprint(slice_) for slice_ in slices},
        "tables": [render_text.slice_table(slice_) for slice_ in slices],
    }


@dataclass(frozen=True)
class Missing:
    """What a cluster lacks before it hands out slices, and has from then on.

    Attributes:
        cloud: its identity.
        key: the key that displays' passwords follow from.
        uuids: slices that lack theirs, or whose VMs or disks do.
    """

    cloud: bool
    key: bool
    uuids: tuple[Slice, ...]

    @classmethod
    def of(cls, cluster: Cluster, slices: Iterable[Slice]) -> Missing:
        """Return what the cluster lacks now."""
        unknown = tuple(slice_ for slice_ in slices if not identities.has_all(slice_))
        return cls(cluster.cloud is None, not displays.has_key(cluster), unknown)

    def made(self, cluster: Cluster) -> list[Change]:
        """Return what is told of what has been made since."""
        found = []
        if self.cloud and cluster.cloud is not None:
            found.append(between("cloud", cluster.cloud.uuid, None, {"title": cluster.cloud.title}))
        if self.key and displays.has_key(cluster):
            found.append(between("VNC key", "cluster", None, {"displays": "every VM has a password"}))
        return found + identities.changes(filter(identities.has_all, self.uuids))


def vnc_passwords(cluster: Cluster, params: Mapping[str, Any]) -> Outcome:
    """Tell of the displays of the chosen slices, with their passwords."""
    return Outcome(result={"displays": displays.tell(cluster, choose(cluster, params))})


def report(cluster: Cluster, params: Mapping[str, Any]) -> Outcome:
    """Take the hosts' reports on the chosen slices in."""
    chosen = choose(cluster, params)
    before = slice_changes.states(chosen)
    reports = [HostReport.from_dict(data) for data in params["reports"]]
    failures = status_rules.record(cluster, chosen, reports, params["fingerprints"], seen_at=utc_now())
    remaining = [slice_ for slice_ in chosen if slice_.slice_id in cluster.slices]
    changes = slice_changes.state_changes(before, slice_changes.states(remaining))
    return Outcome(changes, {"failures": failures, **described(remaining)})


def utc_now() -> str:
    """Return the time in UTC, as reports are noted with."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def choose(cluster: Cluster, params: Mapping[str, Any]) -> list[Slice]:
    """Return the slices that C(SELECTION_ARGUMENTS) name."""
    return access.choose(
        cluster,
        params["names"],
        owner=params["owner"],
        everything=params["all"],
        acting_user=params["acting_user"],
    )


def described(slices: Sequence[Slice]) -> dict[str, Any]:
    """Return what modules tell of slices: C({slices, tables, mermaid, dot}), a list each."""
    return {
        "slices": [slice_.to_dict() for slice_ in slices],
        "tables": [render_text.slice_table(slice_) for slice_ in slices],
        "mermaid": [render_graph.mermaid(slice_) for slice_ in slices],
        "dot": [render_graph.dot(slice_) for slice_ in slices],
    }
