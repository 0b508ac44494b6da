# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work orders: what hosts are told of slices, and what they report, as results of modules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._domain import describing, displays, drawing, ordering, releasing, reporting
from ..cluster import Cluster
from ..models import Slice
from .edge import Outcome

STATE_DIR: dict[str, Any] = {"type": "path", "default": "/var/lib/cloudrepo"}
SELECTION_ARGUMENTS: dict[str, dict[str, Any]] = {
    "names": {"type": "list", "elements": "str", "default": []},
    "owner": {"type": "str"},
    "all": {"type": "bool", "default": False},
}


def plan(cluster: Cluster, params: Mapping[str, Any]) -> Outcome:
    """Make the work orders of the chosen slices, which with C(give_up) are let go of first."""
    if params["give_up"]:
        return _give_up(cluster, params)
    chosen = choose(cluster, params)
    before = [line for one in chosen for line in describing.state_lines(one)]
    had_key = displays.has_key(cluster)
    result = hand_out(cluster, chosen, params["state_dir"])
    after = [line for one in chosen for line in describing.state_lines(one)]
    after += key_lines(cluster, had_key=had_key)
    return Outcome(changed=before != after, before=before, after=after, result=result)


def _give_up(cluster: Cluster, params: Mapping[str, Any]) -> Outcome:
    named = [name for name in params["names"] if cluster.called(name, params["owner"])]
    chosen = choose(cluster, {**params, "names": named}) if named or not params["names"] else []
    changed = [one for one in chosen if one.status != "deleting"]
    before = [line for one in changed for line in describing.slice_lines(one)]
    for one in chosen:
        releasing.remove(cluster, one)
    remaining = [one for one in chosen if one.slice_id in cluster.slices]
    after = [line for one in changed if one in remaining for line in describing.slice_lines(one)]
    return Outcome(bool(changed), before, after, hand_out(cluster, remaining, params["state_dir"]))


def hand_out(cluster: Cluster, slices: Sequence[Slice], state_dir: str) -> dict[str, Any]:
    """Return the work orders of slices, whose VMs hosts will hear of from now on.

    Returns:
        C({work_orders, slice_ids, fingerprints, vms_to_start, recorded, tables}).
    """
    if any(vm.status != "deleting" for one in slices for vm in one.vms):
        displays.make_key(cluster)
    orders = ordering.work_orders(cluster, slices, state_dir)
    recorded = reporting.recorded(slices)
    to_start = [vm.vm_id for one in slices for vm in one.vms if vm.status not in ("running", "deleting")]
    ordering.hand_out(slices)
    return {
        "work_orders": orders,
        "slice_ids": [one.slice_id for one in slices],
        "fingerprints": {str(one.slice_id): ordering.fingerprint(one) for one in slices},
        "vms_to_start": to_start,
        "recorded": recorded,
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
    return ordering.choose(
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
