# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which slice is meant, and whether the acting user may see or touch it."""

from __future__ import annotations

from ..cluster import ADMIN, Cluster, slice_label
from ..errors import Refused
from ..models import Slice
from .wording import some


def no_such_user(cluster: Cluster, acting_user: str) -> str:
    """Return what is said of a user who does not exist; who does is told to admins alone."""
    return "does not exist" + (f"; users are {some(cluster.users)}" if cluster.is_admin(acting_user) else "")


def not_permitted(cluster: Cluster, acting_user: str, owner: str, name: str) -> list[str]:
    """Return why the user may not touch the owner's slice of that name; nothing where it may."""
    if acting_user not in cluster.users:
        return [f"acting user {acting_user} does not exist"]
    if acting_user != owner and not cluster.is_admin(acting_user):
        return [f"slice {name}: {acting_user} is neither its owner {owner} nor an admin"]
    return []


def find(cluster: Cluster, name: str, owner: str | None = None, *, acting_user: str = ADMIN) -> Slice:
    """Return the slice of that name or id; what else there is, is told as far as the acting user may see it.

    Raises:
        Refused: no slice is called so, or several are and C(owner) does not tell which.
    """
    found = cluster.called(name, owner)
    if len(found) > 1 and not cluster.is_admin(acting_user):
        found = [one for one in found if one.owner == acting_user] or found[:1]
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(f"{one.slice_id} of {one.owner}" for one in found)
        raise Refused([f"{len(found)} slices are called {name} ({several}); name the owner or the id"])
    known = some(f"{slice_label(one)} ({one.slice_id})" for one in visible(cluster, acting_user))
    whose = f" of {owner}" if owner else ""
    raise Refused([f"no slice{whose} is called {name}; slices are {known}"])


def visible(cluster: Cluster, acting_user: str) -> list[Slice]:
    """Return the slices that the user may see: an admin all, a tenant the user's own."""
    if cluster.is_admin(acting_user):
        return list(cluster.slices.values())
    return cluster.slices_of(acting_user) if acting_user in cluster.users else []
