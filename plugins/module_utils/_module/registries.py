# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Registration of users, flavors, kinds and workers, and verification of users' passwords."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .._domain import host_requirements, lost_workers, machines
from .._domain.kinds import put_kind, remove_kind
from .._domain.registration import (
    note_network_node,
    put_flavor,
    put_user,
    put_worker,
    remove_flavor,
    remove_user,
    remove_worker,
    require_admin,
    verify_user,
)
from ..changes import Change, between
from ..cluster import NETWORK_NODE_TRUNK_MTU, NO_PASSWORD, Cluster
from ..contract import repeated
from ..errors import Refusal, Refused, for_all
from ..names import NAME
from .edge import Outcome


@dataclass(frozen=True)
class Registry:
    """What is registered by name: users, flavors, kinds or workers.

    Attributes:
        kind: the noun for messages.
        plural: the name of the cluster's table, and of the list in arguments and results.
        key: the field that contains the name.
        put: adds or changes an object.
        remove: removes an object by name.
    """

    kind: str
    plural: str
    key: str
    put: Callable[[Cluster, Mapping[str, Any]], Any]
    remove: Callable[[Cluster, str], None]


USERS = Registry(kind="user", plural="users", key="name", put=put_user, remove=remove_user)
FLAVORS = Registry(kind="flavor", plural="flavors", key="name", put=put_flavor, remove=remove_flavor)
KINDS = Registry(kind="kind", plural="kinds", key="name", put=put_kind, remove=remove_kind)
WORKERS = Registry(kind="worker", plural="workers", key="ip", put=put_worker, remove=remove_worker)
INFO_ARGUMENTS: dict[str, dict[str, Any]] = {"names": {"type": "list", "elements": NAME, "default": []}}


def register(cluster: Cluster, registry: Registry, wants: Sequence[Mapping[str, Any]], *, acting_user: str) -> Outcome:
    """Add, change or remove objects according to their C(state); all are refused if one is."""
    require_admin(cluster, acting_user, registry.kind)
    names = [want[registry.key] for want in wants]
    twice = repeated(registry.plural, registry.kind, names)
    if twice:
        raise Refused(twice)
    before = {name: _stored(cluster, registry, name) for name in names}
    for_all(wants, lambda want: _put_or_remove(cluster, registry, want))
    after = {name: _stored(cluster, registry, name) for name in names}
    return Outcome(
        registry_changes(registry, before, after),
        {registry.plural: [_public(after[name]) for name in after if after[name] is not None]},
    )


def registry_changes(registry: Registry, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Return the differences between two states of objects, in their stored form by name; C(None) if one is missing.

    For a password, the change only says that it was changed.
    """
    changes = []
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if old != new:
            was, will = (None if each is None else _attributes(registry, each) for each in (old, new))
            changes.append(between(registry.kind, name, was, will, reason="password changed" if was == will else ""))
    return changes


def _put_or_remove(cluster: Cluster, registry: Registry, want: Mapping[str, Any]) -> None:
    if want["state"] == "present":
        registry.put(cluster, want)
        if registry is WORKERS:
            lost_workers.mark_returned(cluster, want)
    elif want["state"] == "lost":
        lost_workers.declare(cluster, want[registry.key])
    else:
        registry.remove(cluster, want[registry.key])


def register_workers(
    cluster: Cluster,
    wants: Sequence[Mapping[str, Any]],
    *,
    network_node_trunk_mtu: int | None,
    acting_user: str,
    lost_marks: Collection[str] = (),
) -> Outcome:
    """Add, change or remove workers, and store the MTU of the network node's uplink if it is given.

    Args:
        cluster: changed in place.
        wants: entries of M(cloudrepo.slices.worker).
        network_node_trunk_mtu: the MTU, C(None) if it is not known.
        acting_user: who calls.
        lost_marks: the marks of lost machines that the network node has.

    What slices need and these hosts no longer offer is returned as C(unfit).
    """
    require_admin(cluster, acting_user, WORKERS.kind)
    moved = [each.change for each in machines.follow(cluster, wants)]
    lost = lost_workers.known(cluster)
    lost_workers.take_in(cluster, lost_marks)
    returned = lost_workers.returned(cluster, wants)
    lost_workers.add_replaced(cluster, wants)
    done = register(cluster, WORKERS, wants, acting_user=acting_user)
    done = replace(done, changes=[*moved, *done.changes, *lost_workers.changes(lost, lost_workers.known(cluster))])
    changes, before = list(done.changes), cluster.extra.get(NETWORK_NODE_TRUNK_MTU)
    if network_node_trunk_mtu is not None and network_node_trunk_mtu != before:
        note_network_node(cluster, network_node_trunk_mtu)
        was, will = (None if mtu is None else {"trunk_mtu": mtu} for mtu in (before, network_node_trunk_mtu))
        changes.append(between("host", "network_node", was, will))
    marks = [each.to_dict() for each in lost_workers.machines(cluster)]
    found = {"unfit": _unfit(cluster), "returned": returned, "lost_machines": marks, "revision": cluster.revision}
    unfenced = lost_workers.unfenced(cluster, wants)
    warnings = {"warnings": unfenced} if unfenced else {}
    return replace(done, changes=changes, result={**done.result, **found, **warnings})


def _unfit(cluster: Cluster) -> list[str]:
    """Return a sentence for each feature that a slice requires and its hosts do not have."""
    staying = (slice_ for slice_ in cluster.slices.values() if not slice_.deleting)
    return [refusal.message for slice_ in staying for refusal in host_requirements.shortcomings(slice_, cluster)]


def _stored(cluster: Cluster, registry: Registry, name: str) -> dict[str, Any] | None:
    thing = getattr(cluster, registry.plural).get(name)
    if thing is None:
        return None
    return {registry.key: name, **(thing if isinstance(thing, dict) else thing.to_dict())}


def all_stored(cluster: Cluster, registry: Registry) -> dict[str, Any]:
    """Return all objects of one kind in their stored form, by name."""
    return {name: _stored(cluster, registry, name) for name in getattr(cluster, registry.plural)}


def _public(stored: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return an object for results, with C(password_set) instead of the password's hash."""
    shown = dict(stored or {})
    if "password_hash" in shown:
        shown["password_set"] = shown.pop("password_hash") != NO_PASSWORD
    return shown


def _attributes(registry: Registry, stored: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in _public(stored).items() if key != registry.key}


def put_users(cluster: Cluster, wants: Sequence[Mapping[str, Any]], *, acting_user: str) -> Outcome:
    """Add, change or remove users, or verify the passwords of those whose C(state) is C(verified)."""

    def verify(want: Mapping[str, Any]) -> tuple[str, bool]:
        return want["name"], verify_user(cluster, want["name"], want["password"], acting_user=acting_user)

    verified = dict(for_all([want for want in wants if want["state"] == "verified"], verify))
    others = [want for want in wants if want["state"] != "verified"]
    done = register(cluster, USERS, others, acting_user=acting_user) if others else Outcome()
    return replace(done, result={"users": [], **done.result, "verified": verified})


def info(cluster: Cluster, registry: Registry, params: Mapping[str, Any]) -> Outcome:
    """Return users, flavors or workers.

    A tenant sees all flavors, but no other users and no workers.
    """
    acting_user, names = params["acting_user"], params["names"]
    if acting_user not in cluster.users:
        raise Refused([Refusal("unknown_acting_user", f"acting user {acting_user}")])
    shown = list(getattr(cluster, registry.plural))
    if registry.plural != "flavors" and not cluster.is_admin(acting_user):
        shown = [acting_user] if registry.plural == "users" else []
    return Outcome(
        result={
            registry.plural: [_public(_stored(cluster, registry, name)) for name in shown if not names or name in names]
        },
    )
