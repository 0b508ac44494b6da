# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is registered, told; and users, whose passwords may be verified."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._domain.registering import (
    put_flavor,
    put_user,
    put_worker,
    remove_flavor,
    remove_user,
    remove_worker,
    verify_user,
)
from ..cluster import Cluster
from ..errors import Refused
from .control import Registry, _public, _stored, register
from .edge import Outcome

USERS = Registry(kind="user", plural="users", key="name", put=put_user, remove=remove_user)
FLAVORS = Registry(kind="flavor", plural="flavors", key="name", put=put_flavor, remove=remove_flavor)
WORKERS = Registry(kind="worker", plural="workers", key="ip", put=put_worker, remove=remove_worker)
INFO_ARGUMENTS: dict[str, dict[str, Any]] = {"names": {"type": "list", "elements": "str", "default": []}}


def put_users(cluster: Cluster, wants: Sequence[Mapping[str, Any]], *, acting_user: str) -> Outcome:
    """Put or remove users, and verify the passwords of those whose C(state) is C(verified); these are not changed."""
    verified: dict[str, bool] = {}
    reasons: list[str] = []
    for want in wants:
        if want["state"] == "verified":
            try:
                verified[want["name"]] = verify_user(cluster, want["name"], want["password"], acting_user=acting_user)
            except Refused as refusal:
                reasons.extend(refusal.reasons)
    if reasons:
        raise Refused(reasons)
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
