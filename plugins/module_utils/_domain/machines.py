# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts are identified by their machine-id: a worker with a new address is renumbered (docs/decisions/0020)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..allocations import ADDRESS
from ..bounds import MACHINE_ID
from ..changes import Change
from ..cluster import LEFT_BEHIND, NETWORK_NODE_MACHINE, WORKERS_LIST, Cluster
from ..errors import Refusal, Refused
from ..identity import machine_mark
from ..models import VM, Slice
from ..workers import Worker
from . import data_disks, undelete


@dataclass(frozen=True)
class Renumbering:
    """A worker whose address has changed.

    Attributes:
        machine_id: its machine-id.
        old: its address in the database.
        new: its present address.
        vms: the number of its VMs, which are not moved.
    """

    machine_id: str
    old: str
    new: str
    vms: int

    @property
    def change(self) -> Change:
        """The change of the worker."""
        after = {"ip": self.new, "machine_id": self.machine_id, "vms": self.vms}
        return Change("worker", self.new, "renumber", {"ip": self.old}, after, reason="no VM moves")


def mark(cluster: Cluster, worker: Worker) -> str | None:
    """Return the public mark of a worker's machine, C(None) if its machine-id is not known yet."""
    return _mark(cluster, worker.machine_id)


def network_node_mark(cluster: Cluster) -> str | None:
    """Return the public mark of the network node's machine, C(None) if there is none or its machine-id is unknown."""
    return _mark(cluster, cluster.extra.get(NETWORK_NODE_MACHINE))


def note_network_node(cluster: Cluster, machine_id: str | None, *, accepted: str | None = None) -> None:
    """Store which machine is the network node.

    Args:
        cluster: changed in place.
        machine_id: its machine-id; C(None) if it is not known, which changes nothing.
        accepted: the machine-id that the administrator accepts in place of the stored one.

    Raises:
        Refused: it is not a machine-id, or that of another machine than the network node in the database.
    """
    if machine_id is None:
        return
    known = cluster.extra.get(NETWORK_NODE_MACHINE)
    if not MACHINE_ID.allows(machine_id):
        figures = {"form": MACHINE_ID.rule, "got": machine_id}
        raise Refused([Refusal("invalid_machine_id", "network node", figures)])
    if known not in (None, machine_id) and accepted != machine_id:
        raise Refused([Refusal("another_network_node", "network node", {"got": machine_id, "known": known})])
    cluster.extra[NETWORK_NODE_MACHINE] = machine_id


def lose_network_node(cluster: Cluster, machine_id: str | None) -> None:
    """Forget the network node, which is gone for good, so that nothing waits for its reports.

    Args:
        cluster: changed in place.
        machine_id: the machine-id of the host in the group network_node, C(None) if none was reached.

    Raises:
        Refused: a host was reached.
    """
    if machine_id is not None:
        raise Refused([Refusal("network_node_reached", "network node", {"got": machine_id})])
    left = {kind: held for kind, held in cluster.extra.get(LEFT_BEHIND, {}).items() if kind != ADDRESS}
    others = {key: value for key, value in cluster.extra.items() if key not in (NETWORK_NODE_MACHINE, LEFT_BEHIND)}
    # Nothing else has addresses.
    cluster.extra = {**others, LEFT_BEHIND: left} if left else others


def _mark(cluster: Cluster, machine_id: str | None) -> str | None:
    return None if cluster.cloud is None or machine_id is None else machine_mark(cluster.cloud.uuid, machine_id)


def follow(cluster: Cluster, wants: Sequence[Mapping[str, Any]]) -> list[Renumbering]:
    """Change the addresses of renumbered workers in the cluster, and of the VMs on them.

    Args:
        cluster: changed in place.
        wants: entries of M(cloudrepo.slices.worker), with C(machine_id) if it is known, and with C(accept_machine) if
            the administrator accepts this machine-id for an address that had another one.

    Raises:
        Refused: a known address has another machine, or two workers have the same machine-id or address.
    """
    present = {want["ip"]: want for want in wants if want["state"] == "present" and want.get("machine_id")}
    known = {worker.machine_id: ip for ip, worker in cluster.workers.items() if worker.machine_id}
    moves = {known[want["machine_id"]]: ip for ip, want in present.items() if known.get(want["machine_id"], ip) != ip}
    refusals = [*_malformed(present), *_alike(wants), *_shared(present)]
    for ip, want in present.items():
        if ip not in moves:
            refusals += _occupied(cluster, want, known.get(want["machine_id"]))
    if refusals:
        raise Refused(refusals)
    found = [
        Renumbering(str(cluster.workers[old].machine_id), old, new, len(cluster.vms_on(old)))
        for old, new in moves.items()
    ]
    if found:
        _move_vms(cluster, moves)
    return found


def _malformed(present: Mapping[str, Mapping[str, Any]]) -> Iterator[Refusal]:
    for ip, want in present.items():
        if not MACHINE_ID.allows(want["machine_id"]):
            yield Refusal("invalid_machine_id", f"worker {ip}", {"form": MACHINE_ID.rule, "got": want["machine_id"]})


def _alike(wants: Iterable[Mapping[str, Any]]) -> Iterator[Refusal]:
    """Yield a refusal for each address of several hosts, of which all would get the orders of one worker."""
    found: dict[str, list[str]] = {}
    for want in wants:
        if want["state"] == "present" and want.get("machine_id"):
            found.setdefault(want["ip"], []).append(want["machine_id"])
    for ip, machine_ids in found.items():
        if len(machine_ids) > 1:
            yield Refusal("address_shared", f"worker {ip}", {"count": len(machine_ids), "machines": machine_ids})


def _shared(present: Mapping[str, Mapping[str, Any]]) -> Iterator[Refusal]:
    counts = Counter(want["machine_id"] for want in present.values())
    for machine_id, count in counts.items():
        if count > 1:
            workers = [ip for ip, want in present.items() if want["machine_id"] == machine_id]
            yield Refusal("machine_shared", f"machine {machine_id}", {"count": count, "workers": workers})


def _occupied(cluster: Cluster, want: Mapping[str, Any], former: str | None) -> Iterator[Refusal]:
    """Yield a refusal if another worker keeps the machine's address. C(former) is the machine's old one."""
    ip, machine_id = want["ip"], want["machine_id"]
    holder = cluster.workers.get(ip)
    if holder is None or holder.machine_id == machine_id:
        return
    vms = len(cluster.vms_on(ip))
    figures = {"got": machine_id, "known": holder.machine_id or "unknown", "vms": vms}
    if former is not None:
        # An entry without a machine-id and VMs was never reached, and may be replaced.
        if holder.machine_id or vms:
            yield Refusal("address_in_use", f"worker {former}", {**figures, "ip": ip})
    elif holder.machine_id and want.get("accept_machine") != machine_id:
        yield Refusal("another_machine", f"worker {ip}", figures)


def _move_vms(cluster: Cluster, moves: Mapping[str, str]) -> None:
    moved = {new: replace(cluster.workers[old], ip=new) for old, new in moves.items()}
    for ip in {**moves, **moved}:
        cluster.workers.pop(ip, None)
    cluster.workers.update(moved)
    listed = cluster.extra.get(WORKERS_LIST)
    if isinstance(listed, list):
        cluster.extra[WORKERS_LIST] = [moves.get(ip, ip) if isinstance(ip, str) else ip for ip in listed]
    for slice_ in cluster.slices.values():
        _move_slice(slice_, moves)
    # Their disks are in the trash of the same machine.
    undelete.apply_to_deleted(cluster, lambda slice_: _move_slice(slice_, moves))
    cluster.revise()


def _move_slice(slice_: Slice, moves: Mapping[str, str]) -> None:
    data_disks.move_trash(slice_, moves)
    for vm in slice_.vms:
        _move_vm(vm, moves)


def _move_vm(vm: VM, moves: Mapping[str, str]) -> None:
    vm.worker_ip = moves.get(vm.worker_ip, vm.worker_ip)
    pin = moves.get(vm.pinned_to or "")
    if pin is not None:
        vm.extra["placement"] = {**vm.extra["placement"], "worker": pin}
