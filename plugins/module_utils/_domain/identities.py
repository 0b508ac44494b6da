# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Assigns UUIDs to slices, their VMs and disks. A UUID never changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .. import identity
from ..changes import UPDATE, Change
from ..cluster import slice_label, slice_ref
from ..identity import Identified
from ..models import Slice


def has_all(slice_: Slice) -> bool:
    """Return whether a slice, its VMs and their disks have UUIDs."""
    return all(thing.uuid for thing in _things(slice_))


def identify(slice_: Slice) -> None:
    """Assign the missing UUIDs of a slice, its VMs and their disks."""
    for thing in _things(slice_):
        if not thing.uuid:
            thing.extra["uuid"] = identity.new_uuid()


def changes(slices: Iterable[Slice]) -> list[Change]:
    """Return the changes for slices whose missing UUIDs have just been assigned."""
    none, given = {"uuid": None}, "given to the slice, its VMs and their disks"
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
