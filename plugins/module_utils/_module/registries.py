# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is registered by name: users, flavors and workers; and users' passwords, which may be verified."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .._domain.registering import (
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
from ..cluster import NETWORK_NODE_TRUNK_MTU, NO_PASSWORD, Cluster
from ..errors import Refused, for_all
from .edge import Outcome


@dataclass(frozen=True)
class Registry:
    """A kind of object that is registered by name: users, flavors, workers.

    Attributes:
        kind: the noun for messages.
        plural: the cluster's table of them, and the name of the list in arguments and results.
        key: the field that names one.
        put: adds or changes one.
        remove: removes one by name.
    """

    kind: str
    plural: str
    key: str
    put: Callable[[Cluster, Mapping[str, Any]], Any]
    remove: Callable[[Cluster, str], None]


USERS = Registry(kind="user", plural="users", key="name", put=put_user, remove=remove_user)
FLAVORS = Registry(kind="flavor", plural="flavors", key="name", put=put_flavor, remove=remove_flavor)
WORKERS = Registry(kind="worker", plural="workers", key="ip", put=put_worker, remove=remove_worker)
INFO_ARGUMENTS: dict[str, dict[str, Any]] = {"names": {"type": "list", "elements": "str", "default": []}}


def register(cluster: Cluster, registry: Registry, wants: Sequence[Mapping[str, Any]], *, acting_user: str) -> Outcome:
    """Put or remove a list of objects, by their C(state); all are refused if one is."""
    require_admin(cluster, acting_user, registry.kind)
    names = [want[registry.key] for want in wants]
    before = {name: _stored(cluster, registry, name) for name in names}
    for_all(wants, lambda want: _put_or_remove(cluster, registry, want))
    after = {name: _stored(cluster, registry, name) for name in names}
    changed = [name for name in after if before[name] != after[name]]
    secret = {name for name in changed if _lines(registry, name, before[name]) == _lines(registry, name, after[name])}
    return Outcome(
        changed=bool(changed),
        before=[line for name in changed for line in _lines(registry, name, before[name])],
        after=[
            line + (" (password changed)" if name in secret else "")
            for name in changed
            for line in _lines(registry, name, after[name])
        ],
        result={registry.plural: [_public(after[name]) for name in after if after[name] is not None]},
    )


def _put_or_remove(cluster: Cluster, registry: Registry, want: Mapping[str, Any]) -> None:
    if want["state"] == "present":
        registry.put(cluster, want)
    else:
        registry.remove(cluster, want[registry.key])


def register_workers(
    cluster: Cluster, wants: Sequence[Mapping[str, Any]], *, network_node_trunk_mtu: int | None, acting_user: str
) -> Outcome:
    """Put or remove workers, and note what the network node's uplink carries where that is told."""
    done = register(cluster, WORKERS, wants, acting_user=acting_user)
    before = cluster.extra.get(NETWORK_NODE_TRUNK_MTU)
    if network_node_trunk_mtu in (None, before):
        return done
    note_network_node(cluster, network_node_trunk_mtu)
    told, shall = (f"network node: trunk_mtu {mtu}" for mtu in (before, network_node_trunk_mtu))
    return replace(
        done,
        changed=True,
        before=[*done.before, *([told] if before is not None else [])],
        after=[*done.after, shall],
    )


def _stored(cluster: Cluster, registry: Registry, name: str) -> dict[str, Any] | None:
    thing = getattr(cluster, registry.plural).get(name)
    if thing is None:
        return None
    return {registry.key: name, **(thing if isinstance(thing, dict) else thing.to_dict())}


def _public(stored: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what may be shown: whether there is a password, never its digest."""
    shown = dict(stored or {})
    if "password_hash" in shown:
        shown["password_set"] = shown.pop("password_hash") != NO_PASSWORD
    return shown


def _lines(registry: Registry, name: str, stored: Mapping[str, Any] | None) -> list[str]:
    if stored is None:
        return []
    fields = [f"{key} {value}" for key, value in _public(stored).items() if value not in (None, name)]
    return [f"{registry.kind} {name}: {', '.join(fields)}"]


def put_users(cluster: Cluster, wants: Sequence[Mapping[str, Any]], *, acting_user: str) -> Outcome:
    """Put or remove users, and verify the passwords of those whose C(state) is C(verified); these are not changed."""

    def verify(want: Mapping[str, Any]) -> tuple[str, bool]:
        return want["name"], verify_user(cluster, want["name"], want["password"], acting_user=acting_user)

    verified = dict(for_all([want for want in wants if want["state"] == "verified"], verify))
    others = [want for want in wants if want["state"] != "verified"]
    done = register(cluster, USERS, others, acting_user=acting_user) if others else Outcome(changed=False)
    return Outcome(
        changed=done.changed,
        before=done.before,
        after=done.after,
        result={"users": [], **done.result, "verified": verified},
    )


def info(cluster: Cluster, registry: Registry, params: Mapping[str, Any]) -> Outcome:
    """Tell of users, flavors or workers.

    Flavors are everybody's to choose from; of users a tenant sees the tenant alone, of workers none.
    """
    acting_user, names = params["acting_user"], params["names"]
    if acting_user not in cluster.users:
        raise Refused([f"acting user {acting_user} does not exist"])
    shown = list(getattr(cluster, registry.plural))
    if registry.plural != "flavors" and not cluster.is_admin(acting_user):
        shown = [acting_user] if registry.plural == "users" else []
    return Outcome(
        changed=False,
        result={
            registry.plural: [_public(_stored(cluster, registry, name)) for name in shown if not names or name in names]
        },
    )
