# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Selects slices that the acting user may see and change: all for an admin, the user's own for a tenant.

To a tenant, slices of other users do not exist. No message contains them or their owners.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..cluster import ADMIN, Cluster, slice_label
from ..errors import Refusal, Refused
from ..models import Slice, User


def acts_for(cluster: Cluster, acting_user: str, owner: str) -> bool:
    """Return whether the user may act on the owner's slices.

    Raises:
        Refused: the acting user does not exist.
    """
    if acting_user not in cluster.users:
        raise Refused([Refusal("unknown_acting_user", f"acting user {acting_user}")])
    return acting_user == owner or cluster.is_admin(acting_user)


def owns(user: User, owner: str, owner_uuid: str | None) -> bool:
    """Return whether a slice with this owner is, or was, that of the user and not of an earlier one of the same name.

    A user without a UUID, as in an imported file, is known by name.
    """
    return user.uuid == owner_uuid and (user.uuid is not None or user.username == owner)


def require_user(cluster: Cluster, acting_user: str, uuid: str | None) -> None:
    """Refuse a token of a user who was removed.

    Raises:
        Refused: see C(token_problems).
    """
    refusals = list(token_problems(cluster, acting_user, uuid))
    if refusals:
        raise Refused(refusals)


def token_problems(cluster: Cluster, acting_user: str, uuid: str | None) -> Iterator[Refusal]:
    """Yield a refusal for a token of a user who was removed, no matter whether there is another one of the same name.

    Args:
        cluster: the database.
        acting_user: the user in the token.
        uuid: the UUID of the user in the token; C(None) without a token.
    """
    if uuid is None:
        return
    user = cluster.users.get(acting_user)
    if user is None:
        yield Refusal("unknown_acting_user", f"acting user {acting_user}")
    elif user.uuid != uuid:
        figures = {"user": acting_user, "got": uuid, "present": user.uuid or "none"}
        yield Refusal("acting_token_of_earlier_user", "token", figures)


def require_acts_for(cluster: Cluster, acting_user: str, owner: str, where: str) -> None:
    """Refuse a user who is neither the owner nor an admin.

    Args:
        cluster: the database.
        acting_user: who calls.
        owner: the owner of the object, who need not exist.
        where: the object in the refusal, such as C(slice web).

    Raises:
        Refused: the user may not act for the owner.
    """
    if not acts_for(cluster, acting_user, owner):
        raise Refused([Refusal("not_owner_or_admin", where, {"user": acting_user})])


def visible(cluster: Cluster, acting_user: str) -> list[Slice]:
    """Return the slices that the user may act on."""
    if acts_for(cluster, acting_user, ADMIN):
        return list(cluster.slices.values())
    return cluster.slices_of(acting_user)


def called(cluster: Cluster, name: str, owner: str | None, acting_user: str) -> list[Slice]:
    """Return the slices with this name or id that the user may act on, of one owner or of all."""
    return [slice_ for slice_ in cluster.called(name, owner) if acts_for(cluster, acting_user, slice_.owner)]


def numbered(cluster: Cluster, slice_id: int, acting_user: str) -> Slice | None:
    """Return the slice with this id, if it exists and the user may act on it."""
    slice_ = cluster.slices.get(slice_id)
    return slice_ if slice_ is not None and acts_for(cluster, acting_user, slice_.owner) else None


def find(cluster: Cluster, name: str, owner: str | None = None, *, acting_user: str = ADMIN) -> Slice:
    """Return the slice with this name or id.

    Raises:
        Refused: there is no such slice, or there are several of different owners.
    """
    found = called(cluster, name, owner, acting_user)
    if len(found) == 1:
        return found[0]
    if found:
        several = [f"{slice_.slice_id} of {slice_.owner}" for slice_ in found]
        raise Refused([Refusal("ambiguous_slice", f"slice {name}", {"count": len(found), "found": several})])
    known = [f"{slice_label(slice_)} ({slice_.slice_id})" for slice_ in visible(cluster, acting_user)]
    whose = f" of {owner}" if owner else ""
    raise Refused([Refusal("not_found", f"slice {name}{whose}", {"known": known})])


def places(cluster: Cluster, want: Mapping[str, Any], acting_user: str) -> set[int | tuple[str, str]]:
    """Return what identifies the slice of a topology: its id, if it is stored, and owner and name, before and after.

    Two topologies that have something of this in common would overwrite each other.
    """
    owner, name = want["owner"] or acting_user, want["name"]
    names: set[int | tuple[str, str]] = {(owner, name), (owner, want.get("new_name") or name)}
    if want.get("slice_id") is not None:
        return {want["slice_id"], *names}
    if want["state"] == "absent":
        return {*names, *(slice_.slice_id for slice_ in called(cluster, name, want["owner"], acting_user))}
    stored = cluster.find_slice(owner, name) if acts_for(cluster, acting_user, owner) else None
    return names if stored is None else {stored.slice_id, *names}


def find_each(
    cluster: Cluster, names: Sequence[str], owner: str | None = None, *, acting_user: str = ADMIN
) -> tuple[list[Slice], dict[str, list[Refusal]]]:
    """Return the slices with these names or ids, each once, and the refusals for each name without one; see C(find)."""
    found: dict[int, Slice] = {}
    missing: dict[str, list[Refusal]] = {}
    for name in names:
        try:
            slice_ = find(cluster, name, owner, acting_user=acting_user)
        except Refused as refused:
            missing[name] = refused.refusals
        else:
            found[slice_.slice_id] = slice_
    return list(found.values()), missing


def choose(
    cluster: Cluster, names: Sequence[str], *, owner: str | None, everything: bool, acting_user: str
) -> list[Slice]:
    """Return the slices with these names or ids, or all of an owner, or all that the user may act on.

    Raises:
        Refused: for names that match no slice or several, and for an owner who is unknown or for whom the user may not
            act.
    """
    if names:
        chosen, missing = find_each(cluster, names, owner, acting_user=acting_user)
        if missing:
            raise Refused([refusal for refusals in missing.values() for refusal in refusals])
        return chosen
    if owner is not None:
        require_acts_for(cluster, acting_user, owner, f"owner {owner}")
        if owner not in cluster.users:
            raise Refused([Refusal("not_found", f"owner {owner}", {"known": list(cluster.users)})])
        return cluster.slices_of(owner)
    return visible(cluster, acting_user) if everything else []
