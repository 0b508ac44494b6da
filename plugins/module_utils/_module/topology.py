# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Converts the arguments of the slice modules for the rules, and the outcome of the rules to results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Optional

from .._domain import (
    access,
    kinds,
    readiness,
    reconcile,
    revisions,
    slice_changes,
    teardown,
    titles,
    undelete,
    work_orders,
)
from .._domain.allocation import ManagementNetwork
from .._domain.placement import POLICIES
from .._domain.topology_spec import WantedSlice, added_to, read_slice, wanted_from
from .._import import yaml_lines
from ..bounds import BOOT_DEVICES, DEFAULT_MTU
from ..changes import Change
from ..cluster import Cluster, slice_label
from ..errors import Refusal, Refused
from ..models import Slice
from ..names import NAME, NUMBER
from ..vm_order import Interface
from . import orders
from .edge import Outcome, listed
from .orders import STATE_DIR, choose, choose_each, described, dispatch
from .refused_slices import RefusedSlice, error, require_some, to_result

Pair = tuple[Optional[Slice], Optional[Slice]]
SETTINGS_ARGUMENTS: dict[str, dict[str, Any]] = {
    "state_dir": STATE_DIR,
    "placement": {"type": "str", "choices": list(POLICIES), "default": POLICIES[0]},
    "management_network": {
        "type": "dict",
        "default": {},
        "options": {name: {"type": "str", "default": default} for name, default in asdict(ManagementNetwork()).items()},
    },
    "infrastructure_networks": {"type": "list", "elements": "str", "default": []},
}


LIMITS_ARGUMENTS: dict[str, dict[str, Any]] = {
    "name": {"type": NAME, "required": True},
    **{
        name: {**spec, "type": NUMBER} if spec["type"] == "float" else spec
        for name, spec in Interface.arguments().items()
        if name in Interface.LIMITS
    },
}


CLOUD_INIT_ARGUMENT: dict[str, Any] = {
    "type": "dict",
    "options": {
        "hostname": {"type": NAME},
        "ssh_keys": {"type": "list", "elements": "str", "no_log": False},
        "user_data": {"type": "str", "no_log": True},
        "interfaces": {
            "type": "list",
            "elements": "dict",
            "options": {
                "name": {"type": NAME, "required": True},
                "addresses": {"type": "list", "elements": "str", "required": True},
            },
        },
    },
}


_ADDRESSES: dict[str, Any] = {"ipv4": {"type": "str"}, "ipv6": {"type": "str"}}
LOOPBACK_ARGUMENT: dict[str, Any] = {"type": "dict", "options": _ADDRESSES}
ENDS_ARGUMENT: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "options": {"vm": {"type": NAME, "required": True}, **_ADDRESSES},
}
_SUBNETS_ARGUMENT: dict[str, Any] = {
    "type": "dict",
    "options": {**_ADDRESSES, "prefix": {"type": "int"}, "prefix6": {"type": "int"}},
}
ADDRESSING_ARGUMENT: dict[str, Any] = {
    "type": "dict",
    "options": {"links": _SUBNETS_ARGUMENT, "networks": _SUBNETS_ARGUMENT, "loopbacks": LOOPBACK_ARGUMENT},
}
BOOT_ARGUMENT: dict[str, Any] = {"type": "list", "elements": "str", "choices": list(BOOT_DEVICES)}
DATA_DISKS_ARGUMENT: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "options": {
        "name": {"type": NAME, "required": True},
        "size_gb": {"type": NUMBER, "required": True},
        "restore": {"type": "str"},
    },
}
STARTUP_ARGUMENT: dict[str, Any] = {"type": "json", "no_log": True}
READY_WHEN_ARGUMENT: dict[str, Any] = {
    "type": "dict",
    "options": {
        "check": {"type": "str", "required": True, "choices": list(readiness.CHECKS)},
        "port": {"type": "int"},
        "path": {"type": "str"},
        "command": {"type": "str"},
    },
}


def segment_arguments(*, defaults: bool = True) -> dict[str, dict[str, Any]]:
    """Return the arguments for frames on a link or network; without C(defaults), null leaves a value unchanged."""
    usual = {"mtu": DEFAULT_MTU, "qinq": False, "forward_bpdu": False}
    return {
        key: {"type": "int" if key == "mtu" else "bool", **({"default": value} if defaults else {})}
        for key, value in usual.items()
    }


def settings(params: Mapping[str, Any]) -> reconcile.Settings:
    """Return the settings from C(SETTINGS_ARGUMENTS)."""
    return reconcile.Settings(
        network=ManagementNetwork(**params["management_network"]),
        state_dir=params["state_dir"],
        placement=params["placement"],
        infrastructure=tuple(params["infrastructure_networks"]),
        yaml_fault=yaml_lines.fault,
    )


def put(cluster: Cluster, wants: Sequence[Mapping[str, Any]], params: Mapping[str, Any]) -> Outcome:
    """Store or delete slices. Each that is refused is left unchanged and does not affect the others.

    Raises:
        Refused: all of them are refused.
    """
    pairs, refused = _put_each(cluster, [_called(want) for want in wants], params)
    stored = [new for _old, new in pairs if new]
    if params["work_orders"]:
        # VMs of slices that are left unchanged may be named with those of the others.
        left_out = [each.stored for each in refused if each.stored is not None]
        recreate = work_orders.find_vms([*stored, *left_out], params["recreate_disks"])
        done = dispatch(cluster, stored, params, lambda: changes_by_slice(pairs), recreate)
        return replace(done, result={**described(stored), **done.result, "refused": to_result(refused)})
    given = [option for option in ("recreate_disks", "accept_revision") if params[option]]
    if given:
        raise Refused(
            [Refusal("option_needs_option", "settings", {"option": option, "needs": "work_orders"}) for option in given]
        )
    changes = changes_of(pairs)
    slice_changes.revise(cluster, changes)
    result = {"changes": listed(changes), **described(stored), "refused": to_result(refused)}
    return Outcome(changes, result, error(refused))


def _put_each(
    cluster: Cluster, wants: Sequence[Mapping[str, Any]], params: Mapping[str, Any]
) -> tuple[list[Pair], list[RefusedSlice]]:
    acting_user, configured = params["acting_user"], settings(params)
    all_places = [access.places(cluster, want, acting_user) for want in wants]
    counts = Counter(place for places in all_places for place in places)
    done: list[Pair | None] = []
    refused: list[RefusedSlice] = []
    if params["overwrite"]:
        wants = [{**want, "based_on": None} for want in wants]
    for want, places in zip(wants, all_places):
        name, owner = want["name"], want["owner"] or acting_user
        count = max(counts[place] for place in places)
        try:
            if count > 1:
                raise Refused([_listed_twice(name, owner, count)])
            done.append(_put_one(cluster, want, configured, acting_user, is_ordered=params["work_orders"]))
        except Refused as why:
            stored = _visible(cluster, name, owner, acting_user) if count == 1 else None
            refused.append(RefusedSlice(f"{owner}/{name}", why.refusals, stored))
    refused = list({each.name: each for each in refused}.values())
    require_some(refused, done)
    return [pair for pair in done if pair is not None], refused


def _called(want: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the arguments of a slice with a name, which may be made from its title."""
    if want["name"] is not None or want["title"] is None:
        return want
    return {**want, "name": titles.slug(want["title"], "slice"), "is_named": False}


def _visible(cluster: Cluster, name: str, owner: str, acting_user: str) -> Slice | None:
    """Return the stored slice of this name. To a tenant, slices of others do not exist."""
    is_visible = acting_user == owner or cluster.is_admin(acting_user)
    return cluster.find_slice(owner, name) if is_visible else None


def _listed_twice(name: str, owner: str, count: int) -> Refusal:
    return Refusal("slice_listed_twice", f"slice {name} of {owner}", {"count": count})


def _put_one(
    cluster: Cluster, want: Mapping[str, Any], settings: reconcile.Settings, acting_user: str, *, is_ordered: bool
) -> Pair | None:
    if not want.get("is_named", True):
        _require_title(cluster, want, acting_user)
    if want["state"] == "present":
        wanted = _wanted(cluster, want, acting_user)
        before = reconcile.stored_slice(cluster, wanted, acting_user)
        if want.get("append") and before is not None:
            more = kinds.with_kinds(cluster, titles.named(wanted, before), before)
            wanted = added_to(wanted_from(before), more)
        before = _copy(before)

        def refuse(old: Slice | None, new: Slice) -> Iterator[Refusal]:
            yield from _undoing(cluster, want.get("based_on"), old, new)
            if is_ordered:
                yield from work_orders.faults(new)

        return before, reconcile.reconcile_slice(cluster, wanted, settings, acting_user=acting_user, refuse=refuse)
    if not access.called(cluster, want["name"], want["owner"], acting_user):
        return None
    slice_ = access.find(cluster, want["name"], want["owner"], acting_user=acting_user)
    before = _copy(slice_)
    refusals = [] if slice_.deleting else [*_undoing(cluster, want.get("based_on"), slice_, None)]
    if refusals:
        raise Refused(refusals)
    teardown.remove(cluster, slice_)
    return before, cluster.slices.get(slice_.slice_id)


def _undoing(cluster: Cluster, based_on: int | None, before: Slice | None, after: Slice | None) -> Iterable[Refusal]:
    """Return refusals for later changes that a topology, or a deletion, would undo."""
    slice_ = after or before
    if based_on is None or slice_ is None:
        return ()
    where, changes = (slice_.owner, slice_label(slice_)), slice_changes.changes(before, after)
    return revisions.problems(cluster, where, based_on, before, changes)


def _require_title(cluster: Cluster, want: Mapping[str, Any], acting_user: str) -> None:
    """Refuse a slice whose name was made from its title, if the stored slice of that name has another title."""
    name, title = want["name"], want["title"]
    stored = cluster.find_slice(want["owner"] or acting_user, name)
    if stored is not None and stored.extra.get("title") != title and want.get("slice_id") is None:
        figures = {"got": name, "title": title, "stored": stored.extra.get("title")}
        raise Refused([Refusal("slice_title_differs", f"slice {name}", figures)])


def _wanted(cluster: Cluster, want: Mapping[str, Any], acting_user: str) -> WantedSlice:
    """Return the topology. The stored slice is identified by its id, or by its old or new name."""
    slice_id, name, new_name = want.get("slice_id"), want["name"], want.get("new_name")
    owner = want["owner"] or acting_user
    if slice_id is not None:
        stored = access.numbered(cluster, slice_id, acting_user)
        owner = want["owner"] or (stored.owner if stored else acting_user)
    elif new_name is not None:
        stored = cluster.find_slice(owner, name)
        slice_id = stored.slice_id if stored else None
    return read_slice({**want, "name": new_name or name, "slice_id": slice_id}, default_owner=owner)


def restore(cluster: Cluster, params: Mapping[str, Any]) -> Outcome:
    """Store a deleted slice again."""
    slice_ = undelete.restore(
        cluster,
        params["name"],
        owner=params["owner"],
        acting_user=params["acting_user"],
        now=orders.utc_now(),
        network=ManagementNetwork(**params["management_network"]),
    )
    changes = slice_changes.changes(None, slice_)
    slice_changes.revise(cluster, changes)
    return Outcome(changes, {"slice_id": slice_.slice_id, "slice": slice_.to_dict(), "changes": listed(changes)})


def info(cluster: Cluster, params: Mapping[str, Any]) -> Outcome:
    """Return the selected slices. Names that match none do not affect the others.

    Raises:
        Refused: no name matches a slice.
    """
    chosen, refused = choose_each(cluster, params)
    require_some(refused, chosen)
    result = {**described(chosen), "management_vlan": cluster.vlans.management, "refused": to_result(refused)}
    return Outcome(result=result, failure=error(refused))


def chosen_or_visible(cluster: Cluster, params: Mapping[str, Any]) -> list[Slice]:
    """Return the slice C(slice), or all slices of the owner, or all that the acting user may see."""
    names = [] if params["slice"] is None else [params["slice"]]
    return choose(cluster, {**params, "names": names, "all": True})


def changes_of(pairs: Iterable[Pair]) -> list[Change]:
    """Return the changes of slices, given as pairs of old and new slices."""
    return [change for found in changes_by_slice(pairs).values() for change in found]


def changes_by_slice(pairs: Iterable[Pair]) -> dict[int, list[Change]]:
    """Return the changes of each slice, by its id."""
    named = ((old or new, old, new) for old, new in pairs)
    return {slice_.slice_id: slice_changes.changes(old, new) for slice_, old, new in named if slice_}


def _copy(slice_: Slice | None) -> Slice | None:
    return Slice.from_dict(slice_.to_dict()) if slice_ else None
