# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work orders: what hosts are told of slices, and what they report, as results of modules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._domain import describing, displays, drawing, ordering, reporting
from ..cluster import Cluster
from ..errors import Refused
from ..models import FieldError, Slice
from .edge import Outcome

STATE_DIR: dict[str, Any] = {"type": "path", "default": "/var/lib/cloudrepo"}
SELECTION_ARGUMENTS: dict[str, dict[str, Any]] = {
    "names": {"type": "list", "elements": "str", "default": []},
    "owner": {"type": "str"},
    "all": {"type": "bool", "default": False},
}


def plan(cluster: Cluster, params: Mapping[str, Any], *, check_mode: bool) -> Outcome:
    """Make the work orders of the chosen slices."""
    if params["planned"] and not check_mode:
        raise Refused(["planned is for check mode: it would put slices into the database past all rules"])
    for data in params["planned"]:
        try:
            one = Slice.from_dict(data)
        except FieldError as error:
            raise Refused([f"planned slice: {error}"]) from error
        cluster.slices[one.slice_id] = one
    chosen = choose(cluster, params)
    before = [line for one in chosen for line in describing.state_lines(one)]
    is_first = any(vm.status != "deleting" for one in chosen for vm in one.vms) and displays.make_key(cluster)
    orders = ordering.work_orders(cluster, chosen, params["state_dir"])
    ordering.hand_out(chosen)
    after = [line for one in chosen for line in describing.state_lines(one)]
    after += ["displays: every VM has a password"] if is_first else []
    return Outcome(
        changed=before != after,
        before=before,
        after=after,
        result={
            "work_orders": orders,
            "slice_ids": [one.slice_id for one in chosen],
            "fingerprints": {str(one.slice_id): ordering.fingerprint(one) for one in chosen},
            "tables": [describing.slice_table(one) for one in chosen],
        },
    )


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
