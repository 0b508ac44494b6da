# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reserves the values in use on hosts, so that the cluster does not assign them again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..allocations import ADDRESS, VLAN_POOL, address_number
from ..bounds import KNOWN_ID, KNOWN_REVISION
from ..changes import Change, between
from ..claim import HeldSlice, InUse
from ..cluster import LEFT_BEHIND, Cluster
from ..errors import Refusal, Refused
from ..vlans import pool_number
from ..work_order import revision_text


def take_in(cluster: Cluster, hosts: Sequence[InUse], *, complete: bool) -> None:
    """Raise counters above the values in use on hosts, and reserve the values of slices that are not in the cluster.

    Args:
        cluster: changed in place.
        hosts: the values in use on hosts.
        complete: whether these are all hosts of the cluster, so that earlier reservations of others are released.
    """
    highest = max(
        (each.highest_id for each in hosts if each.highest_id and KNOWN_ID.allows(each.highest_id)), default=0
    )
    revisions = [each.highest_revision for each in hosts]
    cluster.lift(next_vm_id=highest + 1, revision=None if cluster.slices else highest_known(revisions))
    strangers = [each for host in hosts for each in host.slices if not _is_known(cluster, each)]
    left = {VLAN_POOL: {pool_number(each.slice_id) for each in strangers}, ADDRESS: set(_addresses(strangers))}
    if not complete or strangers:
        # Hosts do not report VNC ports.
        others = {kind: set(numbers) for kind, numbers in cluster.extra.get(LEFT_BEHIND, {}).items()}
        left = {kind: left.get(kind, set()) | others.get(kind, set()) for kind in {**left, **others}}
    noted = {kind: sorted(numbers) for kind, numbers in left.items() if numbers}
    extra = {key: value for key, value in cluster.extra.items() if key != LEFT_BEHIND}
    cluster.extra = {**extra, LEFT_BEHIND: noted} if noted else extra


def behind(cluster: Cluster, hosts: Iterable[InUse]) -> list[Refusal]:
    """Return why hosts will refuse orders of the cluster: they applied newer ones before the database was restored."""
    newest = cluster.revision or 0
    return [
        Refusal(
            "database_behind",
            f"host {each.host}",
            {"known": revision_text(each.highest_revision), "newest": revision_text(cluster.revision)},
        )
        for each in hosts
        if (each.highest_revision or 0) > newest
    ]


def accept(cluster: Cluster, known: int | None) -> list[Change]:
    """Raise the revision of the cluster above those that hosts have applied.

    Args:
        cluster: changed in place.
        known: the highest revision on the hosts.

    Raises:
        Refused: no revision would be left for later orders.
    """
    before = cluster.revision
    if known is not None and known > KNOWN_REVISION.most:
        figures = {"got": known, "most": KNOWN_REVISION.most}
        raise Refused([Refusal("revision_too_high", "accept_revision", figures)])
    if known is None or known < (before or 0):
        return []
    cluster.revise(known)
    return [
        between(
            "revision", "cluster", {"revision": revision_text(before)}, {"revision": revision_text(cluster.revision)}
        )
    ]


def highest_known(revisions: Iterable[int | None]) -> int | None:
    """Return the highest revision on hosts that leaves room for later ones: any other is that of a damaged file."""
    return max((each for each in revisions if each is not None and KNOWN_REVISION.allows(each)), default=None)


def _is_known(cluster: Cluster, held: HeldSlice) -> bool:
    stored = cluster.slices.get(held.slice_id)
    return stored is not None and stored.uuid == held.slice_uuid


def _addresses(slices: Iterable[HeldSlice]) -> Iterable[int]:
    numbers = (address_number(each.address) for slice_ in slices for each in slice_.reservations)
    return (number for number in numbers if number is not None)
