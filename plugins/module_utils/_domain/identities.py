# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Assigns UUIDs to users, slices, their VMs and disks. A UUID never changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .. import identity
from ..changes import UPDATE, Change
from ..cluster import DELETED_SLICES, Cluster, slice_label, slice_ref
from ..identity import Identified
from ..models import OWNER_UUID, Slice, User


def has_all(slice_: Slice) -> bool:
    """Return whether a slice, its owner, its VMs and their disks have UUIDs."""
    return slice_.owner_uuid is not None and all(thing.uuid for thing in _things(slice_))


def identify(slice_: Slice) -> None:
    """Assign the missing UUIDs of a slice, its VMs and their disks."""
    for thing in _things(slice_):
        if not thing.uuid:
            thing.extra["uuid"] = identity.new_uuid()


def identify_user(cluster: Cluster, user: User, uuid: str | None = None) -> None:
    """Assign a UUID to a user without one, C(uuid) or a new one, and store it in the user's slices, also in deleted
    ones."""
    if user.uuid is not None:
        return
    user.extra["uuid"] = uuid or identity.new_uuid()
    for slice_id in user.slices:
        if slice_id in cluster.slices:
            cluster.slices[slice_id].extra.setdefault(OWNER_UUID, user.uuid)
    deleted = cluster.extra.get(DELETED_SLICES, ())
    if any(each["slice"]["owner"] == user.username for each in deleted):
        cluster.extra = {**cluster.extra, DELETED_SLICES: [_bound(each, user) for each in deleted]}


def _bound(deleted: Mapping[str, Any], user: User) -> Mapping[str, Any]:
    """Return the entry of a deleted slice with the UUID of its owner, if that is this user."""
    slice_ = deleted["slice"]
    if slice_["owner"] != user.username or OWNER_UUID in slice_:
        return deleted
    return {**deleted, "slice": {**slice_, OWNER_UUID: user.uuid}}


def bind(cluster: Cluster, slice_: Slice) -> None:
    """Store the UUID of its owner in a slice without it."""
    user = None if slice_.owner_uuid else cluster.users.get(slice_.owner)
    if user is not None:
        identify_user(cluster, user)
        slice_.extra[OWNER_UUID] = user.uuid


def changes(slices: Iterable[Slice]) -> list[Change]:
    """Return the changes for slices whose missing UUIDs have just been assigned."""
    none, given = {"uuid": None}, "given to the slice, its owner, its VMs and their disks"
    return [
        Change(
            "slice",
            each.slice_id,
            UPDATE,
            none,
            {"uuid": each.uuid},
            reason=given,
            name=slice_label(each),
            slice=slice_ref(each),
        )
        for each in slices
    ]


def _things(slice_: Slice) -> Iterator[Identified]:
    yield slice_
    for vm in slice_.vms:
        yield vm
        yield from vm.disks
