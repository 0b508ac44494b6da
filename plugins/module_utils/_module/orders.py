# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work orders for hosts and the hosts' reports, as results of modules."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .. import bounds, defaults
from .._domain import (
    access,
    counters,
    displays,
    host_requirements,
    identities,
    lost_workers,
    receipts,
    render_graph,
    render_text,
    slice_changes,
    startup,
    teardown,
    undelete,
    user_data,
    work_orders,
)
from .._domain import (
    status as status_rules,
)
from .._domain.registration import require_admin
from ..bounds import DISK_RETENTION_H
from ..changes import Change, between
from ..cluster import ADMIN, Cluster, slice_label
from ..errors import Refusal, Refused
from ..lifecycle import RUNNING
from ..models import Slice
from ..names import NAME, NAME_OR_ID
from ..report import HostReport
from .clouds import controller
from .edge import Outcome, listed
from .refused_slices import RefusedSlice, require_some, to_result

RECREATE_DISKS: dict[str, Any] = {"type": "list", "elements": "str", "default": []}
STATE_DIR: dict[str, Any] = {"type": "path", "default": defaults.STATE_DIR}
SELECTION_ARGUMENTS: dict[str, dict[str, Any]] = {
    "names": {"type": "list", "elements": NAME_OR_ID, "default": []},
    "owner": {"type": NAME},
    "all": {"type": "bool", "default": False},
}
ACCEPT_REVISION: dict[str, Any] = {"type": "int"}


def plan(cluster: Cluster, params: Mapping[str, Any]) -> Outcome:
    """Return the work orders of the selected slices, which are deleted before if C(state) is C(absent).

    A slice that is not found or cannot be ordered is left out and returned as C(refused), so that it does not affect
    the others.

    Raises:
        Refused: none of the slices can be ordered.
    """
    if params["state"] == "absent":
        return _delete(cluster, params)
    chosen, refused = choose_each(cluster, params)
    # Without a slice, the reason is why there is none.
    require_some(refused, chosen)
    recreate = work_orders.find_vms(chosen, params["recreate_disks"])
    faults = {slice_.slice_id: list(_faults(slice_, cluster)) for slice_ in chosen}
    sound = [slice_ for slice_ in chosen if not faults[slice_.slice_id]]
    faults.update(lost_workers.unplaced(cluster, sound, recreate))
    ordered = [slice_ for slice_ in chosen if not faults[slice_.slice_id]]
    refused += [
        RefusedSlice(slice_label(slice_), faults[slice_.slice_id], slice_)
        for slice_ in chosen
        if faults[slice_.slice_id]
    ]
    require_some(refused, ordered)
    before = slice_changes.states(ordered)
    done = dispatch(
        cluster,
        ordered,
        params,
        lambda: {
            slice_.slice_id: slice_changes.state_changes(
                {key: state for key, state in before.items() if key in now}, now
            )
            for slice_ in ordered
            for now in [slice_changes.states([slice_])]
        },
        recreate,
    )
    return replace(done, result={**done.result, "refused": to_result(refused)})


def _faults(slice_: Slice, cluster: Cluster) -> Iterator[Refusal]:
    """Yield why a slice cannot be ordered. One that is being deleted has no requirements."""
    if not slice_.deleting:
        yield from host_requirements.shortcomings(slice_, cluster)
    yield from work_orders.faults(slice_)


def _delete(cluster: Cluster, params: Mapping[str, Any]) -> Outcome:
    owner, acting_user, retention_h = params["owner"], params["acting_user"], params["disk_retention_h"]
    refusals = list(DISK_RETENTION_H.problems("settings", "disk_retention_h", retention_h))
    if refusals:
        raise Refused(refusals)
    named = [name for name in params["names"] if access.called(cluster, name, owner, acting_user)]
    is_some = named or not params["names"]
    chosen, refused = choose_each(cluster, {**params, "names": named}) if is_some else ([], [])
    require_some(refused, chosen)
    before = [Slice.from_dict(slice_.to_dict()) for slice_ in chosen]
    for slice_ in chosen:
        if not slice_.deleting:
            undelete.keep(cluster, slice_, now=utc_now(), retention_h=retention_h)
        teardown.remove(cluster, slice_)
    remaining = [slice_ for slice_ in chosen if slice_.slice_id in cluster.slices]
    done = dispatch(
        cluster,
        remaining,
        params,
        lambda: {old.slice_id: slice_changes.changes(old, cluster.slices.get(old.slice_id)) for old in before},
        work_orders.find_vms(remaining, params["recreate_disks"]),
    )
    return replace(done, result={**done.result, "refused": to_result(refused)})


def dispatch(
    cluster: Cluster,
    slices: Sequence[Slice],
    params: Mapping[str, Any],
    changes_of: Callable[[], Mapping[int, Sequence[Change]]],
    recreate: frozenset[int] = frozenset(),
) -> Outcome:
    """Return the work orders of slices.

    First, the slices are marked as handed out to hosts, which is a change. If there are any changes, the cluster then
    gets a new revision. The work orders are created last and contain this revision.

    Args:
        cluster: the database.
        slices: the slices for the orders; hosts remove all other objects of these slices.
        params: C(state_dir), the folder for base images and VM folders on the workers; C(acting_user); and
            C(accept_revision), a revision than which the cluster's must be higher.
        changes_of: returns the changes of each slice by this call, including the marks.
        recreate: the ids of VMs whose disks are created again if they are missing; it may contain VMs of other slices.

    Raises:
        Refused: one of these VMs has no room on another worker, or the acting user may not set C(accept_revision).
    """
    accepted = _accept(cluster, params)
    replaced = lost_workers.replace(cluster, slices, recreate)
    missing = Missing.of(cluster, slices)
    noted = _hand_out(cluster, slices)
    changed = {slice_id: found for slice_id, found in changes_of().items() if found}
    changes = [change for found in changed.values() for change in found]
    shown = {(change.kind, change.id) for change in changes if "worker" in (change.after or {})}
    changes += [change for change in replaced if (change.kind, change.id) not in shown]
    changes += [change for change in missing.made(cluster) if change not in changes]
    slice_changes.revise(cluster, changes)
    changes = accepted + changes
    made = _make_orders(cluster, slices, params, recreate)
    return Outcome(changes, {**noted, **made, "changed_slices": list(changed), "changes": listed(changes)})


def _accept(cluster: Cluster, params: Mapping[str, Any]) -> list[Change]:
    known = params["accept_revision"]
    if known is None:
        return []
    require_admin(cluster, params["acting_user"], "accept_revision")
    refusals = list(bounds.REVISION.problems("work order", "accept_revision", known))
    if refusals:
        raise Refused(refusals)
    return counters.accept(cluster, known)


def _hand_out(cluster: Cluster, slices: Sequence[Slice]) -> dict[str, Any]:
    """Mark the slices' VMs as handed out to hosts, and return their previous state.

    Returns:
        C({vms_to_start}).
    """
    if slices:
        cluster.identify(title=controller())
    if any(slice_.live_vms or receipts.gives_up(slice_) for slice_ in slices):
        displays.make_key(cluster)
    to_start = [vm.vm_id for slice_ in slices for vm in slice_.live_vms if vm.power == RUNNING and vm.status != RUNNING]
    work_orders.hand_out(slices)
    for slice_ in slices:
        identities.bind(cluster, slice_)
    return {"vms_to_start": to_start}


def _make_orders(
    cluster: Cluster, slices: Sequence[Slice], params: Mapping[str, Any], recreate: frozenset[int]
) -> dict[str, Any]:
    """Return the work orders of slices, which have been handed out, with the current revision of the cluster.

    Returns:
        C({work_orders, startups, recorded, lost_workers, slice_ids, slice_names, deleting, tables}).
    """
    # Tenants must not see what hosts have of deleted slices.
    complete = len(slices) == len(cluster.slices) and access.acts_for(cluster, params["acting_user"], ADMIN)
    return {
        "work_orders": work_orders.work_orders(cluster, slices, params["state_dir"], recreate, complete=complete),
        "startups": startup.guests(slices),
        "recorded": status_rules.recorded(slices),
        "lost_workers": lost_workers.addresses(cluster),
        "slice_ids": [slice_.slice_id for slice_ in slices],
        "slice_names": {str(slice_.slice_id): f"{slice_.owner}/{slice_label(slice_)}" for slice_ in slices},
        "deleting": [slice_.slice_id for slice_ in slices if slice_.deleting],
        "tables": [render_text.slice_table(slice_) for slice_ in slices],
    }


@dataclass(frozen=True)
class Missing:
    """Values that do not exist before slices are handed out for the first time.

    Attributes:
        cloud: whether the identity of the cloud is missing.
        key: whether the key is missing from which displays' passwords are derived.
        uuids: slices for which UUIDs of the slice, of VMs or of disks are missing.
    """

    cloud: bool
    key: bool
    uuids: tuple[Slice, ...]

    @classmethod
    def of(cls, cluster: Cluster, slices: Iterable[Slice]) -> Missing:
        """Return the values that are missing now."""
        unknown = tuple(slice_ for slice_ in slices if not identities.has_all(slice_))
        return cls(cluster.cloud is None, not displays.has_key(cluster), unknown)

    def made(self, cluster: Cluster) -> list[Change]:
        """Return the changes for the values that have been created since."""
        found = []
        if self.cloud and cluster.cloud is not None:
            found.append(between("cloud", cluster.cloud.uuid, None, {"title": cluster.cloud.title}))
        if self.key and displays.has_key(cluster):
            found.append(between("VNC key", "cluster", None, {"displays": "every VM has a password"}))
        return found + identities.changes(filter(identities.has_all, self.uuids))


def vnc_passwords(cluster: Cluster, params: Mapping[str, Any]) -> Outcome:
    """Return the displays of the selected slices, with their passwords."""
    chosen, _gone = _left(cluster, params)
    return Outcome(result={"displays": displays.with_passwords(cluster, chosen)})


def guests_user_data(cluster: Cluster, params: Mapping[str, Any]) -> Outcome:
    """Return the user data and start-ups of the guests of the selected slices."""
    return Outcome(result={"guests": user_data.with_texts(cluster, choose(cluster, params))})


def report(cluster: Cluster, params: Mapping[str, Any]) -> Outcome:
    """Record the hosts' reports on the selected slices."""
    chosen, gone = _left(cluster, params)
    before = slice_changes.states(chosen)
    reports = [HostReport.from_dict(data) for data in params["reports"]]
    late = status_rules.superseded(cluster, chosen, reports)
    retention_h = params["disk_retention_h"]
    failures = status_rules.record(cluster, chosen, reports, seen_at=utc_now(), retention_h=retention_h)
    remaining = [slice_ for slice_ in chosen if slice_.slice_id in cluster.slices]
    changes = slice_changes.state_changes(before, slice_changes.states(remaining))
    waiting = [slice_.slice_id for slice_ in remaining if receipts.gives_up(slice_)]
    found = {"failures": failures, "superseded": [refusal.message for refusal in late]}
    return Outcome(changes, {**found, "waiting": waiting, "gone": gone, **described(remaining)})


def _left(cluster: Cluster, params: Mapping[str, Any]) -> tuple[list[Slice], list[int]]:
    """Return the selected slices, and the ids of those that another run has deleted since this one has planned.

    Raises:
        Refused: for a name that is no id and matches no slice or several, and if the acting user no longer exists.
    """
    access.acts_for(cluster, params["acting_user"], ADMIN)
    chosen, missing = choose_each(cluster, params)
    unknown = [refusal for each in missing if not each.name.isdecimal() for refusal in each.refusals]
    if unknown:
        raise Refused(unknown)
    return chosen, [int(each.name) for each in missing]


def utc_now() -> str:
    """Return the current time in UTC, with which reports are recorded."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def choose(cluster: Cluster, params: Mapping[str, Any]) -> list[Slice]:
    """Return the slices that are selected by C(SELECTION_ARGUMENTS)."""
    return access.choose(
        cluster,
        params["names"],
        owner=params["owner"],
        everything=params["all"],
        acting_user=params["acting_user"],
    )


def choose_each(cluster: Cluster, params: Mapping[str, Any]) -> tuple[list[Slice], list[RefusedSlice]]:
    """Return the same, and the names that match no slice or several."""
    if not params["names"]:
        return choose(cluster, params), []
    found, missing = access.find_each(cluster, params["names"], params["owner"], acting_user=params["acting_user"])
    return found, [RefusedSlice(name, refusals) for name, refusals in missing.items()]


def described(slices: Sequence[Slice]) -> dict[str, Any]:
    """Return the results of modules for slices: C({slices, tables, mermaid, dot}), each a list."""
    return {
        "slices": [slice_.to_dict() for slice_ in slices],
        "tables": [render_text.slice_table(slice_) for slice_ in slices],
        "mermaid": [render_graph.mermaid(slice_) for slice_ in slices],
        "dot": [render_graph.dot(slice_) for slice_ in slices],
    }
