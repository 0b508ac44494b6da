# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From the arguments of the slice modules to the rules, and from what these did to a result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Optional

from .._domain import describing, ordering, reporting, settling
from .._domain.allocation import ManagementNetwork
from .._domain.placement import POLICIES
from .._domain.wanted import read_slice
from ..cluster import Cluster
from ..errors import Refused
from ..models import FieldError, Slice
from .edge import Outcome

Change = tuple[Optional[Slice], Optional[Slice]]
_NETWORK = ManagementNetwork()
SETTINGS_ARGUMENTS: dict[str, dict[str, Any]] = {
    "state_dir": {"type": "path", "default": settling.Settings().state_dir},
    "placement": {"type": "str", "choices": list(POLICIES), "default": POLICIES[0]},
    "management_network": {
        "type": "dict",
        "default": {},
        "options": {
            name: {"type": "str", "default": getattr(_NETWORK, name)}
            for name in ("cidr", "gateway", "first_address", "last_address")
        },
    },
}
SELECTION_ARGUMENTS: dict[str, dict[str, Any]] = {
    "names": {"type": "list", "elements": "str", "default": []},
    "owner": {"type": "str"},
    "all": {"type": "bool", "default": False},
}


def put(cluster: Cluster, wants: Sequence[Mapping[str, Any]], params: Mapping[str, Any]) -> Outcome:
    """Store or give up slices, all or none of them."""
    settings = settling.Settings(
        network=ManagementNetwork(**params["management_network"]),
        state_dir=params["state_dir"],
        placement=params["placement"],
    )
    pairs: list[Change] = []
    reasons = _listed_twice(wants)
    for want in wants:
        try:
            pairs.extend(_put_one(cluster, want, settings, params["acting_user"]))
        except Refused as refusal:
            reasons.extend(refusal.reasons)
    if reasons:
        raise Refused(dict.fromkeys(reasons))
    return _outcome(pairs)


def _listed_twice(wants: Sequence[Mapping[str, Any]]) -> list[str]:
    counts = Counter((want["name"], want["owner"]) for want in wants)
    return [
        f"slice {name}{' of ' + owner if owner else ''} is listed {count} times"
        for (name, owner), count in counts.items()
        if count > 1
    ]


def _put_one(
    cluster: Cluster, want: Mapping[str, Any], settings: settling.Settings, acting_user: str
) -> Iterable[Change]:
    if want["state"] == "present":
        wanted = read_slice(want, default_owner=acting_user)
        before = _copy(cluster.find_slice(wanted.owner, wanted.name))
        return [(before, settling.settle(cluster, wanted, settings, acting_user=acting_user))]
    if not any(settling.is_called(one, want["name"], want["owner"]) for one in cluster.slices.values()):
        return []
    one = settling.find(cluster, want["name"], want["owner"])
    reasons = settling.not_permitted(cluster, acting_user, one.owner, want["name"])
    if reasons:
        raise Refused(reasons)
    before = _copy(one)
    settling.remove(cluster, one)
    return [(before, cluster.slices.get(one.slice_id))]


def info(cluster: Cluster, params: Mapping[str, Any]) -> Outcome:
    """Tell of the chosen slices."""
    return Outcome(changed=False, result=_described(_choose(cluster, params)))


def plan(cluster: Cluster, params: Mapping[str, Any]) -> Outcome:
    """Make the work orders of the chosen slices."""
    for data in params["planned"]:
        try:
            one = Slice.from_dict(data)
        except FieldError as error:
            raise Refused([f"planned slice: {error}"]) from error
        cluster.slices[one.slice_id] = one
    chosen = _choose(cluster, params)
    orders = ordering.work_orders(cluster, chosen, params["state_dir"])
    before = [line for one in chosen for line in describing.state_lines(one)]
    ordering.hand_out(chosen)
    after = [line for one in chosen for line in describing.state_lines(one)]
    return Outcome(
        changed=before != after,
        before=before,
        after=after,
        result={
            "work_orders": orders,
            "slice_ids": [one.slice_id for one in chosen],
            "tables": [describing.slice_table(one) for one in chosen],
        },
    )


def report(cluster: Cluster, params: Mapping[str, Any]) -> Outcome:
    """Take the hosts' reports on the chosen slices in."""
    chosen = _choose(cluster, params)
    before = {one.slice_id: Slice.from_dict(one.to_dict()) for one in chosen}
    reports = [reporting.read_report(data) for data in params["reports"]]
    failures = reporting.record(cluster, chosen, reports)
    remaining = [one for one in chosen if one.slice_id in cluster.slices]
    return Outcome(
        changed=[one.to_dict() for one in remaining] != [one.to_dict() for one in before.values()],
        before=[line for one in before.values() for line in describing.state_lines(one)],
        after=[line for one in remaining for line in describing.state_lines(one)],
        result={"failures": failures, **_described(remaining)},
    )


def _choose(cluster: Cluster, params: Mapping[str, Any]) -> list[Slice]:
    return ordering.choose(
        cluster,
        params["names"],
        owner=params["owner"],
        everything=params["all"],
        acting_user=params["acting_user"],
    )


def _outcome(pairs: Iterable[Change]) -> Outcome:
    pairs = list(pairs)
    changed = [(old, new) for old, new in pairs if _data(old) != _data(new)]
    return Outcome(
        changed=bool(changed),
        before=[line for old, _new in changed if old for line in describing.slice_lines(old)],
        after=[line for _old, new in changed if new for line in describing.slice_lines(new)],
        result={
            "plan": describing.merge(describing.changes(old, new) for old, new in changed),
            **_described([new for _old, new in pairs if new]),
        },
    )


def _described(slices: Sequence[Slice]) -> dict[str, Any]:
    return {
        "slices": [one.to_dict() for one in slices],
        "tables": [describing.slice_table(one) for one in slices],
    }


def _copy(one: Slice | None) -> Slice | None:
    return Slice.from_dict(one.to_dict()) if one else None


def _data(one: Slice | None) -> dict[str, Any] | None:
    return one.to_dict() if one else None
