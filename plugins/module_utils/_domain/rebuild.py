# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A lost database, rebuilt from the work orders that hosts have applied (docs/decisions/0023)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..applied import HostOrders, KnownDisplay
from ..claim import InUse
from ..cloud import Cloud
from ..cluster import FIRST_ID, NETWORK_NODE_MACHINE, NETWORK_NODE_TRUNK_MTU, NO_PASSWORD, Cluster, slice_label
from ..errors import Refusal, Refused
from ..models import Slice, User
from ..report import NETWORK_NODE
from ..vlans import Vlans, read_pools
from ..workers import MACHINE_ID, Worker
from . import counters, displays, identities, startup, user_data
from .invariants import violations
from .records_merge import Entry, Merged, entries, leave_out_older, merge
from .registration import WORKER_OFFERS


@dataclass(frozen=True)
class Rebuilt:
    """A rebuilt database.

    Attributes:
        cluster: its content.
        unknown: what hosts do not know, a sentence each.
    """

    cluster: Cluster
    unknown: tuple[str, ...]


def rebuild(
    hosts: Sequence[HostOrders], *, without: Collection[str] = (), passwords: Sequence[KnownDisplay] = (), now: str
) -> Rebuilt:
    """Return the database of the hosts' cloud.

    Args:
        hosts: all hosts of the inventory.
        without: names of hosts and UUIDs of slices that are left out.
        passwords: the passwords of displays.
        now: the time in UTC, as that of the observed states.

    Raises:
        Refused: a host was not read, or hosts contradict each other.
    """
    read = [host for host in hosts if host.host not in without]
    recorded, invalid = entries(read)
    refusals = [*_unread(hosts, without, {str(entry.slice.uuid) for entry in recorded}), *_clouds(read)]
    found = [entry for entry in recorded if entry.slice.uuid not in without]
    left_out = leave_out_older(found)
    refusals += [*invalid, *_contradictions(found)]
    if refusals:
        raise Refused(refusals)
    merged = merge(found, now=now)
    cluster = _cluster(read, merged)
    refusals = [
        Refusal("rebuild_violates_rule", "database", {"breach": breach, "slices": _named(breach.message, cluster)})
        for breach in violations(cluster)
    ]
    if refusals:
        raise Refused(refusals)
    asking = _keep_passwords(cluster, passwords)
    return Rebuilt(cluster, (*_unknown(cluster, hosts, merged, without, asking), *left_out))


def _named(breach: str, cluster: Cluster) -> list[str]:
    """Return the UUIDs of the slices that a breach names by an id in parentheses, or by that of a VM."""
    return [
        f"{slice_.uuid} ({slice_.name})"
        for slice_ in cluster.slices.values()
        if any(f"({number})" in breach for number in (slice_.slice_id, *(vm.vm_id for vm in slice_.vms)))
    ]


def _unread(hosts: Sequence[HostOrders], without: Collection[str], uuids: Collection[str]) -> Iterator[Refusal]:
    names = list(dict.fromkeys(host.host for host in hosts))
    for name in without:
        if name not in names and name not in uuids:
            yield Refusal("not_found", f"host or slice {name}", {"known": names})
    for host in hosts:
        if host.failure is not None and host.host not in without:
            yield Refusal("host_not_read", f"host {host.host}", {"failure": host.failure})


def _clouds(hosts: Iterable[HostOrders]) -> Iterator[Refusal]:
    claimed = {host.host: f"{host.cloud_title} ({host.cloud_uuid})" for host in hosts if host.cloud_uuid is not None}
    if not claimed:
        yield Refusal("nothing_to_rebuild", "database")
    if len({host.cloud_uuid for host in hosts if host.cloud_uuid is not None}) > 1:
        for name, cloud in claimed.items():
            others = sorted({other for other in claimed.values() if other != cloud})
            yield Refusal("clouds_differ", f"host {name}", {"held": cloud, "others": others})


def _contradictions(found: Sequence[Entry]) -> Iterator[Refusal]:
    first: dict[int, Entry] = {}
    places: dict[str, dict[str, None]] = {}
    for entry in found:
        other = first.setdefault(entry.slice.slice_id, entry)
        if other.slice.uuid != entry.slice.uuid:
            figures = {"held": other.slice.uuid, "host": other.host, "got": entry.slice.uuid, "other": entry.host}
            yield Refusal("slices_differ", f"slice {entry.slice.slice_id}", figures)
        for vm in entry.slice.vms if entry.target != NETWORK_NODE else ():
            places.setdefault(f"VM {vm.name} ({vm.vm_id}, UUID {vm.uuid})", {})[entry.host] = None
    yield from _owners_differ(found)
    for name, on in places.items():
        if len(on) > 1:
            yield Refusal("vm_on_several_hosts", name, {"hosts": list(on)})


def _owners_differ(found: Sequence[Entry]) -> Iterator[Refusal]:
    """Yield a refusal for slices of different users who had the same name, one after the other."""
    first: dict[str, Slice] = {}
    for slice_ in {entry.slice.uuid: entry.slice for entry in found if entry.slice.owner_uuid is not None}.values():
        other = first.setdefault(slice_.owner, slice_)
        if other.owner_uuid != slice_.owner_uuid:
            figures = {
                "held": other.owner_uuid,
                "slice": f"{slice_label(other)} ({other.uuid})",
                "got": slice_.owner_uuid,
                "other": f"{slice_label(slice_)} ({slice_.uuid})",
            }
            yield Refusal("owners_differ", f"user {slice_.owner}", figures)


def _cluster(hosts: Sequence[HostOrders], merged: Merged) -> Cluster:
    cluster = Cluster.initial()
    cluster.workers.update(_workers(hosts, merged))
    for slice_ in merged.slices:
        user = cluster.users.setdefault(slice_.owner, User(slice_.owner, NO_PASSWORD))
        if slice_.owner_uuid is not None:
            identities.identify_user(cluster, user, slice_.owner_uuid)
        user.slices.append(slice_.slice_id)
        user.used_vms += len(slice_.vms)
        cluster.slices[slice_.slice_id] = slice_
        for vm in slice_.vms:
            if vm.flavor is not None and "name" in vm.flavor:
                flavor = {key: value for key, value in vm.flavor.items() if key != "name"}
                cluster.flavors[vm.flavor["name"]] = flavor
    cloud = next(host for host in hosts if host.cloud_uuid is not None)
    # Another incarnation: should the lost database reappear, the hosts refuse it.
    cluster.vlans = Vlans(read_pools(cloud.vlan_pools), cloud.management_vlan)
    cluster.set_cloud(Cloud(str(cloud.cloud_uuid), cloud.cloud_title or "", "").with_new_incarnation())
    revision = counters.highest_known(host.highest_revision for host in hosts)
    cluster.lift(next_vm_id=max([FIRST_ID, *merged.next_vm_ids]), revision=revision)
    in_use = [InUse(host.host, host.highest_id, host.highest_revision, host.slices) for host in hosts]
    counters.take_in(cluster, in_use, complete=True)
    trunks = [host.trunk_mtu for host in hosts if host.target == NETWORK_NODE and host.trunk_mtu is not None]
    if trunks:
        cluster.extra[NETWORK_NODE_TRUNK_MTU] = min(trunks)
    nodes = [host.machine_id for host in hosts if host.target == NETWORK_NODE and host.machine_id is not None]
    if nodes:
        cluster.extra[NETWORK_NODE_MACHINE] = nodes[0]
    lists = (host.lost_machines for host in hosts if host.target == NETWORK_NODE)
    cluster.lost_marks = frozenset(machine.mark for machines in lists for machine in machines)
    displays.make_key(cluster)
    return cluster


def _workers(hosts: Iterable[HostOrders], merged: Merged) -> dict[str, Worker]:
    """Return the workers by address. One that was left out takes no new VMs before C(site) has registered it."""
    found = {host.target: _worker(host) for host in hosts if host.target != NETWORK_NODE}
    for slice_ in merged.slices:
        for vm in slice_.vms:
            found.setdefault(vm.worker_ip, Worker(vm.worker_ip))
    return found


def _worker(host: HostOrders) -> Worker:
    facts = {name: getattr(host, name) for name in (MACHINE_ID, *WORKER_OFFERS)}
    extra = {name: value for name, value in facts.items() if value is not None}
    return Worker(host.target, cores=host.cores, ram_gb=host.ram_gb, extra=extra)


def _keep_passwords(cluster: Cluster, passwords: Iterable[KnownDisplay]) -> list[int]:
    """Keep the passwords that displays have, and return the VMs whose display will get another one.

    An orphan on a worker may have the id of a VM on another worker, and belong to another user.
    """
    known = {(each.vm_id, each.vm_uuid, each.worker_ip): each for each in passwords}
    asking = []
    for vm in cluster.vms():
        if vm.deleting:
            continue
        each = None if vm.uuid is None else known.get((vm.vm_id, vm.uuid, vm.worker_ip))
        if each is None:
            asking.append(vm.vm_id)
        else:
            displays.keep(cluster, vm, password_id=each.password_id, password=each.password)
    return asking


def _unknown(
    cluster: Cluster, hosts: Iterable[HostOrders], merged: Merged, without: Collection[str], asking: Sequence[int]
) -> Iterator[str]:
    yield f"passwords, quotas and roles of the users {', '.join(sorted(cluster.users))}"
    unbound = [name for name, user in cluster.users.items() if user.uuid is None]
    if unbound:
        yield f"the UUIDs of the users {', '.join(sorted(unbound))}, whose tokens are refused"
    yield "limits of workers (disk_gb, max_vms, overcommit, schedulable)"
    yield "which workers were declared lost; declare them lost again before the next deploy"
    yield "users without slices, flavors that no VM was created from, kinds of guests, and virtual sizes of images"
    yield "topologies and changes that were stored and never deployed"
    texts = [str(vm.vm_id) for vm in cluster.vms() if user_data.id_of(vm) or startup.id_of(vm)]
    if texts:
        yield (
            f"user data and start-ups of VMs {', '.join(texts)}; the first ones that their topologies set again are "
            "taken for those that the guests had"
        )
    yield "deleted slices that could be undeleted, and data disks in the trash that could be restored"
    names = {host.host for host in hosts}
    for name in without:
        if name in names:
            yield f"what only host {name} knows, which was left out"
        else:
            yield f"slice {name}, which was left out; its objects are orphans"
    yield from merged.unknown
    if asking:
        numbers = ", ".join(map(str, asking))
        yield f"the passwords of the displays of VMs {numbers}, which get new ones in the next deploy if they need any"
    for host in hosts:
        for held in host.slices if host.host not in without else ():
            if held.slice_id not in cluster.slices:
                yield f"slice {held.slice_id} on {host.host}, of which no host has a record; its objects are orphans"
