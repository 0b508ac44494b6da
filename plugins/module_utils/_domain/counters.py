# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reserves the values in use on hosts, so that the cluster does not assign them again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..allocations import ADDRESS, VLAN_POOL, VNC_PORT, address_number, allocated
from ..bounds import KNOWN_ID, KNOWN_REVISION, Limit
from ..changes import Change, between
from ..claim import HeldSlice, InUse
from ..cluster import LEFT_BEHIND, Cluster
from ..errors import Refusal, Refused
from ..report import NETWORK_NODE
from ..vlans import pool_number, pool_of
from ..work_order import revision_text
from .machines import network_node_mark


def take_in(cluster: Cluster, hosts: Sequence[InUse], *, complete: bool) -> None:
    """Raise counters above the values in use on hosts, and reserve the values that are not of slices in the cluster.

    A slice in the cluster may have values on hosts that it does not have in a restored database. Hosts that have
    applied work orders of a later state of the cluster, which was reverted, accept its next ones.

    Args:
        cluster: changed in place.
        hosts: the values in use on hosts.
        complete: whether these are all hosts of the cluster, so that earlier reservations of others are released.
    """
    highest = _highest((each.highest_id for each in hosts), KNOWN_ID) or 0
    revisions = [each.highest_revision for each in hosts]
    cluster.lift(next_vm_id=highest + 1, revision=None if cluster.slices else highest_known(revisions))
    _take_in_revisions(cluster, revisions)
    strangers = [each for host in hosts for each in host.slices if not _is_known(cluster, each)]
    held = [each for host in hosts for each in host.slices]
    left = {
        VLAN_POOL: {number for each in held for number in _pools(cluster, each)},
        ADDRESS: {number for each in held for number in _addresses(cluster, each)},
        VNC_PORT: {number for each in held for number in _vnc_ports(cluster, each)},
    }
    if not complete or strangers:
        others = {kind: set(numbers) for kind, numbers in cluster.extra.get(LEFT_BEHIND, {}).items()}
        left = {kind: numbers | others.get(kind, set()) for kind, numbers in left.items()}
    noted = {kind: sorted(numbers) for kind, numbers in left.items() if numbers}
    extra = {key: value for key, value in cluster.extra.items() if key != LEFT_BEHIND}
    cluster.extra = {**extra, LEFT_BEHIND: noted} if noted else extra


def cover_all_hosts(cluster: Cluster, hosts: Iterable[InUse]) -> bool:
    """Return whether these are all hosts that may have values of slices that are not in the cluster.

    Hosts that are not in the inventory are still registered, and only the network node has addresses.
    """
    asked = {each.target for each in hosts}
    workers = {ip for ip, worker in cluster.workers.items() if not worker.lost}
    needs_node = network_node_mark(cluster) is not None or bool(cluster.left_behind(ADDRESS))
    return workers <= asked and (NETWORK_NODE in asked or not needs_node)


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
    cluster.forget_issued()
    return [
        between(
            "revision", "cluster", {"revision": revision_text(before)}, {"revision": revision_text(cluster.revision)}
        )
    ]


def highest_known(revisions: Iterable[int | None]) -> int | None:
    """Return the highest revision on hosts that leaves room for later ones: any other is that of a damaged file."""
    return _highest(revisions, KNOWN_REVISION)


def _take_in_revisions(cluster: Cluster, revisions: Iterable[int | None]) -> None:
    """List what hosts have applied from a database that was reverted as issued, so that they accept its work orders.

    While a host has a higher revision than the database (C(behind)), it must refuse them all the same.
    """
    unknown = [each for each in revisions if each is not None and not cluster.knows(each)]
    if unknown and max(unknown) <= (cluster.revision or 0):
        cluster.take_in(unknown)


def _highest(values: Iterable[int | None], limit: Limit) -> int | None:
    return max((each for each in values if each is not None and limit.allows(each)), default=None)


def _is_known(cluster: Cluster, held: HeldSlice) -> bool:
    stored = cluster.slices.get(held.slice_id)
    return stored is not None and stored.uuid == held.slice_uuid


def _pools(cluster: Cluster, held: HeldSlice) -> set[int]:
    """Return the pools of a slice on a host that the slice does not have in the cluster."""
    vlans = (each.vlan_id for each in held.vlans if each.vlan_id != cluster.vlans.management)
    found = {pool_number(held.slice_id), *(pool for pool in map(pool_of, vlans) if pool is not None)}
    return found - _known(cluster, held, VLAN_POOL)


def _addresses(cluster: Cluster, held: HeldSlice) -> set[int]:
    numbers = (address_number(each.address) for each in held.reservations)
    return {number for number in numbers if number is not None} - _known(cluster, held, ADDRESS)


def _vnc_ports(cluster: Cluster, held: HeldSlice) -> set[int]:
    return {each.vnc_port for each in held.vnc_ports} - _known(cluster, held, VNC_PORT)


def _known(cluster: Cluster, held: HeldSlice, kind: str) -> set[int]:
    """Return the numbers of a kind that a slice has in the cluster."""
    known = allocated(cluster.slices[held.slice_id], kind) if _is_known(cluster, held) else ()
    return {each.number for each in known}
