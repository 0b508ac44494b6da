# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Selection of the worker for a new VM. A VM that has a worker stays there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..cluster import Cluster
from ..errors import Refusal
from ..workers import Load, Worker

POLICIES = ("round_robin", "least_loaded", "pack")
"""The first policy is the default, which is not stored with VMs."""


class Placement:
    """The workers with their loads, including those of VMs that have been placed.

    Args:
        cluster: the cluster, which is not changed.
        policy: C(round_robin) (the worker after that of the newest VM), C(least_loaded) (fewest VMs) or C(pack)
            (the first one with room).
    """

    def __init__(self, cluster: Cluster, policy: str = "round_robin") -> None:
        self.workers = list(cluster.workers.values())
        held = cluster.loads()
        self.loads = {worker.ip: held.get(worker.ip) or Load() for worker in self.workers}
        self.policy = policy
        self._last = cluster.newest_vm_worker()
        self._shortages: dict[tuple[Any, ...], list[Refusal]] = {}

    def shortages(self, worker: Worker, flavor: Mapping[str, Any]) -> list[Refusal]:
        """Return refusals for each resource that is insufficient for another VM of the flavor."""
        load, where, found = self.loads[worker.ip], f"worker {worker.ip}", []
        for resource, used, asked, limit in (
            ("VMs", load.vms, 1, worker.max_vms),
            ("cores", load.cores, flavor["cores"], _times(worker.cores, worker.cpu_overcommit)),
            ("GiB of RAM", load.ram_gb, flavor["ram_gb"], _times(worker.ram_gb, worker.ram_overcommit)),
            ("GiB of disk", load.disk_gb, flavor["disk_gb"], worker.disk_gb),
        ):
            if limit is not None and used + asked > limit:
                figures = {"resource": resource, "total": limit, "allocated": used, "requested": asked}
                found.append(Refusal("resource_exhausted", where, figures))
        return found

    def place(self, flavor: Mapping[str, Any], pinned: str | None = None) -> str | None:
        """Select a worker for a VM, add the VM to its load and return its address; C(None) if none has room."""
        candidates = [worker for worker in self._in_turn() if pinned in (None, worker.ip)]
        fitting = (worker for worker in candidates if not self._refusals(worker, flavor))
        chosen = next(iter(self._preferred(fitting)), None)
        if chosen is None:
            return None
        self.loads[chosen.ip].add(flavor)
        self._shortages.clear()
        if pinned is None:
            self._last = chosen.ip
        return chosen.ip

    def grow(self, ip: str, *, cores: float, ram_gb: float, disk_gb: float) -> None:
        """Add resources to the load of a worker, for a VM that grows."""
        load = self.loads[ip]
        load.cores, load.ram_gb, load.disk_gb = load.cores + cores, load.ram_gb + ram_gb, load.disk_gb + disk_gb
        self._shortages.clear()

    def refusal(self, where: str, flavor: Mapping[str, Any], pinned: str | None) -> Refusal:
        """Return the refusal if C(place) has found no worker for the VM C(where)."""
        if not self.workers:
            return Refusal("no_workers", where)
        if pinned is not None and pinned not in self.loads:
            return Refusal("unknown_reference", where, {"kind": "worker", "name": pinned, "known": list(self.loads)})
        # Cached, because thousands of VMs may have the same shortages on as many workers.
        alike = (pinned, flavor["cores"], flavor["ram_gb"], flavor["disk_gb"])
        if alike not in self._shortages:
            candidates = [worker for worker in self.workers if pinned in (None, worker.ip)]
            self._shortages[alike] = [each for worker in candidates for each in self._refusals(worker, flavor)]
        return Refusal("no_room", where, {"shortages": self._shortages[alike]})

    def _refusals(self, worker: Worker, flavor: Mapping[str, Any]) -> list[Refusal]:
        """Return refusals if the worker cannot take a new VM of the flavor."""
        where = f"worker {worker.ip}"
        found = [] if worker.schedulable else [Refusal("not_schedulable", where)]
        if worker.lost:
            found.append(Refusal("worker_lost", where))
        unknown = [name for name in ("cores", "ram_gb") if getattr(worker, name) is None]
        if unknown:
            found.append(Refusal("capacity_unknown", where, {"unknown": unknown}))
        return [*found, *self.shortages(worker, flavor)]

    def _in_turn(self) -> list[Worker]:
        if self.policy != "round_robin" or self._last not in self.loads:
            return self.workers
        after = list(self.loads).index(self._last) + 1
        return self.workers[after:] + self.workers[:after]

    def _preferred(self, fitting: Iterable[Worker]) -> Iterable[Worker]:
        if self.policy == "least_loaded":
            return sorted(fitting, key=lambda worker: self.loads[worker.ip].vms)
        return fitting


def _times(amount: float | None, ratio: float) -> float | None:
    return None if amount is None else amount * ratio
