# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work orders: what hosts are told of slices, and what they report, as results of modules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._domain import describing, displays, drawing, finding, limits, ordering, releasing, reporting
from ..cluster import Cluster
from ..errors import Refused
from ..models import Slice
from .edge import Outcome

STATE_DIR: dict[str, Any] = {"type": "path", "default": "/var/lib/cloudrepo"}
SELECTION_ARGUMENTS: dict[str, dict[str, Any]] = {
    "names": {"type": "list", "elements": "str", "default": []},
    "owner": {"type": "str"},
    "all": {"type": "bool", "default": False},
}


def plan(cluster: Cluster, params: Mapping[str, Any]) -> Outcome:
    """Make the work orders of the chosen slices, which with C(give_up) are let go of first.

    Raises:
        Refused: hosts do not offer, any more, what a slice that stays asks of them.
    """
    if params["give_up"]:
        return _give_up(cluster, params)
    chosen = choose(cluster, params)
    staying = [one for one in chosen if one.status != "deleting"]
    reasons = [reason for one in staying for reason in limits.shortcomings(one, cluster)]
    if reasons:
        raise Refused(reasons)
    before = [line for one in chosen for line in describing.state_lines(one)]
    had_key = displays.has_key(cluster)
    result = hand_out(cluster, chosen)
    after = [line for one in chosen for line in describing.state_lines(one)]
    after += key_lines(cluster, had_key=had_key)
    if before != after:
        cluster.revise()
    result.update(work_orders(cluster, chosen, params["state_dir"]))
    return Outcome(changed=before != after, before=before, after=after, result=result)


def _give_up(cluster: Cluster, params: Mapping[str, Any]) -> Outcome:
    owner, acting_user = params["owner"], params["acting_user"]
    named = [name for name in params["names"] if finding.called(cluster, name, owner, acting_user)]
    chosen = choose(cluster, {**params, "names": named}) if named or not params["names"] else []
    changed = [one for one in chosen if one.status != "deleting"]
    before = [line for one in changed for line in describing.slice_lines(one)]
    for one in chosen:
        releasing.remove(cluster, one)
    remaining = [one for one in chosen if one.slice_id in cluster.slices]
    after = [line for one in changed if one in remaining for line in describing.slice_lines(one)]
    if changed:
        cluster.revise()
    result = {**hand_out(cluster, remaining), **work_orders(cluster, remaining, params["state_dir"])}
    return Outcome(bool(changed), before, after, result)


def hand_out(cluster: Cluster, slices: Sequence[Slice]) -> dict[str, Any]:
    """Note that hosts will hear of the slices' VMs from now on, and return what is known of these before that.

    Returns:
        C({vms_to_start, recorded}).
    """
    if any(one.live_vms for one in slices):
        displays.make_key(cluster)
    recorded = reporting.recorded(slices)
    to_start = [vm.vm_id for one in slices for vm in one.vms if vm.status not in ("running", "deleting")]
    ordering.hand_out(slices)
    return {"vms_to_start": to_start, "recorded": recorded}


def work_orders(cluster: Cluster, slices: Sequence[Slice], state_dir: str) -> dict[str, Any]:
    """Return the work orders of slices that were handed out, once the cluster has the revision that they are of.

    Returns:
        C({work_orders, slice_ids, fingerprints, tables}).
    """
    return {
        "work_orders": ordering.work_orders(cluster, slices, state_dir),
        "slice_ids": [one.slice_id for one in slices],
        "fingerprints": {str(one.slice_id): ordering.fingerprint(one) for one in slices},
        "tables": [describing.slice_table(one) for one in slices],
    }


def key_lines(cluster: Cluster, *, had_key: bool) -> list[str]:
    """Return what a diff tells of the key that displays' passwords follow from: that there is one from now on."""
    return [] if had_key or not displays.has_key(cluster) else ["displays: every VM has a password"]


def vnc_passwords(cluster: Cluster, params: Mapping[str, Any]) -> Outcome:
    """Tell of the displays of the chosen slices, with their passwords."""
    return Outcome(changed=False, result={"displays": displays.tell(cluster, choose(cluster, params))})


def report(cluster: Cluster, params: Mapping[str, Any]) -> Outcome:
    """Take the hosts' reports on the chosen slices in."""
    chosen = choose(cluster, params)
    before = {one.slice_id: Slice.from_dict(one.to_dict()) for one in chosen}
    reports = [reporting.read_report(data) for data in params["reports"]]
    failures = reporting.record(cluster, chosen, reports, params["fingerprints"])
    remaining = [one for one in chosen if one.slice_id in cluster.slices]
    return Outcome(
        changed=[one.to_dict() for one in remaining] != [one.to_dict() for one in before.values()],
        before=[line for one in before.values() for line in describing.state_lines(one)],
        after=[line for one in remaining for line in describing.state_lines(one)],
        result={"failures": failures, **described(remaining)},
    )


def choose(cluster: Cluster, params: Mapping[str, Any]) -> list[Slice]:
    """Return the slices that C(SELECTION_ARGUMENTS) name."""
    return finding.choose(
        cluster,
        params["names"],
        owner=params["owner"],
        everything=params["all"],
        acting_user=params["acting_user"],
    )


def described(slices: Sequence[Slice]) -> dict[str, Any]:
    """Return what modules tell of slices: C({slices, tables, mermaid, dot}), a list each."""
    return {
        "slices": [one.to_dict() for one in slices],
        "tables": [describing.slice_table(one) for one in slices],
        "mermaid": [drawing.mermaid(one) for one in slices],
        "dot": [drawing.dot(one) for one in slices],
    }
