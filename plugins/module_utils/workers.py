# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Workers as the database stores them, and what is allocated on each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from .stored_fields import Record, text

MACHINE_ID = "machine_id"
"""The extra field of a worker with its machine-id (docs/decisions/0020)."""
LOST = "lost"
"""The extra field of a worker that was declared lost (docs/decisions/0021)."""
ENTRY = "entry"
"""Marks the absent fields of a worker that is only in Cloud Repositorio's C(workers_list)."""
USED_KEYS = ("used_vms", "used")
"""The extra fields of a worker for its number of VMs, in files of Cloud Repositorio."""


@dataclass
class Worker:
    """A host that runs VMs.

    Attributes:
        ip: its address, which identifies it and on which VNC listens.
        cores: number of CPU cores, C(None) where unknown; such a worker takes no new VMs.
        ram_gb: memory in GiB, C(None) where unknown; such a worker takes no new VMs.
        disk_gb: disk space for overlays in GiB, C(None) for no limit.
        max_vms: maximum number of VMs, C(None) for no limit.
        cpu_overcommit: maximum number of virtual CPUs per core.
        ram_overcommit: the same for memory.
        schedulable: whether new VMs may be placed on it.
    """

    ip: str
    cores: int | None = None
    ram_gb: float | None = None
    disk_gb: float | None = None
    max_vms: int | None = None
    cpu_overcommit: float = 8.0
    ram_overcommit: float = 1.0
    schedulable: bool = True
    extra: dict[str, Any] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()

    @property
    def machine_id(self) -> str | None:
        """Its machine-id, or C(None) if it is not known yet."""
        found: str | None = self.extra.get(MACHINE_ID)
        return found

    @property
    def lost(self) -> bool:
        """Whether the machine is gone for good."""
        return bool(self.extra.get(LOST))

    def to_dict(self) -> dict[str, Any]:
        return {
            **{
                each.name: getattr(self, each.name)
                for each in fields(self)
                if each.name not in ("extra", "absent")
                and not (each.name in self.absent and getattr(self, each.name) in (each.default, self.ip))
            },
            **self.extra,
        }

    @classmethod
    def from_dict(cls, data: Any, ip: str | None = None) -> Worker:
        """Read a stored worker. C(ip) is its key in the table, for an entry without an address.

        Missing fields are not added when the worker is stored again, unless they differ from their defaults.
        """
        record = Record(data)
        record.check(MACHINE_ID, text)
        return cls(
            ip=record.take("ip", str) if ip is None else record.take_default("ip", ip, str),
            cores=record.take_default("cores", None, int, None),
            ram_gb=record.take_default("ram_gb", None, int, float, None),
            disk_gb=record.take_default("disk_gb", None, int, float, None),
            max_vms=record.take_default("max_vms", None, int, None),
            cpu_overcommit=record.take_default("cpu_overcommit", 8.0, int, float),
            ram_overcommit=record.take_default("ram_overcommit", 1.0, int, float),
            schedulable=record.take_default("schedulable", True, bool),
            extra=record.extra(),
            absent=frozenset(each.name for each in fields(cls) if each.name not in data),
        )


@dataclass
class Load:
    """The resources that are allocated on a worker: cores, memory and disk in GiB, and the number of VMs."""

    cores: float = 0
    ram_gb: float = 0
    disk_gb: float = 0
    vms: int = 0

    def add(self, flavor: Mapping[str, Any]) -> None:
        """Add a VM with this flavor."""
        self.cores += flavor["cores"]
        self.ram_gb += flavor["ram_gb"]
        self.disk_gb += flavor["disk_gb"]
        self.vms += 1


def only_listed(listed: Any, workers: Mapping[str, Worker]) -> dict[str, Worker]:
    """Return the workers that are only in the list of their addresses."""
    absent = frozenset({ENTRY, *(each.name for each in fields(Worker))})
    ips = listed if isinstance(listed, list) else ()
    return {ip: Worker(ip, absent=absent) for ip in ips if isinstance(ip, str) and ip not in workers}


class WorkerFigures:
    """Updates the usage figures of workers in files of Cloud Repositorio.

    An existing deviation is kept, so that a check finds it.
    """

    def __init__(self, workers: Mapping[str, Worker]) -> None:
        self._before = {
            (ip, key): (worker, worker.extra[key])
            for ip, worker in workers.items()
            for key in USED_KEYS
            if isinstance(worker.extra.get(key), int)
        }

    def follow(self, workers: Mapping[str, Worker], more: Mapping[str, int]) -> None:
        """Add the number of new VMs by worker to figures that were not changed otherwise."""
        for (ip, key), (worker, figure) in self._before.items():
            if workers.get(ip) is worker and worker.extra.get(key) == figure and more.get(ip):
                worker.extra[key] = figure + more[ip]
